# cmake -DNM=... -DLIBRARY=libx.so|libx.a -DHEADER=x.h -P exports.cmake
#
# Fails when the library's global symbols are not exactly the functions that the header marks with UPKEEP_API.
cmake_minimum_required(VERSION 3.25)

file(STRINGS "${HEADER}" lines REGEX "^UPKEEP_API ")
list(TRANSFORM lines REPLACE "^[^(]*[ *]([a-z_]+)\\(.*" "\\1" OUTPUT_VARIABLE promised)
set(dynamic "")
if(LIBRARY MATCHES "[.]so")
  set(dynamic "-D")
endif()
execute_process(COMMAND "${NM}" ${dynamic} -g --defined-only -P "${LIBRARY}" OUTPUT_VARIABLE symbols
                COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^\n]+ [TDBRW] [^\n]*" symbols "${symbols}")
list(TRANSFORM symbols REPLACE " .*" "" OUTPUT_VARIABLE exported)
list(SORT promised)
list(SORT exported)
if(NOT promised OR NOT promised STREQUAL exported)
  message(FATAL_ERROR "promised: ${promised}\nexported: ${exported}")
endif()
