#!/usr/bin/env python3
"""Runs the command that normconv prints for PyTorch files that it does not read, for each kind, and compares what comes out.

    check_pickles.py --normconv normconv

Needs PyTorch and safetensors (requirements.txt). Exits with 1 where a command fails or gives other tensors.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy
import torch
from safetensors.torch import load_file


class Block(torch.nn.Module):
    """A network of torchvision's names, so that inspect knows what comes out."""

    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(8)
        self.fc = torch.nn.Linear(8, 4)

    def forward(self, x):
        return self.fc(torch.relu(self.bn1(self.conv1(x))).mean(dim=(2, 3)))


def network():
    """A network whose weights are laid out as training leaves them: channels-last, and one a view of more."""
    torch.manual_seed(0)
    network = Block().eval().to(memory_format=torch.channels_last)
    network.bn1.weight = torch.nn.Parameter(torch.arange(16.0)[4:12])
    return network


def sharing():
    """A state dictionary with two names for the same numbers."""
    state = dict(network().state_dict())
    return state | {"fc2.weight": state["fc.weight"]}


def kinds():
    """What is refused: a name, what saves it, and whether the command asks for trust."""
    state = network().state_dict
    save = torch.save
    return [
        ("namespace beside a state_dict", True,
         lambda path: save({"args": argparse.Namespace(lr=0.1), "state_dict": state()}, path)),
        ("namespace beside a model", True,
         lambda path: save({"epoch": 3, "args": argparse.Namespace(lr=0.1), "model": state()}, path)),
        ("whole module", True, lambda path: save(torch.nn.Sequential(network().conv1, network().bn1), path)),
        ("whole module in a checkpoint", True, lambda path: save({"model": network().conv1}, path)),
        ("TorchScript archive", True, lambda path: torch.jit.save(torch.jit.script(network()), path)),
        ("numpy scalar beside a state_dict", True,
         lambda path: save({"best": numpy.float64(0.5), "state_dict": state()}, path)),
        ("numpy scalar among tensors", True,
         lambda path: save({"best": numpy.float32(0.5), **state()}, path)),
        ("dtype beside shared tensors", True,
         lambda path: save({"dtype": torch.float32, "state_dict": sharing()}, path)),
        ("before 1.6", False, lambda path: save(state(), path, _use_new_zipfile_serialization=False)),
        ("before 1.6, wrapped", False,
         lambda path: save({"epoch": 3, "state_dict": sharing()}, path, _use_new_zipfile_serialization=False)),
    ]


NAMES = ["model.pth", "my model.pth", "it's \"mine\" $HOME `x` \\ *.pt", "-model.ckpt", "ünïcode.pth.tar", "no ending"]


def expected(path):
    """The tensors of a file, by PyTorch in this process."""
    try:
        whole = torch.jit.load(path, map_location="cpu")
    except RuntimeError:
        whole = torch.load(path, map_location="cpu", weights_only=False)
    if isinstance(whole, dict):
        whole = whole.get("state_dict", whole.get("model", whole))
    if hasattr(whole, "state_dict"):
        whole = whole.state_dict()
    return {name: value for name, value in whole.items() if torch.is_tensor(value)}


def problem(normconv, folder, name, asks):
    """What is wrong with the command for a file; None where nothing is."""
    run = subprocess.run([normconv, "inspect", name if not name.startswith("-") else "./" + name], cwd=folder,
                         capture_output=True, text=True)
    if run.returncode != 1 or len(run.stderr.splitlines()) != 1:
        return f"exit code {run.returncode}, {run.stderr!r}"
    if ("trust" in run.stderr) != asks:
        return f"asks for trust where it should not, or does not where it should: {run.stderr!r}"
    start = run.stderr.find("python3 -c ")
    if start < 0:
        return f"no command in {run.stderr!r}"
    before = set(os.listdir(folder))
    environment = dict(os.environ, PATH=os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"])
    command = subprocess.run(["sh", "-c", run.stderr[start:].strip()], cwd=folder, env=environment, capture_output=True,
                             text=True)
    if command.returncode != 0:
        return f"the command fails: {command.stderr.strip().splitlines()[-1:]}"
    new = set(os.listdir(folder)) - before
    if len(new) != 1:
        return f"new files: {new}"
    found = load_file(folder / new.pop())
    wanted = expected(folder / name)
    if found.keys() != wanted.keys():
        return f"tensors {sorted(found)}, expected {sorted(wanted)}"
    different = [key for key in wanted if not torch.equal(found[key], wanted[key])]
    return f"other values in {different}" if different else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--normconv", required=True)
    normconv = os.path.abspath(parser.parse_args().normconv)
    failures = 0
    for kind, asks, save in kinds():
        for name in NAMES:
            with tempfile.TemporaryDirectory() as folder:
                folder = pathlib.Path(folder)
                save(folder / name)
                wrong = problem(normconv, folder, name, asks)
            if wrong:
                failures += 1
                print(f"FAILED  {kind}, {name!r}: {wrong}")
        print(f"{kind}: {len(NAMES)} names")
    print("all commands work" if failures == 0 else f"{failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
