#include <zlib.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "lib/io/inflater.h"

namespace flowlogs {
inline namespace v1 {
namespace {

class ZlibInflater : public Inflater {
 public:
  ZlibInflater() {
    constexpr int kGzipOnly = 16;
    is_ready_ = inflateInit2(&stream_, MAX_WBITS + kGzipOnly) == Z_OK;
  }
  ~ZlibInflater() override {
    if (is_ready_) inflateEnd(&stream_);
  }

  Outcome Inflate(std::string_view* in, std::span<char>* out) override {
    if (!is_ready_) {
      problem_ = "zlib has no memory to inflate it";
      return Outcome::kDamaged;
    }
    constexpr size_t kMaxSize = std::numeric_limits<uInt>::max();
    const uInt in_size = static_cast<uInt>(std::min(in->size(), kMaxSize));
    const uInt out_size = static_cast<uInt>(std::min(out->size(), kMaxSize));
    // zlib's next_in is not const for old callers' sake; it is not written to.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in->data()));
    stream_.avail_in = in_size;
    stream_.next_out = reinterpret_cast<Bytef*>(out->data());
    stream_.avail_out = out_size;
    const int result = inflate(&stream_, Z_NO_FLUSH);
    in->remove_prefix(in_size - stream_.avail_in);
    *out = out->subspan(out_size - stream_.avail_out);
    switch (result) {
      case Z_OK:
      case Z_BUF_ERROR:  // nothing to do without more input
        return Outcome::kMore;
      case Z_STREAM_END:
        return Outcome::kMemberEnd;
      case Z_MEM_ERROR:
        problem_ = "zlib has no memory to inflate it";
        return Outcome::kDamaged;
      default:
        problem_ = IsWrongCheck() ? "its checksum is wrong" : "its bytes are not valid";
        return Outcome::kDamaged;
    }
  }

  void Reset() override { inflateReset(&stream_); }
  const char* problem() const override { return problem_; }

 private:
  bool IsWrongCheck() const {
    if (stream_.msg == nullptr) return false;
    const std::string_view message = stream_.msg;
    return message == "incorrect data check" || message == "incorrect length check";
  }

  z_stream stream_ = {};
  bool is_ready_ = false;
  const char* problem_ = "";
};

}  // namespace

std::unique_ptr<Inflater> NewZlibInflater() { return std::make_unique<ZlibInflater>(); }

std::string ZlibInflaterName() { return std::string("zlib ") + zlibVersion(); }

}  // namespace v1
}  // namespace flowlogs
