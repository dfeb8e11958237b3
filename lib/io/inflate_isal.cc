#ifdef FLOWLOGS_HAVE_ISAL
#include <isa-l.h>
#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#endif
#endif

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "lib/io/inflater.h"

namespace flowlogs {
inline namespace v1 {

#ifdef FLOWLOGS_HAVE_ISAL
namespace {

// ISA-L's checksum leaves the upper halves of the vector registers as they were used (2.30, AVX-512), with which every SSE
// instruction after it takes more than twice as long: in whoever reads what was inflated, too.
#if defined(__x86_64__) && defined(__GNUC__)
__attribute__((target("avx"))) void ZeroUpperHalves() { _mm256_zeroupper(); }
void CleanRegisters() {
  if (__builtin_cpu_supports("avx")) ZeroUpperHalves();
}
#else
void CleanRegisters() {}
#endif

class IsalInflater : public Inflater {
 public:
  IsalInflater() {
    isal_inflate_init(&state_);
    BeginMember();
  }

  Outcome Inflate(std::string_view* in, std::span<char>* out) override {
    constexpr size_t kMaxSize = std::numeric_limits<int32_t>::max();  // ISA-L keeps some of its sizes as int
    const uint32_t in_size = static_cast<uint32_t>(std::min(in->size(), kMaxSize));
    const uint32_t out_size = static_cast<uint32_t>(std::min(out->size(), kMaxSize));
    // next_in is not const in ISA-L; it is not written to.
    state_.next_in = reinterpret_cast<uint8_t*>(const_cast<char*>(in->data()));
    state_.avail_in = in_size;
    state_.next_out = reinterpret_cast<uint8_t*>(out->data());
    state_.avail_out = out_size;
    int result = ISAL_DECOMP_OK;
    if (!is_header_read_) {
      result = isal_read_gzip_header(&state_, &header_);
      is_header_read_ = result == ISAL_DECOMP_OK;
    }
    if (is_header_read_) result = isal_inflate(&state_);
    CleanRegisters();
    in->remove_prefix(in_size - state_.avail_in);
    *out = out->subspan(out_size - state_.avail_out);
    if (result == ISAL_END_INPUT) return Outcome::kMore;  // inside the header
    if (result != ISAL_DECOMP_OK) {
      problem_ = result == ISAL_INCORRECT_CHECKSUM ? "its checksum is wrong" : "its bytes are not valid";
      return Outcome::kDamaged;
    }
    // Reached only when the output is all out and the trailer was read and found right.
    return state_.block_state == ISAL_BLOCK_FINISH ? Outcome::kMemberEnd : Outcome::kMore;
  }

  void Reset() override {
    isal_inflate_reset(&state_);
    BeginMember();
  }
  const char* problem() const override { return problem_; }

 private:
  // With ISAL_GZIP, isal_inflate() reads the header itself, and forgets its flags when the header is split over two
  // buffers (intel/isa-l issue 224). So the header is read by itself, and only the trailer is left to isal_inflate().
  void BeginMember() {
    isal_gzip_header_init(&header_);
    state_.crc_flag = ISAL_GZIP_NO_HDR_VER;
    is_header_read_ = false;
  }

  inflate_state state_ = {};  // about 90 KB, the window of 32 KiB included
  isal_gzip_header header_ = {};
  bool is_header_read_ = false;
  const char* problem_ = "";
};

}  // namespace

std::unique_ptr<Inflater> NewIsalInflater() { return std::make_unique<IsalInflater>(); }

std::string IsalInflaterName() {
  return "ISA-L " + std::to_string(ISAL_MAJOR_VERSION) + "." + std::to_string(ISAL_MINOR_VERSION) + "." +
         std::to_string(ISAL_PATCH_VERSION);
}

#else

std::unique_ptr<Inflater> NewIsalInflater() { return nullptr; }
std::string IsalInflaterName() { return ""; }

#endif  // FLOWLOGS_HAVE_ISAL

}  // namespace v1
}  // namespace flowlogs
