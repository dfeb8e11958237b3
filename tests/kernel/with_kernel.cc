// Runs a test program with a kernel that is not the machine's best: with_kernel KERNEL PROGRAM [ARGUMENT...].
// FLOWLOGS_KERNEL alone would not do: a kernel that the CPU lacks is ignored there, and the test would pass with another.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "lib/parse/line_index.h"

namespace {

constexpr int kSkipped = 77;  // SKIP_RETURN_CODE in tests/CMakeLists.txt

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "with_kernel KERNEL PROGRAM [ARGUMENT...]\n");
    return 2;
  }
  const std::string_view wanted = argv[1];
  bool available = false;
  for (const flowlogs::Kernel* kernel : flowlogs::AvailableKernels()) available |= wanted == kernel->name;
  if (!available) {
    std::printf("skipped: this CPU cannot run the kernel %s\n", argv[1]);
    return kSkipped;
  }
  if (wanted == flowlogs::AvailableKernels().back()->name) {
    std::printf("skipped: %s is the best kernel of this CPU, which all tests run with\n", argv[1]);
    return kSkipped;
  }
  setenv("FLOWLOGS_KERNEL", argv[1], 1);
  execv(argv[2], argv + 2);
  std::perror(argv[2]);
  return 1;
}
