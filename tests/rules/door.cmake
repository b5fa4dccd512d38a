# cmake -DNM=... -DOBJECTS=a.o;b.o -DDOOR=REGEX -DSYMBOLS=REGEX -P door.cmake
#
# Fails when an object whose path does not match DOOR needs a symbol that matches SYMBOLS, or when the door's does not.
cmake_minimum_required(VERSION 3.25)

set(used FALSE)
set(strangers "")
execute_process(COMMAND "${NM}" -u -A -P ${OBJECTS} OUTPUT_VARIABLE lines COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^\n]+: (${SYMBOLS})(@[^ \n]*)? [^\n]*" uses "${lines}")
foreach(use IN LISTS uses)
  string(REGEX REPLACE ": [^:]*$" "" object "${use}")
  if(object MATCHES "${DOOR}")
    set(used TRUE)
  else()
    string(APPEND strangers "\n  ${use}")
  endif()
endforeach()
if(strangers)
  message(FATAL_ERROR "only ${DOOR} may use these:${strangers}")
endif()
if(NOT used)
  message(FATAL_ERROR "nothing matches ${SYMBOLS} in ${DOOR}: the rule looks for what is not there")
endif()
