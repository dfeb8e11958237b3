// Packs, for tests and fuzz targets, what the library inflates: gzip, and zstd where the library reads it.
#ifndef FLOWLOGS_TESTS_COMPRESS_H_
#define FLOWLOGS_TESTS_COMPRESS_H_

#include <zlib.h>
#ifdef FLOWLOGS_HAVE_ZSTD
#include <zstd.h>
#endif

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

namespace flowlogs_test {

inline void CheckPacked(bool packed) {
  if (packed) return;
  std::fprintf(stderr, "the test cannot compress its input\n");
  std::abort();
}

// One gzip member.
inline std::string Gzip(std::string_view content, int level = 6, const char* file_name = nullptr) {
  z_stream stream = {};
  CheckPacked(deflateInit2(&stream, level, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  gz_header header = {};
  header.name = reinterpret_cast<Bytef*>(const_cast<char*>(file_name));
  header.hcrc = 1;
  if (file_name != nullptr) CheckPacked(deflateSetHeader(&stream, &header) == Z_OK);
  std::string out(deflateBound(&stream, static_cast<uLong>(content.size())) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  CheckPacked(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

#ifdef FLOWLOGS_HAVE_ZSTD
// One frame with a checksum.
inline std::string Zstd(std::string_view content, int level = 3) {
  std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(), &ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  std::string out(ZSTD_compressBound(content.size()), '\0');
  const size_t size = ZSTD_compress2(context.get(), out.data(), out.size(), content.data(), content.size());
  CheckPacked(!ZSTD_isError(size));
  out.resize(size);
  return out;
}

// A frame that decoders skip.
inline std::string SkippedFrame(size_t size, char kind = '\x50') {
  std::string frame = std::string(1, kind) + "\x2a\x4d\x18";
  for (int shift = 0; shift < 32; shift += 8) frame += static_cast<char>(size >> shift & 0xff);
  return frame + std::string(size, 'S');
}
#endif

}  // namespace flowlogs_test

#endif  // FLOWLOGS_TESTS_COMPRESS_H_
