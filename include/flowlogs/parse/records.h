// A loop over the records of text in memory.
//
//   fl::Stats stats;
//   for (const fl::Record& r : fl::Records(text, {.stats = &stats})) total += r.bytes().value_or(0);
//
// Headers in the text set the format from there on; lines that are no record are counted in `stats` and skipped. Without
// a header or `format` the format is found as CONTRACT F2 says; if that fails there is no record, every line is a
// problem ("no-format"), and `stats.errors` says what to do.
#ifndef FLOWLOGS_PARSE_RECORDS_H_
#define FLOWLOGS_PARSE_RECORDS_H_

#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "flowlogs/parse/record.h"
#include "flowlogs/parse/stats.h"
#include "flowlogs/schema/format.h"

namespace flowlogs {
inline namespace v1 {

//   name            (default)   effect
//   format          (none)      the format until the first header
//   stats           (nullptr)   filled while the loop runs; complete after its end
//   max_line_bytes  (1 MiB)     a longer line is a problem
struct RecordsOptions {
  std::optional<Format> format = std::nullopt;
  Stats* stats = nullptr;
  size_t max_line_bytes = 1 << 20;
};

// A single-pass range over the records of `text`. Move only. Does not own the text: it and the records are valid only
// while the text lives; a record is valid until the iterator moves on.
class Records {
 public:
  explicit Records(std::string_view text, RecordsOptions options = {});
  // A temporary string would be gone before the loop begins.
  template <typename S>
    requires std::same_as<S, std::string>
  explicit Records(S&& text, RecordsOptions options = {}) = delete;
  Records(Records&&) noexcept;
  Records& operator=(Records&&) noexcept;
  ~Records();

  class iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Record;
    using difference_type = std::ptrdiff_t;
    using pointer = const Record*;
    using reference = const Record&;
    const Record& operator*() const { return *record_; }
    const Record* operator->() const { return record_; }
    iterator& operator++() {
      record_ = owner_->Advance();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& a, std::default_sentinel_t) { return a.record_ == nullptr; }

   private:
    friend class Records;
    Records* owner_ = nullptr;
    const Record* record_ = nullptr;
  };
  iterator begin();
  std::default_sentinel_t end() { return {}; }

 private:
  const Record* Advance();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_PARSE_RECORDS_H_
