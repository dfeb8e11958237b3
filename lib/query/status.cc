#include "lib/query/status.h"

#include <charconv>

#include "flowlogs/query/query.h"

namespace flowlogs {
inline namespace v1 {
namespace {

constexpr char kSource[] = "flowlogs.source";
constexpr char kLine[] = "flowlogs.line";

}  // namespace

absl::Status ParseErrorStatus(const std::string& source, uint64_t line, std::string_view reason, std::string_view text) {
  std::string message = source + ", line " + std::to_string(line) + ": " + std::string(reason) + ": ";
  message += text;
  absl::Status status = absl::InvalidArgumentError(message);
  status.SetPayload(kSource, absl::Cord(source));
  status.SetPayload(kLine, NumberPayload(line));
  return status;
}

std::optional<ErrorPlace> ParseErrorPlace(const absl::Status& status) {
  const auto source = status.GetPayload(kSource);
  const auto line = status.GetPayload(kLine);
  if (!source || !line) return std::nullopt;
  return ErrorPlace{std::string(*source), std::stoull(std::string(*line))};
}

absl::Status OutOfMemoryStatus() noexcept {
  try {
    return absl::ResourceExhaustedError("out of memory: use fewer threads, a filter, fewer columns or fewer groups");
  } catch (const std::bad_alloc&) {
    return absl::Status(absl::StatusCode::kResourceExhausted, "");  // a code alone is kept in the object
  }
}

absl::Status GroupLimitStatus(uint64_t bytes, uint64_t max_group_bytes) {
  return absl::ResourceExhaustedError(
      "limit: the groups take " + std::to_string(bytes) + " bytes of memory, over max_group_bytes (" +
      std::to_string(max_group_bytes) +
      "); filter, group by fewer or coarser keys (prefix(), bin()), count with approx_distinct() instead of distinct(), or "
      "raise the limit");
}

absl::Status InputErrorStatus(const absl::Status& status) {
  if (status.code() != absl::StatusCode::kInvalidArgument) return status;
  return absl::DataLossError(status.message());
}

}  // namespace v1
}  // namespace flowlogs
