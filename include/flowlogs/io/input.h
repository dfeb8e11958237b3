// An input that is open: its content is recognised, inflated if need be, and handed out as blocks of whole lines.
//
//   file -> plain | gzip (any number of members) | zstd (any number of frames) -> bytes -> blocks of whole lines
//                                                                         envelopes -> lines ---^
//
// ENVELOPES  What AWS wraps around records is found by content, never by name, and rewritten into the lines that it
// carries (base64 of gzip of JSON, in whatever order, at most kMaxNesting of base64 and compression in one another):
//
//   CloudWatch Logs   the subscription payload {"messageType":"DATA_MESSAGE", ..., "logEvents":[...]}, bare, as base64, in
//                     the Lambda event {"awslogs":{"data":...}}; control messages are Block::skipped(); FilterLogEvents and
//                     GetLogEvents {"events":[...]}; Logs Insights {"results":[[{"field":...,"value":...}]]}; the
//                     console's CSV (timestamp,message or @timestamp,@message). "logFormat":"version srcaddr ..." before
//                     "events" is no word of AWS's: whoever knows the format of these messages puts it there
//   streams           Kinesis and Firehose events for Lambda, GetRecords: {"Records":[...]}, {"records":[...]}; SQS bodies
//   Firehose objects  {"message":"..."}; documents with or without newlines between them
//   records in JSON   one object after another, or in arrays: names and values; a new name begins a new Block::header().
//                     Members of objects in it are called outer.inner, arrays are left out; blanks become %20
//
// A message is a line; one with line ends inside is several. A document, or a base64 text, that cannot be read is one
// line with Block::last_line_broken(); what is whole of it is delivered before, and reading goes on behind it.
//
// io/ knows no fields: a line is what ends with LF. Damage (a truncated or corrupt member, a read error) or a limit
// ends the input where it is met; what was read before it is handed out first.
#ifndef FLOWLOGS_IO_INPUT_H_
#define FLOWLOGS_IO_INPUT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "flowlogs/io/source.h"

struct ArrowArray;  // flowlogs/io/arrow_abi.h
struct ArrowSchema;

namespace flowlogs {
inline namespace v1 {

//   name                (default)   effect
//   block_bytes         (128 KiB)   aimed size of a block; a block with a longer line is longer. At least 1; what is
//                                   above max_line_bytes counts as max_line_bytes. Of Arrow, a block is up to
//                                   block_bytes / 4 rows of one batch, at most 65536; of records in JSON it is 64 KiB
//                                   at least.
//   max_line_bytes      (1 MiB)     a longer line is not kept: see Block::last_line_too_long. From 1 to 1 GiB.
//   max_inflated_bytes  (0: none)   a compressed input ends, with a limit, after so many bytes of content.
//   max_event_bytes     (64 MiB)    an input ends, with a limit, at an envelope that is larger: one document of JSON, or what
//                                   base64 and gzip in it hold (of contents in one another, all together). Memory: up to
//                                   about eight times as much, of content that is nothing but brackets. At least 1.
//   max_inflate_ratio   (1000)      a compressed input ends, with a limit, where it holds more than so many times the
//                                   bytes that were stored; looked at every 64 MiB of content, so that small files
//                                   pass. 0: none.
//   mmap                (false)     plain files are mapped into memory, not read: what stands in the page cache is used
//                                   where it is. A file that becomes shorter while it is mapped ends the process with
//                                   SIGBUS: for files that nobody truncates. What cannot be mapped is read.
//   events              (true)      keep what envelopes say of their lines: see Block::events().
//   stop                (none)      once stop is requested, Open() fails with CANCELLED and Claim() returns false,
//                                   within about 0.2 s even where they wait for a pipe or for a FIFO's writer.
//   open_parquet        (none)      makes *stream a stream of the rows of a Parquet file, as Source::ArrowOpener does: then
//                                   such a file, told by its content, is an input of Arrow. Called by Open()'s thread.
//   keep_going          (none)      asked by Open(), about every 0.1 s while it waits: false is as a stop.
//
// The ratio is what tells a decompression bomb from a big log. gzip of flow logs reaches 5 to 20, one line repeated for
// ever 300, and only runs of the same few bytes come near gzip's own end, 1032. zstd of one line repeated for ever does
// exceed the default. io/ never holds in memory what it inflates: a bomb takes time, and so there is no limit of bytes
// by default. What zstd itself holds is limited to a window of 128 MiB (up to zstd -22; not --long=28 and above).
struct InputOptions {
  size_t block_bytes = 128 << 10;
  size_t max_line_bytes = 1 << 20;
  uint64_t max_inflated_bytes = 0;
  uint64_t max_inflate_ratio = 1000;
  uint64_t max_event_bytes = 64 << 20;
  bool mmap = false;
  bool events = true;
  std::stop_token stop = {};
  std::function<bool()> keep_going = {};
  std::function<absl::Status(const std::string& path, ArrowArrayStream* stream)> open_parquet = {};
};

// Rows of one Arrow batch that stand together, from `first` on. `batch` is an array of records, checked as far as its
// rows here go; with the last copy it is released. nullptr: no rows.
struct ArrowPiece {
  std::shared_ptr<const ArrowArray> batch;
  int64_t first = 0;  // batch->offset not counted
  uint32_t count = 0;
};

// What an envelope (a CloudWatch payload, a line of JSON, an export) says of the lines that were rewritten from it
// (CONTRACT L13).
struct BlockEvents {
  static constexpr int64_t kNoTime = INT64_MIN;
  // What is the same for all events of one payload. Empty: the envelope does not say it.
  struct Origin {
    std::string log_group, log_stream, owner, account, region;
  };
  // One for each line of the block.
  struct Event {
    uint32_t origin = 0;      // a place in `origins`
    uint32_t id_begin = 0;    // its id is `ids`.substr(id_begin, id_size); empty: none
    uint32_t id_size = 0;
    int64_t time = kNoTime;   // milliseconds since 1970, as the envelope says
  };
  std::vector<Origin> origins;
  std::vector<Event> events;
  std::string ids;
};

// Whole lines of one input, in a buffer that is used again for the next block, or in a mapped file. Not thread-safe; move
// only.
//
//      kMargin bytes that may be read | line LF line LF ... line [LF] | kMargin bytes that may be read
//                                       ^ text().data()
class Block {
 public:
  // Bytes on each side of text() that belong to the buffer or mapping: a kernel may read (not use) them.
  static constexpr size_t kMargin = 64;

  // Whole lines. Each ends with LF but perhaps the last one of the input. May be empty (a block of a file in which no
  // line begins). Valid until the block is claimed again or destroyed.
  std::string_view text() const { return {text_, size_}; }
  // Of an input with an arrow_schema(): the rows; text() is empty. Valid as text() is.
  const ArrowPiece& arrow() const { return arrow_; }
  // Of lines that were rewritten from envelopes: what those said, one event a line. nullptr: nothing was said.
  // Valid as text() is.
  const BlockEvents* events() const { return events_.get(); }
  // Not empty: the text begins with a new format, whose header this is (the keys of records in JSON). It is no line of
  // the input: not counted, and line numbers do not know of it. Valid as text() is.
  std::string_view header() const { return header_; }
  // Control messages that the envelopes of this block held, and that are no lines.
  uint32_t skipped() const { return skipped_; }
  // 0, 1, 2, ...: the place of the block in its input.
  uint64_t sequence() const { return sequence_; }
  // The last line was longer than max_line_bytes (its LF not counted): text() holds its first min(256, max_line_bytes)
  // bytes, and a LF.
  bool last_line_too_long() const { return last_line_too_long_; }
  // The input is damaged behind this block, and its last line is not whole. No LF follows it. A line that is also too
  // long is only that.
  bool last_line_unfinished() const { return last_line_unfinished_; }
  // The last line is no message: the beginning, at most 256 bytes, of an envelope that cannot be read.
  bool last_line_broken() const { return last_line_broken_; }
  // Damage was met here: this is the last block of the input. Blocks of a higher sequence() may be claimed by then, and
  // loaded by other threads: whatever they hold is not input. Whoever loads blocks in several threads looks at this in
  // the order of sequence(), and leaves out all that is behind.
  bool ends_input() const { return ends_input_; }

 private:
  friend class Input;
  friend struct BlockAccess;  // lib/io only
  std::unique_ptr<char[]> buffer_;
  size_t capacity_ = 0;
  std::shared_ptr<const void> mapping_;  // if the text stands there
  const char* text_ = nullptr;
  size_t size_ = 0;
  uint64_t sequence_ = 0;
  uint64_t file_offset_ = 0;
  ArrowPiece arrow_;
  std::unique_ptr<BlockEvents> events_;
  std::string header_;
  uint32_t skipped_ = 0;
  bool last_line_too_long_ = false;
  bool last_line_unfinished_ = false;
  bool last_line_broken_ = false;
  bool ends_input_ = false;
};

// Where and why an input could not be read to its end.
struct InputDamage {
  uint64_t offset = 0;  // bytes of the input as stored (compressed, if it is) that were good or at least read; of
                        // Arrow: rows
  std::string message;  // what happened, for a person
  bool is_limit = false;  // a limit of InputOptions or of the decoder was met; the input may be good
};

// One open input. Claim() may be called by one thread at a time; Load() by any number of threads for different blocks.
class Input {
 public:
  // Content that is looked at to find out the format: see prefix().
  static constexpr size_t kPrefixBytes = 64 << 10;
  // Layers of base64 or of compression in one another.
  static constexpr int kMaxNesting = 6;

  // Opens the source (not a glob: see ResolveSources) and reads its first bytes; waits for them, and for a FIFO's
  // writer. Damage is not a failure: see damage(). Fails as ResolveSources does, or with
  //   INVALID_ARGUMENT     the content is of a kind that is known and not read here (Parquet, zip, xz, ...; zstd where
  //                        it was not compiled in), or names objects instead of holding them (S3 notifications): the
  //                        message says what it is and what to do
  //   FAILED_PRECONDITION  a Source::Stream(), or a Source::Arrow() that can be read once, was opened before
  //   CANCELLED            options.stop was requested, or options.keep_going said no
  static absl::StatusOr<std::unique_ptr<Input>> Open(const Source& source, const InputOptions& options = {});

  virtual ~Input() = default;
  Input(const Input&) = delete;  // an open file has one owner
  Input& operator=(const Input&) = delete;

  const std::string& name() const { return name_; }

  // The first min(kPrefixBytes, everything) bytes of the inflated content. The blocks deliver them again.
  std::string_view prefix() const { return prefix_; }
  // Not empty: the Block::header() in front of the prefix.
  std::string_view prefix_header() const { return prefix_header_; }
  // Where the Block::header() changes behind the prefix: what is known yet of the blocks from there on, kPrefixBytes or a
  // block more. Their lines are whole.
  struct Part {
    std::string header, text;
  };
  std::span<const Part> next_parts() const { return next_parts_; }
  // True iff prefix() is the whole content.
  bool prefix_is_all() const { return prefix_is_all_; }

  // Of a Source::Arrow(), or a Parquet file: the type of its rows, a struct; valid while the input lives. There is no
  // prefix then, and the blocks have rows instead of text. Otherwise nullptr.
  virtual const ArrowSchema* arrow_schema() const { return nullptr; }

  // Whether the input can be opened and read a second time with the same content (a regular file, bytes).
  virtual bool can_be_reopened() const = 0;

  // How much text the blocks hold in all, where that is known without reading on; before the first Claim().
  virtual std::optional<uint64_t> text_bytes() const { return std::nullopt; }

  // Takes the next block of lines in order: cheap for a plain file (its place is noted), the reading and inflating
  // itself for a stream. Returns false at the end, and once stop is requested. After it, damage() is final as soon as
  // every claimed block is loaded.
  //
  // Never waits for a pipe much longer than 0.2 s, nor reads much more than one longest line: if there is no whole line
  // yet, the block is empty. So whoever looks between two calls can stop soon. (A Source::Stream() is waited for.)
  virtual bool Claim(Block* block) = 0;
  // Whether Claim() neither reads nor waits: it only notes a place, so that a lock may be held meanwhile.
  virtual bool claims_at_once() const { return false; }
  // Brings the text of a claimed block. Must be called once, before text() is used.
  virtual void Load(Block* block) = 0;

  // Why the input ended early, if it did. May be set by Claim() or by Load(); thread-safe.
  virtual std::optional<InputDamage> damage() const = 0;

  // Bytes of the stored (perhaps compressed) input taken so far, and in all (0: not known). Thread-safe.
  virtual uint64_t stored_bytes_read() const = 0;
  virtual uint64_t stored_bytes_total() const = 0;

 protected:
  Input() = default;
  std::string name_;
  std::string prefix_;
  std::string prefix_header_;
  std::vector<Part> next_parts_;
  bool prefix_is_all_ = false;
};

// "ISA-L 2.30.0, zstd 1.5.4" or "zlib 1.2.13": what inflates, for --version. FLOWLOGS_INFLATE=zlib in the environment
// forces zlib for gzip.
std::string InflateLibrary();

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_IO_INPUT_H_
