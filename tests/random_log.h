// Random logs for the tests of parse/ and query/: mostly records, with as much hostility as is asked for. Deterministic
// for a seed. FLOWLOGS_CASES=20000 in the environment runs exactly so many random cases of each kind, as in tests/python.
#ifndef FLOWLOGS_TESTS_RANDOM_LOG_H_
#define FLOWLOGS_TESTS_RANDOM_LOG_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "flowlogs/schema/field.h"
#include "flowlogs/schema/format.h"
#include "tests/reference_splitter.h"

namespace flowlogs_test {

inline size_t Cases(size_t usual) {
  const char* wanted = std::getenv("FLOWLOGS_CASES");
  return wanted == nullptr ? usual : std::strtoul(wanted, nullptr, 10);
}

// The text in a heap block of exactly its size, so that AddressSanitizer sees a read of one byte too far.
class ExactText {
 public:
  explicit ExactText(std::string_view text) : size_(text.size()), bytes_(new char[text.size()]) {
    if (size_ > 0) std::memcpy(bytes_.get(), text.data(), size_);
  }
  std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  size_t size_;
  std::unique_ptr<char[]> bytes_;
};

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  size_t Below(size_t n) { return static_cast<size_t>(engine_() % n); }
  bool Chance(double p) { return static_cast<double>(engine_() >> 11) * 0x1p-53 < p; }
  template <size_t N>
  std::string_view Of(const char* const (&items)[N]) {
    return items[Below(N)];
  }
  template <typename T>
  const T& Of(const std::vector<T>& items) {
    return items[Below(items.size())];
  }
  std::mt19937_64& engine() { return engine_; }

 private:
  std::mt19937_64 engine_;
};

struct RandomLog {
  std::string text;
  std::optional<ReferenceFormat> given;

  std::optional<flowlogs::Format> GivenFormat() const {
    if (!given) return std::nullopt;
    std::string names;
    for (const std::string& name : given->names) names += name + " ";
    return flowlogs::Format::Parse(names);
  }
};

class RandomLogMaker {
 public:
  explicit RandomLogMaker(Random* random) : random_(*random) {}

  // About `lines` lines.
  RandomLog Make(size_t lines) {
    constexpr double kHostilities[] = {0, 0, 0.005, 0.02, 0.1, 0.3};
    hostile_ = kHostilities[random_.Below(6)];
    const bool crlf = random_.Chance(0.15);
    RandomLog log;
    const double opening = static_cast<double>(random_.Below(100)) / 100;
    format_ = RandomFormat();
    if (opening < 0.5) {
      AddLine(Header(), crlf, &log.text);
    } else if (opening < 0.75) {
      format_ = random_.Chance(0.8) ? ReferenceSplitter::Default() : ReferenceSplitter::TransitGateway();
      format_.leading_time = random_.Chance(0.3);
    } else {
      format_.comma = false;
      log.given = format_;
      format_.leading_time = random_.Chance(0.15);
    }
    while (lines-- > 0) {
      const bool odd = random_.Chance(hostile_ / 2);
      if (odd) {
        AddLine(Junk(), crlf, &log.text);
      } else if (random_.Chance(0.01 + hostile_ / 4)) {
        format_.leading_time = false;
        AddLine(Header(), crlf, &log.text);  // again, as in `zcat *.gz`
      } else if (random_.Chance(0.01 + hostile_ / 4)) {
        if (random_.Chance(0.5)) {
          std::shuffle(format_.names.begin(), format_.names.end(), random_.engine());
        } else {
          format_ = RandomFormat();
        }
        format_.leading_time = false;
        AddLine(Header(), crlf, &log.text);
      } else {
        AddLine(Record(), crlf, &log.text);
      }
    }
    if (random_.Chance(0.3) && log.text.ends_with('\n')) log.text.pop_back();
    // Content that is refused, or begins with a byte order mark, is a matter of io/.
    if (!log.text.empty() && static_cast<unsigned char>(log.text[0]) >= 0x80) log.text.insert(0, "x");
    return log;
  }

  std::string Token(std::string_view name) {
    if (random_.Chance(0.1)) return "-";
    const bool bad = random_.Chance(hostile_);
    const std::optional<flowlogs::Field> field = flowlogs::FindField(name);
    switch (field ? flowlogs::Info(*field).type : flowlogs::ValueType::kText) {
      case flowlogs::ValueType::kAddress:
        if (bad)
          return std::string(random_.Of({"10.0.0.01", "10.0.0.256", "1.2.3", "host", "1::2::3", "fe80::1%eth0"}));
        return std::string(random_.Of({"10.0.0.1", "10.0.0.2", "10.1.2.3", "172.16.0.9", "192.168.1.1", "8.8.8.8",
                                       "203.0.113.5", "224.0.0.1", "0.0.0.0", "2001:db8::1", "2001:DB8:0::1", "fe80::1",
                                       "::ffff:10.0.0.1", "ff02::1", "::", "fc00::1:2:3"}));
      case flowlogs::ValueType::kInt32:
      case flowlogs::ValueType::kInt64:
      case flowlogs::ValueType::kTime:
        return bad ? std::string(random_.Of({"x", "-1", "+5", "1_0", "0x10", "1.5", "18446744073709551616", "9\x01",
                                             "99999999999999999999999"}))
                   : Number(name);
      case flowlogs::ValueType::kTag:
        return std::string(random_.Of({"my-app", "my%2Dapp", "%2D", "a%20b", "%zz", "100%", "%c3%a9", "%FF"}));
      case flowlogs::ValueType::kText:
        break;
    }
    if (bad) {
      if (random_.Chance(0.3)) return std::string(random_.Of(kLengths), 'z');
      return std::string(
          random_.Of({"\x01\x02", "\xff\xfe", "\xe2\x82", "a\rb", "\x7f", "\x80\x80\x80", "caf\xc3\xa9", "a,b"}));
    }
    if (name == "action") return std::string(random_.Of({"ACCEPT", "REJECT"}));
    if (name == "log-status") return std::string(random_.Of({"OK", "OK", "OK", "OK", "NODATA", "SKIPDATA"}));
    return std::string(
        random_.Of({"eni-1", "eni-2", "eni-10", "000123", "123456789010", "unknown", "a", "Zz", "vpc-0a"}));
  }

 private:
  std::string Number(std::string_view name) {
    if (name == "start" || name == "end") {
      const size_t time = 1'700'000'000 + random_.Below(4000);
      return random_.Chance(0.1) ? std::to_string(time * 1000 + random_.Below(1000)) : std::to_string(time);
    }
    if (name == "protocol") return std::string(random_.Of({"6", "17", "1", "58", "0"}));
    if (random_.Chance(0.02)) {
      const bool wide = name == "bytes" || name == "packets";
      if (wide)
        return std::string(random_.Of({"9223372036854775807", "4611686018427387904", "00000000000000000000012"}));
      return std::string(random_.Of({"2147483647", "007", "00000000000000000000012"}));
    }
    return random_.Chance(0.5) ? std::string(random_.Of({"0", "1", "22", "53", "80", "443", "3389", "50123"}))
                               : std::to_string(random_.Below(70000));
  }

  ReferenceFormat RandomFormat() {
    const size_t choice = random_.Below(10);
    if (choice < 4) return ReferenceSplitter::Default();
    if (choice == 4) return ReferenceSplitter::TransitGateway();
    std::vector<std::string> names = {"srcaddr", "dstaddr", "dstport",   "bytes",        "start",       "end",
                                      "action",  "packets", "protocol",  "interface-id", "account-id",  "log-status",
                                      "srcport", "vpc-id",  "tcp-flags", "pkt-srcaddr",  "instance-tag"};
    if (random_.Chance(0.7)) {
      names.resize(13 + random_.Below(5));
      std::shuffle(names.begin(), names.end(), random_.engine());
    } else {
      std::shuffle(names.begin(), names.end(), random_.engine());
      names.resize(2 + random_.Below(9));
    }
    if (random_.Chance(0.2)) names.insert(names.begin(), "my-column");
    return {names, random_.Chance(0.15), false};
  }

  std::string Header() {
    std::string line;
    for (std::string name : format_.names) {
      if (name != "my-column" && random_.Chance(0.2)) std::replace(name.begin(), name.end(), '-', '_');
      if (!line.empty()) line += format_.comma ? (random_.Chance(hostile_) ? " , " : ",") : " ";
      line += name;
    }
    return line;
  }

  std::string Record() {
    std::vector<std::string> tokens;
    if (format_.leading_time) {
      tokens.emplace_back(random_.Of({"2023-11-14T22:13:20.000Z", "1700000000000", "1700000000"}));
    }
    for (const std::string& name : format_.names) tokens.push_back(Token(name));
    if (random_.Chance(hostile_ / 3)) tokens.pop_back();
    if (random_.Chance(hostile_ / 3)) tokens.emplace_back("extra");
    std::string line;
    if (format_.comma) {
      for (size_t i = 0; i < tokens.size(); ++i) {
        std::replace(tokens[i].begin(), tokens[i].end(), ',', '.');
        if (tokens[i] == "-" && random_.Chance(0.5)) tokens[i].clear();
        if (random_.Chance(0.1)) tokens[i] = '"' + tokens[i] + '"';
        line += (i == 0 ? "" : random_.Chance(hostile_) ? " , " : ",") + tokens[i];
      }
      return line;
    }
    const bool loose = random_.Chance(hostile_);
    if (loose) line += random_.Of({"", " ", "\t"});
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (i > 0) line += loose ? random_.Of({" ", "  ", "\t", " \t "}) : " ";
      line += tokens[i];
    }
    if (loose) line += random_.Of({"", "", " ", "\t"});
    return line;
  }

  std::string Junk() {
    if (random_.Chance(0.1)) return std::string(random_.Of(kLengths), random_.Chance(0.5) ? ' ' : 'j');
    return std::string(random_.Of({"",
                                   " ",
                                   "\t",
                                   "\r",
                                   " \r",
                                   "#",
                                   "# a comment of some words",
                                   "-",
                                   "srcaddr",
                                   "version srcaddr 7",
                                   "srcaddr srcaddr bytes",
                                   "2 2 2 2 2 2 2 2 2 2 2 2 2",
                                   "2 2 2 2 2 2 2 2 2 2 2 2 2 2 2",
                                   ",,,",
                                   "version,srcaddr,-",
                                   "version , srcaddr , bytes",
                                   "a, b srcaddr",
                                   "version srcaddr x\ry z",
                                   "version srcaddr x\r5",
                                   "\xff\xfe",
                                   "a\rb"}));
  }

  void AddLine(std::string line, bool crlf, std::string* text) {
    *text += line;
    *text += crlf || random_.Chance(hostile_ / 4) ? "\r\n" : "\n";
  }

  static inline const std::vector<size_t> kLengths = {15, 16, 17, 31, 32, 33, 63, 64, 65, 255, 256, 257, 300, 1000};
  Random& random_;
  double hostile_ = 0;
  ReferenceFormat format_;
};

}  // namespace flowlogs_test

#endif  // FLOWLOGS_TESTS_RANDOM_LOG_H_
