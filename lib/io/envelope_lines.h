// EnvelopeLines: what envelopes are rewritten into, cut into blocks.
#ifndef FLOWLOGS_LIB_IO_ENVELOPE_LINES_H_
#define FLOWLOGS_LIB_IO_ENVELOPE_LINES_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

#include "flowlogs/io/input.h"
#include "lib/io/block_access.h"
#include "lib/io/cloudwatch_payload.h"

namespace flowlogs {
inline namespace v1 {

// Text goes straight into the block that is being filled; a full one waits to be taken. Not thread-safe.
class EnvelopeLines {
 public:
  struct Event {
    int64_t time = BlockEvents::kNoTime;
    std::string_view id = {};
  };
  // Of a record in JSON: the name as it was written there, and a text.
  struct Value {
    std::string_view name;
    std::string_view text;
  };

  // `keeps_events`: what is said of a line goes with it.
  EnvelopeLines(const LineLimits& limits, bool keeps_events) : limits_(limits), keeps_events_(keeps_events) { Begin(); }

  bool keeps_events() const { return keeps_events_; }

  // Of the messages that follow.
  void SetOrigin(std::string_view log_group, std::string_view log_stream, std::string_view owner,
                 std::string_view account, std::string_view region);
  // Of the messages that follow: their header, as Block::header(). "": as before.
  void SetHeader(std::string_view header);
  // One line; more if there are line ends in it. One at its end is left out.
  void AddMessage(std::string_view message, const Event& event);
  // The events of a payload.
  void AddPayload(const CloudWatchPayload& payload);
  // One line with the values under their names; a name that is new comes into the header.
  void AddRecord(std::span<const Value> values);
  // A line that tells of an envelope that cannot be read.
  void AddBroken(std::string_view text);
  // The line at which a damaged input ends.
  void AddUnfinished(std::string_view text);
  void AddSkipped() { ++*BlockAccess::Skipped(&block_); }

  // A document of so many bytes comes: saves making room again and again. Room that is not used costs nothing.
  void Expect(size_t bytes);
  // The block that is being filled is closed, if there is anything in it.
  void Flush();

  // Blocks that are closed, in order.
  std::deque<Block>& ready() { return ready_; }
  // The text in them.
  size_t ready_bytes() const;
  // Counts whatever was added: a line, a skipped message.
  uint64_t added() const { return added_ + lines_ + block_.skipped(); }
  // A block that was read: its buffer is used again.
  void Recycle(Block&& block) { spare_ = std::move(block); }

 private:
  static constexpr size_t kMaxColumns = 256;  // Format::kMaxColumns
  static constexpr size_t kMaxNames = 1024;
  static constexpr size_t kPadded =
      Input::kPrefixBytes;  // of lines under one header, so many bytes may get new columns

  void Begin();
  char* Room(size_t bytes);
  void AddLine(std::string_view line, const Event& event);
  void EndLine(size_t begin, const Event& event);
  void AddEvent(const Event& event);
  void BeginEvents();
  void AddText(std::string_view text);
  uint32_t OriginPlace();
  // The place among columns_ of the name of value `i` of a record; -1: there are too many.
  int ColumnOf(size_t i, std::string_view name);
  void StartColumns();
  // Lines that were written with fewer columns get a "-" for each new one.
  void PadLines(size_t columns);

  const LineLimits limits_;
  const bool keeps_events_;
  Block block_;  // being filled
  Block spare_;
  char* data_ = nullptr;
  size_t room_ = 0;
  size_t size_ = 0;
  uint32_t lines_ = 0;  // of block_
  size_t expected_ = 0;
  size_t header_columns_ = 0;  // of block_'s header, if it is of records
  bool goes_on_ = false;       // block_ goes on under the header of the one before it, which was full
  std::string message_header_;  // in force
  bool has_message_header_ = false;  // block_'s header is that of its messages
  std::deque<Block> ready_;
  uint64_t added_ = 0;  // in the blocks before

  BlockEvents::Origin origin_;
  bool has_origin_ = false;    // any text of origin_ is not empty
  int64_t origin_place_ = -1;  // in block_'s events; -1: not looked up
  std::string origin_key_;
  absl::flat_hash_map<std::string, uint32_t> origin_places_;  // in block_'s events

  std::vector<std::string> columns_;                  // of records; as a header has them
  absl::flat_hash_map<std::string, int> places_;      // of names of JSON
  std::vector<std::pair<std::string, int>> guesses_;  // by place in a record: the last name there, and its column
  std::vector<std::string_view> cells_;
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_IO_ENVELOPE_LINES_H_
