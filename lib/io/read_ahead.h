// ReadAhead: brings the content of remote sources before it is asked for, so that nobody waits for an answer from afar.
#ifndef FLOWLOGS_LIB_IO_READ_AHEAD_H_
#define FLOWLOGS_LIB_IO_READ_AHEAD_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"

#include "flowlogs/io/input.h"
#include "flowlogs/io/source.h"
#include "lib/io/byte_stream.h"

namespace flowlogs {
inline namespace v1 {

// Threads that wait for the sources of one run, from the first one on, and hold what came until it is read. At first
// they bring the beginnings alone, which are kept while they are looked at and closed again; from BeginReading() on,
// everything. Thread-safe. Its streams may outlive it: they then bring nothing more.
class ReadAhead {
 public:
  struct Options {
    size_t threads = 16;                // at most, and as many as there are sources
    size_t first_bytes = 256 << 10;     // what is asked of a Reader at first: perhaps no more is needed
    size_t piece_bytes = 1 << 20;       // and then at a time; each takes the GIL, if the Reader is Python's
    size_t max_source_bytes = 4 << 20;  // that are held of one source
    size_t max_bytes = 64 << 20;        // that are held of all, but for beginnings and what is waited for
  };

  // REQUIRES: all sources is_remote(). In the order in which they will be read.
  explicit ReadAhead(std::vector<Source> sources);
  ReadAhead(std::vector<Source> sources, const Options& options);
  // Ends the threads. One that is inside of a Reader that does not come back is left behind after 0.3 s.
  ~ReadAhead();
  ReadAhead(const ReadAhead&) = delete;  // its threads refer to it
  ReadAhead& operator=(const ReadAhead&) = delete;

  // The content of source number `index` from its beginning on. REQUIRES: no other stream of it is open.
  std::unique_ptr<ByteStream> Open(size_t index);
  // The content of the only source; the stream owns `ahead`.
  static std::unique_ptr<ByteStream> OpenOwned(std::unique_ptr<ReadAhead> ahead);
  // `all`: everything will be read; else little may be needed, and only the next source is looked ahead to.
  void BeginReading(bool all);
  // Before a further pass. REQUIRES: no stream is open.
  void Restart();

 private:
  friend class AheadStream;
  struct Entry;
  struct State;
  Entry* Take(size_t index);
  static void Work(const std::shared_ptr<State>& state);
  std::shared_ptr<State> state_;
};

// The content of one source, by a ReadAhead of its own.
std::unique_ptr<ByteStream> NewRemoteStream(const Source& source);

// Makes an input of a remote source whose stored content `stream` brings (lib/io/input.cc). As Input::Open().
absl::StatusOr<std::unique_ptr<Input>> OpenRemote(const Source& source, std::unique_ptr<ByteStream> stream,
                                                  const InputOptions& options);

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_IO_READ_AHEAD_H_
