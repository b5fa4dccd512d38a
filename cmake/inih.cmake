# inih has options that corrupt: by default it cuts lines at 200 bytes and takes " ;" for a comment. Debian's build has them
# as variables, which upkeep sets; elsewhere they were fixed when inih was built. A build that would corrupt is refused here.
include(CheckSymbolExists)
block()
  set(CMAKE_REQUIRED_LIBRARIES PkgConfig::inih)
  check_symbol_exists(ini_initial_alloc ini.h UPKEEP_INIH_VARIABLES)
endblock()
if(UPKEEP_INIH_VARIABLES)
  target_compile_definitions(PkgConfig::inih INTERFACE UPKEEP_INIH_VARIABLES)
endif()

if(CMAKE_CROSSCOMPILING)
  message(WARNING "cannot run cmake/check_inih.c: see to it that inih neither cuts long lines nor knows inline comments")
elseif(NOT DEFINED UPKEEP_INIH_FIT)
  try_run(UPKEEP_INIH_RUN UPKEEP_INIH_COMPILED
    SOURCES "${CMAKE_CURRENT_LIST_DIR}/check_inih.c"
    CMAKE_FLAGS "-DINCLUDE_DIRECTORIES=${CMAKE_SOURCE_DIR}/src"
    LINK_LIBRARIES PkgConfig::inih
    COMPILE_OUTPUT_VARIABLE UPKEEP_INIH_OUTPUT)
  if(NOT UPKEEP_INIH_COMPILED)
    message(FATAL_ERROR "cannot build cmake/check_inih.c:\n${UPKEEP_INIH_OUTPUT}")
  elseif(NOT UPKEEP_INIH_RUN EQUAL 0)
    unset(UPKEEP_INIH_RUN CACHE)
    message(FATAL_ERROR "this build of inih changes what it reads. upkeep needs one with INI_ALLOW_INLINE_COMMENTS=0, "
      "INI_ALLOW_MULTILINE=1 and lines of 64 KiB and more (INI_USE_STACK=0, INI_MAX_LINE and INI_INITIAL_ALLOC of 300000), "
      "or with run-time options, as in Debian and Ubuntu (libinih-dev)")
  endif()
  set(UPKEEP_INIH_FIT TRUE CACHE INTERNAL "inih hands values over as they stand")
endif()
