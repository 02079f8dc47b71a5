"""Makes a ResNet-50 of any width in PyTorch's names as HDF5, one tensor in memory at a time. Weights are random: what a
conversion costs does not depend on them.

    make_wide.py wide.h5 --width 5.5     2.9 GB, its largest tensor 285 MB
"""

import argparse
import json
from pathlib import Path

import h5py
import numpy as np

SEED = 7


def parameters(width, depths=(3, 4, 6, 3), classes=1000):
    """(name, shape) in PyTorch's order; every number of channels is `width` times ResNet-50's."""
    base = int(64 * width)
    yield "conv1.weight", (base, 3, 7, 7)
    yield from norm("bn1", base)
    inputs = base
    for stage, depth in enumerate(depths):
        inner = base << stage
        for block in range(depth):
            place = f"layer{stage + 1}.{block}"
            shapes = [(inner, inputs, 1, 1), (inner, inner, 3, 3), (4 * inner, inner, 1, 1)]
            for number, shape in enumerate(shapes, 1):
                yield f"{place}.conv{number}.weight", shape
                yield from norm(f"{place}.bn{number}", shape[0])
            if block == 0:
                yield f"{place}.downsample.0.weight", (4 * inner, inputs, 1, 1)
                yield from norm(f"{place}.downsample.1", 4 * inner)
            inputs = 4 * inner
    yield "fc.weight", (classes, inputs)
    yield "fc.bias", (classes,)


def norm(name, channels):
    for part in ("weight", "bias", "running_mean", "running_var"):
        yield f"{name}.{part}", (channels,)
    yield f"{name}.num_batches_tracked", ()


def values(name, shape, generator):
    if name.endswith("num_batches_tracked"):
        return np.int64(1000)
    if name.endswith("running_var") or len(shape) == 1 and name.endswith("weight"):
        return generator.random(shape, np.float32) + np.float32(0.5)
    result = generator.standard_normal(shape, np.float32)
    result *= np.float32((2 / max(np.prod(shape[1:]), 1)) ** 0.5 if len(shape) > 1 else 0.1)
    return result


def make(path, width):
    """Gives the bytes of the largest tensor."""
    generator = np.random.default_rng(SEED)
    largest = 0
    with h5py.File(path, "w") as file:
        for name, shape in parameters(width):
            file[name] = values(name, shape, generator)
            largest = max(largest, 4 * int(np.prod(shape)))
    return largest


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, help="the file to write")
    parser.add_argument("--width", type=float, default=1.0, help="times ResNet-50's channels (default: 1)")
    parser.add_argument("--json", action="store_true", help="print sizes in JSON")
    options = parser.parse_args()
    largest = make(options.path, options.width)
    if options.json:
        return print(json.dumps({"bytes": options.path.stat().st_size, "largest": largest}))
    print(f"{options.path}: {options.path.stat().st_size / 1e6:.0f} MB, largest tensor {largest / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
