// Envelopes (flowlogs/io/input.h): any bytes as their content, and messages that the target wraps itself, so that it
// knows them. What comes out does not depend on how the content is cut into pieces, on the size of blocks, or on
// threads; of messages that were wrapped it is those; of a content that is cut, or over a limit, the beginning. The
// first byte chooses the way, the second the pieces, the third limits.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

#include "flowlogs/io/input.h"
#include "flowlogs/query/query.h"
#include "lib/io/base64.h"
#include "lib/io/block_access.h"
#include "lib/io/envelope_lines.h"
#include "lib/io/envelope_reader.h"
#include "lib/io/json_text.h"
#include "lib/io/padded_buffer.h"
#include "tests/compress.h"
#include "tests/fuzz/fuzzing.h"

namespace {

namespace fl = flowlogs;
using flowlogs_test::FuzzInput;
using flowlogs_test::Require;

// All that the blocks of an input say, line by line.
struct Content {
  std::vector<std::string> lines;
  std::vector<std::string> facts;  // of each line: the header in force, and what the envelope says of it
  std::vector<bool> is_message;    // neither broken, nor unfinished, nor cut
  uint64_t skipped = 0;
  std::string end;  // the limit, the refusal or the damage that was met
};

void Append(const fl::Block& block, Content* content) {
  content->skipped += block.skipped();
  const fl::BlockEvents* const events = block.events();
  size_t line = 0;
  for (std::string_view text = block.text(); !text.empty(); ++line) {
    const size_t lf = text.find('\n');
    content->lines.emplace_back(text.substr(0, lf));
    text.remove_prefix(lf == std::string_view::npos ? text.size() : lf + 1);
    const bool is_marked =
        text.empty() && (block.last_line_broken() || block.last_line_unfinished() || block.last_line_too_long());
    content->is_message.push_back(!is_marked);
    std::string facts = (is_marked ? "!" : "") + std::string(block.header());
    if (events != nullptr) {
      Require(line < events->events.size(), "a line without its event");
      const fl::BlockEvents::Event& event = events->events[line];
      Require(event.origin < events->origins.size(), "an origin that is not there");
      Require(size_t{event.id_begin} + event.id_size <= events->ids.size(), "an id that is not there");
      const fl::BlockEvents::Origin& origin = events->origins[event.origin];
      absl::StrAppend(&facts, "|", origin.log_group, "|", origin.log_stream, "|", origin.owner, "|", origin.account,
                      "|", origin.region, "|", event.time, "|", events->ids.substr(event.id_begin, event.id_size));
    } else {
      absl::StrAppend(&facts, "||||||", fl::BlockEvents::kNoTime, "|");
    }
    content->facts.push_back(std::move(facts));
  }
  Require(events == nullptr || events->events.size() == line, "an event without its line");
}

std::string Shown(const Content& content) {
  std::string shown = absl::StrCat(content.skipped, " skipped, ", content.end, "\n");
  for (size_t i = 0; i < content.lines.size(); ++i) {
    absl::StrAppend(&shown, content.facts[i], ": ", absl::CHexEscape(content.lines[i]), "\n");
  }
  return shown;
}

void RequireSame(const Content& content, const Content& expected, const char* what) {
  if (content.lines == expected.lines && content.facts == expected.facts && content.skipped == expected.skipped &&
      content.end == expected.end) {
    return;
  }
  Require(false, what, Shown(content) + "instead of\n" + Shown(expected));
}

// Messages come in order, and those that are there are the first ones.
void RequireBeginning(const Content& content, const std::vector<std::string>& messages, const char* what) {
  size_t i = 0;
  for (size_t line = 0; line < content.lines.size(); ++line) {
    if (!content.is_message[line]) continue;
    Require(i < messages.size() && content.lines[line] == messages[i], what, Shown(content));
    ++i;
  }
}

// The content as EnvelopeInput reads it from a pipe that brings `piece` bytes at a time.
Content Rewrite(std::string_view content, const fl::InputOptions& options, size_t piece, bool long_way = false) {
  using End = fl::EnvelopeReader::End;
  fl::EnvelopeLines lines(fl::LineLimits(options), true);
  fl::EnvelopeReader reader(fl::FormOf(content.substr(0, fl::kHeadBytes)), options, &lines);
  if (long_way) reader.TakeLongWay();
  std::string rest;
  bool is_all = content.empty();
  while (!is_all && reader.limit().empty()) {
    const size_t size = std::min(piece, content.size());
    rest += content.substr(0, size);
    content.remove_prefix(size);
    is_all = content.empty();
    fl::PaddedBuffer buffer;  // of exactly its size
    std::memcpy(buffer.Reserve(rest.size()), rest.data(), rest.size());
    const size_t done = reader.Read(buffer.data(), rest.size(), is_all ? End::kWhole : End::kMore);
    Require(done <= rest.size(), "more was read than there is");
    Require(!is_all || done == rest.size() || !reader.limit().empty(), "not all was read");
    rest.assign(buffer.data() + done, rest.size() - done);
  }
  lines.Flush();
  Content read;
  for (const fl::Block& block : lines.ready()) Append(block, &read);
  read.end = !reader.limit().empty() ? reader.limit() : reader.refusal();
  return read;
}

// The content as a scan reads it.
Content ReadStored(std::string_view stored, const fl::InputOptions& options) {
  Content read;
  const auto input = fl::Input::Open(fl::Source::Bytes(stored), options);
  if (!input.ok()) {
    read.end = std::string(input.status().message());
    return read;
  }
  fl::Block block;
  while ((*input)->Claim(&block)) {
    (*input)->Load(&block);
    Append(block, &read);
  }
  if (const auto damage = (*input)->damage()) read.end = damage->message;
  return read;
}

struct Answer {
  std::string error;
  std::string rows, provenance;
  fl::Stats stats;
};

Answer Ask(std::string_view stored, fl::ScanOptions options) {
  const fl::Query scan = fl::Scan({fl::Source::Bytes(stored)}, std::move(options));
  const auto tables = fl::CollectAll({scan, scan.Select({"_line", "_log_group", "_log_stream", "_event_time",
                                                         "_event_id", "_owner", "_account", "_region"})});
  if (!tables.ok()) return {std::string(tables.status().message()), "", "", {}};
  const fl::Stats& stats = (*tables)[0].stats();
  flowlogs_test::RequireConservation(stats);
  for (const fl::Table& table : *tables)
    Require(stats.records == table.num_rows(), "rows", stats.ToJson() + table.ToJson());
  return {"", (*tables)[0].Render(fl::TableFormat::kNdjson), (*tables)[1].Render(fl::TableFormat::kNdjson), stats};
}

// What holds for every content.
void CheckContent(const std::string& stored, size_t cuts, size_t limits) {
  fl::InputOptions options;
  if (limits % 4 == 1) options.max_event_bytes = 1 + limits * 8;
  if (limits % 4 == 2) options.max_line_bytes = 1 + limits / 4;
  const size_t block_bytes = 1 + cuts % 32 * 8;
  const Content whole = ReadStored(stored, options);

  const fl::Compression compression = fl::CompressionOf(stored);
  const bool is_envelope = compression == fl::Compression::kNone &&
                           fl::FormOf(std::string_view(stored).substr(0, fl::kHeadBytes)) != fl::ContentForm::kLines &&
                           !stored.starts_with("\xef\xbb\xbf");
  if (is_envelope) {
    const Content rewritten = Rewrite(stored, options, stored.size());
    RequireSame(rewritten, Rewrite(stored, options, stored.size(), true), "the short way gives something else");
    // Many small pieces of a long content take long.
    const size_t piece = std::max(1 + cuts % 64, stored.size() / 256);
    RequireSame(Rewrite(stored, options, piece), rewritten, "what comes out depends on the pieces");
    fl::InputOptions small = options;
    small.block_bytes = block_bytes;
    RequireSame(Rewrite(stored, small, stored.size()), rewritten, "what comes out depends on the size of blocks");
    if (limits % 4 == 1 && rewritten.end.starts_with("limit")) {
      const Content unlimited = Rewrite(stored, {}, stored.size());
      // A name that comes later is a column of lines before it, too.
      const bool has_header = std::any_of(unlimited.facts.begin(), unlimited.facts.end(),
                                          [](const std::string& facts) { return !facts.starts_with('|'); });
      if (!has_header) {
        std::vector<std::string> messages;
        for (size_t i = 0; i < unlimited.lines.size(); ++i) {
          if (unlimited.is_message[i]) messages.push_back(unlimited.lines[i]);
        }
        RequireBeginning(rewritten, messages, "a limit changes what comes before it");
      }
    }
  }

  fl::ScanOptions scan{
      .threads = 1, .max_line_bytes = options.max_line_bytes, .max_event_bytes = options.max_event_bytes};
  const Answer one = Ask(stored, scan);
  scan.threads = 3;
  scan.block_bytes = block_bytes;
  const Answer other = Ask(stored, scan);
  Require(other.error == one.error, "an error depends on threads or blocks", other.error + "; " + one.error);
  Require(other.stats.ToJson() == one.stats.ToJson(), "stats depend on threads or blocks",
          other.stats.ToJson() + one.stats.ToJson());
  Require(other.rows == one.rows, "rows depend on threads or blocks", other.rows + "instead of\n" + one.rows);
  Require(other.provenance == one.provenance, "provenance depends on threads or blocks", other.provenance);
  if (!one.error.empty()) return;
  Require(one.stats.lines == whole.lines.size(), "a line is a message", one.stats.ToJson() + Shown(whole));
  Require(one.stats.skipped == whole.skipped, "skipped messages", one.stats.ToJson());
}

// ---- Messages that are wrapped here ---------------------------------------------------------------------------------

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppend(&quoted, "\\u00", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string Base64(std::string_view text) {
  return std::string(absl::Base64Escape(absl::string_view(text.data(), text.size())));
}

constexpr size_t kDocuments = 8;

std::string Document(size_t kind, const std::vector<std::string>& messages) {
  std::string text;
  if (kind == 4) text = "timestamp,message\n";
  for (size_t i = 0; i < messages.size(); ++i) {
    const std::string message = absl::StrCat("\"message\":", Quoted(messages[i]));
    const std::string event = absl::StrCat("{\"id\":\"", i, "\",\"timestamp\":143282685500", i % 10, ",", message, "}");
    const bool is_last = i + 1 == messages.size();
    if (kind == 0 || kind == 1 || kind == 2) absl::StrAppend(&text, event, is_last ? "" : ",");
    if (kind == 3) {
      absl::StrAppend(
          &text, "[{\"field\":\"@timestamp\",\"value\":\"2023-12-18 16:28:03.000\"},{\"field\":\"@message\",\"value\":",
          Quoted(messages[i]), "}]", is_last ? "" : ",");
    }
    if (kind == 4) {
      text += "1742570569000,\"";
      for (char c : messages[i]) text.append(c == '"' ? 2 : 1, c);
      text += "\"\n";
    }
    if (kind == 5) absl::StrAppend(&text, "{", message, "}\n");
    if (kind == 6) absl::StrAppend(&text, "{", message, "}");
    if (kind == 7) absl::StrAppend(&text, i == 0 ? "[" : ", ", "{", message, "}", is_last ? "]" : "");
  }
  constexpr char kFacts[] = R"("owner":"1","logGroup":"g","logStream":"s","subscriptionFilters":["f"])";
  if (kind == 0) return absl::StrCat(R"({"messageType":"DATA_MESSAGE",)", kFacts, R"(,"logEvents":[)", text, "]}");
  if (kind == 1) return absl::StrCat(R"({"logEvents":[)", text, R"(],"messageType":"DATA_MESSAGE",)", kFacts, "}");
  if (kind == 2) return absl::StrCat(R"({"events":[)", text, R"(],"nextToken":"t","searchedLogStreams":[]})");
  if (kind == 3) return absl::StrCat(R"({"results":[)", text, R"(],"status":"Complete"})");
  return text;
}

// base64 of it, where that is told from text.
std::string Encoded(const std::string& content) {
  const std::string plain = Base64(content);
  return fl::LooksLikeBase64(plain) ? plain : Base64(flowlogs_test::Gzip(content));
}

std::string Wrapped(size_t kind, const std::string& content) {
  switch (kind) {
    case 1:
      return flowlogs_test::Gzip(content);
    case 2:
      return Encoded(content);
    case 3: {
      const std::string data = Encoded(content);
      std::string lines;
      for (size_t i = 0; i < data.size(); i += 76) lines += data.substr(i, 76) + "\r\n";
      return lines;
    }
    case 4:
      return absl::StrCat(R"({"awslogs": {"data": ")", Base64(content), "\"}}");
    case 5:
      return absl::StrCat(R"({"Records":[{"kinesis":{"partitionKey":"p","data":")", Base64(content),
                          R"("},"eventID":"1"}]})");
    case 6:
      return absl::StrCat(R"({"invocationId":"i","records":[{"recordId":"1","data":")", Base64(content), R"("}]})");
    case 7:
      return absl::StrCat(R"({"Records":[{"messageId":"m","body":")", Encoded(content), R"("}]})");
    default:
      return content;
  }
}

void CheckMessages(size_t way, size_t layers, size_t damage, std::string_view text) {
  std::vector<std::string> messages;
  const size_t kind = way % kDocuments;
  constexpr size_t kMost = 40;
  while (messages.size() < kMost) {
    const size_t lf = text.find('\n');
    std::string message(text.substr(0, lf));
    fl::ReplaceBadUtf8(message.data(), message.size());
    if (kind == 4) std::replace(message.begin(), message.end(), '\r', ' ');
    messages.push_back(std::move(message));
    if (lf == std::string_view::npos) break;
    text.remove_prefix(lf + 1);
  }
  std::string stored = Wrapped(layers >> 3 & 7, Wrapped(layers & 7, Document(kind, messages)));
  const Content whole = ReadStored(stored, {});
  Require(whole.end.empty(), "what was wrapped is read to its end", whole.end);
  Require(whole.lines == messages, "what was wrapped comes out", Shown(whole));
  Require(std::find(whole.is_message.begin(), whole.is_message.end(), false) == whole.is_message.end(),
          "messages are whole", Shown(whole));
  stored.resize(stored.size() * damage / 256);
  const std::string_view head = std::string_view(stored).substr(0, fl::kHeadBytes);
  // What is too short to be told, or plain CSV that is cut in a message, is text as it stands.
  if (fl::CompressionOf(head) != fl::Compression::kNone ||
      (fl::FormOf(head) != fl::ContentForm::kLines && fl::FormOf(head) != fl::ContentForm::kCsv)) {
    if (kind != 4) RequireBeginning(ReadStored(stored, {}), messages, "of what is cut, the beginning comes out");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > (16 << 10)) return 0;
  FuzzInput input(data, size);
  const size_t way = input.Byte(), cuts = input.Byte(), limits = input.Byte();
  if (way % 2 == 0) {
    std::string stored(input.rest());
    if (way % 8 == 2) stored = flowlogs_test::Gzip(stored);
    if (way % 8 == 4) stored = flowlogs_test::Gzip(Base64(stored));
    if (way % 8 == 6) stored = absl::StrCat(R"({"awslogs":{"data":")", Base64(flowlogs_test::Gzip(stored)), "\"}}");
    CheckContent(stored, cuts, limits);
  } else {
    CheckMessages(way >> 1, cuts, limits, input.rest());
  }
  return 0;
}
