"""Images a second of `normconv eval` on a split file beside `normconv benchmark`, which has its images in memory.

The splits are made and deleted here: uint8 images of 224×224, as they are (HDF5) and deflated in chunks of 16. Turns
alternate; figures are medians, and only their ratios mean anything. `eval` counts the time in which workers are made and
the one in which the last of them ends alone, `benchmark` does not: few images make it look slower.

    split_speed.py resnet50.h5 --normconv .build/release/normconv
"""

import argparse
import json
import statistics
import subprocess
import tempfile
from pathlib import Path

import h5py
import numpy as np

SIZE = 224
CHUNK = 16
SYNTHETIC = "in memory"


def write_split(path, count, **storage):
    """Blocks of noise: they take time to inflate, as photographs do, and are smaller then."""
    generator = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        images = file.create_dataset("images", (count, SIZE, SIZE, 3), np.uint8, **storage)
        for first in range(0, count, CHUNK):
            shape = (min(CHUNK, count - first), SIZE // 2, SIZE // 2, 3)
            images[first : first + CHUNK] = generator.integers(0, 256, shape, np.uint8).repeat(2, 1).repeat(2, 2)
        file["labels"] = np.arange(count) % 1000


def speed(options, split):
    """Images a second of a run."""
    if split is None:
        command = [options.normconv, "benchmark", options.model, "--json", "--repeats", "1"]
        command += ["--images", str(options.images)]
        report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        return report["imagesPerSecond"]["median"]
    command = [options.normconv, "eval", options.model, "--data", split, "--json"]
    report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return report["models"][0]["imagesPerSecond"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a network for 224×224 images and 1000 classes")
    parser.add_argument("--normconv", default="normconv", help="the program (default: normconv)")
    parser.add_argument("--images", type=int, default=240, help="of a turn (default: 240)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each (default: 5)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        splits = {SYNTHETIC: None, "HDF5": Path(folder) / "plain.h5", "HDF5, deflated": Path(folder) / "deflated.h5"}
        write_split(splits["HDF5"], options.images)
        write_split(splits["HDF5, deflated"], options.images, chunks=(CHUNK, SIZE, SIZE, 3), compression="gzip")
        turns = {name: [] for name in splits}
        for _ in range(options.rounds):
            for name, split in splits.items():
                turns[name].append(speed(options, split))
    synthetic = statistics.median(turns[SYNTHETIC])
    for name, speeds in turns.items():
        median = statistics.median(speeds)
        print(f"{name:15} {median:6.1f} images/s  [{min(speeds):.1f}, {max(speeds):.1f}]  {median / synthetic:.2f} x")


if __name__ == "__main__":
    main()
