# A file as a C array, NUL-terminated. Run as a script it writes one:
#   cmake -DINPUT=FILE -DOUTPUT=FILE.c -DSYMBOL=NAME -DHEADER=daemon/x.h -P embed.cmake
# Included, it gives upkeep_embed(TARGET SYMBOL FILE HEADER), which does so whenever the file has changed; HEADER declares
# the symbol.
if(CMAKE_SCRIPT_MODE_FILE)
  file(READ "${INPUT}" hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  file(WRITE "${OUTPUT}" "#include \"${HEADER}\"\n\nconst char ${SYMBOL}[] = {${bytes}0};\n")
  return()
endif()

set(UPKEEP_EMBED_SCRIPT "${CMAKE_CURRENT_LIST_FILE}")

function(upkeep_embed target symbol file header)
  set(input "${CMAKE_CURRENT_SOURCE_DIR}/${file}")
  set(output "${CMAKE_CURRENT_BINARY_DIR}/embedded/${symbol}.c")
  add_custom_command(
    OUTPUT "${output}"
    COMMAND "${CMAKE_COMMAND}" -DINPUT=${input} -DOUTPUT=${output} -DSYMBOL=${symbol} -DHEADER=${header} -P
            "${UPKEEP_EMBED_SCRIPT}"
    DEPENDS "${input}" "${UPKEEP_EMBED_SCRIPT}"
    VERBATIM)
  target_sources(${target} PRIVATE "${output}")
endfunction()
