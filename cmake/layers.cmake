# Flags of every target of ours. Places in the source (CODE_FILE in the journal) are told from its top folder.
add_library(upkeep_flags INTERFACE)
target_compile_definitions(upkeep_flags INTERFACE _GNU_SOURCE UPKEEP_VERSION="${PROJECT_VERSION}")
target_compile_options(
  upkeep_flags
  INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wswitch-enum -Wstrict-prototypes -Wmissing-prototypes -Wvla
            -Wformat=2 "-fmacro-prefix-map=${CMAKE_SOURCE_DIR}/=" $<$<BOOL:${UPKEEP_WERROR}>:-Werror>)

# upkeep_layer(NAME [INCLUDES LAYER...] [LIBRARIES TARGET...] [PUBLIC_HEADERS])
#
# A layer is src/NAME as a static library. It sees its own headers as "NAME/x.h" and those of the layers that it names, through a
# folder of links in the build tree that holds nothing else: an include upward does not compile.
function(upkeep_layer name)
  cmake_parse_arguments(PARSE_ARGV 1 layer "PUBLIC_HEADERS" "" "INCLUDES;LIBRARIES")
  set(view "${CMAKE_BINARY_DIR}/layers/${name}")
  file(MAKE_DIRECTORY "${view}")
  file(CREATE_LINK "${CMAKE_SOURCE_DIR}/src/${name}" "${view}/${name}" SYMBOLIC)
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/src/${name}/*.c")
  if(NOT sources)
    file(WRITE "${view}/empty.c" "extern int nothing_yet;\n")
    set(sources "${view}/empty.c")
  endif()
  add_library(upkeep_${name} STATIC ${sources})
  target_include_directories(upkeep_${name} PUBLIC "${view}")
  if(layer_PUBLIC_HEADERS)
    target_include_directories(upkeep_${name} PUBLIC "${CMAKE_SOURCE_DIR}/include")
  endif()
  list(TRANSFORM layer_INCLUDES PREPEND upkeep_)
  target_link_libraries(upkeep_${name} PUBLIC ${layer_INCLUDES} ${layer_LIBRARIES} PRIVATE upkeep_flags)
endfunction()
