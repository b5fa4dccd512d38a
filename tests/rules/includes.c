#if __has_include(HEADER) != EXPECTED
#error
#endif
