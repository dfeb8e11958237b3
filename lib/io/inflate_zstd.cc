#ifdef FLOWLOGS_HAVE_ZSTD
#include <zstd.h>
#include <zstd_errors.h>
#endif

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "lib/io/inflater.h"

namespace flowlogs {
inline namespace v1 {

#ifdef FLOWLOGS_HAVE_ZSTD
namespace {

class ZstdInflater : public Inflater {
 public:
  ZstdInflater() : context_(ZSTD_createDCtx()) {
    // A frame's header asks for memory, up to terabytes. 128 MiB is what zstd(1) grants, too.
    constexpr int kMaxWindowLog = 27;
    if (context_ != nullptr) ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, kMaxWindowLog);
  }

  Outcome Inflate(std::string_view* in, std::span<char>* out) override {
    if (context_ == nullptr) return Damaged("zstd has no memory to inflate it");
    while (true) {
      // libzstd forgets what a call has put out if it meets damage in the same call. So no call is given more than what
      // is missing of one block; first comes what is left of the block before.
      const size_t wanted = hint_ > kNextHeader ? hint_ - kNextHeader : hint_;
      ZSTD_inBuffer from{in->data(), has_output_ ? 0 : std::min(in->size(), wanted), 0};
      ZSTD_outBuffer to{out->data(), out->size(), 0};
      const size_t result = ZSTD_decompressStream(context_.get(), &to, &from);
      if (ZSTD_isError(result)) return Failed(result);
      in->remove_prefix(from.pos);
      *out = out->subspan(to.pos);
      if (result == 0) return Outcome::kMemberEnd;
      hint_ = result;
      has_output_ = out->empty();
      if (out->empty() || in->empty()) return Outcome::kMore;
    }
  }

  void Reset() override {
    ZSTD_DCtx_reset(context_.get(), ZSTD_reset_session_only);
    hint_ = kFirstHint;
    has_output_ = false;
  }
  const char* problem() const override { return problem_; }

 private:
  static constexpr size_t kNextHeader = 3;  // libzstd asks for a block and the header of the next one
  static constexpr size_t kFirstHint = 5 + kNextHeader;
  struct Free {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };

  Outcome Damaged(const char* problem) {
    problem_ = problem;
    return Outcome::kDamaged;
  }

  Outcome Failed(size_t result) {
    switch (ZSTD_getErrorCode(result)) {
      case ZSTD_error_frameParameter_windowTooLarge:
        problem_ = "it needs a window of more than 128 MiB";
        return Outcome::kTooLarge;
      case ZSTD_error_checksum_wrong:
        return Damaged("its checksum is wrong");
      case ZSTD_error_dictionary_wrong:
        return Damaged("it was compressed with a dictionary, which is not here");
      case ZSTD_error_memory_allocation:
        return Damaged("zstd has no memory to inflate it");
      default:
        return Damaged("its bytes are not valid");
    }
  }

  std::unique_ptr<ZSTD_DCtx, Free> context_;
  size_t hint_ = kFirstHint;  // bytes that libzstd would like to have
  bool has_output_ = false;   // it may hold output that there was no room for
  const char* problem_ = "";
};

}  // namespace

std::unique_ptr<Inflater> NewZstdInflater() { return std::make_unique<ZstdInflater>(); }

std::string ZstdInflaterName() { return std::string("zstd ") + ZSTD_versionString(); }

#else

std::unique_ptr<Inflater> NewZstdInflater() { return nullptr; }
std::string ZstdInflaterName() { return ""; }

#endif  // FLOWLOGS_HAVE_ZSTD

}  // namespace v1
}  // namespace flowlogs
