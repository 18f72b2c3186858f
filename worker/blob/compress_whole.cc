#include "worker/blob/compress_whole.h"

#include <bzlib.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <memory>

namespace holkas {
namespace {

// More than any of the libraries makes of so many bytes.
std::string Room(absl::string_view bytes) {
  return std::string(bytes.size() + bytes.size() / 100 + 4096, '\0');
}

std::string Gzip(absl::string_view bytes) {
  std::string room = Room(bytes);
  z_stream stream = {};
  deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(room.data());
  stream.avail_out = static_cast<uInt>(room.size());
  deflate(&stream, Z_FINISH);
  room.resize(stream.total_out);
  deflateEnd(&stream);
  return room;
}

std::string Bzip2(absl::string_view bytes) {
  std::string room = Room(bytes);
  auto size = static_cast<unsigned>(room.size());
  BZ2_bzBuffToBuffCompress(room.data(), &size, const_cast<char*>(bytes.data()),
                           static_cast<unsigned>(bytes.size()), 9, 0, 0);
  room.resize(size);
  return room;
}

std::string Xz(absl::string_view bytes, int dictionary_log) {
  lzma_options_lzma options;
  lzma_lzma_preset(&options, 1);
  options.dict_size = uint32_t{1} << dictionary_log;
  lzma_filter filters[] = {{LZMA_FILTER_LZMA2, &options}, {LZMA_VLI_UNKNOWN, nullptr}};
  std::string room = Room(bytes);
  size_t size = 0;
  const lzma_ret result = lzma_stream_buffer_encode(
      filters, LZMA_CHECK_CRC64, nullptr, reinterpret_cast<const uint8_t*>(bytes.data()),
      bytes.size(), reinterpret_cast<uint8_t*>(room.data()), &size, room.size());
  room.resize(result == LZMA_OK ? size : 0);
  return room;
}

std::string Zstd(absl::string_view bytes, int window_log) {
  const std::unique_ptr<ZSTD_CCtx, size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(),
                                                                   ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_windowLog, window_log);
  std::string room = Room(bytes);
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  ZSTD_outBuffer out{room.data(), room.size(), 0};
  // In two calls: of a single one the library would make a frame without a window.
  ZSTD_compressStream2(context.get(), &out, &in, ZSTD_e_continue);
  ZSTD_compressStream2(context.get(), &out, &in, ZSTD_e_end);
  room.resize(out.pos);
  return room;
}

}  // namespace

std::string CompressWhole(Compression compression, absl::string_view bytes) {
  return CompressWithWindow(compression, bytes, 20);
}

std::string CompressWithWindow(Compression compression, absl::string_view bytes, int log) {
  switch (compression) {
    case Compression::kGzip:
      return Gzip(bytes);
    case Compression::kBzip2:
      return Bzip2(bytes);
    case Compression::kXz:
      return Xz(bytes, log);
    case Compression::kZstd:
      return Zstd(bytes, log);
    case Compression::kNone:
      break;
  }
  return std::string(bytes);
}

}  // namespace holkas
