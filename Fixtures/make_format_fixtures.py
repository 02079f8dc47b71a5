"""Makes the fixtures of file formats, small tensors in every way that people store them, under formats/."""

import argparse
from collections import OrderedDict
from pathlib import Path

import h5py
import safetensors.torch
import torch
from torch import nn

from fixture_data import SEED


def make_types(folder, expected):
    """Every element type that is read; expected values as float64."""
    generator = torch.Generator().manual_seed(SEED)
    values = torch.randn(3, 4, generator=generator)
    tensors = {
        "float64": values.double() / 3,
        "float32": values,
        "float16": values.half(),
        "bfloat16": values.bfloat16(),
        "int64": torch.arange(-3, 3),
        "int32": torch.arange(-3, 3, dtype=torch.int32),
        "uint8": torch.arange(250, 256, dtype=torch.uint8),
        "scalar": torch.tensor(7.25),
        "empty": torch.zeros(0, 3),
    }
    safetensors.torch.save_file(tensors, folder / "types.safetensors", {"format": "pt", "note": "größe"})
    torch.save(tensors, folder / "types.pth")
    for name, value in tensors.items():
        expected[f"types/{name}"] = value.double().numpy()


def make_training_checkpoint(folder, expected):
    """What a training loop leaves: a wrapped network in channels-last memory, an optimizer, numbers and strings."""
    torch.manual_seed(SEED)
    network = nn.DataParallel(nn.Sequential(OrderedDict(conv1=nn.Conv2d(3, 4, 3), bn1=nn.BatchNorm2d(4))))
    network.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9)
    network(torch.randn(2, 3, 8, 8)).sum().backward()
    optimizer.step()
    state = network.state_dict()
    whole = torch.arange(24.0).reshape(4, 6)
    state["view"], state["transposed"] = whole[1:3, 2:5], whole.t()
    state["parameter"] = nn.Parameter(torch.ones(2))
    checkpoint = {"epoch": 3, "name": "größe", "loss": 0.25, "steps": [1, 2, (3, None)], "big": 1 << 40}
    torch.save({**checkpoint, "state_dict": state, "optimizer": optimizer.state_dict()}, folder / "training.pth")
    for name, value in state.items():
        expected[f"training/{name}"] = value.detach().double().numpy()


class Settings:
    """A class of somebody's own, which no reader should load."""

    def __init__(self):
        self.rate = 0.1


def make_refused(folder):
    Settings.__module__ = "training"
    import sys
    import types

    module = types.ModuleType("training")
    module.Settings = Settings
    sys.modules["training"] = module
    tensors = {"conv1.weight": torch.ones(2)}
    torch.save({"state_dict": tensors, "settings": Settings()}, folder / "own-class.pth")
    torch.save(tensors, folder / "legacy.pth", _use_new_zipfile_serialization=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the folder formats/ goes")
    folder = parser.parse_args().folder / "formats"
    folder.mkdir(exist_ok=True)
    with h5py.File(folder / "expected.h5", "w") as expected:
        make_types(folder, expected)
        make_training_checkpoint(folder, expected)
    make_refused(folder)


if __name__ == "__main__":
    main()
