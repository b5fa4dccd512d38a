# cmake -DCC=cc -DSOURCE=src -DLAYER=NAME -DSEES=NAME;... -DFOLDERS=DIR;... -P includes.cmake
#
# Fails when a source of LAYER, with its include FOLDERS, can include a header of a layer that is not in SEES, or cannot
# include one that is.
cmake_minimum_required(VERSION 3.25)

list(TRANSFORM FOLDERS PREPEND -I)
foreach(other core host daemon client cli)
  if(other STREQUAL client)
    set(header upkeep/client.h)
  else()
    file(GLOB headers RELATIVE "${SOURCE}" "${SOURCE}/${other}/*.h")
    list(GET headers 0 header)
  endif()
  set(expected 0)
  if(other IN_LIST SEES)
    set(expected 1)
  endif()
  execute_process(COMMAND "${CC}" -fsyntax-only ${FOLDERS} "-DHEADER=\"${header}\"" -DEXPECTED=${expected}
                          "${CMAKE_CURRENT_LIST_DIR}/includes.c" RESULT_VARIABLE status ERROR_QUIET)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "whether a source of ${LAYER} can include ${header} should be ${expected} and is not")
  endif()
endforeach()
