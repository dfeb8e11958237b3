// Differential: every kernel against a plain loop and the scalar one: the index of the text at the offset that the first
// byte tells, whole and in two blocks, then each of its values as an integer and as an address. A short text is looked at
// twice, as it is and repeated over more than a kilobyte, so that at least half of what runs crosses words and blocks.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "tests/kernel/kernel_comparison.h"

namespace {

void Compare(std::string_view content, uint8_t choice) {
  // Exactly so many bytes: AddressSanitizer sees one too far.
  const size_t offset = choice % 64;
  const std::unique_ptr<char[]> block(new char[offset + content.size()]);
  if (!content.empty()) std::memcpy(block.get() + offset, content.data(), content.size());
  const std::string_view text(block.get() + offset, content.size());
  static auto* const comparison = new flowlogs_test::KernelComparison;
  comparison->Index(text);
  comparison->InTwoBlocks(text.size() * (1 + choice / 32) / 9);
  comparison->Locate();
  comparison->Decode(1 + choice / 64);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const uint8_t choice = size == 0 ? 0 : data[0];
  const std::string_view text(size == 0 ? "" : reinterpret_cast<const char*>(data) + 1, size == 0 ? 0 : size - 1);
  Compare(text, choice);
  if (text.empty() || text.size() > 1024) return 0;
  std::string large;
  while (large.size() <= 1024) {
    large += text;
    large += static_cast<char>('0' + large.size() % 10);  // not the same in every word
  }
  Compare(large, choice);
  return 0;
}
