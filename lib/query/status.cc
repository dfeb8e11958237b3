#include "lib/query/status.h"

#include <charconv>

#include "absl/strings/cord.h"
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
  status.SetPayload(kLine, absl::Cord(std::to_string(line)));
  return status;
}

std::optional<ErrorPlace> ParseErrorPlace(const absl::Status& status) {
  const auto source = status.GetPayload(kSource);
  const auto line = status.GetPayload(kLine);
  if (!source || !line) return std::nullopt;
  return ErrorPlace{std::string(*source), std::stoull(std::string(*line))};
}

absl::Status InputErrorStatus(const absl::Status& status) {
  if (status.code() != absl::StatusCode::kInvalidArgument) return status;
  return absl::DataLossError(status.message());
}

}  // namespace v1
}  // namespace flowlogs
