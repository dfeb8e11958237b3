#include "lib/io/envelope_reader.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

#include "lib/io/base64.h"
#include "lib/io/byte_stream.h"
#include "lib/io/envelope_json.h"
#include "lib/io/inflated_stream.h"

namespace flowlogs {
inline namespace v1 {
namespace {

constexpr bool IsBetween(char c) {  // documents and lines
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\x1e' || c == '\0';
}

std::string_view Trimmed(std::string_view line) {
  while (!line.empty() && IsBetween(line.back())) line.remove_suffix(1);
  return line;
}

std::string_view Unquoted(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') return text.substr(1, text.size() - 2);
  return text;
}

constexpr size_t kStep = 256 << 10;  // that is inflated at once

// How much gzip says that it holds: only to make room.
size_t SizeHint(std::string_view data, Compression compression, uint64_t most) {
  uint64_t hint = 4 * data.size();
  if (compression == Compression::kGzip && data.size() >= 18) {
    uint32_t size = 0;
    for (size_t i = 0; i < 4; ++i) size |= uint32_t{static_cast<unsigned char>(data[data.size() - 4 + i])} << (8 * i);
    hint = std::min<uint64_t>(size, 40 * data.size());
  }
  return static_cast<size_t>(std::min<uint64_t>(std::max<uint64_t>(hint, data.size()) + 64, most + 1));
}

}  // namespace

EnvelopeReader::EnvelopeReader(ContentForm form, const InputOptions& options, EnvelopeLines* out)
    : options_(options),
      max_event_bytes_(std::max<uint64_t>(options.max_event_bytes, 1)),
      out_(out),
      json_(std::make_unique<EnvelopeJson>(this)) {
  top_.form = form;
  buffers_.resize(Input::kMaxNesting + 1);
}

EnvelopeReader::~EnvelopeReader() = default;

void EnvelopeReader::MeetLimit(std::string_view what) {
  if (!limit_.empty()) return;
  limit_ = absl::StrCat("limit: ", std::string(what), " over max_event_bytes (", max_event_bytes_,
                        "): it may be a decompression bomb; raise the limit if you trust it");
}

size_t EnvelopeReader::Read(char* data, size_t size, End end) { return ReadContent(&top_, data, size, end); }

size_t EnvelopeReader::ReadContent(Content* content, char* data, size_t size, End end) {
  size_t done = 0;
  while (done < size && limit_.empty()) {
    const size_t used = ReadSome(content, data + done, size - done, end);
    if (used == 0 || !limit_.empty()) break;
    done += used;
  }
  return done;
}

size_t EnvelopeReader::ReadSome(Content* content, char* data, size_t size, End end) {
  if (content->form == ContentForm::kCsv) return ReadRow(content, data, size, end);
  const char c = *data;
  if (IsBetween(c) || (content->in_list && c == ',')) return 1;
  if (content->in_list && c == ']') {
    content->in_list = false;
    return 1;
  }
  if (c == '[' && !content->in_list) {
    content->in_list = true;  // its elements are documents, so that a list may be longer than what is held
    return 1;
  }
  if (c == '{' || c == '[') return ReadDocument(content, data, size, end);
  if (c == '"' && content->in_list) return ReadString(content, data, size, end);
  return ReadLine(content, data, size, end);
}

size_t EnvelopeReader::ReadDocument(Content* content, char* data, size_t size, End end) {
  if (content->may_be_short) {
    const size_t used = ReadShort(content, {data, size});
    if (used > 0 || !limit_.empty()) return used;
    if (content->may_be_short && end == End::kMore && size <= max_event_bytes_) return 0;
    content->may_be_short = false;
  }
  const JsonScanner::State state = content->scanner.Scan({data, size});
  const size_t extent = state == JsonScanner::State::kUnfinished ? size : content->scanner.size();
  if (extent > max_event_bytes_) {
    MeetLimit("a document of JSON is");
    return 0;
  }
  if (state == JsonScanner::State::kUnfinished && end == End::kMore) return 0;
  if (!content->is_rewritten) {
    const uint64_t before = out_->added();
    const EnvelopeJson::Outcome outcome = json_->Rewrite(data, extent, content->depth);
    if (!limit_.empty()) return 0;
    if (outcome.is_good && state == JsonScanner::State::kComplete) {
      content->EndDocument();
      return extent;
    }
    content->is_rewritten = true;
    content->good = outcome.good;
    if (out_->added() == before && outcome.good == 0) content->good = Salvage(content, data);
    if (!limit_.empty()) return 0;
  }
  return ReadBroken(content, data, size, end);
}

size_t EnvelopeReader::ReadShort(Content* content, std::string_view document) {
  static_assert(PaddedBuffer::kPadding >= CloudWatchPayload::kPadding);
  const auto used = [&](size_t size) {
    content->EndDocument();
    return size;
  };
  content->may_be_short = !takes_long_way_;
  if (takes_long_way_) return 0;
  if (!std::exchange(content->is_begun, true) && std::exchange(inflated_, nullptr) != document.data()) {
    content->may_be_short = MayBeCloudWatch(document);
    if (!content->may_be_short) return 0;
    if (const std::optional<LambdaEvent> event = ReadLambdaEvent(document)) {
      if (event->size > max_event_bytes_) {
        MeetLimit("a document of JSON is");
        return 0;
      }
      ReadInside(event->data, true, content->depth);
      return limit_.empty() ? used(event->size) : 0;
    }
    payload_.Begin(out_->keeps_events());
  }
  switch (payload_.Read(document)) {
    case CloudWatchPayload::Outcome::kRead:
      break;
    case CloudWatchPayload::Outcome::kUnfinished:
      return 0;
    case CloudWatchPayload::Outcome::kOther:
      content->may_be_short = false;
      return 0;
  }
  if (payload_.size() > max_event_bytes_) {
    MeetLimit("a document of JSON is");
    return 0;
  }
  out_->Expect(payload_.size());
  out_->AddPayload(payload_);
  return used(payload_.size());
}

// The messages of a document whose end is missing or broken: what is whole is closed, and read. Returns where they end.
size_t EnvelopeReader::Salvage(Content* content, char* data) {
  const size_t end = content->scanner.last_element_end();
  if (end == 0) return 0;
  char kept[2];
  std::memcpy(kept, data + end, 2);
  std::memcpy(data + end, "]}", 2);
  const uint64_t before = out_->added();
  json_->Rewrite(data, end + 2, content->depth);
  std::memcpy(data + end, kept, 2);
  return out_->added() == before ? 0 : end;
}

// A document that is broken, of which what is good was rewritten. What follows begins at the next bracket or line.
size_t EnvelopeReader::ReadBroken(Content* content, char* data, size_t size, End end) {
  const std::string_view text(data, size);
  const bool is_cut = content->scanner.Scan({data, size}) == JsonScanner::State::kUnfinished;
  const size_t good = content->good;
  const size_t extent = is_cut ? size : std::max(content->scanner.size(), good);
  size_t used = extent;
  const size_t next = text.substr(0, extent).find("\n{", good);
  if (next != std::string_view::npos) {
    used = next + 1;
  } else if (!is_cut) {
    used = std::min(size, text.find_first_of("\n{", extent));
    if (used > max_event_bytes_) MeetLimit("a document of JSON is");
    if ((used == size && end == End::kMore) || !limit_.empty()) return 0;
  }
  used = std::max<size_t>(used, 1);
  content->EndDocument();
  const std::string_view rest = text.substr(good, used - good);
  if (is_cut && next == std::string_view::npos && end != End::kWhole) {
    if (end == End::kDamaged) out_->AddUnfinished(good > 0 ? rest : text);
    return used;
  }
  out_->AddBroken(good > 0 && !rest.empty() ? rest : text.substr(0, used));
  return used;
}

size_t EnvelopeReader::ReadString(Content* content, char* data, size_t size, End end) {
  size_t at = 1;
  while (at < size && data[at] != '"') at += data[at] == '\\' ? 2 : 1;
  if (at >= size) {
    if (size > max_event_bytes_) MeetLimit("a text of JSON is");
    if (end == End::kMore || !limit_.empty()) return 0;
    if (end == End::kDamaged) out_->AddUnfinished({data, size});
    if (end == End::kWhole) out_->AddBroken({data, size});
    return size;
  }
  if (at >= max_event_bytes_) {
    MeetLimit("a text of JSON is");
    return 0;
  }
  TextArena arena;
  ReadInside(UnescapedJson({data + 1, at - 1}, &arena), false, content->depth);
  return limit_.empty() ? at + 1 : 0;
}

// base64 is often cut into lines of 76 or 64 characters. 0: more is needed.
size_t EnvelopeReader::Base64Extent(std::string_view text, size_t line, End end) const {
  const size_t width = Trimmed(text.substr(0, line)).size();
  if (width != 76 && width != 64) return line;
  size_t extent = line;
  while (extent < text.size()) {
    const size_t begin = extent + 1;  // behind the LF
    size_t stop = text.find('\n', begin);
    if (stop == std::string_view::npos) {
      if (end == End::kMore && text.size() - begin <= max_event_bytes_) return extent > max_event_bytes_ ? extent : 0;
      stop = text.size();
    }
    if (begin > stop) break;
    const std::string_view next = Trimmed(text.substr(begin, stop - begin));
    const bool is_part = !next.empty() && next.size() <= width &&
                         std::all_of(next.begin(), next.end(), [](char c) { return c == '=' || IsBase64Character(c); });
    if (!is_part) break;
    extent = stop;
    if (next.size() < width || next.ends_with('=')) break;
  }
  return extent;
}

size_t EnvelopeReader::ReadLine(Content* content, char* data, size_t size, End end) {
  const std::string_view text(data, size);
  size_t stop = text.find_first_of(content->form == ContentForm::kJson ? "\n{" : "\n");
  const bool is_whole = stop != std::string_view::npos;
  stop = std::min(stop, size);
  if (stop > max_event_bytes_) MeetLimit("a line is");
  if ((!is_whole && end == End::kMore) || !limit_.empty()) return 0;
  std::string_view line = Trimmed(text.substr(0, stop));
  if (LooksLikeBase64(line.starts_with('"') ? line.substr(1) : line)) {
    stop = Base64Extent(text, stop, end);
    if (stop > max_event_bytes_) MeetLimit("a text in base64 is");
    if (stop == 0 || !limit_.empty()) return 0;
    line = Unquoted(Trimmed(text.substr(0, stop)));
    ReadInside(line, true, content->depth);
    return limit_.empty() ? stop : 0;
  }
  if (!is_whole && (end == End::kDamaged || end == End::kReported)) {
    if (end == End::kDamaged) out_->AddUnfinished(line);
    return size;
  }
  if (line == kWriteTest) {
    out_->AddBroken(line);
    return stop;
  }
  out_->SetOrigin({}, {}, {}, {}, {});
  out_->AddMessage(line, {});
  return stop;
}

size_t EnvelopeReader::ReadRow(Content* content, char* data, size_t size, End end) {
  std::string_view text(data, size);
  std::vector<std::string> cells;
  size_t used = CutCsvRow(text, end == End::kWhole, &cells);
  const size_t line = std::min(size, text.find('\n'));
  if (line > max_event_bytes_) {
    MeetLimit("a line is");
    return 0;
  }
  // A row of several lines that is longer than a line may be is one whose quote was never closed.
  if (used == 0 || (used > options_.max_line_bytes + 1 && used > line + 1)) {
    const bool may_end = end == End::kMore && (line == size || size <= options_.max_line_bytes + 1);
    if (used == 0 && may_end) return 0;
    if (line == size && end != End::kWhole) {
      if (end == End::kDamaged) out_->AddUnfinished(text);
      return size;
    }
    used = CutOpenCsvRow(text, &cells);
  }
  if (!content->columns.is_known) {
    content->columns = CsvColumnsOf(text.substr(0, used)).value_or(CsvColumns());
    content->columns.is_known = true;
    return used;
  }
  const CsvColumns& columns = content->columns;
  const auto cell = [&](int place) {
    return place >= 0 && static_cast<size_t>(place) < cells.size() ? std::string_view(cells[static_cast<size_t>(place)])
                                                                   : std::string_view();
  };
  if (cells.size() == 1 && cells[0].empty()) return used;  // no message is in an empty line
  if (static_cast<size_t>(columns.message) >= cells.size()) {
    out_->AddBroken(Trimmed(text.substr(0, used)));
    return used;
  }
  const LogName log = LogNameOf(cell(columns.log));
  out_->SetOrigin(log.group, cell(columns.log_stream), log.owner, {}, {});
  out_->AddMessage(cell(columns.message), {EventTime(cell(columns.time)), cell(columns.id)});
  return used;
}

bool EnvelopeReader::Hold(size_t bytes) {
  if (held_bytes_ + bytes > max_event_bytes_) {
    MeetLimit("what an event holds is");
    return false;
  }
  held_bytes_ += bytes;
  return true;
}

void EnvelopeReader::ReadInside(std::string_view text, bool is_base64, int depth) {
  const int inner = depth + 1;
  if (inner > Input::kMaxNesting) {
    out_->AddBroken(text);
    return;
  }
  PaddedBuffer& buffer = buffers_[static_cast<size_t>(inner)];
  size_t size = 0;
  is_base64 = is_base64 || LooksLikeBase64(text);
  const size_t room = is_base64 ? Base64Room(text.size()) : text.size();
  if (!Hold(room)) return;
  char* const data = buffer.Reserve(std::max<size_t>(room, text.size()));
  const std::optional<size_t> decoded = is_base64 ? DecodeBase64(text, data) : std::nullopt;
  if (decoded) {
    size = *decoded;
  } else if (is_base64 && text.find(' ') == std::string_view::npos) {
    out_->AddBroken(text);
    held_bytes_ -= room;
    return;
  } else {
    size = text.size();  // somebody has decoded it already
    std::memcpy(data, text.data(), size);
  }
  ReadUnwrapped(data, size, inner, text, End::kWhole);
  held_bytes_ -= room;
}

void EnvelopeReader::ReadUnwrapped(char* data, size_t size, int depth, std::string_view wrapper, End end) {
  const Compression compression = CompressionOf({data, size});
  if (compression != Compression::kNone) {
    Inflate({data, size}, compression, depth + 1, wrapper);
    return;
  }
  Content content;
  content.depth = depth;
  content.form = FormOf({data, std::min(size, kHeadBytes)});
  ReadContent(&content, data, size, end);
}

void EnvelopeReader::Inflate(std::string_view data, Compression compression, int depth, std::string_view wrapper) {
  if (depth > Input::kMaxNesting) {
    out_->AddBroken(wrapper);
    return;
  }
  const uint64_t most = max_event_bytes_ - held_bytes_;
  if (most == 0) {
    MeetLimit("what an event holds is");
    return;
  }
  InputOptions options = options_;
  options.max_inflated_bytes = most;
  const std::unique_ptr<ByteStream> stream =
      NewInflatedStream(compression, {}, NewMemoryStream(Source::Bytes(data)), options);
  PaddedBuffer& buffer = buffers_[static_cast<size_t>(depth)];
  buffer.Reserve(SizeHint(data, compression, most));
  size_t size = 0;
  // A payload is looked at as it comes, while it is near.
  bool is_payload = !takes_long_way_;
  payload_.Begin(out_->keeps_events());
  ByteStream::State state = ByteStream::State::kMore;
  while (state != ByteStream::State::kEnd) {
    if (size == buffer.capacity()) buffer.Reserve(std::min<uint64_t>(2 * size, most + 1));
    const ByteStream::Result result = stream->Read(buffer.data() + size, std::min(buffer.capacity() - size, kStep));
    size += result.size;
    state = result.state;
    is_payload = is_payload && (size == 0 || *buffer.data() == '{') &&
                 payload_.Read({buffer.data(), size}) != CloudWatchPayload::Outcome::kOther;
  }
  const std::optional<InputDamage> damage = stream->damage();
  if (damage && damage->is_limit) {
    if (size >= most) {
      MeetLimit("an event inflates to more than allowed,");
    } else {
      limit_ = damage->message;
    }
    return;
  }
  if (!Hold(size)) return;
  inflated_ = is_payload ? buffer.data() : nullptr;
  ReadUnwrapped(buffer.data(), size, depth, wrapper, damage ? End::kReported : End::kWhole);
  inflated_ = nullptr;
  held_bytes_ -= size;
  if (damage && limit_.empty()) out_->AddBroken(wrapper);
}

}  // namespace v1
}  // namespace flowlogs
