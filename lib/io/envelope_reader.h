// EnvelopeReader: content in which messages are wrapped, rewritten into lines.
#ifndef FLOWLOGS_LIB_IO_ENVELOPE_READER_H_
#define FLOWLOGS_LIB_IO_ENVELOPE_READER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "flowlogs/io/input.h"
#include "lib/io/cloudwatch_payload.h"
#include "lib/io/content_kind.h"
#include "lib/io/envelope_csv.h"
#include "lib/io/envelope_lines.h"
#include "lib/io/json_scanner.h"
#include "lib/io/json_text.h"
#include "lib/io/padded_buffer.h"

namespace flowlogs {
inline namespace v1 {

class EnvelopeJson;

// A content is documents of JSON, base64 texts, rows of CSV and plain lines, one after another. What is inside of a
// document is a content of its own. Not thread-safe.
class EnvelopeReader {
 public:
  // How what was given ends.
  enum class End {
    kMore,      // more follows
    kWhole,     // it is all of the content
    kDamaged,   // the input is damaged there
    kReported,  // it is damaged there, and whoever reads says so
  };

  // `out` outlives the reader.
  EnvelopeReader(ContentForm form, const InputOptions& options, EnvelopeLines* out);
  ~EnvelopeReader();

  // Every document goes to EnvelopeJson, as if none were written as AWS writes it: what comes out must not depend on it.
  void TakeLongWay() { takes_long_way_ = true; }

  // Rewrites what is whole of the input's content; returns how many bytes are done with. What is left is given again,
  // with more behind it. May write into the bytes, and into the PaddedBuffer::kPadding ones behind them.
  size_t Read(char* data, size_t size, End end);

  // Not empty: a limit was met, and Read() takes no more.
  const std::string& limit() const { return limit_; }
  // Not empty: something came that only names what is to be read; the first of it, and what to do.
  const std::string& refusal() const { return refusal_; }

 private:
  friend class EnvelopeJson;

  // Where a content stands.
  struct Content {
    ContentForm form = ContentForm::kLines;
    int depth = 0;              // of base64 and compression around it
    bool in_list = false;       // between the brackets of a list of documents
    JsonScanner scanner;        // of the document in front
    bool may_be_short = true;   // the short way may be for it
    bool is_begun = false;      // payload_ has begun with it
    bool is_rewritten = false;  // as far as it is good; it is broken, and where it ends is still to be seen
    size_t good = 0;            // if it is: so many bytes of it
    CsvColumns columns;

    void EndDocument() {
      scanner.Reset();
      may_be_short = true;
      is_begun = false;
      is_rewritten = false;
      good = 0;
    }
  };
  // One step of Read: `size` bytes are done with. 0: more is needed.
  size_t ReadSome(Content* content, char* data, size_t size, End end);
  size_t ReadContent(Content* content, char* data, size_t size, End end);
  size_t ReadDocument(Content* content, char* data, size_t size, End end);
  // The short way, for documents as AWS writes them. 0: it is not for this one, or more is needed, or a limit was met.
  size_t ReadShort(Content* content, std::string_view document);
  size_t ReadBroken(Content* content, char* data, size_t size, End end);
  size_t Salvage(Content* content, char* data);
  size_t ReadString(Content* content, char* data, size_t size, End end);
  size_t ReadLine(Content* content, char* data, size_t size, End end);
  size_t ReadRow(Content* content, char* data, size_t size, End end);
  size_t Base64Extent(std::string_view text, size_t line, End end) const;

  // A content inside of a document. `is_base64`: as its place in the document says, else it is looked at.
  void ReadInside(std::string_view text, bool is_base64, int depth);
  // Content at `depth`, compressed or not. `wrapper`: what is shown if it cannot be read.
  void ReadUnwrapped(char* data, size_t size, int depth, std::string_view wrapper, End end);
  void Inflate(std::string_view data, Compression compression, int depth, std::string_view wrapper);
  // Counts bytes that are held for contents in one another; false, with the limit, if there are too many.
  bool Hold(size_t bytes);
  void MeetLimit(std::string_view what);

  const InputOptions options_;
  const uint64_t max_event_bytes_;
  EnvelopeLines* const out_;
  Content top_;
  bool takes_long_way_ = false;
  CloudWatchPayload payload_;
  const char* inflated_ = nullptr;  // content with whose document payload_ has begun while it was inflated
  std::unique_ptr<EnvelopeJson> json_;
  std::vector<PaddedBuffer> buffers_;  // by depth
  uint64_t held_bytes_ = 0;
  std::string limit_;
  std::string refusal_;
};

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_IO_ENVELOPE_READER_H_
