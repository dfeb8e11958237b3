// The inflated content of gzip or zstd data: any number of members, then perhaps zero padding, as gzip(1) reads it.
#ifndef FLOWLOGS_LIB_IO_INFLATED_STREAM_H_
#define FLOWLOGS_LIB_IO_INFLATED_STREAM_H_

#include <memory>
#include <string_view>

#include "flowlogs/io/input.h"
#include "lib/io/byte_stream.h"
#include "lib/io/content_kind.h"

namespace flowlogs {
inline namespace v1 {

// `head` are bytes that were already taken from `stored`, at most 64 KiB; `stored` brings the rest. Inflates straight
// into the caller's buffer; holds 128 KiB of compressed bytes and the inflater's window. Ends with a limit where those
// of `options` are exceeded: at the same byte of content however it is read.
// REQUIRES: `compression` is one that RecogniseContent() returns, and not kNone.
std::unique_ptr<ByteStream> NewInflatedStream(Compression compression, std::string_view head,
                                              std::unique_ptr<ByteStream> stored, const InputOptions& options);

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_LIB_IO_INFLATED_STREAM_H_
