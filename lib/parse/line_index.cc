#include "lib/parse/line_index.h"

#include <array>
#include <cstdlib>

namespace flowlogs {
inline namespace v1 {
namespace {

struct Kernels {
  std::array<const Kernel*, 4> available{};
  size_t count = 0;
  const Kernel* active = nullptr;

  Kernels() {
    available[count++] = &kScalarKernel;
#ifdef FLOWLOGS_HAVE_X86_KERNELS
    __builtin_cpu_init();
    const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
                          __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
    if (has_avx2) available[count++] = &kAvx2Kernel;
    if (has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2")) {
      available[count++] = &kAvx512Kernel;
    }
#endif
#ifdef FLOWLOGS_HAVE_NEON_KERNEL
    available[count++] = &kNeonKernel;
#endif
    active = available[count - 1];
    if (const char* wanted = std::getenv("FLOWLOGS_KERNEL")) {
      for (size_t i = 0; i < count; ++i) {
        if (std::string_view(wanted) == available[i]->name) active = available[i];
      }
    }
  }
};

const Kernels& GetKernels() {
  static const Kernels kernels;
  return kernels;
}

}  // namespace

const Kernel& ActiveKernel() { return *GetKernels().active; }

std::span<const Kernel* const> AvailableKernels() { return {GetKernels().available.data(), GetKernels().count}; }

void LineIndex::Build(std::string_view text, const Kernel& kernel) {
  if (text.size() > capacity_ || separators_ == nullptr) {
    capacity_ = text.size() + text.size() / 8;
    // Not initialised: pages that no line needs are never touched.
    separators_.reset(new uint64_t[capacity_ / 64 + 3]);
    separators_[0] = 0;
    line_ends_.reset(new uint32_t[capacity_ + 65]);
    line_ends_[0] = ~uint32_t{0};
    ranks_.reset(new uint32_t[capacity_ / 64 + 2]);
  }
  text_ = text;
  kernel_ = &kernel;
  output_.separators = separators_.get() + 1;
  output_.line_ends = line_ends_.get() + 1;
  output_.ranks = ranks_.get();
  has_offsets_ = false;
  kernel.index(text.data(), text.size(), &output_);
}

const uint32_t* LineIndex::offsets() {
  if (!has_offsets_) {
    if (offsets_ == nullptr || offsets_capacity_ < capacity_) {
      offsets_capacity_ = capacity_;
      offsets_.reset(new uint32_t[capacity_ + 65]);
      offsets_[0] = ~uint32_t{0};
    }
    kernel_->offsets(separators(), text_.size() / 64 + 1, offsets_.get() + 1);
    has_offsets_ = true;
  }
  return offsets_.get() + 1;
}

}  // namespace v1
}  // namespace flowlogs
