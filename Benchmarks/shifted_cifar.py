"""Makes the data of the experiment in Documentation/FineTuning.md from a file of CIFAR-10 images and one of test images.

Both hold `images`, uint8 [n, 32, 32, 3], and `labels`. The images of the new task have turned colours (red to green to
blue), a contrast of 60 %, and a blur over 2×2 pixels. Written are source.h5 (the first half of the images as they are, without
labels), train.h5 (the second half, shifted) and test.h5 (the test images, shifted).

    shifted_cifar.py cifar10-calibration.h5 cifar10-test.h5 --output shifted
"""

import argparse
from pathlib import Path

import h5py
import numpy as np


def shifted(images):
    values = images[..., [1, 2, 0]].astype(np.float64)
    values = (values - 127.5) * 0.6 + 127.5
    padded = np.pad(values, ((0, 0), (0, 1), (0, 1), (0, 0)), mode="edge")
    blurred = sum(padded[:, i : i + 32, j : j + 32] for j in (0, 1) for i in (0, 1)) / 4
    return np.clip(np.rint(blurred), 0, 255).astype(np.uint8)


def read(path):
    with h5py.File(path) as file:
        return file["images"][...], file["labels"][...]


def write(path, images, labels=None):
    with h5py.File(path, "w") as file:
        file["images"] = images
        if labels is not None:
            file["labels"] = labels


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images")
    parser.add_argument("test")
    parser.add_argument("--output", type=Path, default=Path("shifted"))
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    images, labels = read(options.images)
    half = len(images) // 2
    write(options.output / "source.h5", images[:half])
    write(options.output / "train.h5", shifted(images[half:]), labels[half:])
    images, labels = read(options.test)
    write(options.output / "test.h5", shifted(images), labels)


if __name__ == "__main__":
    main()
