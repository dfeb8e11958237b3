#include "flowlogs/io/input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "lib/io/arrow_input.h"
#include "lib/io/byte_stream.h"
#include "lib/io/content_kind.h"
#include "lib/io/envelope_input.h"
#include "lib/io/file.h"
#include "lib/io/inflated_stream.h"
#include "lib/io/positional_input.h"
#include "lib/io/random_access.h"
#include "lib/io/read_ahead.h"
#include "lib/io/sequential_input.h"
#include "lib/io/source_access.h"

namespace flowlogs {
inline namespace v1 {
namespace {

using InputOr = absl::StatusOr<std::unique_ptr<Input>>;

// Takes the first bytes off the stream, as many as recognising needs; waits for them, but not once it is stopped.
std::string TakeHead(ByteStream* stream, const InputOptions& options, bool* is_stopped) {
  std::string head(kHeadBytes, '\0');
  size_t have = 0;
  ByteStream::State state = ByteStream::State::kMore;
  while (have < head.size() && state != ByteStream::State::kEnd) {
    *is_stopped = IsStopped(options);
    if (*is_stopped) break;
    const ByteStream::Result result = stream->Read(head.data() + have, head.size() - have);
    have += result.size;
    state = result.state;
  }
  head.resize(have);
  return head;
}

InputOr OpenParquet(const std::string& name, const InputOptions& options) {
  const auto open = [&](ArrowArrayStream* stream) { return options.open_parquet(name, stream); };
  return ArrowInput::Open(Source::Arrow(open, /*can_be_repeated=*/true, name), options);
}

InputOr OpenStream(StreamInput::Facts facts, std::unique_ptr<ByteStream> stored, const InputOptions& options) {
  for (int layers = 0;; ++layers) {
    bool is_stopped = false;
    const std::string head = TakeHead(stored.get(), options, &is_stopped);
    if (is_stopped) return StoppedWhileOpening(facts.name, !facts.can_be_reopened && stored->stored_bytes_read() > 0);
    if (facts.is_remote && layers == 0 && options.open_parquet && IsParquet(head)) {
      stored.reset();
      return OpenParquet(facts.name, options);
    }
    const auto kind = RecogniseContent(facts.name, head, facts.compression, layers);
    if (!kind.ok()) return kind.status();
    if (kind->compression != Compression::kNone) {
      stored = NewInflatedStream(kind->compression, head, std::move(stored), options);
      facts.compression = kind->compression;
      continue;
    }
    const std::string_view content = std::string_view(head).substr(kind->mark_bytes);
    if (kind->form != ContentForm::kLines) {
      auto input = std::make_unique<EnvelopeInput>(std::move(facts), kind->form, content, std::move(stored), options);
      absl::Status status = input->ReadPrefix(options);
      if (!status.ok()) return status;
      return input;
    }
    auto input = std::make_unique<SequentialInput>(std::move(facts), std::move(stored), options);
    absl::Status status = input->ReadPrefix(content, options);
    if (!status.ok()) return status;
    return input;
  }
}

// `stored` is plain: it is read by position.
InputOr OpenPlain(const std::string& name, std::unique_ptr<RandomAccess> stored, uint64_t size, size_t mark_bytes,
                  const InputOptions& options) {
  std::string prefix(std::min<uint64_t>(Input::kPrefixBytes, size - mark_bytes), '\0');
  // What cannot be read here is damage when the first block is loaded, even if it could be read by then: the format is
  // told from what is here.
  const RandomAccess::Result read = stored->ReadAt(mark_bytes, prefix.data(), prefix.size());
  prefix.resize(read.size);
  if (read.error != 0) stored = NewBrokenAccess(std::move(stored), mark_bytes + read.size, read.error);
  return std::make_unique<PositionalInput>(name, std::move(stored), mark_bytes, size, prefix, options);
}

InputOr OpenBytes(const Source& source, const InputOptions& options) {
  const auto kind = RecogniseContent(source.name(), source.content().substr(0, kHeadBytes));
  if (!kind.ok()) return kind.status();
  const uint64_t size = source.content().size();
  if (kind->is_plain()) {
    return OpenPlain(source.name(), NewMemoryAccess(source), size, kind->mark_bytes, options);
  }
  return OpenStream({.name = source.name(), .can_be_reopened = true, .stored_bytes_total = size},
                    NewMemoryStream(source), options);
}

InputOr OpenReader(const Source& source, const InputOptions& options) {
  auto stream = NewReaderStream(source);
  if (!stream.ok()) return stream.status();
  return OpenStream({.name = source.name()}, *std::move(stream), options);
}

InputOr OpenStdin(const std::string& name, const InputOptions& options) {
  absl::Status status = CheckStdin();
  if (!status.ok()) return status;
  return OpenStream({.name = name}, NewFileStream(FileDescriptor::Borrowed(STDIN_FILENO)), options);
}

InputOr OpenPath(const std::string& path, const InputOptions& options) {
  const int fd = OpenForReading(path);
  if (fd < 0) return CannotOpen(path, errno);
  FileDescriptor file = FileDescriptor::Owned(fd);
  struct stat info;
  if (fstat(fd, &info) != 0) return CannotOpen(path, errno);
  if (S_ISDIR(info.st_mode)) return IsDirectory(path);
  StreamInput::Facts facts{.name = path, .can_be_reopened = S_ISREG(info.st_mode)};
  // The kernel's own files (/proc) say that they are regular and have 0 bytes: they are read until they end.
  if (!S_ISREG(info.st_mode) || info.st_size == 0) return OpenStream(facts, NewFileStream(std::move(file)), options);

  const uint64_t size = static_cast<uint64_t>(info.st_size);
#ifdef POSIX_FADV_SEQUENTIAL
  posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);  // advice: failing changes nothing
#endif
  char head[kHeadBytes];
  ssize_t head_size;
  do {
    head_size = pread(fd, head, sizeof(head), 0);
  } while (head_size < 0 && errno == EINTR);
  // A file that cannot be read at all is damage of a plain file, met and named by the first block, whatever could be
  // read by then: nobody has seen what kind of file it is.
  const int error = head_size < 0 ? errno : 0;
  if (error != 0) return OpenPlain(path, NewBrokenAccess(nullptr, 0, error), size, 0, options);
  const std::string_view begins(head, static_cast<size_t>(head_size));
  if (options.open_parquet && IsParquet(begins)) return OpenParquet(path, options);
  const auto kind = RecogniseContent(path, begins);
  if (!kind.ok()) return kind.status();
  if (kind->is_plain()) {
    std::unique_ptr<RandomAccess> stored = options.mmap ? NewMappedAccess(file, size) : nullptr;
    if (stored == nullptr) stored = NewFileAccess(std::move(file));
    return OpenPlain(path, std::move(stored), size, kind->mark_bytes, options);
  }
  facts.stored_bytes_total = size;
  return OpenStream(facts, NewFileStream(std::move(file)), options);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Input>> OpenRemote(const Source& source, std::unique_ptr<ByteStream> stream,
                                                  const InputOptions& options) {
  return OpenStream({.name = source.name(),
                     .can_be_reopened = true,
                     .is_remote = true,
                     .stored_bytes_total = SourceAccess::StoredBytes(source)},
                    std::move(stream), options);
}

absl::StatusOr<std::unique_ptr<Input>> Input::Open(const Source& source, const InputOptions& options) {
  if (IsStopped(options)) return StoppedWhileOpening(source.name(), false);
  if (source.is_arrow()) return ArrowInput::Open(source, options);
  if (source.is_stream()) return OpenReader(source, options);
  if (source.is_remote()) return OpenRemote(source, NewRemoteStream(source), options);
  if (source.is_bytes()) return OpenBytes(source, options);
  if (source.is_stdin()) return OpenStdin(source.name(), options);
  return OpenPath(source.name(), options);
}

}  // namespace v1
}  // namespace flowlogs
