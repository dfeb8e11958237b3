// Bytes that come one after another: standard input, a pipe, a function, a file read from front to back, inflated
// content.
#ifndef FLOWLOGS_LIB_IO_BYTE_STREAM_H_
#define FLOWLOGS_LIB_IO_BYTE_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "flowlogs/io/input.h"
#include "flowlogs/io/source.h"
#include "lib/io/file.h"

namespace flowlogs {
inline namespace v1 {

// Not thread-safe.
class ByteStream {
 public:
  enum class State {
    kMore,        // size > 0 bytes came
    kNothingYet,  // none came within kSlice or within much that was read, some may come later
    kEnd,         // none will come; see damage()
  };
  struct Result {
    size_t size = 0;
    State state = State::kEnd;
  };
  // A live stream (pipe, terminal, socket) is waited for no longer than this, so that a run can be stopped between.
  static constexpr int kSliceMilliseconds = 100;

  virtual ~ByteStream() = default;
  // Brings 1..size bytes. REQUIRES: size > 0. After kEnd every call returns kEnd.
  virtual Result Read(char* to, size_t size) = 0;
  // Of content that is in memory: the next bytes, up to `most`, where they stand; valid while the stream lives. "": Read()
  // brings what there is.
  virtual std::string_view Take(size_t most) {
    static_cast<void>(most);
    return {};
  }
  // Why the stream ended, if it was not its natural end. Final after kEnd.
  virtual std::optional<InputDamage> damage() const = 0;
  // Stored (perhaps compressed) bytes taken so far.
  virtual uint64_t stored_bytes_read() const = 0;
  // Whether Read() may have to wait for somebody who writes.
  virtual bool is_live() const = 0;
};

// Whether whoever opens an input is to give up waiting.
inline bool IsStopped(const InputOptions& options) {
  return options.stop.stop_requested() || (options.keep_going && !options.keep_going());
}

// read(2); interrupted reads are repeated.
std::unique_ptr<ByteStream> NewFileStream(FileDescriptor file);

// The content of Source::Bytes(). Keeps its owner alive.
std::unique_ptr<ByteStream> NewMemoryStream(const Source& source);

// What the reader of a Source::Stream() brings. FAILED_PRECONDITION if it was called before.
absl::StatusOr<std::unique_ptr<ByteStream>> NewReaderStream(const Source& source);

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_IO_BYTE_STREAM_H_
