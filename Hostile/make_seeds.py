#!/usr/bin/env python3
"""Writes small good files of every kind that normconv reads, for normconv-fuzz to damage: committed fixtures, and what
libhdf5 can store that these have not.

    make_seeds.py FOLDER
"""

import argparse
import gzip
import pathlib
import shutil
import struct

import h5py
import numpy

from corpus import FIXTURES

SMALL = 130_000


def fixtures(folder):
    for pattern in ["*.h5", "*.keras", "*.pth", "*.npz", "*.safetensors", "zoo/*.h5", "formats/*", "pickles/*",
                    "images/*.jpg", "images/*.png"]:
        for file in sorted(FIXTURES.glob(pattern)):
            if file.stat().st_size < SMALL:
                shutil.copyfile(file, folder / file.name)
    shutil.copyfile(FIXTURES / "mnist-sequential.keras2-weights.h5", folder / "weights.h5")
    with numpy.load(FIXTURES / "images/bitmaps.npz") as bitmaps:
        for name in bitmaps:
            if name.startswith("file/"):
                (folder / name.removeprefix("file/")).write_bytes(bitmaps[name].tobytes())


def storage(folder, version):
    """A dataset in each way of storing one; attributes in headers and beside them; many links and few."""
    numbers = numpy.arange(60, dtype="f4").reshape(5, 4, 3)
    with h5py.File(folder / f"storage-{version}.h5", "w", libver=version) as file:
        file.create_dataset("conv1.weight", data=numbers)
        file.create_dataset("layer1.0.conv1.weight", data=numbers, chunks=(5, 4, 3))
        file.create_dataset("deflated", data=numbers, chunks=(2, 4, 3), compression=9, shuffle=True, fletcher32=True)
        file.create_dataset("growing", data=numbers, chunks=(1, 2, 3), maxshape=(None, 4, 3))
        file.create_dataset("growing-twice", data=numbers, chunks=(1, 2, 3), maxshape=(None, None, 3))
        file.create_dataset("big-endian", data=numbers.astype(">f8"))
        file.create_dataset("half", data=numbers.astype("f2"))
        file.create_dataset("integers", data=numbers.astype("i2"))
        compact = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        compact.set_layout(h5py.h5d.COMPACT)
        data = h5py.h5d.create(file.id, b"compact", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((3,)), compact)
        data.write(h5py.h5s.ALL, h5py.h5s.ALL, numpy.ones(3, "f4"))
        file["scalar"] = numpy.float32(1)
        group = file.create_group("many", track_order=True)
        for index in range(20):
            group.create_group(f"group{index}").attrs["name"] = f"name {index}"
        for index in range(12):
            file.attrs[f"attribute{index}"] = [f"text {index}", "x" * index]
        file.attrs["fixed"] = numpy.array([b"a", b"bc"])
        file.attrs["numbers"] = numpy.arange(4.0)


def splits(folder):
    generator = numpy.random.default_rng(0)
    images, labels = generator.integers(0, 256, (6, 8, 8, 3), "u1"), generator.integers(0, 3, 6)
    with h5py.File(folder / "split.h5", "w", libver="earliest") as file:
        file.create_dataset("images", data=images, chunks=(2, 8, 8, 3), compression=9)
        file["labels"] = labels
        file.attrs["class_names"] = ["a", "b", "c"]
    numpy.savez(folder / "split.npz", images=images, labels=labels)
    numpy.savez_compressed(folder / "split-deflated.npz", images=images.astype("f4"), labels=numpy.eye(3)[labels])
    numpy.savez(folder / "split-strings.npz", test_x=images.astype("i8"), test_y=numpy.array(["a", "bü", "c"])[labels])
    numpy.save(folder / "images.npy", images)
    rows = b"".join(bytes([label]) + generator.bytes(3072) for label in range(3))
    (folder / "cifar10.bin").write_bytes(rows)
    idx = struct.pack(">4B3I", 0, 0, 8, 3, 4, 8, 8) + generator.bytes(256)
    (folder / "images-idx3-ubyte").write_bytes(idx)
    (folder / "images-idx3-ubyte.gz").write_bytes(gzip.compress(idx, mtime=0))


def texts(folder):
    for name in ["mnist-resnet.keras3.h5", "zoo/squeeze_excite.keras3.h5", "zoo/nested.keras2.h5",
                 "mnist-sequential.keras3.h5"]:
        with h5py.File(FIXTURES / name) as file:
            (folder / f"{pathlib.Path(name).stem}.json").write_text(file.attrs["model_config"])
    (folder / "list.csv").write_text("path,label\n\"a, b.jpg\",0\nc.jpg,1\n# d\ne.jpg,2\n")
    (folder / "semicolons.csv").write_text("\ufeffWidth;Path;ClassId\n8;\"a;b.png\";0.0\n8;c\\d.png;1.0\n")
    (folder / "one-hot.csv").write_text("image,a,b,c\nx,1,0,0\ny,0.0,0.0,1.0\n")
    (folder / "metadata.jsonl").write_text('{"file_name": "a.png", "label": 1}\n{"label": "x", "file_name": "b.png"}\n')
    (folder / "pets.txt").write_text("Abyssinian_201 1 1 1\nbeagle_5 2 2 1\n")
    (folder / "classes.txt").write_text("cat 0\ndog 1\nGrüße 2\n")
    (folder / "names.txt").write_text("n01440764 tench, Tinca tinca\nn01443537 goldfish\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    fixtures(folder)
    storage(folder, "earliest")
    storage(folder, "latest")
    splits(folder)
    texts(folder)
    print(f"{len(list(folder.iterdir()))} good files in {folder}")


if __name__ == "__main__":
    main()
