// How io/ calls the functions of Source::Stream(), Source::Remote() and Source::Arrow().
#ifndef FLOWLOGS_LIB_IO_SOURCE_ACCESS_H_
#define FLOWLOGS_LIB_IO_SOURCE_ACCESS_H_

#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <utility>

#include "absl/status/statusor.h"
#include "flowlogs/io/source.h"

namespace flowlogs {
inline namespace v1 {

struct SourceAccess {
  // REQUIRES: is_stream(). True for the first call for a source and its copies: the caller may read it.
  static bool TakeOnce(const Source& source) { return !source.stream_->is_opened.exchange(true); }
  // REQUIRES: is_stream().
  static absl::StatusOr<size_t> Read(const Source& source, char* to, size_t size) {
    return source.stream_->reader(to, size);
  }
  // REQUIRES: is_remote().
  static absl::StatusOr<Source::Reader> OpenRemote(const Source& source, std::stop_token stop) {
    return source.remote_->open(std::move(stop));
  }
  static uint64_t StoredBytes(const Source& source) { return source.remote_->stored_bytes; }
  // True iff both are copies of one Source::Stream() or Source::Arrow().
  static bool AreSame(const Source& a, const Source& b) {
    return (a.is_stream() && a.stream_ == b.stream_) || (a.is_arrow() && a.arrow_ == b.arrow_);
  }
  static bool CanBeRepeated(const Source& source) { return source.is_arrow() && source.arrow_->can_be_repeated; }
  // REQUIRES: is_arrow(). Fails if it can be read once and was opened before.
  static absl::Status OpenArrow(const Source& source, ArrowArrayStream* stream) {
    if (source.arrow_->is_opened.exchange(true) && !source.arrow_->can_be_repeated) {
      return absl::FailedPreconditionError(source.name() + ": it can be read only once, and has been read; hold its rows "
                                           "in a table and scan that");
    }
    return source.arrow_->open(stream);
  }
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_IO_SOURCE_ACCESS_H_
