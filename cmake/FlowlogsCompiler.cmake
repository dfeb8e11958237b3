# How our own code is compiled. flowlogs_own_target(<target>) is for targets of this project; nothing of it reaches a
# project that uses the library. No -march, no -m: a kernel says what it needs on its own functions (DESIGN, kernels),
# and a consumer's flags must never change what a symbol means.
set(flowlogs_sanitizer_flags "")
if(FLOWLOGS_SANITIZE)
  set(flowlogs_sanitizer_flags -fsanitize=${FLOWLOGS_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
endif()

function(flowlogs_own_target target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
    # -Wpedantic objects to a plain __int128: write `__extension__ using Uint128 = unsigned __int128;` once, then Uint128.
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic $<$<BOOL:${FLOWLOGS_WERROR}>:-Werror>)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC 12 sees null pointers and overlaps in inlined std::string code that are not there (GCC bugs 105329, 105651).
    target_compile_options(${target} PRIVATE -Wno-restrict -Wno-stringop-overread -Wno-stringop-overflow)
  endif()
  if(flowlogs_sanitizer_flags)
    target_compile_options(${target} PRIVATE ${flowlogs_sanitizer_flags})
    target_link_options(${target} PRIVATE ${flowlogs_sanitizer_flags})
  endif()
endfunction()
