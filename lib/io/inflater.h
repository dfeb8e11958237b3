// Inflates gzip members. Two libraries behind one contract: ISA-L (three times as fast) and zlib (always there).
#ifndef FLOWLOGS_LIB_IO_INFLATER_H_
#define FLOWLOGS_LIB_IO_INFLATER_H_

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace flowlogs {
inline namespace v1 {

// Not thread-safe. Header, CRC-32 and size of each member are checked.
class Inflater {
 public:
  enum class Outcome {
    kMore,       // needs more input, or more room
    kMemberEnd,  // all output of the member is out, and its checksum is right; the next member begins at *in
    kDamaged,    // see problem()
  };

  virtual ~Inflater() = default;
  // Takes bytes from the front of *in and puts inflated ones at the front of *out, moving both. It stops when *out is
  // full, at the end of the member, or when *in is used up and all of its output is out. REQUIRES: *out is not empty.
  virtual Outcome Inflate(std::string_view* in, std::span<char>* out) = 0;
  // Makes ready for another member.
  virtual void Reset() = 0;
  // After kDamaged: "its checksum is wrong".
  virtual const char* problem() const = 0;
};

// ISA-L's where it was compiled in, unless the environment says FLOWLOGS_INFLATE=zlib.
std::unique_ptr<Inflater> NewInflater();

std::unique_ptr<Inflater> NewZlibInflater();
std::string ZlibInflaterName();
// nullptr and "" if ISA-L was not compiled in.
std::unique_ptr<Inflater> NewIsalInflater();
std::string IsalInflaterName();

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_IO_INFLATER_H_
