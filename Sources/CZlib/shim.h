#include <zlib.h>

// `inflateInit2` is a macro, which Swift does not import. A window of −15 bits means deflate data without
// zlib's header, as zip stores them.
static inline int normconv_inflate_init(z_stream *stream) { return inflateInit2(stream, -MAX_WBITS); }

// The same for gzip: 16 more says so.
static inline int normconv_gunzip_init(z_stream *stream) { return inflateInit2(stream, MAX_WBITS + 16); }
