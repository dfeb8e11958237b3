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
#ifdef FLOWLOGS_HAVE_AVX2_KERNEL
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
        __builtin_cpu_supports("popcnt")) {
      available[count++] = &kAvx2Kernel;
    }
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
    separators_.reset(new uint64_t[capacity_ / 64 + 2]);
    line_ends_.reset(new uint32_t[capacity_ + 64]);
    ranks_.reset(new uint32_t[capacity_ + 64]);
  }
  text_ = text;
  kernel_ = &kernel;
  output_.separators = separators_.get();
  output_.line_ends = line_ends_.get();
  output_.ranks = ranks_.get();
  kernel.index(text.data(), text.size(), &output_);
}

bool LineIndex::AllLinesHave(uint32_t n) const {
  uint32_t wrong = 0;
  uint32_t expected = n - 1;
  for (size_t i = 0; i < output_.num_lines; ++i, expected += n) wrong |= output_.ranks[i] ^ expected;
  return wrong == 0;
}

}  // namespace v1
}  // namespace flowlogs
