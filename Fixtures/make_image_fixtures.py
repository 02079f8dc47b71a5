"""Image files of every kind that splits read, and their pixels by PIL and torchvision.

The photograph is scikit-learn's sample image `china.jpg`, cropped and made small.
"""

import io
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from safetensors.torch import load_file
from sklearn.datasets import load_sample_image
from torchvision import transforms
from torchvision.transforms import InterpolationMode

import torch_networks

# Of a 93x41 image. Pillow 13 resizes its height before its width where it loses more than twice as many rows as columns:
# pairs on both sides of that, made narrower and wider; then one side alone.
TALL_SIZES = [
    (36, (32, 32)),
    ((72, 31), (24, 17)),
    ((73, 31), (24, 17)),
    ((20, 5), None),
    ((21, 5), None),
    ((92, 50), (25, 32)),
    ((94, 50), (25, 32)),
    ((50, 41), (20, 20)),
    ((93, 20), (20, 14)),
]

# Resize, crop and interpolation as torchvision and PIL take them: an integer is the shorter side.
TRANSFORMS = {
    "photo.jpg": [
        (36, (32, 32), "bilinear"),
        (36, (32, 32), "bicubic"),
        (36, (32, 32), "nearest"),
        (200, (41, 38), "bilinear"),
        (200, (41, 38), "bicubic"),
        (201, (41, 38), "nearest"),
        (93, (31, 30), "bilinear"),
        ((32, 32), None, "bilinear"),
        ((33, 47), None, "bicubic"),
        ((40, 29), (21, 28), "nearest"),
        ((7, 5), None, "bicubic"),
    ],
    "tall.jpg": [(*size, interpolation) for interpolation in ("bilinear", "bicubic") for size in TALL_SIZES],
    "orientation-6.jpg": [(20, (16, 17), "bilinear")],
    "grey.jpg": [(20, (20, 17), "bicubic")],
    "rgb16.png": [((9, 13), None, "bilinear")],
}


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(pixels: np.ndarray, colour_type: int, interlaced: bool = False) -> bytes:
    """A PNG file of uint8 or uint16 pixels [height, width, samples]; PIL writes neither 16-bit colour nor Adam7."""
    height, width = pixels.shape[:2]
    big = pixels.astype(">u2" if pixels.dtype == np.uint16 else "u1")
    passes = [(0, 0, 1, 1)]
    if interlaced:
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    rows = b""
    for top, left, down, right in passes:
        for row in big[top::down, left::right]:
            if row.size:
                rows += b"\0" + row.tobytes()
    header = struct.pack(">IIBBBBB", width, height, big.dtype.itemsize * 8, colour_type, 0, 0, int(interlaced))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def jpeg(image: Image.Image, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **{"quality": 88, **options})
    return buffer.getvalue()


def ycck(image: Image.Image) -> bytes:
    """CMYK whose Adobe marker says that its inks are stored as YCCK."""
    data = jpeg(image.convert("CMYK"), subsampling=0)
    place = data.index(b"Adobe") + 11
    if data[place] == 2:
        return data
    return data[:place] + b"\x02" + data[place + 1 :]


def image_files(photo: Image.Image) -> dict[str, bytes]:
    small = photo.resize((43, 30), Image.Resampling.LANCZOS)
    tiny = photo.resize((23, 17), Image.Resampling.LANCZOS)
    files = {
        "photo.jpg": jpeg(photo),
        "tall.jpg": jpeg(photo.crop((40, 0, 81, 93))),
        "colour-444.jpg": jpeg(small, subsampling=0),
        "colour-422.jpg": jpeg(small, subsampling=1),
        "progressive.jpg": jpeg(small, progressive=True),
        "restarts.jpg": jpeg(small, restart_marker_blocks=2),
        "grey.jpg": jpeg(small.convert("L")),
        "cmyk.jpg": jpeg(small.convert("CMYK")),
        "ycck.jpg": ycck(small),
        "rgb.png": png(np.asarray(tiny), 2),
        "interlaced.png": png(np.asarray(tiny), 2, interlaced=True),
        "rgb16.png": png(np.asarray(small).astype(np.uint16) * 251 + 77, 2),
        "grey-alpha16.png": png((np.asarray(tiny)[..., :2]).astype(np.uint16) * 253 + 19, 4),
    }
    saved = {
        "grey.png": (tiny.convert("L"), {}),
        "grey1.png": (tiny.convert("1"), {}),
        "grey2.png": (tiny.convert("L").quantize(4), {"bits": 2}),
        "palette.png": (tiny.quantize(11), {}),
        "palette-transparent.png": (tiny.quantize(200), {"transparency": bytes(range(200))}),
        "rgba.png": (tiny.convert("RGBA"), {}),
        "grey-alpha.png": (tiny.convert("LA"), {}),
        "grey16.png": (Image.fromarray(np.asarray(tiny.convert("L")).astype(np.uint16) * 255 + 128), {}),
    }
    exif = Image.Exif()
    for orientation in range(1, 9):
        exif[0x0112] = orientation
        files[f"orientation-{orientation}.jpg"] = jpeg(tiny, exif=exif.tobytes(), quality=70)
    saved["orientation-8.png"] = (tiny, {"exif": exif})
    for name, (image, options) in saved.items():
        buffer = io.BytesIO()
        image.save(buffer, "PNG", optimize=True, **options)
        files[name] = buffer.getvalue()
    return files


def decoded(data: bytes) -> np.ndarray:
    """Upright colour as PIL converts it. Of 16-bit grey, which PIL clips at 255, the upper byte."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    if image.mode.startswith("I;16"):
        return np.repeat((np.asarray(image) >> 8).astype(np.uint8)[..., None], 3, -1)
    return np.asarray(image.convert("RGB"))


def transformed(pixels: np.ndarray, resize, crop, interpolation: str) -> np.ndarray:
    image = transforms.Resize(resize, InterpolationMode(interpolation))(Image.fromarray(pixels))
    return np.asarray(transforms.CenterCrop(crop)(image) if crop else image)


@torch.no_grad()
def logits(folder: Path, names: list[str]) -> np.ndarray:
    """Of torchvision's evaluation pipeline, made smaller, and the network of torchvision-bottleneck.safetensors."""
    network = torch_networks.TorchvisionResNet(torch_networks.Bottleneck).eval()
    network.load_state_dict(load_file(folder.parent / "torchvision-bottleneck.safetensors"))
    pipeline = transforms.Compose([
        transforms.Resize(36),
        transforms.CenterCrop(32),
        transforms.ToTensor(),
        transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ])
    images = [pipeline(Image.open(folder / name).convert("RGB")) for name in names]
    return network(torch.stack(images)).numpy()


def text(resize, crop, interpolation: str) -> str:
    size = str(resize) if isinstance(resize, int) else "x".join(map(str, resize))
    return " ".join([size, "x".join(map(str, crop)) if crop else "-", interpolation])


def main(output: Path) -> None:
    photo = Image.fromarray(load_sample_image("china.jpg")[60:380, 100:520]).resize(
        (121, 93), Image.Resampling.LANCZOS)
    folder = output / "images"
    folder.mkdir(exist_ok=True)
    expected = {}
    for name, data in image_files(photo).items():
        (folder / name).write_bytes(data)
        pixels = decoded(data)
        expected[f"decoded/{name}"] = pixels
        for case in TRANSFORMS.get(name, []):
            expected[f"transformed/{name}/{text(*case)}"] = transformed(pixels, *case)
        if name in ("colour-444.jpg", "rgba.png"):
            expected[f"grey/{name}"] = np.asarray(Image.fromarray(pixels).convert("L"))
    expected["logits"] = logits(folder, ["photo.jpg", "grey.jpg", "cmyk.jpg", "palette.png"])
    np.savez_compressed(folder / "expected.npz", **expected)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
