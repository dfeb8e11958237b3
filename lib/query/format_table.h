// FormatTable: the formats of a run, each once, with a small number.
#ifndef FLOWLOGS_LIB_QUERY_FORMAT_TABLE_H_
#define FLOWLOGS_LIB_QUERY_FORMAT_TABLE_H_

#include <deque>
#include <mutex>
#include <string>
#include <unordered_map>

#include "flowlogs/schema/format.h"

namespace flowlogs {
inline namespace v1 {

// Thread-safe. Numbers depend on which thread comes first; they never leave the run.
class FormatTable {
 public:
  int Intern(const Format& format) {
    std::string key = format.Header();
    key += format.separator() == Separator::kComma ? ',' : ' ';
    key += format.leading_time() ? 't' : ' ';
    const std::lock_guard lock(mutex_);
    auto [it, is_new] = ids_.try_emplace(std::move(key), static_cast<int>(formats_.size()));
    if (is_new) formats_.push_back(format);
    return it->second;
  }
  // The reference stays valid while the table lives.
  const Format& at(int id) const {
    const std::lock_guard lock(mutex_);
    return formats_[static_cast<size_t>(id)];
  }

 private:
  mutable std::mutex mutex_;
  std::deque<Format> formats_;
  std::unordered_map<std::string, int> ids_;
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_FORMAT_TABLE_H_
