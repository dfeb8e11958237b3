// Errors of a run, with the places that bindings show.
#ifndef FLOWLOGS_LIB_QUERY_STATUS_H_
#define FLOWLOGS_LIB_QUERY_STATUS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace flowlogs {
inline namespace v1 {

// INVALID_ARGUMENT for the first problem or bad value of a run that raises; see ParseErrorPlace().
absl::Status ParseErrorStatus(const std::string& source, uint64_t line, std::string_view reason, std::string_view text);

// The status of an input that could not be read, as NOT_FOUND, PERMISSION_DENIED, UNAVAILABLE, ... or DATA_LOSS: never
// INVALID_ARGUMENT, which is for wrong plans.
absl::Status InputErrorStatus(const absl::Status& status);

// RESOURCE_EXHAUSTED: groups take `bytes`.
absl::Status GroupLimitStatus(uint64_t bytes, uint64_t max_group_bytes);

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_STATUS_H_
