#define SIMDJSON_EXCEPTIONS 0  // what would throw does not compile
#include "lib/io/envelope_json.h"

#include <simdjson.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

#include "lib/io/envelope_lines.h"
#include "lib/io/envelope_reader.h"
#include "lib/io/json_text.h"

namespace flowlogs {
inline namespace v1 {
namespace {

namespace json = simdjson::ondemand;

static_assert(PaddedBuffer::kPadding >= simdjson::SIMDJSON_PADDING);

// The columns that Logs Insights finds in flow logs by itself, as fields are called.
constexpr std::pair<std::string_view, std::string_view> kInsightsNames[] = {
    {"accountId", "account-id"}, {"interfaceId", "interface-id"}, {"srcAddr", "srcaddr"},      {"dstAddr", "dstaddr"},
    {"srcPort", "srcport"},      {"dstPort", "dstport"},          {"logStatus", "log-status"},
};

std::string_view FieldName(std::string_view name) {
  for (const auto& [insights, field] : kInsightsNames) {
    if (name == insights) return field;
  }
  return name;
}

// Keys of S3's notifications are written as in a URL.
std::string PercentDecoded(std::string_view text) {
  std::string decoded;
  constexpr std::string_view kHex = "0123456789ABCDEF0123456789abcdef";
  const auto digit = [&](size_t i) { return i < text.size() ? kHex.find(text[i]) : std::string_view::npos; };
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && digit(i + 1) < 32 && digit(i + 2) < 32) {
      decoded += static_cast<char>(digit(i + 1) % 16 * 16 + digit(i + 2) % 16);
      i += 2;
    } else {
      decoded += text[i] == '+' ? ' ' : text[i];
    }
  }
  return decoded;
}

// So that documents of slowly growing sizes do not allocate again and again.
constexpr size_t RoundedUp(size_t size) {
  constexpr size_t kStep = 128 << 10;
  return size < kStep ? std::bit_ceil(size + 64) : (size / kStep + 1) * kStep;
}

// What an object says around its messages.
struct Facts {
  std::string_view type, owner, log_group, log_stream, log_format, account, region, message, id, data, detail_type;
  int64_t time = BlockEvents::kNoTime;
  bool has_message = false;
};

}  // namespace

struct EnvelopeJson::Level {
  json::parser parser;
  TextArena arena;
  std::vector<EnvelopeLines::Value> values;  // of an object that is a record
};

EnvelopeJson::EnvelopeJson(EnvelopeReader* reader) : reader_(reader) {
  for (int i = 0; i <= Input::kMaxNesting; ++i) levels_.push_back(nullptr);
}

EnvelopeJson::~EnvelopeJson() = default;

// The way through one document. Functions return false where it cannot be read on.
class EnvelopeJson::Document {
 public:
  Document(EnvelopeReader* reader, Level* level, std::string_view text, int depth)
      : reader_(*reader),
        out_(*reader->out_),
        level_(*level),
        data_(text.data()),
        size_(text.size()),
        depth_(depth),
        has_escapes_(std::memchr(data_, '\\', size_) != nullptr) {}

  bool Object(json::object object);
  // [{"field": "@message", "value": "..."}, ...]: a row of Logs Insights.
  bool Row(json::array row);
  size_t good() const { return good_; }

 private:
  static constexpr int kMaxFlattened = 8;  // objects in objects

  // A value from its first character on, up to what follows it; of a list or an object that character. "" if it is
  // none.
  static std::string_view Token(json::value& value) {
    const std::string_view token = value.raw_json_token();
    constexpr std::string_view kFirst = "\"{[-0123456789tfnN";
    return !token.empty() && kFirst.find(token.front()) != std::string_view::npos ? token : std::string_view();
  }
  // The beginning of what stands there, for a sample.
  std::string_view Sample(std::string_view token) const {
    return {token.data(), std::min<size_t>(256, static_cast<size_t>(data_ + size_ - token.data()))};
  }
  // A name stands between quotes in the document: what follows its first character is there to be read.
  std::string_view Name(const json::raw_json_string& name) {
    const char* const begin = name.raw();
    const char* end = begin;
    while (*end != '"') end += *end == '\\' ? 2 : 1;
    return UnescapedJson({begin, static_cast<size_t>(end - begin)}, &level_.arena);
  }
  static bool Is(const char* name, std::string_view with_quote) {
    return std::memcmp(name, with_quote.data(), with_quote.size()) == 0;
  }
  std::string_view Text(std::string_view token) { return StringText(token, has_escapes_ ? &level_.arena : nullptr); }
  void Note(std::string_view token) { good_ = static_cast<size_t>(token.data() + token.size() - data_); }
  bool goes_on() const { return reader_.limit_.empty(); }

  // A member of an object that may be an envelope, a message or a record.
  bool Member(std::string_view name, json::value& value, Facts* facts, bool* is_envelope, bool* is_deferred);
  void Fact(std::string_view name, std::string_view token, Facts* facts);
  bool Events(json::value& value, const Facts& facts);
  bool Event(json::object event, const Facts& all, std::string_view sample);
  bool SystemFields(json::object fields, Facts* facts);
  bool Records(json::value& value);
  bool StreamRecord(json::object record, std::string_view sample);
  bool Rows(json::value& value);
  bool Flatten(json::object object, const std::string& prefix, int depth);
  // The text of the member `name` of an object, "" without it.
  bool MemberText(json::value& value, std::string_view name, std::string_view* text, std::string_view inner = {});
  void SetOrigin(const Facts& facts) {
    out_.SetOrigin(facts.log_group, facts.log_stream, facts.owner, facts.account, facts.region);
  }
  void RefuseNotification(std::string_view bucket, std::string_view key);

  EnvelopeReader& reader_;
  EnvelopeLines& out_;
  Level& level_;
  const char* const data_;
  const size_t size_;
  const int depth_;
  const bool has_escapes_;
  size_t good_ = 0;
};

void EnvelopeJson::Document::Fact(std::string_view name, std::string_view token, Facts* facts) {
  const auto is = [&](auto... names) { return ((name == names) || ...); };
  if (is("message", "@message")) {
    facts->has_message = token.starts_with('"');
    if (facts->has_message) facts->message = Text(token);
  } else if (is("timestamp", "@timestamp")) {
    facts->time = EventTime(ScalarText(token, &level_.arena));
  } else if (is("id", "eventId")) {
    facts->id = Text(token);
  } else if (is("messageType")) {
    facts->type = Text(token);
  } else if (is("owner")) {
    facts->owner = Text(token);
  } else if (is("logGroup", "logGroupName")) {
    facts->log_group = Text(token);
  } else if (is("logStream", "logStreamName", "@logStream")) {
    facts->log_stream = Text(token);
  } else if (is("logFormat")) {
    facts->log_format = Text(token);
  } else if (is("@log")) {
    const LogName log = LogNameOf(Text(token));
    if (log.owner.data() != nullptr) facts->owner = log.owner;
    facts->log_group = log.group;
  } else if (is("@aws.account")) {
    facts->account = Text(token);
  } else if (is("@aws.region")) {
    facts->region = Text(token);
  } else if (is("detail-type")) {
    facts->detail_type = Text(token);
  }
}

bool EnvelopeJson::Document::Object(json::object object) {
  Facts facts;
  bool is_envelope = false, is_deferred = false;
  level_.values.clear();
  for (auto member : object) {
    json::field field;
    if (std::move(member).get(field) != simdjson::SUCCESS) return false;
    if (!Member(Name(field.key()), field.value(), &facts, &is_envelope, &is_deferred)) return false;
    if (!goes_on()) return true;
  }
  if (is_deferred) {
    // The events came before what is said of them all.
    if (object.reset().error() != simdjson::SUCCESS) return false;
    for (auto member : object) {
      json::field field;
      if (std::move(member).get(field) != simdjson::SUCCESS) return false;
      if (!Is(field.key().raw(), "logEvents\"")) continue;
      if (!Events(field.value(), facts)) return false;
    }
  }
  if (is_envelope) return true;
  if (facts.has_message) {
    SetOrigin(facts);
    out_.AddMessage(facts.message, {facts.time, facts.id});
    return true;
  }
  if (facts.detail_type == "Object Created") {  // EventBridge
    std::string_view bucket, key;
    for (const EnvelopeLines::Value& value : level_.values) {
      if (value.name == "detail.bucket.name") bucket = value.text;
      if (value.name == "detail.object.key") key = value.text;
    }
    RefuseNotification(bucket, key);
    return false;
  }
  if (level_.values.empty()) return false;
  out_.AddRecord(level_.values);
  return true;
}

bool EnvelopeJson::Document::Member(std::string_view name, json::value& value, Facts* facts, bool* is_envelope,
                                    bool* is_deferred) {
  const std::string_view token = Token(value);
  if (token.empty()) return false;
  if (token.front() == '[') {
    if (name == "logEvents") {
      *is_envelope = true;
      const bool is_known = !facts->type.empty() && !facts->owner.empty() && facts->log_group.data() != nullptr &&
                            facts->log_stream.data() != nullptr;
      if (is_known) return Events(value, *facts);
      *is_deferred = true;
    } else if (name == "events") {
      *is_envelope = true;
      return Events(value, *facts);
    } else if (name == "Records" || name == "records") {
      *is_envelope = true;
      return Records(value);
    } else if (name == "results") {
      *is_envelope = true;
      return Rows(value);
    }
    return true;
  }
  if (token.front() == '{') {
    if (name == "awslogs") {
      *is_envelope = true;
      std::string_view data;
      if (!MemberText(value, "data", &data)) return false;
      reader_.ReadInside(data, true, depth_);
      return true;
    }
    json::object inner;
    if (value.get_object().get(inner) != simdjson::SUCCESS) return false;
    return Flatten(inner, std::string(name) + ".", 1);
  }
  Fact(name, token, facts);
  level_.values.push_back({FieldName(name), ScalarText(token, &level_.arena)});
  return true;
}

bool EnvelopeJson::Document::Flatten(json::object object, const std::string& prefix, int depth) {
  for (auto member : object) {
    json::field field;
    if (std::move(member).get(field) != simdjson::SUCCESS) return false;
    json::value& value = field.value();
    const std::string_view token = Token(value);
    if (token.empty()) return false;
    if (token.front() == '[') continue;
    std::string* const name = level_.arena.Add();
    *name = absl::StrCat(prefix, std::string(Name(field.key())));
    if (token.front() != '{') {
      level_.values.push_back({*name, ScalarText(token, &level_.arena)});
    } else if (depth < kMaxFlattened) {
      json::object inner;
      if (value.get_object().get(inner) != simdjson::SUCCESS) return false;
      if (!Flatten(inner, *name + ".", depth + 1)) return false;
    }
  }
  return true;
}

bool EnvelopeJson::Document::MemberText(json::value& value, std::string_view name, std::string_view* text,
                                        std::string_view inner) {
  json::object object;
  if (value.get_object().get(object) != simdjson::SUCCESS) return false;
  for (auto member : object) {
    json::field field;
    if (std::move(member).get(field) != simdjson::SUCCESS) return false;
    if (Name(field.key()) != name) continue;
    const std::string_view token = Token(field.value());
    if (!inner.empty() && token.starts_with('{')) {
      if (!MemberText(field.value(), inner, text)) return false;
    } else if (inner.empty()) {
      *text = Text(token);
    }
  }
  return true;
}

bool EnvelopeJson::Document::Events(json::value& value, const Facts& facts) {
  json::array events;
  if (value.get_array().get(events) != simdjson::SUCCESS) return false;
  if (facts.type == "CONTROL_MESSAGE") {
    out_.AddSkipped();
    return true;
  }
  out_.SetHeader(facts.log_format);
  SetOrigin(facts);
  for (auto element : events) {
    json::value event_value;
    if (std::move(element).get(event_value) != simdjson::SUCCESS) return false;
    const std::string_view token = Token(event_value);
    if (token.empty()) return false;
    if (token.front() != '{') {
      out_.AddBroken(token);
      SetOrigin(facts);
      continue;
    }
    json::object event;
    if (event_value.get_object().get(event) != simdjson::SUCCESS) return false;
    if (!Event(event, facts, Sample(token))) return false;
  }
  return true;
}

bool EnvelopeJson::Document::Event(json::object object, const Facts& all, std::string_view sample) {
  std::string_view message, id, log_stream;
  bool has_message = false, has_own = false;
  int64_t time = BlockEvents::kNoTime;
  Facts own;
  std::string_view token;
  for (auto member : object) {
    json::field field;
    if (std::move(member).get(field) != simdjson::SUCCESS) return false;
    const char* const name = field.key().raw();
    token = Token(field.value());
    if (token.empty()) return false;
    if (Is(name, "message\"")) {
      has_message = token.front() == '"';
      message = Text(token);
    } else if (Is(name, "timestamp\"")) {
      if (out_.keeps_events()) time = EventTime(ScalarText(token, &level_.arena));
    } else if (Is(name, "id\"") || Is(name, "eventId\"")) {
      if (out_.keeps_events()) id = Text(token);
    } else if (Is(name, "extractedFields\"") && token.front() == '{') {
      // The user's own names for the columns, which may be wrong; only what AWS adds is taken.
      json::object fields;
      if (field.value().get_object().get(fields) != simdjson::SUCCESS) return false;
      if (!SystemFields(fields, &own)) return false;
      has_own = true;
    } else if (token.front() != '{' && token.front() != '[') {
      Fact(Name(field.key()), token, &own);
      has_own = true;
    }
  }
  Note(token.empty() ? sample.substr(0, 1) : token);  // {} has no last value
  if (!has_message) {
    out_.AddBroken(sample);
    SetOrigin(all);
    return true;
  }
  if (has_own) {
    const auto either = [](std::string_view a, std::string_view b) { return a.empty() ? b : a; };
    out_.SetOrigin(either(own.log_group, all.log_group), either(own.log_stream, all.log_stream),
                   either(own.owner, all.owner), either(own.account, all.account), either(own.region, all.region));
  }
  out_.AddMessage(message, {time, id});
  if (has_own) SetOrigin(all);
  return true;
}

bool EnvelopeJson::Document::SystemFields(json::object fields, Facts* facts) {
  for (auto member : fields) {
    json::field field;
    if (std::move(member).get(field) != simdjson::SUCCESS) return false;
    if (*field.key().raw() != '@') continue;
    const std::string_view token = Token(field.value());
    if (token.starts_with('"')) Fact(Name(field.key()), token, facts);
  }
  return true;
}

bool EnvelopeJson::Document::Records(json::value& value) {
  json::array records;
  if (value.get_array().get(records) != simdjson::SUCCESS) return false;
  for (auto element : records) {
    json::value record_value;
    if (std::move(element).get(record_value) != simdjson::SUCCESS) return false;
    const std::string_view token = Token(record_value);
    if (token.empty()) return false;
    if (token.front() != '{') {
      out_.AddBroken(token);
      continue;
    }
    json::object record;
    if (record_value.get_object().get(record) != simdjson::SUCCESS) return false;
    if (!StreamRecord(record, Sample(token))) return false;
    if (!goes_on()) return true;
  }
  return true;
}

bool EnvelopeJson::Document::StreamRecord(json::object record, std::string_view sample) {
  bool has_content = false;
  std::string_view bucket, key, source, token;
  bool is_notification = false;
  for (auto member : record) {
    json::field field;
    if (std::move(member).get(field) != simdjson::SUCCESS) return false;
    const std::string_view name = Name(field.key());
    json::value& value = field.value();
    token = Token(value);
    if (token.empty()) return false;
    std::string_view text;
    bool is_base64 = true;
    if (name == "kinesis" && token.front() == '{') {
      if (!MemberText(value, "data", &text)) return false;
    } else if (name == "Sns" && token.front() == '{') {
      if (!MemberText(value, "Message", &text)) return false;
      is_base64 = false;
    } else if (name == "Data" || name == "data") {
      text = Text(token);
    } else if (name == "body") {
      text = Text(token);
      is_base64 = false;
    } else if (name == "s3" && token.front() == '{') {
      is_notification = true;
      json::object s3;
      if (value.get_object().get(s3) != simdjson::SUCCESS) return false;
      for (auto s3_member : s3) {
        json::field part;
        if (std::move(s3_member).get(part) != simdjson::SUCCESS) return false;
        const std::string_view part_name = Name(part.key());
        if (part_name == "bucket" && !MemberText(part.value(), "name", &bucket)) return false;
        if (part_name == "object" && !MemberText(part.value(), "key", &key)) return false;
      }
    }
    if (text.data() == nullptr) continue;
    has_content = true;
    reader_.ReadInside(text, is_base64, depth_);
    Note(token.front() == '{' ? token.substr(0, 1) : token);
    if (!goes_on()) return true;
  }
  if (is_notification) {
    RefuseNotification(bucket, key);
    return false;
  }
  if (!has_content) out_.AddBroken(sample);
  return true;
}

bool EnvelopeJson::Document::Rows(json::value& value) {
  json::array rows;
  if (value.get_array().get(rows) != simdjson::SUCCESS) return false;
  for (auto element : rows) {
    json::value row_value;
    if (std::move(element).get(row_value) != simdjson::SUCCESS) return false;
    const std::string_view token = Token(row_value);
    if (token.empty()) return false;
    if (token.front() != '[') {
      out_.AddBroken(token);
      continue;
    }
    json::array row;
    if (row_value.get_array().get(row) != simdjson::SUCCESS) return false;
    if (!Row(row)) return false;
  }
  return true;
}

bool EnvelopeJson::Document::Row(json::array row) {
  Facts facts;
  level_.values.clear();
  std::string_view token;
  for (auto element : row) {
    json::object cell;
    if (std::move(element).get_object().get(cell) != simdjson::SUCCESS) return false;
    std::string_view name, value;
    for (auto member : cell) {
      json::field field;
      if (std::move(member).get(field) != simdjson::SUCCESS) return false;
      token = Token(field.value());
      if (token.empty()) return false;
      if (Is(field.key().raw(), "field\"")) name = Text(token);
      if (Is(field.key().raw(), "value\"")) value = token;
    }
    if (name == "@ptr" || value.empty()) continue;
    Fact(name, value, &facts);
    level_.values.push_back({FieldName(name), ScalarText(value, &level_.arena)});
  }
  if (!token.empty()) Note(token);
  if (facts.has_message) {
    SetOrigin(facts);
    out_.AddMessage(facts.message, {facts.time, facts.id});
  } else if (!level_.values.empty()) {
    out_.AddRecord(level_.values);
  } else {
    return false;
  }
  return true;
}

void EnvelopeJson::Document::RefuseNotification(std::string_view bucket, std::string_view key) {
  if (!reader_.refusal_.empty()) return;
  std::string object = absl::StrCat("s3://", std::string(bucket), "/", PercentDecoded(key));
  reader_.refusal_ =
      absl::StrCat("an S3 event notification, which names an object and holds no records; read the object: ",
                   bucket.empty() ? "s3://BUCKET/KEY" : object);
}

EnvelopeJson::Outcome EnvelopeJson::Rewrite(char* data, size_t size, int depth) {
  std::unique_ptr<Level>& level = levels_[static_cast<size_t>(depth)];
  if (level == nullptr) level = std::make_unique<Level>();
  Outcome outcome;
  json::parser& parser = level->parser;
  if (parser.capacity() < size && parser.allocate(RoundedUp(size)) != simdjson::SUCCESS) throw std::bad_alloc();
  reader_->out_->Expect(size);
  level->arena.Clear();
  // In a document that breaks the rules simdjson may look at what follows it, which must not decide anything.
  const char behind = std::exchange(data[size], '\0');
  const absl::Cleanup restore = [&] { data[size] = behind; };
  json::document document;
  simdjson::error_code error = parser.iterate(data, size, size + PaddedBuffer::kPadding).get(document);
  if (error == simdjson::UTF8_ERROR) {
    // One bad byte must not cost all of the messages.
    ReplaceBadUtf8(data, size);
    error = parser.iterate(data, size, size + PaddedBuffer::kPadding).get(document);
  }
  if (error == simdjson::MEMALLOC) throw std::bad_alloc();
  if (error != simdjson::SUCCESS) return outcome;
  Document way(reader_, level.get(), {data, size}, depth);
  json::object object;
  json::array array;
  if (*data == '{' && document.get_object().get(object) == simdjson::SUCCESS) {
    outcome.is_good = way.Object(object);
  } else if (*data == '[' && document.get_array().get(array) == simdjson::SUCCESS) {
    outcome.is_good = way.Row(array);
  }
  outcome.good = way.good();
  return outcome;
}

}  // namespace v1
}  // namespace flowlogs
