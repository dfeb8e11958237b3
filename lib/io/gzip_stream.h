// The inflated content of gzip data: any number of members, then perhaps zero padding, as gzip(1) reads it.
#ifndef FLOWLOGS_LIB_IO_GZIP_STREAM_H_
#define FLOWLOGS_LIB_IO_GZIP_STREAM_H_

#include <memory>
#include <string_view>

#include "lib/io/byte_stream.h"

namespace flowlogs {
inline namespace v1 {

// `head` are bytes that were already taken from `stored`, at most 64 KiB; `stored` brings the rest. Inflates straight
// into the caller's buffer; holds 128 KiB of compressed bytes and the inflater's window.
std::unique_ptr<ByteStream> NewGzipStream(std::string_view head, std::unique_ptr<ByteStream> stored);

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_IO_GZIP_STREAM_H_
