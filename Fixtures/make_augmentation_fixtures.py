"""Training images as torchvision's random transforms draw them, in images/augmented.npz.

torchvision takes its random numbers from `Stream`, normconv's generator, so that draws are equal one by one: their order
and what is computed from them are torchvision's.
"""

import math
import sys
from pathlib import Path
from unittest import mock

import numpy as np
from PIL import Image, ImageOps
from torchvision import transforms
from torchvision.transforms import functional

BITS = (1 << 64) - 1
DRAWS = 4

PIPELINES = {
    "resized": [transforms.RandomResizedCrop((24, 20)), transforms.RandomHorizontalFlip()],
    "random": [transforms.Resize((40, 36)), transforms.RandomCrop((24, 20)), transforms.RandomHorizontalFlip()],
    "shorter": [transforms.Resize(30), transforms.RandomCrop((24, 20))],
    "padded": [
        transforms.Resize((24, 20)),
        transforms.RandomCrop((24, 20), padding=4),
        transforms.RandomHorizontalFlip(),
    ],
    "jittered": [
        transforms.RandomResizedCrop((12, 10), scale=(0.3, 0.9), ratio=(0.9, 1.7)),
        transforms.RandomHorizontalFlip(),
        transforms.ColorJitter(0.4, 0.6, 1.5, 0.3),
    ],
    "bright": [transforms.Resize((12, 10)), transforms.ColorJitter(brightness=0.8, hue=0.5)],
}

# Sizes on both sides of where ten tries fail, and a scale that hardly fits.
CROPS = [
    ((93, 121), (0.08, 1.0), (3 / 4, 4 / 3)),
    ((480, 640), (0.9, 1.0), (3 / 4, 4 / 3)),
    ((10, 400), (0.08, 1.0), (3 / 4, 4 / 3)),
    ((400, 10), (0.5, 1.0), (3 / 4, 4 / 3)),
    ((50, 50), (1.0, 1.0), (0.5, 0.6)),
    ((3, 2), (0.08, 0.2), (3 / 4, 4 / 3)),
]

ADJUSTMENTS = {
    "brightness": (0, 0.31, 1, 1.7, 40),
    "contrast": (0, 0.31, 1, 1.7, 40),
    "saturation": (0, 0.31, 1, 1.7, 40),
    "hue": (-0.5, -0.123, 0, 0.001, 0.25, 0.5),
}


class Stream:
    """The part of `torch` that torchvision's transforms draw from, on SplitMix64 (Steele, Lea & Flood 2014)."""

    def __init__(self, seed: int, epoch: int, image: int):
        self.state = seed
        for number in (epoch, image):
            self.state = self.next() ^ (number & BITS)
        self.state = self.next()

    def next(self) -> int:
        self.state = (self.state + 0x9E3779B97F4A7C15) & BITS
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & BITS
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & BITS
        return z ^ (z >> 31)

    def below(self, count: int) -> int:
        """Lemire's multiplication; what it rejects once in 2^50 draws is left out."""
        return (self.next() * count) >> 64

    def rand(self, _: int) -> float:
        return (self.next() >> 11) * 2.0**-53

    def randint(self, low: int, high: int, size) -> np.int64:
        return np.int64(low + self.below(high - low))

    def randperm(self, count: int) -> list[int]:
        order = list(range(count))
        for place in range(count - 1):
            other = place + self.below(count - place)
            order[place], order[other] = order[other], order[place]
        return order

    def empty(self, _: int) -> "Stream":
        return self

    def uniform_(self, low: float, high: float) -> np.float64:
        return np.float64(low + (high - low) * self.rand(1))

    # In double, and by the C library.
    tensor = staticmethod(list)

    @staticmethod
    def log(values: list[float]) -> list[float]:
        return [math.log(value) for value in values]

    @staticmethod
    def exp(value: float) -> np.float64:
        return np.float64(math.exp(value))


def drawing(seed: int, epoch: int, image: int):
    return mock.patch("torchvision.transforms.transforms.torch", Stream(seed, epoch, image))


def crops(size, scale, ratio) -> np.ndarray:
    """The windows of 50 epochs: top, left, height, width."""
    windows = []
    for epoch in range(50):
        with drawing(7, epoch, 0):
            windows.append(transforms.RandomResizedCrop.get_params(Image.new("L", size[::-1]), scale, ratio))
    return np.array(windows, np.int64)


def text(value: float) -> str:
    return np.format_float_positional(value, trim="-")


def main(folder: Path) -> None:
    images = folder / "images"
    expected = {}
    for file in ("photo.jpg", "orientation-6.jpg"):
        image = ImageOps.exif_transpose(Image.open(images / file)).convert("RGB")
        for name, steps in PIPELINES.items():
            pipeline = transforms.Compose(steps)
            for number in range(DRAWS):
                with drawing(seed=5, epoch=2, image=number):
                    expected[f"drawn/{file}/{name}/{number}"] = np.asarray(pipeline(image))
    colour = Image.open(images / "rgb.png")
    for mode, image in (("colour", colour), ("grey", colour.convert("L"))):
        for change, factors in ADJUSTMENTS.items():
            adjust = getattr(functional, f"adjust_{change}")
            for factor in factors:
                expected[f"adjusted/{mode}/{change}/{text(factor)}"] = np.asarray(adjust(image, factor))
    for size, scale, ratio in CROPS:
        name = "/".join(" ".join(map(text, pair)) for pair in (size, scale, ratio))
        expected[f"crops/{name}"] = crops(size, scale, ratio)
    # Every colour of 4 bits a value, as red, green and blue to HSV and as HSV back.
    every = np.stack(np.meshgrid(*[np.arange(0, 256, 17, np.uint8)] * 3, indexing="ij"), -1).reshape(64, 64, 3)
    expected["hsv/to"] = np.asarray(Image.fromarray(every).convert("HSV"))
    expected["hsv/from"] = np.asarray(Image.fromarray(every, "HSV").convert("RGB"))
    np.savez_compressed(images / "augmented.npz", **expected)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
