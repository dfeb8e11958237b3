// Inflates the members of compressed data. Three libraries behind one contract: for gzip ISA-L (three times as fast)
// and zlib (always there), for zstd, whose frames are called members here too, libzstd.
#ifndef FLOWLOGS_LIB_IO_INFLATER_H_
#define FLOWLOGS_LIB_IO_INFLATER_H_

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "lib/io/content_kind.h"

namespace flowlogs {
inline namespace v1 {

// Not thread-safe. The checksums that a member has are checked.
class Inflater {
 public:
  enum class Outcome {
    kMore,       // needs more input, or more room
    kMemberEnd,  // all output of the member is out, and its checksum is right; the next member begins at *in
    kDamaged,    // see problem()
    kTooLarge,   // it would take more memory than is allowed; see problem()
  };

  virtual ~Inflater() = default;
  // Takes bytes from the front of *in and puts inflated ones at the front of *out, moving both. It stops when *out is
  // full, at the end of the member, or when *in is used up and all of its output is out. REQUIRES: *out is not empty.
  virtual Outcome Inflate(std::string_view* in, std::span<char>* out) = 0;
  // Makes ready for another member.
  virtual void Reset() = 0;
  // After kDamaged and kTooLarge: "its checksum is wrong".
  virtual const char* problem() const = 0;
};

// For gzip ISA-L's where it was compiled in, unless the environment says FLOWLOGS_INFLATE=zlib.
// REQUIRES: `compression` is one that RecogniseContent() returns, and not kNone.
std::unique_ptr<Inflater> NewInflater(Compression compression);

std::unique_ptr<Inflater> NewZlibInflater();
std::string ZlibInflaterName();
// nullptr and "" if the library was not compiled in.
std::unique_ptr<Inflater> NewIsalInflater();
std::string IsalInflaterName();
std::unique_ptr<Inflater> NewZstdInflater();
std::string ZstdInflaterName();

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_IO_INFLATER_H_
