# cmake -DNM=... -DOBJECTS=a.o;b.o -DPICK=REGEX -DALLOWED=symbol;... -P symbols.cmake
#
# Fails when one of the objects whose path matches PICK needs a symbol that is not in ALLOWED, or when none matches.
# What the compiler adds by itself (sanitizers, coverage, stack protection, position independence) is always allowed.
cmake_minimum_required(VERSION 3.25)

set(checked 0)
set(strangers "")
foreach(object IN LISTS OBJECTS)
  if(NOT object MATCHES "${PICK}")
    continue()
  endif()
  math(EXPR checked "${checked} + 1")
  execute_process(COMMAND "${NM}" -u -P "${object}" OUTPUT_VARIABLE lines COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "[^\n]+" lines "${lines}")
  foreach(line IN LISTS lines)
    string(REGEX REPLACE " .*" "" symbol "${line}")
    if(NOT symbol IN_LIST ALLOWED AND NOT symbol MATCHES "^(__asan_|__ubsan_|__gcov_|__stack_chk_|_GLOBAL_OFFSET_TABLE_)")
      string(APPEND strangers "\n  ${object}: ${symbol}")
    endif()
  endforeach()
endforeach()
if(checked EQUAL 0)
  message(FATAL_ERROR "no object matches ${PICK}")
endif()
if(strangers)
  message(FATAL_ERROR "needs what it may not use:${strangers}")
endif()
