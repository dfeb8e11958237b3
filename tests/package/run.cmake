# Installs the build into a folder of its own and uses it from there, through CMake and through pkg-config; or, with
# FLOWLOGS_SOURCE, uses the sources through add_subdirectory.
# Variables: BUILD_DIR (the build to install), WORK_DIR (made anew), SOURCE_DIR (this folder), CXX, LIBDIR; FLOWLOGS_SOURCE,
# OPTIONS (how the sources are compiled).
cmake_minimum_required(VERSION 3.25)
set(prefix ${WORK_DIR}/prefix)
set(sample ${SOURCE_DIR}/../data/internet-noise-v2.log)
file(REMOVE_RECURSE ${WORK_DIR})

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "failed: ${ARGN}")
  endif()
endfunction()

if(FLOWLOGS_SOURCE)
  # Nothing of ours is built but the library: no tests, no module, no install rules of the embedding project.
  run(${CMAKE_COMMAND} -S ${SOURCE_DIR} -B ${WORK_DIR} -G Ninja -D FLOWLOGS_SOURCE=${FLOWLOGS_SOURCE}
      -D CMAKE_CXX_COMPILER=${CXX} ${OPTIONS})
  run(${CMAKE_COMMAND} --build ${WORK_DIR} --target consumer record_only)
  run(${WORK_DIR}/record_only)
  run(${WORK_DIR}/consumer ${sample})
  file(GLOB_RECURSE others ${WORK_DIR}/flowlogs/*_test ${WORK_DIR}/flowlogs/_core*)
  if(others)
    message(FATAL_ERROR "an embedding project gets more than the library: ${others}")
  endif()
  return()
endif()

run(${CMAKE_COMMAND} --install ${BUILD_DIR} --prefix ${prefix} --component library)

run(${CMAKE_COMMAND} -S ${SOURCE_DIR} -B ${WORK_DIR}/build -G Ninja -D CMAKE_PREFIX_PATH=${prefix}
    -D CMAKE_CXX_COMPILER=${CXX})
run(${CMAKE_COMMAND} --build ${WORK_DIR}/build)
run(${WORK_DIR}/build/record_only)
run(${WORK_DIR}/build/consumer ${sample})

find_program(pkg_config pkg-config)
if(pkg_config)
  set(ENV{PKG_CONFIG_PATH} ${prefix}/${LIBDIR}/pkgconfig)
  execute_process(COMMAND ${pkg_config} --cflags --libs flowlogs OUTPUT_VARIABLE flags COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(flags UNIX_COMMAND "${flags}")
  run(${CXX} -std=c++20 ${SOURCE_DIR}/consumer.cc -o ${WORK_DIR}/consumer_pc ${flags})
  run(${WORK_DIR}/consumer_pc ${sample})
endif()
