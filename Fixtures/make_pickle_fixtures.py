"""Makes checkpoints as training loops leave them, under pickles/: whole modules, objects beside tensors, TorchScript, the
format before 1.6, arrays of numpy. The `.safetensors` beside them have what PyTorch reads."""

import argparse
import copy
import pickle
import sys
import types
import zipfile
from pathlib import Path

import numpy
import safetensors.torch
import torch
from torch import nn

from fixture_data import SEED


class Block(nn.Module):
    """A shared module, a buffer that is not saved and one that is, and tensors that are neither."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(4, eps=1e-3)
        self.fc = nn.Linear(4, 2)
        self.head = self.fc
        self.register_buffer("scratch", torch.ones(2), persistent=False)
        self.register_buffer("mask", torch.tensor([True, False]))
        self.register_buffer("nothing", None)
        self.plain = torch.ones(3)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x))).mean(dim=(2, 3))
        return self.head(x) * self.scratch[0] * self.mask[0] + self.plain[0]


class Settings:
    """A class of somebody's own, which refers to itself."""

    def __init__(self):
        self.rate, self.owner = 0.1, self


def make_network():
    torch.manual_seed(SEED)
    network = Block().eval().to(memory_format=torch.channels_last)
    network.bn1.running_mean.normal_()
    network.bn1.running_var.uniform_(0.5, 2)
    # A view of more numbers than it has.
    network.bn1.weight = nn.Parameter(torch.arange(8.0)[2:6])
    return network


def store(path, state):
    """What PyTorch reads. Truth values are bytes."""
    safetensors.torch.save_file(
        {name: (value.byte() if value.dtype == torch.bool else value.detach()).contiguous().clone()
         for name, value in state.items()}, path)


def drop_debug_members(path):
    """Without the places in source files on this machine that TorchScript keeps for messages."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist() if not name.endswith(".debug_pkl")}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    torch.jit.load(path)


def make_scripts(folder, network):
    for name, script in [("script", torch.jit.script(copy.deepcopy(network))),
                         ("traced", torch.jit.trace(copy.deepcopy(network), torch.ones(1, 3, 8, 8)))]:
        torch.jit.save(script, folder / f"{name}.pt")
        drop_debug_members(folder / f"{name}.pt")
    store(folder / "script.safetensors", script.state_dict())


def make_optimizer(network):
    network = copy.deepcopy(network)
    optimizer = torch.optim.Adam(network.parameters(), 0.1)
    network(torch.ones(1, 3, 8, 8)).sum().backward()
    optimizer.step()
    return optimizer.state_dict()


def make_checkpoints(folder, network):
    state = network.state_dict()
    averaged = {name: value + 1 if value.dtype.is_floating_point else value for name, value in state.items()}
    store(folder / "state.safetensors", state)
    store(folder / "averaged.safetensors", averaged)
    beside = {"epoch": 3, "args": argparse.Namespace(lr=0.1, settings=Settings()), "best": numpy.float64(71.2),
              "seed": 1 << 100, "history": numpy.arange(3.0), "sizes": {torch.Size([2, 3])},
              "sparse": torch.eye(2).to_sparse(),
              "quantized": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)}
    torch.save({**beside, "state_dict": state, "model_ema": averaged, "optimizer": make_optimizer(network)},
               folder / "checkpoint.pth")
    torch.save({"online": state, "target": averaged}, folder / "two.pth")
    torch.save(list(state.items()), folder / "pairs.pth", pickle_protocol=4)
    torch.save({"fc.weight": beside["quantized"]}, folder / "quantized.pth")
    module = {"model": network, "updates": 7, "settings": Settings()}
    torch.save(module, folder / "module.pth")
    # This format keeps each class's source, with its file on this machine.
    torch.serialization.get_source_lines_and_file = lambda own: (["class Own: pass\n"], 1, "models.py")
    torch.save(module, folder / "module-old.pth", _use_new_zipfile_serialization=False)
    arrays = {name: value.numpy() for name, value in state.items()}
    arrays["conv1.weight"] = numpy.asfortranarray(arrays["conv1.weight"])
    for protocol in [2, 5]:
        content = {"model": arrays, "__author__": "somebody"}
        (folder / f"arrays-{protocol}.pkl").write_bytes(pickle.dumps(content, protocol))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the folder pickles/ goes")
    folder = parser.parse_args().folder / "pickles"
    folder.mkdir(exist_ok=True)
    network = make_network()
    make_scripts(folder, network)
    # From here on the classes are somebody's that no reader has.
    module = sys.modules["project_models"] = types.ModuleType("project_models")
    for own in [Block, Settings]:
        own.__module__ = "project_models"
        setattr(module, own.__name__, own)
    make_checkpoints(folder, network)


if __name__ == "__main__":
    main()
