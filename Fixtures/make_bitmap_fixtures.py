"""BMP, PGM and PPM files of every kind that normconv decodes, and their pixels by Pillow, in images/bitmaps.npz.

`file/NAME` holds a file's bytes, `pixels/NAME` its pixels in colour. The files are written by hand: Pillow writes few kinds.
"""

import io
import struct
import sys
from pathlib import Path

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 5, 7
MASKS = {
    "bgrx": (0xFF0000, 0xFF00, 0xFF, 0),
    "xbgr": (0xFF000000, 0xFF0000, 0xFF00, 0),
    "bgxr": (0xFF000000, 0xFF00, 0xFF, 0),
    "rgba": (0xFF, 0xFF00, 0xFF0000, 0xFF000000),
}


def bmp(random, bits, palette=(), size=40, top=False, masks=None, no_start=False, count=0):
    """A file of random pixels; `size` is that of the header, `palette` a list of red, green, blue."""
    rows = []
    for _ in range(HEIGHT):
        if palette:
            indices = random.integers(0, len(palette), WIDTH)
            text = "".join(format(index, f"0{bits}b") for index in indices)
            text += "0" * (-len(text) % 8)
            row = bytes(int(text[start:start + 8], 2) for start in range(0, len(text), 8))
        else:
            row = random.bytes(WIDTH * bits // 8)
        rows.append(row + bytes(-len(row) % 4))
    data = b"".join(rows)
    colours = b"".join(bytes(colour[::-1]) + (b"" if size == 12 else b"\0") for colour in palette)
    if size == 12:
        header = struct.pack("<IHHHH", size, WIDTH, HEIGHT, 1, bits)
    else:
        height = -HEIGHT if top else HEIGHT
        compression = 3 if masks else 0
        header = struct.pack("<IiiHHIIiiII", size, WIDTH, height, 1, bits, compression, len(data), 0, 0, count, 0)
        extra = struct.pack("<4I", *masks) if masks else b""
        header += extra[:12] if size == 40 else (extra + bytes(124))[:size - 40]
    start = 14 + len(header) + len(colours)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, 0 if no_start else start) + header + colours + data


def bmp_files(random):
    for bits in (1, 4, 8):
        palette = [bytes(random.integers(0, 256, 3, "u1")) for _ in range(1 << bits)]
        yield f"{bits}.bmp", bmp(random, bits, palette)
        yield f"{bits}-top-down.bmp", bmp(random, bits, palette, top=True)
        yield f"{bits}-os2.bmp", bmp(random, bits, palette, size=12)
        yield f"{bits}-no-start.bmp", bmp(random, bits, palette, no_start=True)
    yield "8-few-colours.bmp", bmp(random, 8, palette[:5], count=5)
    yield "8-grey.bmp", bmp(random, 8, [bytes([value] * 3) for value in range(256)])
    yield "1-white-black.bmp", bmp(random, 1, [b"\xff\xff\xff", b"\0\0\0"])
    for bits in (24, 32):
        yield f"{bits}.bmp", bmp(random, bits)
        yield f"{bits}-top-down.bmp", bmp(random, bits, top=True)
        yield f"{bits}-v5.bmp", bmp(random, bits, size=124)
    for name, masks in MASKS.items():
        yield f"32-{name}.bmp", bmp(random, 32, size=56, masks=masks)
    yield "32-bgrx-after-header.bmp", bmp(random, 32, masks=MASKS["bgrx"])


def pnm_files(random):
    for maximum in (1, 15, 100, 255):
        for kind, channels in ((5, 1), (6, 3)):
            # Binary files may hold more than they declare: Pillow clips it.
            values = random.integers(0, min(maximum + 20, 256), HEIGHT * WIDTH * channels, "u1")
            header = f"P{kind}\n# a comment\n{WIDTH} {HEIGHT}\n{maximum}\n"
            yield f"p{kind}-{maximum}.pnm", header.encode() + values.tobytes()
        for kind, channels in ((2, 1), (3, 3)):
            values = random.integers(0, maximum + 1, HEIGHT * WIDTH * channels)
            text = f"P{kind}\t{WIDTH} {HEIGHT} # a comment\n{maximum}\n" + " \r\n".join(map(str, values))
            yield f"p{kind}-{maximum}.pnm", text.encode()


def main(output: Path) -> None:
    random = np.random.default_rng(0)
    arrays = {}
    for name, data in [*bmp_files(random), *pnm_files(random)]:
        arrays[f"file/{name}"] = np.frombuffer(data, "u1")
        arrays[f"pixels/{name}"] = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    np.savez_compressed(output / "images" / "bitmaps.npz", **arrays)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
