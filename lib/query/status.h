// Errors of a run, with the places that bindings show.
#ifndef FLOWLOGS_LIB_QUERY_STATUS_H_
#define FLOWLOGS_LIB_QUERY_STATUS_H_

#include <cstdint>
#include <new>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/cord.h"

namespace flowlogs {
inline namespace v1 {

// A number as the payload of a status. From a view: the constructor from a temporary string is a template that clang 18
// and later names otherwise than the compilers by which Debian's Abseil is built.
inline absl::Cord NumberPayload(uint64_t number) {
  const std::string digits = std::to_string(number);
  return absl::Cord(absl::string_view(digits.data(), digits.size()));
}

// INVALID_ARGUMENT for the first problem or bad value of a run that raises; see ParseErrorPlace().
absl::Status ParseErrorStatus(const std::string& source, uint64_t line, std::string_view reason, std::string_view text);

// The status of an input that could not be read, as NOT_FOUND, PERMISSION_DENIED, UNAVAILABLE, ... or DATA_LOSS: never
// INVALID_ARGUMENT, which is for wrong plans.
absl::Status InputErrorStatus(const absl::Status& status);

// RESOURCE_EXHAUSTED: memory was asked for and not given. Needs none itself.
absl::Status OutOfMemoryStatus() noexcept;

// What `run` returns, a Status or StatusOr; OutOfMemoryStatus() if it throws std::bad_alloc. Around every call that runs a
// plan: whoever asks for too much gets an error, not the end of the process.
template <typename F>
auto GuardMemory(F&& run) -> decltype(run()) {
  try {
    return run();
  } catch (const std::bad_alloc&) {
    return OutOfMemoryStatus();
  }
}

// RESOURCE_EXHAUSTED: groups take `bytes`.
absl::Status GroupLimitStatus(uint64_t bytes, uint64_t max_group_bytes);

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_STATUS_H_
