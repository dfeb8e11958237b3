// Golden cases: tests/golden/<case>.log with what it must give in <case>.json, read by gtest and by pytest
// (tests/python/test_golden.py), so that the two languages cannot drift.
//
//   {"input": {"format": "..."},                 or {} where the input tells its format
//    "records": [{"srcaddr": "10.0.0.1", ...}],  what Record.to_dict() gives, keys in order
//    "stats": {"lines": 2, ...}}                 after a full check; or, instead of both, "error": "part of a message"
//
// Values are null, integers and strings; bytes that are not UTF-8 stand as \xNN in the string, as everywhere in output.
#ifndef FLOWLOGS_TESTS_GOLDEN_CASE_H_
#define FLOWLOGS_TESTS_GOLDEN_CASE_H_

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace flowlogs_test {

// A JSON value, of the kinds that golden files have. Members keep their order.
struct Json {
  enum class Kind : uint8_t { kNull, kInteger, kString, kArray, kObject };
  Kind kind = Kind::kNull;
  int64_t integer = 0;
  std::string text;
  std::vector<Json> items;
  std::vector<std::pair<std::string, Json>> members;

  static Json Integer(int64_t value);
  static Json String(std::string_view value);
  static Json Array();
  static Json Object();

  // The member, or null if there is none.
  const Json& operator[](std::string_view name) const {
    static const Json null;
    auto found = std::find_if(members.begin(), members.end(), [&](const auto& m) { return m.first == name; });
    return found == members.end() ? null : found->second;
  }

  // On one line, for comparisons whose failure a person can read.
  std::string ToString() const {
    std::string out;
    switch (kind) {
      case Kind::kNull:
        return "null";
      case Kind::kInteger:
        return std::to_string(integer);
      case Kind::kString:
        return '"' + text + '"';
      case Kind::kArray:
        for (const Json& item : items) out += (out.empty() ? "" : ", ") + item.ToString();
        return "[" + out + "]";
      case Kind::kObject:
        for (const auto& [name, value] : members) out += (out.empty() ? "" : ", ") + name + ": " + value.ToString();
        return "{" + out + "}";
    }
    return out;
  }
};

inline Json Json::Integer(int64_t value) { return {Kind::kInteger, value, {}, {}, {}}; }
inline Json Json::String(std::string_view value) { return {Kind::kString, 0, std::string(value), {}, {}}; }
inline Json Json::Array() { return {Kind::kArray, 0, {}, {}, {}}; }
inline Json Json::Object() { return {Kind::kObject, 0, {}, {}, {}}; }

// Reads JSON without fractions, true and false: what golden files and integer-only answers need.
class JsonReader {
 public:
  // nullopt if `text` is not exactly one value.
  static std::optional<Json> Read(std::string_view text) {
    JsonReader reader(text);
    Json value;
    if (!reader.Value(&value) || reader.Peek() != '\0') return std::nullopt;
    return value;
  }

 private:
  explicit JsonReader(std::string_view text) : rest_(text) {}

  // The next character that is no white space, '\0' at the end.
  char Peek() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size()));
    return rest_.empty() ? '\0' : rest_[0];
  }
  bool Take(char c) {
    if (Peek() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool Value(Json* value) {
    switch (Peek()) {
      case '{':
        *value = Json::Object();
        return Members(value);
      case '[':
        *value = Json::Array();
        return Items(value);
      case '"':
        *value = Json::String("");
        return String(&value->text);
      case 'n':
        *value = Json();
        if (!rest_.starts_with("null")) return false;
        rest_.remove_prefix(4);
        return true;
      default: {
        *value = Json::Integer(0);
        const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value->integer);
        rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
        return error == std::errc();
      }
    }
  }
  bool Members(Json* object) {
    Take('{');
    if (Take('}')) return true;
    do {
      auto& [name, value] = object->members.emplace_back();
      if (Peek() != '"' || !String(&name) || !Take(':') || !Value(&value)) return false;
    } while (Take(','));
    return Take('}');
  }
  bool Items(Json* array) {
    Take('[');
    if (Take(']')) return true;
    do {
      if (!Value(&array->items.emplace_back())) return false;
    } while (Take(','));
    return Take(']');
  }
  bool String(std::string* text) {
    for (size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == '"') {
        rest_.remove_prefix(i + 1);
        return true;
      }
      if (rest_[i] != '\\') {
        *text += rest_[i];
        continue;
      }
      if (++i == rest_.size()) return false;
      constexpr std::string_view kLetters = "\"\\/bfnrt";
      if (const size_t letter = kLetters.find(rest_[i]); letter != std::string_view::npos) {
        *text += "\"\\/\b\f\n\r\t"[letter];
        continue;
      }
      unsigned code = 0;  // golden files write only ASCII control characters this way
      if (rest_[i] != 'u' || i + 4 >= rest_.size()) return false;
      const auto [end, error] = std::from_chars(rest_.data() + i + 1, rest_.data() + i + 5, code, 16);
      if (error != std::errc() || end != rest_.data() + i + 5 || code > 0x7f) return false;
      *text += static_cast<char>(code);
      i += 4;
    }
    return false;
  }

  std::string_view rest_;
};

struct GoldenCase {
  std::string name;
  std::string log;
  std::optional<std::string> format;  // of "input"
  std::optional<std::string> error;
  Json records;
  Json stats;
};

inline std::string ReadWholeFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// All cases, by name. `broken`, if not empty afterwards, names a file that could not be understood.
inline std::vector<GoldenCase> LoadGoldenCases(const std::filesystem::path& folder, std::string* broken) {
  std::vector<GoldenCase> cases;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::filesystem::path path = entry.path();
    if (path.extension() != ".json") continue;
    const std::optional<Json> json = JsonReader::Read(ReadWholeFile(path));
    GoldenCase golden;
    golden.name = path.stem().string();
    if (!json || !std::filesystem::exists(path.replace_extension(".log"))) {
      *broken = golden.name;
      continue;
    }
    golden.log = ReadWholeFile(path);
    const Json& format = (*json)["input"]["format"];
    if (format.kind == Json::Kind::kString) golden.format = format.text;
    const Json& error = (*json)["error"];
    if (error.kind == Json::Kind::kString) golden.error = error.text;
    golden.records = (*json)["records"];
    golden.stats = (*json)["stats"];
    cases.push_back(std::move(golden));
  }
  std::sort(cases.begin(), cases.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return cases;
}

}  // namespace flowlogs_test

#endif  // FLOWLOGS_TESTS_GOLDEN_CASE_H_
