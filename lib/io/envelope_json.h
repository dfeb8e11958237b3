// EnvelopeJson: one document of JSON, read by simdjson and rewritten into lines.
#ifndef FLOWLOGS_LIB_IO_ENVELOPE_JSON_H_
#define FLOWLOGS_LIB_IO_ENVELOPE_JSON_H_

#include <cstddef>
#include <memory>
#include <vector>

namespace flowlogs {
inline namespace v1 {

class EnvelopeReader;

// simdjson stays inside of envelope_json.cc, and is asked for error codes: it throws nothing. Not thread-safe.
class EnvelopeJson {
 public:
  // `reader` outlives it, and reads what is inside of documents.
  explicit EnvelopeJson(EnvelopeReader* reader);
  ~EnvelopeJson();

  struct Outcome {
    bool is_good = false;
    size_t good = 0;  // if not: so many bytes of it were rewritten
  };
  // Rewrites the document [data, data + size), which has PaddedBuffer::kPadding bytes behind it; the first of them is
  // written to, and put back. Bytes that are not UTF-8 are replaced in place. `depth`: of the content that it stands in.
  Outcome Rewrite(char* data, size_t size, int depth);

 private:
  class Document;
  struct Level;
  EnvelopeReader* const reader_;
  std::vector<std::unique_ptr<Level>> levels_;  // by depth: one is in use while another one inside of it is read
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_IO_ENVELOPE_JSON_H_
