# Installs the library for find_package(flowlogs) and for pkg-config. The Python module has its own component, "python".
include(CMakePackageConfigHelpers)

set(cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/flowlogs)
install(TARGETS flowlogs EXPORT flowlogsTargets COMPONENT library)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/flowlogs DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT library
        FILES_MATCHING PATTERN "*.h")
install(EXPORT flowlogsTargets NAMESPACE flowlogs:: DESTINATION ${cmake_dir} COMPONENT library)

# Whether ISA-L, zstd and libmaxminddb were linked is a fact of this build, not a choice of the project that uses it.
set(flowlogs_used_isal OFF)
set(flowlogs_used_zstd OFF)
set(flowlogs_used_maxminddb OFF)
set(pc_requires "absl_status absl_statusor")
# Abseil has a pkg-config module absl_x for each absl::x that lib/CMakeLists.txt links.
get_target_property(linked flowlogs LINK_LIBRARIES)
list(FILTER linked INCLUDE REGEX "^absl::")
list(TRANSFORM linked REPLACE "::" "_")
list(REMOVE_ITEM linked absl_status absl_statusor)
list(JOIN linked " " pc_requires_private)
string(APPEND pc_requires_private " re2 simdjson zlib")
if(TARGET ISAL::isal)
  set(flowlogs_used_isal ON)
  string(APPEND pc_requires_private " libisal")
endif()
if(TARGET zstd::libzstd)
  set(flowlogs_used_zstd ON)
  string(APPEND pc_requires_private " libzstd")
endif()
if(TARGET maxminddb::maxminddb)
  set(flowlogs_used_maxminddb ON)
  string(APPEND pc_requires_private " libmaxminddb")
endif()
get_target_property(flowlogs_type flowlogs TYPE)
if(flowlogs_type STREQUAL "STATIC_LIBRARY")
  # Who links a static library needs all that is inside, and pkg-config is rarely asked with --static.
  string(APPEND pc_requires " ${pc_requires_private}")
  set(pc_requires_private "")
endif()

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/flowlogsConfig.cmake.in
  ${PROJECT_BINARY_DIR}/flowlogsConfig.cmake INSTALL_DESTINATION ${cmake_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/flowlogsConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/flowlogsConfig.cmake ${PROJECT_BINARY_DIR}/flowlogsConfigVersion.cmake
              ${CMAKE_CURRENT_LIST_DIR}/FlowlogsDependencies.cmake
        DESTINATION ${cmake_dir} COMPONENT library)

configure_file(${CMAKE_CURRENT_LIST_DIR}/flowlogs.pc.in ${PROJECT_BINARY_DIR}/flowlogs.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/flowlogs.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT library)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT library)
