// Where a document of JSON ends, in a stream of documents of which some are broken.
#ifndef FLOWLOGS_LIB_IO_JSON_SCANNER_H_
#define FLOWLOGS_LIB_IO_JSON_SCANNER_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace flowlogs {
inline namespace v1 {

// Follows brackets and strings, and no more of the grammar than tells a document from the beginning of the next one. It
// goes on where it stopped, so a document may come in parts.
class JsonScanner {
 public:
  enum class State {
    kUnfinished,  // it does not end in what was given
    kComplete,    // it is size() bytes
    kBroken,      // it cannot go on behind size() bytes: a bracket that does not fit, a line end in a string, ...
  };
  static constexpr int kMaxDepth = 64;

  // `document` begins with { or [; what was given before is its beginning.
  State Scan(std::string_view document);
  size_t size() const { return at_; }
  // Behind the last whole object in a list that is a member of the document, as `{"logEvents":[{...},{...}|`; 0: none.
  size_t last_element_end() const { return last_element_end_; }
  void Reset() { *this = JsonScanner(); }

 private:
  bool is_list(int depth) const { return depth > 0 && ((lists_ >> (depth - 1)) & 1) != 0; }
  bool Open(char c);
  bool Close(char c);

  State state_ = State::kUnfinished;
  size_t at_ = 0;
  uint64_t lists_ = 0;  // by depth: whether it is a list
  int depth_ = 0;
  char before_ = '\0';  // the last character outside of strings that is not white space
  bool in_string_ = false;
  size_t last_element_end_ = 0;
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_IO_JSON_SCANNER_H_
