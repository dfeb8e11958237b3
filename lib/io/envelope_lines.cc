#include "lib/io/envelope_lines.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "lib/io/hash_table.h"
#include "lib/io/json_text.h"

namespace flowlogs {
inline namespace v1 {
namespace {

bool IsPlain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) > 0x20; });
}

// What a blank or a control byte becomes: values of a line have none.
void AppendEscaped(std::string_view text, std::string* out) {
  constexpr char kHex[] = "0123456789ABCDEF";
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20) {
      *out += c;
    } else {
      *out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
}

// As a column of a format may be called.
std::string ColumnName(std::string_view name) {
  std::string column(name.substr(0, 200));
  for (char& c : column) {
    const bool is_good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                         c == '-' || c == '.' || c == '@';
    if (!is_good) c = '_';
  }
  if (column.empty() || (column[0] >= '0' && column[0] <= '9') || column[0] == '-' || column[0] == '.') {
    column.insert(column.begin(), '_');
  }
  return column;
}

bool AreSameColumn(std::string_view a, std::string_view b) {
  const auto fold = [](char c) { return c == '_' ? '-' : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return fold(x) == fold(y); });
}

}  // namespace

void EnvelopeLines::Begin() {
  block_ = std::move(spare_);
  spare_ = Block();
  BlockAccess::Begin(&block_, 0, 0);
  data_ = BlockAccess::Reserve(&block_, 0, 0);
  room_ = size_ = 0;
  lines_ = 0;
  header_columns_ = 0;
  goes_on_ = false;
  has_message_header_ = false;
  origin_place_ = -1;
  origin_places_.clear();
}

void EnvelopeLines::Expect(size_t bytes) { expected_ = std::min(bytes, limits_.block_bytes + limits_.block_bytes / 8); }

void EnvelopeLines::BeginEvents() {
  BlockEvents* const events = BlockAccess::Events(&block_);
  events->origins.emplace_back();  // of lines that nothing is known of
  constexpr size_t kLineBytes = 80, kIdBytes = 56;
  const size_t lines = std::max<size_t>(expected_ / kLineBytes, 16);
  events->events.reserve(lines);
  events->ids.reserve(lines * kIdBytes);
  events->events.resize(lines_);
}

char* EnvelopeLines::Room(size_t bytes) {
  if (room_ - size_ < bytes) {
    room_ = std::max({size_ + bytes, 2 * room_, expected_, std::min<size_t>(limits_.block_bytes, 4096)});
    data_ = BlockAccess::Reserve(&block_, room_, size_);
  }
  return data_ + size_;
}

void EnvelopeLines::Flush() {
  if (lines_ == 0 && block_.skipped() == 0) return;
  if (!block_.last_line_unfinished()) {
    Room(0);
    BlockAccess::Deliver(&block_, 0, size_);
  }
  added_ += lines_ + block_.skipped();
  ready_.push_back(std::move(block_));
  Begin();
}

void EnvelopeLines::SetOrigin(std::string_view log_group, std::string_view log_stream, std::string_view owner,
                              std::string_view account, std::string_view region) {
  if (!keeps_events_) return;
  if (origin_.log_stream == log_stream && origin_.log_group == log_group && origin_.owner == owner &&
      origin_.account == account && origin_.region == region) {
    return;
  }
  origin_.log_group = log_group;
  origin_.log_stream = log_stream;
  origin_.owner = owner;
  origin_.account = account;
  origin_.region = region;
  has_origin_ = !(log_group.empty() && log_stream.empty() && owner.empty() && account.empty() && region.empty());
  origin_place_ = -1;
}

uint32_t EnvelopeLines::OriginPlace() {
  if (!has_origin_) return 0;
  if (origin_place_ < 0) {
    origin_key_.clear();
    for (const std::string* text :
         {&origin_.log_group, &origin_.log_stream, &origin_.owner, &origin_.account, &origin_.region}) {
      origin_key_ += *text;
      origin_key_ += '\n';
    }
    std::vector<BlockEvents::Origin>& origins = BlockAccess::Events(&block_)->origins;
    const auto [place, is_new] = GrowTable(origin_places_, [&](auto& table) {
      return table.try_emplace(origin_key_, static_cast<uint32_t>(origins.size()));
    });
    if (is_new) origins.push_back(origin_);
    origin_place_ = place->second;
  }
  return static_cast<uint32_t>(origin_place_);
}

void EnvelopeLines::AddEvent(const Event& event) {
  if (!keeps_events_) return;
  if (block_.events() == nullptr) {
    if (!has_origin_ && event.time == BlockEvents::kNoTime && event.id.empty()) return;
    BeginEvents();
  }
  BlockEvents* const events = BlockAccess::Events(&block_);
  events->events.push_back(
      {OriginPlace(), static_cast<uint32_t>(events->ids.size()), static_cast<uint32_t>(event.id.size()), event.time});
  events->ids += event.id;
}

void EnvelopeLines::AddText(std::string_view text) {
  if (text.empty()) return;
  std::memcpy(Room(text.size()), text.data(), text.size());
  size_ += text.size();
}

// The line stands from `begin` on, without LF.
void EnvelopeLines::EndLine(size_t begin, const Event& event) {
  const bool is_too_long = size_ - begin > limits_.max_line_bytes;
  if (is_too_long) {
    size_ = begin + limits_.kept_bytes;
    BlockAccess::SetLastLineTooLong(&block_);
  }
  *Room(1) = '\n';
  ++size_;
  AddEvent(event);
  ++lines_;
  const bool has_header = !block_.header().empty() && !has_message_header_;
  // Of records under a header, the first ones stay together until none of them gets new columns any more.
  if (is_too_long || size_ >= (has_header ? std::max(limits_.block_bytes, kPadded + 1) : limits_.block_bytes)) {
    Flush();
    goes_on_ = has_header && !is_too_long;
  }
}

void EnvelopeLines::AddLine(std::string_view line, const Event& event) {
  const size_t begin = size_;
  char* const to = Room(line.size() + 1);
  if (!line.empty()) std::memcpy(to, line.data(), line.size());
  size_ += line.size();
  EndLine(begin, event);
}

void EnvelopeLines::SetHeader(std::string_view header) {
  if (header.empty() || header == message_header_) return;
  Flush();
  message_header_ = header;
  *BlockAccess::Header(&block_) = header;
  has_message_header_ = true;
  header_columns_ = 0;
}

void EnvelopeLines::AddMessage(std::string_view message, const Event& event) {
  if (!block_.header().empty() && !has_message_header_) Flush();
  if (message.ends_with('\n')) message.remove_suffix(1);
  for (;;) {
    const size_t lf = message.find('\n');
    AddLine(message.substr(0, lf), event);
    if (lf == std::string_view::npos) return;
    message.remove_prefix(lf + 1);
  }
}

size_t EnvelopeLines::ready_bytes() const {
  size_t bytes = 0;
  for (const Block& block : ready_) bytes += block.text().size();
  return bytes;
}

void EnvelopeLines::AddPayload(const CloudWatchPayload& payload) {
  if (!block_.header().empty() && !has_message_header_) Flush();
  SetOrigin(payload.log_group(), payload.log_stream(), payload.owner(), {}, {});
  const std::vector<CloudWatchPayload::Span>& messages = payload.messages();
  const auto event_of = [&](size_t i) {
    if (!keeps_events_) return Event();
    const CloudWatchPayload::Event& said = payload.events()[i];
    return Event{EventTime(payload.text(said.time)), payload.text(said.id)};
  };
  for (size_t i = 0; i < messages.size();) {
    // As many as AddLine() would put into the block, which ends with the line that fills it.
    size_t bytes = 0, end = i;
    for (; end < messages.size() && size_ + bytes < limits_.block_bytes; ++end) {
      if (messages[end].size > limits_.max_line_bytes) break;
      bytes += messages[end].size + 1;
    }
    if (end == i) {
      AddLine(payload.text(messages[i]), event_of(i));
      ++i;
      continue;
    }
    char* to = Room(bytes);
    for (; i < end; ++i) {
      to = std::copy_n(payload.text(messages[i]).data(), messages[i].size, to);
      *to++ = '\n';
      AddEvent(event_of(i));
      ++lines_;
    }
    size_ += bytes;
    if (size_ >= limits_.block_bytes) Flush();
  }
}

void EnvelopeLines::AddBroken(std::string_view text) {
  std::string line(text.substr(0, limits_.kept_bytes));
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  const size_t begin = size_;
  AddText(line);
  BlockAccess::SetLastLineBroken(&block_);
  SetOrigin({}, {}, {}, {}, {});
  EndLine(begin, {});
  Flush();
}

void EnvelopeLines::AddUnfinished(std::string_view text) {
  std::string line(text.substr(0, limits_.kept_bytes));
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  if (line.empty()) return;
  AddText(line);
  SetOrigin({}, {}, {}, {}, {});
  AddEvent({});
  ++lines_;
  BlockAccess::DeliverUnfinished(&block_, 0, size_);
  BlockAccess::SetEndsInput(&block_);
  Flush();
}

void EnvelopeLines::StartColumns() {
  Flush();
  columns_.clear();
  places_.clear();
  guesses_.clear();
}

int EnvelopeLines::ColumnOf(size_t i, std::string_view name) {
  // Records mostly have the same names in the same order.
  if (i < guesses_.size() && guesses_[i].second >= 0 && guesses_[i].first == name) return guesses_[i].second;
  const auto remember = [&](int place) {
    if (i >= kMaxColumns) return place;
    if (i >= guesses_.size()) guesses_.resize(i + 1, {"", -1});
    guesses_[i] = {std::string(name), place};
    return place;
  };
  const auto known = places_.find(absl::string_view(name.data(), name.size()));
  if (known != places_.end()) return remember(known->second);
  std::string column = ColumnName(name);
  const auto same =
      std::find_if(columns_.begin(), columns_.end(), [&](const std::string& c) { return AreSameColumn(c, column); });
  const int place = static_cast<int>(same - columns_.begin());
  if (same == columns_.end()) {
    if (columns_.size() == kMaxColumns) return -1;
    columns_.push_back(std::move(column));
  }
  if (places_.size() < kMaxNames) GrowTable(places_, [&](auto& table) { table.emplace(std::string(name), place); });
  return remember(place);
}

void EnvelopeLines::PadLines(size_t columns) {
  std::string added;
  for (size_t i = columns; i < columns_.size(); ++i) added += " -";
  std::string padded;
  padded.reserve(size_ + lines_ * added.size());
  for (std::string_view text(data_, size_); !text.empty();) {
    const size_t lf = text.find('\n');
    padded.append(text.substr(0, lf)).append(added).append("\n");
    text.remove_prefix(lf + 1);
  }
  size_ = 0;
  AddText(padded);
}

void EnvelopeLines::AddRecord(std::span<const Value> values) {
  if (lines_ > 0 && (block_.header().empty() || has_message_header_)) Flush();
  if (has_message_header_) BlockAccess::Header(&block_)->clear();
  has_message_header_ = false;
  message_header_.clear();
  for (int attempt = 0;; ++attempt) {
    const size_t columns = columns_.size();
    cells_.assign(columns_.size(), {});
    bool fits = true;
    for (size_t i = 0; i < values.size(); ++i) {
      const Value& value = values[i];
      const int place = ColumnOf(i, value.name);
      fits &= place >= 0;
      if (place < 0) continue;
      if (cells_.size() < columns_.size()) cells_.resize(columns_.size());
      if (cells_[static_cast<size_t>(place)].empty()) cells_[static_cast<size_t>(place)] = value.text;
    }
    if (!fits && attempt == 0) {
      StartColumns();  // with those of this record alone
      continue;
    }
    if (columns_.size() > columns) {
      // A few lines are written again, so that a sparse first record does not make formats of its own.
      if (size_ > kPadded || goes_on_) {
        Flush();
        goes_on_ = false;
      } else if (lines_ > 0) {
        PadLines(columns);
      }
    }
    break;
  }
  for (; header_columns_ < columns_.size(); ++header_columns_) {
    std::string* const header = BlockAccess::Header(&block_);
    if (header_columns_ > 0) *header += ' ';
    *header += columns_[header_columns_];
  }
  const size_t begin = size_;
  for (size_t i = 0; i < cells_.size(); ++i) {
    if (i > 0) AddText(" ");
    if (cells_[i].empty()) {
      AddText("-");
    } else if (IsPlain(cells_[i])) {
      AddText(cells_[i]);
    } else {
      std::string escaped;
      AppendEscaped(cells_[i], &escaped);
      AddText(escaped);
    }
  }
  SetOrigin({}, {}, {}, {}, {});
  EndLine(begin, {});
}

}  // namespace v1
}  // namespace flowlogs
