"""How normconv's cost grows with depth, image size, number of groups and number of images: a table in Markdown.

Networks are torchvision's with random weights: cost does not depend on values. Times are processor time for an image
from `normconv benchmark`, which other programs disturb least; memory is the peak of `normconv benchmark`, and with the
number of images that of `normconv eval` on a split that is made and deleted here.

    growth.py --normconv .build/release/normconv
"""

import argparse
import functools
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
from convert_time import run as timed_run

SIZE = 224


def make(folder, name):
    """torchvision's parameters with batch norms, and the same network with 32 groups."""
    import torch
    import torchvision

    torch.manual_seed(0)
    for norm in ("bn", "gn"):
        layer = functools.partial(torch.nn.GroupNorm, 32) if norm == "gn" else torch.nn.BatchNorm2d
        with h5py.File(folder / f"{name}-{norm}.h5", "w") as file:
            for key, value in getattr(torchvision.models, name)(norm_layer=layer).state_dict().items():
                file[key] = value.numpy()


def make_in_child(folder, depth):
    """Linux counts the parent's peak as the child's lower bound: this process stays small."""
    subprocess.run([sys.executable, "-W", "ignore", __file__, "--make", str(folder), f"resnet{depth}"], check=True)


def write_split(path, count):
    with h5py.File(path, "w") as file:
        images = file.create_dataset("images", (count, SIZE, SIZE, 3), np.uint8)
        for index in range(count):
            images[index] = np.random.default_rng(index).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
        file["labels"] = np.zeros(count, np.int64)


def benchmark(options, path, *arguments):
    command = [options.normconv, "benchmark", path, "--json", "--repeats", str(options.repeats), *arguments]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def figures(options, path, *arguments):
    """(multiply-adds, milliseconds of a processor for an image, peak memory in MB)"""
    report = benchmark(options, path, *arguments)
    processor = sum(kind["seconds"] for kind in report["kinds"])
    return report["multiplyAdds"] / 1e9, processor * 1000, report["peakMemory"] / 1e6


def print_rows(options, title, rows):
    """`rows`: (what, file with batch norms, file with group norms, arguments)."""
    print(f"\n| {title} | G multiply-adds | BN, ms | BN, MB | GN, ms | GN, MB |\n|---|---|---|---|---|---|")
    for what, batch_norm, group_norm, arguments in rows:
        measured = [figures(options, path, *arguments) if path else None for path in (batch_norm, group_norm)]
        multiply_adds = next(figure[0] for figure in measured if figure)
        cells = [f"{figure[1]:.1f} | {figure[2]:.0f}" if figure else "– | –" for figure in measured]
        print(f"| {what} | {multiply_adds:.2f} | " + " | ".join(cells) + " |", flush=True)


def print_images(options, folder):
    print("\n| images | eval BN, MB | eval GN, MB |\n|---|---|---|")
    for count in options.images:
        split = folder / "split.h5"
        write_split(split, count)
        cells = []
        for norm in ("bn", "gn"):
            command = [options.normconv, "eval", folder / f"resnet50-{norm}.h5", "--data", split, "--json"]
            cells.append(f"{timed_run([str(part) for part in command])[1]:.0f}")
        print(f"| {count} | " + " | ".join(cells) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--normconv", help="the program")
    parser.add_argument("--repeats", type=int, default=3, help="of a second each (default: 3)")
    parser.add_argument("--depths", type=int, nargs="*", default=[18, 34, 50, 101, 152])
    parser.add_argument("--sizes", type=int, nargs="*", default=[128, 224, 320, 448])
    parser.add_argument("--groups", type=int, nargs="*", default=[1, 4, 16, 32, 64])
    parser.add_argument("--images", type=int, nargs="*", default=[8, 64, 512])
    parser.add_argument("--make", nargs=2, metavar=("FOLDER", "NAME"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        return make(Path(options.make[0]), options.make[1])
    if not options.normconv:
        parser.error("--normconv is missing")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for depth in {50, *options.depths}:
            make_in_child(folder, depth)
        pair = {depth: [folder / f"resnet{depth}-{norm}.h5" for norm in ("bn", "gn")] for depth in {50, *options.depths}}
        print_rows(options, "depth", [(depth, *pair[depth], []) for depth in options.depths])
        inputs = [(f"{size}×{size}", *pair[50], ["--input", f"{size}x{size}x3"]) for size in options.sizes]
        print_rows(options, "ResNet-50, input", inputs)
        converted = []
        for groups in options.groups:
            path = folder / f"groups-{groups}.h5"
            command = [options.normconv, "convert", pair[50][0], path, "--groups", str(groups), "--quiet", "--min-agreement", "0"]
            subprocess.run(command, check=True, stdout=sys.stderr)
            converted.append((groups, None, path, []))
        print_rows(options, "ResNet-50, groups", converted)
        print_images(options, folder)


if __name__ == "__main__":
    main()
