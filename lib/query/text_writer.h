// Private: appends to a string through a bare pointer, so that a cell costs no call and no check of its own.
#ifndef FLOWLOGS_LIB_QUERY_TEXT_WRITER_H_
#define FLOWLOGS_LIB_QUERY_TEXT_WRITER_H_

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

namespace flowlogs {
inline namespace v1 {
namespace internal {

// The string is complete when the writer is gone.
//
//   char* p = writer.Reserve(room);   // room for so many bytes; valid until the next call
//   writer.Commit(WriteInt(5, p));    // what was written ends here
class TextWriter {
 public:
  // Does not own `out`, which must outlive the writer.
  explicit TextWriter(std::string* out) : out_(*out), size_(out->size()) {}
  ~TextWriter() { out_.resize(size_); }
  // Not copied: two writers would not see each other's bytes.
  TextWriter(const TextWriter&) = delete;
  TextWriter& operator=(const TextWriter&) = delete;

  char* Reserve(size_t room) {
    if (out_.size() - size_ < room) Grow(room);
    return out_.data() + size_;
  }
  void Commit(const char* end) { size_ = static_cast<size_t>(end - out_.data()); }

  void Put(char c) {
    *Reserve(1) = c;
    ++size_;
  }
  void Put(std::string_view text) {
    if (!text.empty()) std::memcpy(Reserve(text.size()), text.data(), text.size());
    size_ += text.size();
  }
  void Fill(char c, size_t count) {
    std::memset(Reserve(count), c, count);
    size_ += count;
  }

 private:
  // resize() doubles the capacity when it must, and clears the new bytes: not many at once, for they are cleared for
  // nothing where a short table follows.
  void Grow(size_t room) { out_.resize(size_ + room + std::clamp<size_t>(size_, 1024, 65536)); }

  std::string& out_;
  size_t size_;
};

}  // namespace internal
}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_QUERY_TEXT_WRITER_H_
