"""Image files, and splits in the formats of CIFAR and MNIST."""

import gzip
import struct
import zlib

from corpus import FIXTURES, case, gzip_zeros, zlib_zeros

JPEG = (FIXTURES / "images/photo.jpg").read_bytes()
PROGRESSIVE = (FIXTURES / "images/progressive.jpg").read_bytes()


def image_case(name, expected, content):
    @case(f"image-{name}", expected, use="image")
    def image(path):
        path.write_bytes(content() if callable(content) else content)


def segment(marker, payload):
    return bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload


def frame(content, height, width):
    """The JPEG file with other extents in its frame."""
    place = next(index for index in range(len(content) - 1)
                 if content[index] == 0xFF and content[index + 1] in (0xC0, 0xC2))
    return content[:place + 5] + struct.pack(">HH", height, width) + content[place + 9:]


image_case("jpeg-cut-in-scan.jpg", "JPEG ends early", JPEG[:len(JPEG) // 2])
image_case("jpeg-cut-in-header.jpg", "JPEG ends early", JPEG[:100])
image_case("jpeg-two-bytes.jpg", "not a known image format", b"\xff\xd8")
image_case("jpeg-65535-squared.jpg", "65535×65535", frame(JPEG, 65535, 65535))
image_case("jpeg-0-by-0.jpg", "no frame of at least 1×1", frame(JPEG, 0, 0))
image_case("jpeg-no-frame.jpg", "JPEG ends early", b"\xff\xd8" + segment(0xFE, b"hello") + b"\xff\xd9")
image_case("jpeg-two-components.jpg", "2 components", JPEG[:JPEG.index(b"\xff\xc0") + 9] + b"\2"
           + JPEG[JPEG.index(b"\xff\xc0") + 10:])
image_case("jpeg-segment-beyond-end.jpg", "JPEG ends early", b"\xff\xd8\xff\xe1\xff\xff" + bytes(10))
image_case("jpeg-1000-scans.jpg", "JPEG", lambda: scans(1000))
image_case("jpeg-12-bits.jpg", "JPEG", JPEG[:JPEG.index(b"\xff\xc0") + 4] + b"\x0c" + JPEG[JPEG.index(b"\xff\xc0") + 5:])


def scans(count):
    """A progressive file whose second scan is there a thousand times."""
    starts = [index for index in range(len(PROGRESSIVE) - 1) if PROGRESSIVE[index:index + 2] == b"\xff\xda"]
    scan = PROGRESSIVE[starts[1]:starts[2]]
    return PROGRESSIVE[:starts[2]] + scan * count + PROGRESSIVE[starts[2]:]


def chunk(kind, payload, checksum=None):
    value = zlib.crc32(kind + payload) if checksum is None else checksum
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", value)


def png(width=4, height=4, depth=8, colour=2, data=None, before=b"", interlace=0, method=0):
    if data is None:
        data = zlib.compress(bytes((1 + 3 * width) * height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, method, 0, interlace))
            + before + chunk(b"IDAT", data) + chunk(b"IEND", b""))


image_case("png-65535-squared.png", "65535×65535", png(65535, 65535, data=b"x"))
image_case("png-2-to-31.png", "PNG", png(0x7FFFFFFF, 0x7FFFFFFF, data=b"x"))
image_case("png-0-by-0.png", "PNG", png(0, 0, data=b"x"))
image_case("png-cut-off.png", "PNG ends early", png()[:45])
image_case("png-bomb.png", "13000×13000", lambda: png(13_000, 13_000, data=zlib_zeros(484)))
image_case("png-bomb-in-profile.png", "PNG", lambda: png(
    before=chunk(b"iCCP", b"x\0\0" + zlib_zeros(512)), data=b"x"))
image_case("png-bomb-in-text.png", "PNG", lambda: png(
    before=b"".join(chunk(b"zTXt", b"x\0\0" + zlib_zeros(64)) for _ in range(40)), data=b"x"))
image_case("png-no-data.png", "PNG", png(data=b""))
image_case("png-data-short.png", "PNG ends early", png(data=zlib.compress(bytes(10))))
image_case("png-data-damaged.png", "PNG", png(data=b"\x78\x9c" + b"\xff" * 40))
image_case("png-filter-9.png", "PNG", png(data=zlib.compress(b"\x09" * 52)))
image_case("png-depth-3.png", "PNG", png(depth=3))
image_case("png-colour-9.png", "PNG", png(colour=9))
image_case("png-palette-missing.png", "PNG", png(colour=3, data=zlib.compress(bytes(20))))
image_case("png-chunk-of-2-gib.png", "PNG", b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 0x7FFFFFFF) + b"IHDR" + bytes(30))
image_case("gif.jpg", "a GIF image", b"GIF89a" + bytes(20))
image_case("svg.png", "not a known image format", b"<svg onload='x'/>")
image_case("empty.png", "an empty file", b"")


def bmp(size=40, width=4, height=4, bits=24, compression=0, colours=0, start=54, data=bytes(48)):
    header = struct.pack("<IiiHHIIiiII", size, width, height, 1, bits, compression, 0, 0, 0, colours, 0)
    return b"BM" + struct.pack("<IHHI", 14 + len(header) + len(data), 0, 0, start) + header + data


image_case("bmp-2-to-31.bmp", "2147483647×2147483647 pixels", bmp(width=0x7FFFFFFF, height=0x7FFFFFFF))
image_case("bmp-height-minus-2-to-31.bmp", "4×2147483648 pixels", bmp(height=-(1 << 31)))
image_case("bmp-0-by-0.bmp", "0×0 pixels", bmp(width=0, height=0))
image_case("bmp-width-negative.bmp", "-4×4 pixels", bmp(width=-4))
image_case("bmp-cut-off.bmp", "BMP ends early", bmp(data=bytes(47)))
image_case("bmp-pixels-beyond-end.bmp", "BMP ends early", bmp(start=0xFFFFFFFF))
image_case("bmp-palette-of-2-to-32.bmp", "a palette of 4294967295 colours", bmp(bits=8, colours=0xFFFFFFFF))
image_case("bmp-colour-beyond-palette.bmp", "colour 200 of a palette of 2", bmp(bits=8, colours=2, start=62, data=bytes(8) + b"\xc8" * 16))
image_case("bmp-header-of-2-to-32.bmp", "BMP ends early", bmp(size=0xFFFFFFFF))
image_case("bmp-run-length.bmp", "compression 1, expected 0", bmp(bits=8, compression=1, colours=2))
image_case("ppm-99999-squared.ppm", "99999×99999 pixels", b"P6 99999 99999 255\n" + bytes(100))
image_case("ppm-cut-off.ppm", "PPM ends early", b"P6 4 4 255\n" + bytes(47))
image_case("ppm-number-of-1000-digits.ppm", "no number for a width", b"P6 " + b"9" * 1000 + b" 4 255\n")
image_case("ppm-comment-without-end.ppm", "PPM ends early", b"P6 4 4 #" + b"x" * 1_000_000)
image_case("pgm-maximum-0.pgm", "a largest value of 0", b"P5 4 4 0\n" + bytes(16))
image_case("pgm-plain-of-9-times-9000.pgm", "PGM ends early", b"P2 9000 9000 255\n" + b"1 " * 1000)


@case("image-of-300-mb.png", "at most 268435456", use="image")
def large(path):
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        file.truncate(300_000_000)


# MARK: CIFAR and IDX


@case("cifar-odd.bin", "expected a multiple of 3073", use="split")
def cifar_odd(path):
    path.write_bytes(bytes(3072))


@case("cifar-empty.bin", "0 bytes, expected a multiple of 3073", use="split")
def cifar_empty(path):
    path.write_bytes(b"")


@case("cifar-label-255.bin", "label 255 at image 0", use="split")
def cifar_label(path):
    path.write_bytes(b"\xff" + bytes(3072))


def idx(extents, data=b"", kind=8):
    return bytes([0, 0, kind, len(extents)]) + b"".join(struct.pack(">I", extent) for extent in extents) + data


def idx_case(name, expected, content):
    @case(f"idx-{name}", expected, use="split")
    def make(path):
        path.write_bytes(content() if callable(content) else content)


idx_case("extents-2-to-32-idx3-ubyte", "expected less than 1 TiB", idx([0xFFFFFFFF] * 3))
idx_case("extents-beyond-end-idx3-ubyte", "expected 784000000016 for extents", idx([10**9, 28, 28], bytes(784)))
idx_case("dimensions-255-idx3-ubyte", "a header of [0, 0, 8, 255], expected", bytes([0, 0, 8, 255]) + bytes(1020))
idx_case("floats-idx3-ubyte", "not an HDF5 file", idx([1, 28, 28], bytes(3136), kind=13))
idx_case("gzip-bomb-idx3-ubyte.gz", "expected", lambda: gzip_zeros(idx([1, 28, 28]), 1024))
idx_case("gzip-bomb-announced-idx3-ubyte.gz", "expected", lambda: gzip_zeros(idx([1 << 15, 1 << 15]), 1024))
idx_case("gzip-overstated-idx3-ubyte.gz", "expected at most", gzip.compress(idx([10**9, 28, 28])))
idx_case("gzip-damaged-idx3-ubyte.gz", "damaged deflate data", gzip.compress(idx([1, 28, 28], bytes(784)))[:-10] + b"\xff" * 10)
