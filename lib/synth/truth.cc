#include "lib/synth/truth.h"

#include <string_view>

namespace flowlogs {
inline namespace v1 {
namespace {

// Texts of ours: no control characters.
std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string List(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const std::string& text : texts) out += (out.size() > 1 ? ", " : "") + Quoted(text);
  return out + "]";
}

std::string Number(int64_t value) { return std::to_string(value); }

}  // namespace

std::string Truth::ToJson() const {
  std::string out = "{\"seed\": " + std::to_string(seed) + ", \"start\": " + Number(start) +
                    ", \"end\": " + Number(end) + ",\n \"incidents\": [";
  const char* comma = "";
  for (const TruthEntry& entry : incidents) {
    out += std::string(comma) + "\n  {\"kind\": " + Quoted(entry.kind) + ", \"actor\": " + Quoted(entry.actor) +
           ", \"targets\": " + List(entry.targets) + ", \"start\": " + Number(entry.start) +
           ", \"end\": " + Number(entry.end) + ", \"interface\": " + Quoted(entry.interface) +
           ", \"aliases\": " + List(entry.aliases) + ", \"also\": " + List(entry.also) +
           ", \"seed\": " + std::to_string(seed) + ", \"why\": " + Quoted(entry.why) + "}";
    comma = ",";
  }
  out += "],\n \"decoys\": [";
  comma = "";
  for (const Decoy& decoy : decoys) {
    out += std::string(comma) + "\n  {\"kind\": " + Quoted(decoy.kind) + ", \"actor\": " + Quoted(decoy.actor) +
           ", \"why\": " + Quoted(decoy.why) + "}";
    comma = ",";
  }
  out += "],\n \"lists\": {\"bad\": " + List(list) + "},\n \"policy\": {\"zones\": {";
  comma = "";
  for (const auto& [name, prefixes] : zones) {
    out += comma + Quoted(name) + ": " + List(prefixes);
    comma = ", ";
  }
  return out + "}, \"allow\": " + List(allow) + "}}\n";
}

}  // namespace v1
}  // namespace flowlogs
