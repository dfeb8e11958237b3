#include "flowlogs/parse/stats.h"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lib/parse/text_out.h"

namespace flowlogs {
inline namespace v1 {
namespace {

// Writes JSON members one after the other. Knows only where a comma belongs: an opening bracket or a key is followed by
// none.
class JsonWriter {
 public:
  explicit JsonWriter(std::string* out) : out_(*out) {}

  void Open(char bracket) {
    Comma();
    out_ += bracket;
    comma_ = false;
  }
  void Close(char bracket) {
    out_ += bracket;
    comma_ = true;
  }
  void Key(std::string_view key) {
    Text(key);
    out_ += ':';
    comma_ = false;
  }
  void Text(std::string_view text) {
    Comma();
    AppendJsonString(text, &out_);
  }
  void Number(uint64_t number) {
    Comma();
    char digits[20];
    out_.append(digits, std::to_chars(digits, digits + sizeof(digits), number).ptr);
  }
  void Bool(bool value) {
    Comma();
    out_ += value ? "true" : "false";
  }

  void Number(std::string_view key, uint64_t number) {
    Key(key);
    Number(number);
  }
  void Text(std::string_view key, std::string_view text) {
    Key(key);
    Text(text);
  }
  void Texts(std::string_view key, const std::vector<std::string>& texts) {
    Key(key);
    Open('[');
    for (const std::string& text : texts) Text(text);
    Close(']');
  }
  void Counts(std::string_view key, const std::map<std::string, uint64_t>& counts) {
    Key(key);
    Open('{');
    for (const auto& [name, count] : counts) Number(name, count);
    Close('}');
  }
  // An array with one object for each item: members(item) writes its members.
  template <typename Items, typename Members>
  void Objects(std::string_view key, const Items& items, Members&& members) {
    Key(key);
    Open('[');
    for (const auto& item : items) {
      Open('{');
      members(item);
      Close('}');
    }
    Close(']');
  }

 private:
  void Comma() {
    if (comma_) out_ += ',';
    comma_ = true;
  }

  std::string& out_;
  bool comma_ = false;
};

}  // namespace

void AppendJsonString(std::string_view text, std::string* out) {
  const size_t size = out->size();
  out->resize(size + internal::JsonStringRoom(text));
  out->resize(static_cast<size_t>(internal::WriteJsonString(text, out->data() + size) - out->data()));
}

std::string Stats::ToJson() const {
  std::string out;
  JsonWriter json(&out);
  json.Open('{');
  json.Number("bytes", bytes);
  json.Number("lines", lines);
  json.Number("records", records);
  json.Number("headers", headers);
  json.Number("blank", blank);
  json.Counts("problems", problems);
  json.Counts("bad_values", bad_values);
  json.Number("nodata", nodata);
  json.Number("skipdata", skipdata);
  json.Number("skipped", skipped);
  json.Objects("formats", formats, [&json](const FormatCount& format) {
    json.Texts("fields", format.fields);
    json.Number("records", format.records);
  });
  json.Texts("new_fields", new_fields);
  json.Number("inputs", inputs);
  json.Objects("errors", errors, [&json](const InputError& error) {
    json.Text("source", error.source);
    json.Number("offset", error.offset);
    json.Text("message", error.message);
  });
  json.Key("complete");
  json.Bool(complete);
  json.Objects("samples", samples, [&json](const Sample& sample) {
    json.Text("source", sample.source);
    json.Number("line", sample.line);
    json.Text("reason", sample.reason);
    json.Text("text", sample.text);
  });
  json.Close('}');
  return out;
}

}  // namespace v1
}  // namespace flowlogs
