// What a scan reads: paths, globs, standard input, bytes in memory, whatever functions bring, or rows of Arrow.
//
// ROWS OF ARROW  Parquet files, data frames and databases hand out their rows as Arrow streams of records. Columns are
// found by name, with underscores or hyphens; a row counts as a line, from 1 (Stats::bytes stays 0); and all answers
// are those of a log with the same values:
//
//   a field            integers of every width; float and double (25238.0 is 25238, NaN is missing); decimals of up to
//                      128 bits; text and binary in every layout; dictionaries of these; null
//   start, end         the same, and timestamps and dates, in seconds rounded down
//   missing            null, and the texts "-", "" and "None"
//   bad                what is not of the field's type: 1.5 or -1 as a port, 2^31 in an int32 field, "x"
//   tags               percent-encoded, as AWS writes them
//   any other name     a text column; what is no letter, digit or one of _-.@ in the name becomes an underscore
//   list, struct, map, bool, time of day, duration and whatever else: of a field's name an error, else left out
#ifndef FLOWLOGS_IO_SOURCE_H_
#define FLOWLOGS_IO_SOURCE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct ArrowArrayStream;  // flowlogs/io/arrow_abi.h

namespace flowlogs {
inline namespace v1 {

// One source as a person names it: a path, a directory, a glob ("logs/*.gz"), "-" for standard input; or bytes in
// memory; or a function that brings bytes, once or as often as it is asked to; or Arrow. A value type; copying it does
// not copy the bytes.
class Source {
 public:
  // A path, a directory, a glob or "-". Implicit, so that Scan({"a.log", "logs/*.gz"}) reads as it should.
  Source(std::string path) : name_(std::move(path)) {}  // NOLINT(google-explicit-constructor)
  Source(const char* path) : name_(path) {}             // NOLINT(google-explicit-constructor)

  // The content itself, plain or compressed. Does not own `content`, which stays valid while `owner` lives (or, without
  // an owner, for as long as the caller promises).
  static Source Bytes(std::string_view content, std::shared_ptr<const void> owner = nullptr,
                      std::string name = "<bytes>") {
    Source source(std::move(name));
    source.is_bytes_ = true;
    source.content_ = content;
    source.owner_ = std::move(owner);
    return source;
  }

  // Brings 1 to `size` more bytes of the content, plain or compressed, into `buffer` and returns how many; 0 at the
  // end. A Status is damage: the input ends there with its message. Must not throw.
  using Reader = std::function<absl::StatusOr<size_t>(char* buffer, size_t size)>;

  // What `reader` brings, for file objects of other languages, sockets, decryption. It can be read once: opening it a
  // second time fails. `reader` is called by the thread that opens the Input or calls Input::Claim() (in a scan, the
  // one that is in Collect(), TableStream::Next() or the like), never again after the end or a Status, and never after
  // the Input is destroyed. It is destroyed, in any thread, with the last copy of the Source and the Input. It is
  // waited for as long as it takes, even when a run is stopped: a reader that may have to wait looks at the same stop
  // itself, and returns with a Status.
  static Source Stream(Reader reader, std::string name = "<stream>") {
    Source source(std::move(name));
    source.stream_ = std::make_shared<OnceStream>();
    source.stream_->reader = std::move(reader);
    return source;
  }

  // Makes a Reader of the content from its beginning on. It should not wait: that is for the Reader. Must not throw.
  // `stop` is requested once nobody wants the content any more: a Reader that waits then returns soon, with a Status.
  using Opener = std::function<absl::StatusOr<Reader>(std::stop_token stop)>;

  // Content that can be brought again and again, and that is waited for: objects of a store, pages of a service. A scan
  // opens several such sources at a time, in the order in which they are given, in threads of the run that do nothing
  // but wait, and holds what they bring ahead of those that read it (at most some 64 MiB). So `open` and Readers are
  // called in any thread, several at a time, a Reader by one at a time; a Reader is destroyed in any thread. Each pass
  // over the content opens it anew. A Reader that does not heed `stop` is left behind, in its thread, when the run
  // ends. `stored_bytes`: see Progress; 0: not known.
  static Source Remote(Opener open, std::string name, uint64_t stored_bytes = 0) {
    Source source(std::move(name));
    source.remote_ = std::make_shared<const RemoteOrigin>(RemoteOrigin{std::move(open), stored_bytes});
    return source;
  }

  // Rows of Arrow. Takes ownership of *stream, whose release is null afterwards; it is released, in any thread, with
  // the last copy of the Source and the Input. It can be read once: opening it a second time fails. A query that needs
  // two passes holds its batches in memory between them.
  static Source Arrow(ArrowArrayStream* stream, std::string name = "<arrow>");

  // Makes *stream a stream of the rows; a Status says why there is none. Must not throw. Called by one thread at a
  // time.
  using ArrowOpener = std::function<absl::Status(ArrowArrayStream* stream)>;

  // Rows of Arrow, for what can hand out a new stream of them again and again (`can_be_repeated`), or once. `open` is
  // called in the thread that runs the query; streams are read and released in any thread, by one at a time, and their
  // get_next is waited for as long as it takes.
  static Source Arrow(ArrowOpener open, bool can_be_repeated, std::string name = "<arrow>");

  // The path, "-", or the name given to what is no path: what errors and samples show.
  const std::string& name() const { return name_; }
  bool is_bytes() const { return is_bytes_; }
  bool is_stream() const { return stream_ != nullptr; }
  bool is_remote() const { return remote_ != nullptr; }
  bool is_arrow() const { return arrow_ != nullptr; }
  bool is_path() const { return !is_bytes_ && !is_stream() && !is_remote() && !is_arrow() && name_ != "-"; }
  bool is_stdin() const { return !is_bytes_ && !is_stream() && !is_remote() && !is_arrow() && name_ == "-"; }
  std::string_view content() const { return content_; }

 private:
  friend struct SourceAccess;  // lib/io only
  struct OnceStream {
    Reader reader;
    std::atomic<bool> is_opened{false};
  };
  struct RemoteOrigin {
    Opener open;
    uint64_t stored_bytes = 0;
  };
  struct ArrowOrigin {
    ArrowOpener open;
    bool can_be_repeated = false;
    std::atomic<bool> is_opened{false};
  };
  std::string name_;
  std::string_view content_;
  std::shared_ptr<const void> owner_;
  bool is_bytes_ = false;
  std::shared_ptr<OnceStream> stream_;
  std::shared_ptr<const RemoteOrigin> remote_;
  std::shared_ptr<ArrowOrigin> arrow_;
};

// Turns globs into paths (sorted bytewise; a path that exists is never taken for a glob), directories into the files
// below them, and checks that every literal path can be opened. Order is kept.
//
// DIRECTORIES  All regular files below, at any depth, sorted bytewise by their paths. Links to files are followed,
// links to directories are not. Left out is what others write beside logs: names that begin with "." or "_" (_SUCCESS,
// _temporary), of files and directories, and aws-logs-write-test, the object of CloudWatch's export tasks.
//
// Fails, before anything is read, with
//   NOT_FOUND / PERMISSION_DENIED  a literal path cannot be opened; the message names it and says why
//   NOT_FOUND                      a glob matches nothing, or only directories (which are left out of what it
//                                  matches); no file is below a directory
//   PERMISSION_DENIED              a directory that is given, or met, cannot be read: files are never left out in
//                                  silence
//   INVALID_ARGUMENT               no source was given; "-", one stream, or one source of Arrow that can be read once
//                                  was given twice
absl::StatusOr<std::vector<Source>> ResolveSources(std::span<const Source> sources);

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_IO_SOURCE_H_
