# libupkeep: the control protocol's client for other programs, as a shared and a static library, with its header and a
# pkg-config file. Both export upkeep_* and nothing else.
add_library(upkeep_client_objects OBJECT src/client/client.c src/core/varlink.c src/core/json_text.c src/core/lines.c
                                         src/core/text.c)
target_include_directories(upkeep_client_objects PRIVATE include "${CMAKE_BINARY_DIR}/layers/client"
                                                         "${CMAKE_BINARY_DIR}/layers/core")
target_link_libraries(upkeep_client_objects PRIVATE upkeep_flags PkgConfig::jansson)

add_library(upkeep_shared SHARED $<TARGET_OBJECTS:upkeep_client_objects>)
set_target_properties(upkeep_shared PROPERTIES OUTPUT_NAME upkeep VERSION ${PROJECT_VERSION}
                                               SOVERSION ${PROJECT_VERSION_MAJOR})
target_link_libraries(upkeep_shared PUBLIC PkgConfig::jansson)

# An archive knows no visibility: joined into one object, what is hidden can be made local.
set(joined "${CMAKE_CURRENT_BINARY_DIR}/upkeep_client.o")
add_custom_command(
  OUTPUT "${joined}"
  COMMAND "${CMAKE_LINKER}" -r -o "${joined}" $<TARGET_OBJECTS:upkeep_client_objects>
  COMMAND "${CMAKE_OBJCOPY}" --localize-hidden "${joined}"
  DEPENDS upkeep_client_objects $<TARGET_OBJECTS:upkeep_client_objects>
  COMMAND_EXPAND_LISTS VERBATIM)
add_library(upkeep_static STATIC "${joined}")
set_source_files_properties("${joined}" PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
set_target_properties(upkeep_static PROPERTIES OUTPUT_NAME upkeep LINKER_LANGUAGE C)

# The prefix relative to the pkg-config file, so that `cmake --install --prefix` can still choose it.
file(RELATIVE_PATH UPKEEP_PC_TO_PREFIX "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
configure_file(cmake/upkeep.pc.in upkeep.pc @ONLY)
install(TARGETS upkeep_shared upkeep_static)
install(FILES include/upkeep/client.h DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/upkeep")
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/upkeep.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
install(FILES src/daemon/io.upkeep.Supervisor.varlink DESTINATION "${CMAKE_INSTALL_DATADIR}/varlink")
