#include "lib/io/inflater.h"

#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "flowlogs/io/input.h"

namespace flowlogs {
inline namespace v1 {
namespace {

bool IsZlibForced() {
  const char* forced = std::getenv("FLOWLOGS_INFLATE");
  return forced != nullptr && std::string_view(forced) == "zlib";
}

}  // namespace

std::unique_ptr<Inflater> NewInflater(Compression compression) {
  if (compression == Compression::kZstd) return NewZstdInflater();
  std::unique_ptr<Inflater> inflater;
  if (!IsZlibForced()) inflater = NewIsalInflater();
  if (inflater == nullptr) inflater = NewZlibInflater();
  return inflater;
}

std::string InflateLibrary() {
  std::string name;
  if (!IsZlibForced()) name = IsalInflaterName();
  if (name.empty()) name = ZlibInflaterName();
  const std::string zstd = ZstdInflaterName();
  return zstd.empty() ? name : name + ", " + zstd;
}

}  // namespace v1
}  // namespace flowlogs
