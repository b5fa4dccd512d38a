# libev has no pkg-config file in Debian; the others do.
find_package(PkgConfig REQUIRED)
pkg_check_modules(inih REQUIRED IMPORTED_TARGET inih)
include("${CMAKE_CURRENT_LIST_DIR}/inih.cmake")
pkg_check_modules(jansson REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(libsystemd REQUIRED libsystemd)

find_path(EV_INCLUDE_DIR ev.h REQUIRED)
find_library(EV_LIBRARY ev REQUIRED)
add_library(upkeep::ev UNKNOWN IMPORTED)
set_target_properties(upkeep::ev PROPERTIES IMPORTED_LOCATION "${EV_LIBRARY}"
                                            INTERFACE_INCLUDE_DIRECTORIES "${EV_INCLUDE_DIR}")

# libmd is linked in whole: only `upkeep prepare` hashes, and every supervisor would map the library for nothing.
find_path(MD_INCLUDE_DIR sha2.h REQUIRED)
find_library(MD_LIBRARY NAMES libmd.a md REQUIRED)
add_library(upkeep::md UNKNOWN IMPORTED)
set_target_properties(upkeep::md PROPERTIES IMPORTED_LOCATION "${MD_LIBRARY}"
                                            INTERFACE_INCLUDE_DIRECTORIES "${MD_INCLUDE_DIR}")

# libsystemd is loaded at run time, only where there is a service manager to talk to: linked, it and the six libraries behind
# it would cost every supervisor more than a megabyte of memory (docs/adr). Here only its headers are used.
add_library(PkgConfig::libsystemd_headers INTERFACE IMPORTED)
target_include_directories(PkgConfig::libsystemd_headers INTERFACE ${libsystemd_INCLUDE_DIRS})
