# Finds what flowlogs is linked with, for our own build and, installed beside flowlogsConfig.cmake, for the projects that
# use it. Each library is looked for in this order:
#   1. a target of the parent project, which always wins;
#   2. find_package;
#   3. pkg-config (Debian's RE2 and ISA-L have nothing else);
#   4. FetchContent, only with FLOWLOGS_FETCH_DEPS=ON.
# Asks for no minimum version of Abseil: find_package(absl 20240722) would refuse Debian 12's, which is enough.
include_guard(DIRECTORY)
include(FetchContent)
find_package(Threads REQUIRED)
find_package(PkgConfig QUIET)

# flowlogs_dependency(<target> [PACKAGE <find_package arguments>] [PKG_CONFIG <module>] [FETCH <repository> <tag>]
#                     [DEBIAN <package>] [OPTIONAL])
# Afterwards <target> exists, or, if OPTIONAL, may not.
macro(flowlogs_dependency target)
  cmake_parse_arguments(dep "OPTIONAL" "PKG_CONFIG;DEBIAN" "PACKAGE;FETCH" ${ARGN})
  if(NOT TARGET ${target} AND dep_PACKAGE)
    find_package(${dep_PACKAGE} QUIET)
  endif()
  if(NOT TARGET ${target} AND dep_PKG_CONFIG AND PkgConfig_FOUND)
    string(MAKE_C_IDENTIFIER "flowlogs_pc_${dep_PKG_CONFIG}" dep_prefix)
    pkg_check_modules(${dep_prefix} QUIET IMPORTED_TARGET GLOBAL ${dep_PKG_CONFIG})
    if(TARGET PkgConfig::${dep_prefix})
      # Not an alias: an alias would leave its own name in the installed flowlogsTargets.cmake.
      add_library(${target} INTERFACE IMPORTED GLOBAL)
      target_link_libraries(${target} INTERFACE PkgConfig::${dep_prefix})
    endif()
  endif()
  if(NOT TARGET ${target} AND dep_FETCH AND FLOWLOGS_FETCH_DEPS)
    list(GET dep_FETCH 0 dep_repository)
    list(GET dep_FETCH 1 dep_tag)
    string(REGEX REPLACE "^.*/" "" dep_name "${dep_repository}")
    string(REPLACE "-" "_" dep_name "${dep_name}")
    message(STATUS "flowlogs: fetching ${dep_repository} ${dep_tag}")
    FetchContent_Declare(${dep_name} GIT_REPOSITORY ${dep_repository} GIT_TAG ${dep_tag} GIT_SHALLOW ON SYSTEM)
    FetchContent_MakeAvailable(${dep_name})
  endif()
  if(NOT TARGET ${target} AND NOT dep_OPTIONAL)
    message(FATAL_ERROR
      "flowlogs needs ${target} and found neither a target, nor a CMake package, nor a pkg-config module of it.\n"
      "On Debian and Ubuntu: apt-get install ${dep_DEBIAN} pkg-config (or run tools/setup.sh, which installs all that "
      "is missing). With access to the network: -DFLOWLOGS_FETCH_DEPS=ON.")
  endif()
endmacro()

if(FLOWLOGS_FETCH_DEPS)
  # Settings of the fetched projects. Abseil and RE2 install beside us, since a static flowlogs needs them at link time.
  if(NOT CMAKE_CXX_STANDARD)
    set(CMAKE_CXX_STANDARD 20)  # Abseil wants to be compiled with the standard of the code that uses it
  endif()
  set(ABSL_PROPAGATE_CXX_STD ON)
  set(ABSL_ENABLE_INSTALL ON)
  set(RE2_BUILD_TESTING OFF)
  set(CMAKE_POLICY_DEFAULT_CMP0077 NEW)
  set(BENCHMARK_ENABLE_TESTING OFF CACHE BOOL "" FORCE)
  set(BENCHMARK_ENABLE_INSTALL OFF CACHE BOOL "" FORCE)
  set(INSTALL_GTEST OFF CACHE BOOL "" FORCE)
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
endif()

flowlogs_dependency(absl::status PACKAGE absl CONFIG FETCH https://github.com/abseil/abseil-cpp 20260817.0
                    DEBIAN libabsl-dev)
flowlogs_dependency(re2::re2 PACKAGE re2 CONFIG PKG_CONFIG re2 FETCH https://github.com/google/re2 2025-11-05
                    DEBIAN libre2-dev)
flowlogs_dependency(ZLIB::ZLIB PACKAGE ZLIB PKG_CONFIG zlib DEBIAN zlib1g-dev)
flowlogs_dependency(simdjson::simdjson PACKAGE simdjson CONFIG PKG_CONFIG simdjson
                    FETCH https://github.com/simdjson/simdjson v4.2.2 DEBIAN libsimdjson-dev)
if(FLOWLOGS_WITH_ISAL)
  flowlogs_dependency(ISAL::isal PACKAGE ISAL CONFIG PKG_CONFIG libisal DEBIAN libisal-dev OPTIONAL)
endif()
if(FLOWLOGS_WITH_ZSTD)
  flowlogs_dependency(zstd::libzstd PACKAGE zstd CONFIG PKG_CONFIG libzstd DEBIAN libzstd-dev OPTIONAL)
endif()
if(FLOWLOGS_WITH_MAXMINDDB)
  flowlogs_dependency(maxminddb::maxminddb PACKAGE maxminddb CONFIG PKG_CONFIG libmaxminddb DEBIAN libmaxminddb-dev OPTIONAL)
endif()
