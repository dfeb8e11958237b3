// The short way through what CloudWatch Logs sends: documents as AWS writes them are read in one walk.
#ifndef FLOWLOGS_LIB_IO_CLOUDWATCH_PAYLOAD_H_
#define FLOWLOGS_LIB_IO_CLOUDWATCH_PAYLOAD_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace flowlogs {
inline namespace v1 {

// A subscription payload of data:
//
//   {"messageType":"DATA_MESSAGE","owner":"...","logGroup":"...","logStream":"...","subscriptionFilters":["..."],
//    "logEvents":[{"id":"...","timestamp":1432826855000,"message":"..."}, ...]}
//
// The first event shows in which order and with which white space its members are written; the others must be written
// so. Strings have no escapes, no control bytes, and are ASCII. Any other document is for EnvelopeJson, which reads all
// of them, to the same lines.
//
// A document may come in parts: Read() goes on where it stopped. Used again from document to document. Not thread-safe.
class CloudWatchPayload {
 public:
  enum class Outcome {
    kRead,        // it is size() bytes
    kUnfinished,  // more of it is needed
    kOther,       // it is, or may be, something else
  };
  // A part of the document.
  struct Span {
    uint32_t begin = 0;
    uint32_t size = 0;
  };
  struct Event {
    Span id;
    Span time;
  };
  static constexpr size_t kPadding = 128;  // so many bytes behind the document may be read (and decide nothing)

  // Another document. `keeps_events`: with ids and times.
  void Begin(bool keeps_events);
  // `document` begins with {; what was given before, perhaps elsewhere, is its beginning. It stays as it is while what
  // follows is used. What is not kUnfinished stays so.
  Outcome Read(std::string_view document);

  // After kRead.
  size_t size() const { return at_; }
  std::string_view owner() const { return text(facts_.owner); }
  std::string_view log_group() const { return text(facts_.log_group); }
  std::string_view log_stream() const { return text(facts_.log_stream); }
  const std::vector<Span>& messages() const { return messages_; }
  const std::vector<Event>& events() const { return events_; }  // of the messages, if they are kept
  std::string_view text(Span span) const { return document_.substr(span.begin, span.size); }

 private:
  class Walk;
  enum class Member { kId, kTime, kMessage };
  static constexpr size_t kMembers = 3;
  // What stands between the values of an event: {"id":" ... ","timestamp": ...
  struct Glue {
    static constexpr size_t kMost = 32;
    std::array<char, kMost> text{};
    size_t size = 0;

    bool Set(std::string_view glue);
    bool IsAt(const char* p) const;  // reads kMost bytes
    bool IsCut(const char* p, const char* end) const;
  };
  // How an event is written: glue, value, glue, value, ..., glue.
  struct Shape {
    std::array<Glue, kMembers + 1> glues;
    std::array<Member, kMembers> members{};
    size_t num_members = 0;
  };
  struct Facts {
    Span type, owner, log_group, log_stream;
  };

  bool keeps_events_ = false;
  Outcome outcome_ = Outcome::kUnfinished;
  std::string_view document_;
  size_t at_ = 0;  // behind the last event that is whole; 0: not even the first one is
  Facts facts_;
  Shape shape_;
  std::vector<Span> messages_;
  std::vector<Event> events_;
};

// Whether a document, by its first name, may be a payload or a Lambda event; quick, for there may be a document a record.
bool MayBeCloudWatch(std::string_view document);

// The event of a Lambda function, {"awslogs":{"data":"..."}} and nothing else, with whatever white space.
struct LambdaEvent {
  std::string_view data;  // without escapes
  size_t size = 0;        // of the document
};
// nullopt if the text does not begin with a whole one. kPadding as above.
std::optional<LambdaEvent> ReadLambdaEvent(std::string_view text);

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_IO_CLOUDWATCH_PAYLOAD_H_
