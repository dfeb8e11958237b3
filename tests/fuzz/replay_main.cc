// A main() for fuzz targets without a fuzzer: gives the target every file named on the command line, or below a folder
// named there, and a few inputs that every target must survive. So a finding, once stored in the corpus, is a test in
// every build and with every compiler.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

// The input stands in a heap block of exactly its size, so that AddressSanitizer sees one byte too far.
void Replay(const std::string& text) {
  std::unique_ptr<uint8_t[]> block(new uint8_t[text.size()]);
  if (!text.empty()) std::memcpy(block.get(), text.data(), text.size());
  LLVMFuzzerTestOneInput(block.get(), text.size());
}

std::vector<std::filesystem::path> FilesBelow(const char* argument) {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  if (std::filesystem::is_regular_file(argument, error)) return {argument};
  if (!std::filesystem::is_directory(argument, error)) return {};  // a target need not have a corpus yet
  for (const auto& entry : std::filesystem::recursive_directory_iterator(argument)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

int main(int argc, char** argv) {
  size_t inputs = 0;
  for (const std::string& text : {std::string(), std::string("\n"), std::string(1, '\0'), std::string("\xff\xfe\n"),
                                  std::string(100, ' '), std::string(100, '\n'), std::string("\x1f\x8b\x08", 3)}) {
    Replay(text);
    ++inputs;
  }
  for (int i = 1; i < argc; ++i) {
    for (const std::filesystem::path& file : FilesBelow(argv[i])) {
      // Named before it runs: after a crash the last line tells which input it was.
      std::printf("%s\n", file.c_str());
      std::fflush(stdout);
      std::ifstream stream(file, std::ios::binary);
      Replay(std::string(std::istreambuf_iterator<char>(stream), {}));
      ++inputs;
    }
  }
  std::printf("%zu inputs replayed\n", inputs);
  return 0;
}
