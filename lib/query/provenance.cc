#include "lib/query/provenance.h"

#include <algorithm>
#include <array>
#include <vector>

#include "lib/parse/record_batch.h"
#include "lib/query/lexer.h"
#include "lib/query/time_literal.h"

namespace flowlogs {
inline namespace v1 {
namespace {

using language::AllDigits;
using language::IsDigit;

bool IsHex(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f'); }

bool IsAccount(std::string_view text) { return text.size() == 12 && AllDigits(text); }

// us-east-1, us-gov-west-1, ap-southeast-3
bool IsRegion(std::string_view text) {
  return text.size() >= 5 && text.find('-') != std::string_view::npos && IsDigit(text.back()) &&
         std::all_of(text.begin(), text.end(), [](char c) { return c == '-' || IsDigit(c) || (c >= 'a' && c <= 'z'); });
}

bool IsFlowLogId(std::string_view text) {
  return text.size() > 3 && text.starts_with("fl-") && std::all_of(text.begin() + 3, text.end(), IsHex);
}

// 20180620T1620Z
bool IsDeliveryTime(std::string_view text) {
  return text.size() == 14 && AllDigits(text.substr(0, 8)) && text[8] == 'T' && AllDigits(text.substr(9, 4)) &&
         text[13] == 'Z';
}

// 5f5d4f4a-1c1c-4b4b-9a9a-0123456789ab
bool IsTaskId(std::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool is_hyphen = i == 8 || i == 13 || i == 18 || i == 23;
    if (is_hyphen ? text[i] != '-' : !IsHex(text[i])) return false;
  }
  return true;
}

// 000000.gz, and what it is called once it is inflated
bool IsExportedPart(std::string_view file) {
  const std::string_view number = file.substr(0, file.find('.'));
  return number.size() == 6 && AllDigits(number);
}

void ReadFile(std::string_view file, NameFacts* facts) {
  std::array<std::string_view, 6> parts;
  for (size_t i = 0; i < parts.size(); ++i) {
    const size_t end = i + 1 < parts.size() ? file.find('_') : file.size();
    if (end == std::string_view::npos) return;
    parts[i] = file.substr(0, end);
    file.remove_prefix(std::min(end + 1, file.size()));
  }
  if (!IsAccount(parts[0]) || parts[1] != "vpcflowlogs" || !IsRegion(parts[2]) || !IsFlowLogId(parts[3]) ||
      !IsDeliveryTime(parts[4]) || parts[5].empty()) {
    return;
  }
  facts->account = parts[0];
  facts->region = parts[2];
  facts->flow_log_id = parts[3];
}

// The value of a folder such as "aws-region=eu-west-3".
std::string_view ValueOf(std::string_view folder, std::string_view key) {
  if (!folder.starts_with(key)) return {};
  folder.remove_prefix(key.size());
  for (std::string_view equals : {"=", "%3D", "%3d"}) {
    if (folder.starts_with(equals)) return folder.substr(equals.size());
  }
  return {};
}

}  // namespace

NameFacts FactsOfName(std::string_view name) {
  NameFacts facts;
  std::vector<std::string_view> parts;  // folders, then the file
  for (size_t begin = 0; begin <= name.size();) {
    const size_t end = std::min(name.find('/', begin), name.size());
    parts.push_back(name.substr(begin, end - begin));
    begin = end + 1;
  }
  const size_t folders = parts.size() - 1;
  ReadFile(parts[folders], &facts);
  for (size_t i = folders; i-- > 0;) {  // the nearest first
    const std::string_view account = ValueOf(parts[i], "aws-account-id"), region = ValueOf(parts[i], "aws-region");
    if (facts.account.empty() && IsAccount(account)) facts.account = account;
    if (facts.region.empty() && IsRegion(region)) facts.region = region;
    if (parts[i] != "vpcflowlogs" || i == 0 || !IsAccount(parts[i - 1])) continue;
    if (facts.account.empty()) facts.account = parts[i - 1];
    if (facts.region.empty() && i + 1 < folders && IsRegion(parts[i + 1])) facts.region = parts[i + 1];
  }
  if (folders >= 1 && IsExportedPart(parts[folders])) {
    const std::string_view stream = parts[folders - 1];
    if (stream.starts_with("eni-") || (folders >= 2 && IsTaskId(parts[folders - 2]))) facts.log_stream = stream;
  }
  return facts;
}

int64_t EventTimeOf(std::string_view token) {
  constexpr size_t kFraction = std::string_view("2022-01-01T00:00:00").size();
  constexpr int64_t kFirstMilliseconds = 100'000'000'000;  // as of start and end
  if (token.empty()) return kNullWord;
  if (AllDigits(token)) {
    if (token.size() > 16) return kNullWord;
    int64_t number = 0;
    for (char c : token) number = number * 10 + (c - '0');
    return number >= kFirstMilliseconds ? number : number * 1000;
  }
  language::Point point;
  if (language::ParseIsoTime(token, &point) != nullptr) return kNullWord;
  int64_t milliseconds = 0;
  if (token.size() > kFraction && token[kFraction] == '.') {
    int64_t unit = 100;
    for (size_t i = kFraction + 1; i < token.size() && IsDigit(token[i]) && unit > 0; ++i, unit /= 10) {
      milliseconds += unit * (token[i] - '0');
    }
  }
  return point.floor * 1000 + milliseconds;
}

}  // namespace v1
}  // namespace flowlogs
