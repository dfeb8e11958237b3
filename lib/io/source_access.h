// How io/ calls the function of a Source::Stream().
#ifndef FLOWLOGS_LIB_IO_SOURCE_ACCESS_H_
#define FLOWLOGS_LIB_IO_SOURCE_ACCESS_H_

#include <cstddef>

#include "absl/status/statusor.h"
#include "flowlogs/io/source.h"

namespace flowlogs {
inline namespace v1 {

// REQUIRES, of all: is_stream().
struct SourceAccess {
  // True for the first call for a source and its copies: the caller may read it.
  static bool TakeOnce(const Source& source) { return !source.stream_->is_opened.exchange(true); }
  static absl::StatusOr<size_t> Read(const Source& source, char* to, size_t size) {
    return source.stream_->reader(to, size);
  }
  static bool AreSame(const Source& a, const Source& b) { return a.stream_ == b.stream_; }
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_IO_SOURCE_ACCESS_H_
