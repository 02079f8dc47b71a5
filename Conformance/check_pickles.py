#!/usr/bin/env python3
"""Makes PyTorch checkpoints in the ways that people save them, and compares what normconv reads from each with what
PyTorch does: names, shapes, types and every bit.

    check_pickles.py --normconv normconv

Needs PyTorch, torchvision, timm and safetensors (requirements.txt). Exits with 1 where something is different.
"""

import argparse
import collections
import copy
import datetime
import enum
import functools
import importlib.util
import os
import pathlib
import pickle
import subprocess
import sys
import tempfile
import warnings

import numpy
import torch
from safetensors.torch import load_file

# The networks' classes are in a module of their own, which normconv has never heard of.
CLASSES = '''
import collections
import torch

class Block(torch.nn.Module):
    """Torchvision's names, a shared module, a buffer that is not saved, and one that is."""

    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(8, eps=1e-3)
        self.fc = torch.nn.Linear(8, 4)
        self.head = self.fc
        self.register_buffer("scratch", torch.ones(2), persistent=False)
        self.register_buffer("mask", torch.tensor([True, False]))
        self.register_buffer("nothing", None)
        self.plain = torch.ones(3)

    def forward(self, x):
        return self.head(torch.relu(self.bn1(self.conv1(x))).mean(dim=(2, 3))) * self.scratch[0] * self.mask[0]

class Settings:
    def __init__(self):
        self.rate, self.owner = 0.1, self

class Learner:
    """As fastai exports one: the network among other attributes, and circles."""

    def __init__(self, model):
        self.callbacks = [Settings()]
        self.callbacks[0].learner = self
        self.model = model

class OwnDictionary(collections.OrderedDict):
    pass

class AttributeDictionary(dict):
    def __init__(self, *arguments, **items):
        super().__init__(*arguments, **items)
        self.__dict__ = self
'''


class Mode(enum.Enum):
    """An enumeration, which pickles as a call."""

    FAST = 1


def classes(folder):
    """The module of CLASSES, whose source TorchScript needs in a file."""
    path = pathlib.Path(folder) / "project_classes.py"
    path.write_text(CLASSES)
    spec = importlib.util.spec_from_file_location("project_classes", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["project_classes"] = module
    spec.loader.exec_module(module)
    return module


def network(made):
    """Weights laid out as training leaves them: channels-last, and one a view of more."""
    torch.manual_seed(0)
    model = made.Block().eval().to(memory_format=torch.channels_last)
    model.bn1.running_mean.normal_()
    model.bn1.running_var.uniform_(0.5, 2)
    model.bn1.weight = torch.nn.Parameter(torch.arange(16.0)[4:12])
    return model


def shifted(state):
    return {name: value + 1 if value.dtype.is_floating_point else value for name, value in state.items()}


def optimizer(model):
    model = copy.deepcopy(model)
    adam = torch.optim.AdamW(model.parameters(), 0.1)
    model(torch.randn(2, 3, 8, 8)).sum().backward()
    adam.step()
    return adam.state_dict()


def kinds(made):
    """Name, object to save, the state_dict that it holds, and the key that chooses it or None."""
    model = network(made)
    state = model.state_dict()
    args = argparse.Namespace(lr=0.1, mode=Mode.FAST, output=pathlib.Path("out"), device=torch.device("cpu"))
    logs = {"best_acc1": numpy.float64(71.2), "lrs": numpy.arange(3.0), "when": datetime.datetime(2024, 1, 2),
            "seed": 1 << 100, "shape": torch.Size([1, 2]), "dtype": torch.float16, "set": {1, 2},
            "frozen": frozenset("ab"),
            "counts": collections.Counter("abca"), "lists": collections.defaultdict(list, a=[1]),
            "random": numpy.random.get_state(), "torch": torch.get_rng_state(), "call": functools.partial(int, "1"),
            "sparse": torch.eye(2).to_sparse(), "complex": torch.ones(2, dtype=torch.complex64),
            "quantized": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)}
    module = {"module." + name: value for name, value in state.items()}
    moco = {f"module.encoder_{part}.{name}": value for part in "qk" for name, value in state.items()}
    moco |= {"module.queue": torch.randn(8, 16), "module.queue_ptr": torch.zeros(1, dtype=torch.long)}
    half = copy.deepcopy(model).half()
    averaged = torch.optim.swa_utils.AveragedModel(model)
    own = made.OwnDictionary(state)
    own._metadata = collections.OrderedDict(version=1)
    typed = {**state, "u16": torch.arange(3).to(torch.uint16), "bf16": torch.ones(3, dtype=torch.bfloat16)}
    traced = torch.jit.trace(copy.deepcopy(model), torch.ones(1, 3, 8, 8))
    graph = torch.fx.symbolic_trace(copy.deepcopy(model))
    scripted = torch.jit.script(copy.deepcopy(model))
    return [
        ("plain", state, state, None),
        ("namespace", {"epoch": 3, "args": args, "state_dict": state}, state, None),
        ("numpy scalars and others", {**logs, "state_dict": state}, state, None),
        ("timm and DeiT", {"model": state, "model_ema": shifted(state), "optimizer": optimizer(model), "args": args},
         state, None),
        ("timm and DeiT, EMA", {"model": state, "model_ema": shifted(state), "args": args}, shifted(state), "model_ema"),
        ("only EMA", {"model_ema": state, "optimizer": optimizer(model)}, state, None),
        ("MoCo", {"epoch": 1, "arch": "resnet50", "state_dict": moco, "optimizer": optimizer(model)}, moco, None),
        ("DataParallel under net", {"net": module, "acc": 71.2, "epoch": 3}, module, None),
        ("torch.compile", {"_orig_mod." + name: value for name, value in state.items()},
         {"_orig_mod." + name: value for name, value in state.items()}, None),
        ("Lightning", {"state_dict": {"model." + name: value for name, value in state.items()}, "callbacks": {},
                       "hyper_parameters": made.AttributeDictionary(lr=0.1), "optimizer_states": [optimizer(model)]},
         {"model." + name: value for name, value in state.items()}, None),
        ("two networks, the first", {"online": state, "target": shifted(state)}, state, "online"),
        ("two networks, the second", {"online": state, "target": shifted(state)}, shifted(state), "target"),
        ("path of keys", {"a": {"b.c": {"d": shifted(state)}, "b": {"x": state}}}, shifted(state), "a.b.c.d"),
        ("largest of several", {"small": {"fc.weight": torch.ones(2)}, "big": state}, state, None),
        ("list of pairs", list(state.items()), state, None),
        ("tuple with an optimizer", (state, optimizer(model)), state, None),
        ("own dictionary class", {"state_dict": own, "settings": made.Settings()}, state, None),
        ("attribute dictionary", made.AttributeDictionary(state_dict=state, epoch=1), state, None),
        ("other types", typed, typed, None),
        ("whole module", model, state, None),
        ("whole module in a checkpoint", {"epoch": 3, "model": model, "args": args}, state, None),
        ("YOLO: half precision, EMA empty", {"model": half, "ema": None, "updates": 7, "optimizer": None},
         half.state_dict(), None),
        ("YOLO: EMA", {"model": None, "ema": half, "updates": 7}, half.state_dict(), None),
        ("averaged module", {"epoch": 1, "averaged": averaged}, averaged.state_dict(), None),
        ("DataParallel", torch.nn.DataParallel(model), torch.nn.DataParallel(model).state_dict(), None),
        ("torch.fx", graph, graph.state_dict(), None),
        ("fastai learner", made.Learner(model), state, None),
        ("fastai save", {"model": state, "opt": optimizer(model)}, state, None),
        ("a module in a module by key", torch.nn.DataParallel(model), state, "module"),
        ("TorchScript", scripted, scripted.state_dict(), None),
        ("TorchScript, traced", traced, traced.state_dict(), None),
    ]


def forms(name, value, folder):
    """Files of the object, by how they were written."""
    if isinstance(value, torch.jit.ScriptModule):
        torch.jit.save(value, folder / "script.pt")
        return ["script.pt"]
    torch.save(value, folder / "zip.pth")
    torch.save(value, folder / "old.pth", _use_new_zipfile_serialization=False)
    torch.save(value, folder / "protocol4.pth", pickle_protocol=4)
    if name == "plain":
        arrays = {key: tensor.numpy() for key, tensor in value.items()}
        arrays["conv1.weight"] = numpy.asfortranarray(arrays["conv1.weight"])
        for protocol in [2, 4, 5]:
            content = {"model": arrays, "__author__": "somebody", "matching_heuristics": True}
            (folder / f"arrays{protocol}.pkl").write_bytes(pickle.dumps(content, protocol))
    return sorted(file.name for file in folder.iterdir())


def convert(normconv, file, output, key):
    command = [normconv, "convert", file, output, "--to", "none"] + (["--key", key] if key else [])
    return subprocess.run(command, capture_output=True, text=True)


def bits(tensor):
    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def differences(wanted, found):
    """What is not the same, in words."""
    wanted = {name: value.detach() for name, value in wanted.items()}
    if found.keys() != wanted.keys():
        return [f"names {sorted(set(found) ^ set(wanted))} are on one side only"]
    problems = []
    for name, value in wanted.items():
        # Truth values are bytes: neither side's framework knows the other's.
        value = value.to(torch.uint8) if value.dtype == torch.bool else value
        if (found[name].dtype, found[name].shape) != (value.dtype, value.shape):
            problems.append(f"{name}: {found[name].dtype} {found[name].shape}, expected {value.dtype} {value.shape}")
        elif bits(found[name]) != bits(value):
            problems.append(f"{name}: other values")
    return problems


def refusals(made):
    """What has to be refused, and a part of the error."""
    state = network(made).state_dict()
    return [
        ({"online": state, "target": shifted(state)}, None, "choose one with --key"),
        ({"state_dict": state}, "ema", "--key takes 'state_dict' (11 tensors)"),
        ({**state, "fc.weight": torch.quantize_per_tensor(torch.ones(4, 8), 0.1, 0, torch.qint8)}, None,
         "parameter 'fc.weight': found a quantized tensor"),
        ({**state, "fc.weight": torch.eye(4).to_sparse()}, None, "parameter 'fc.weight': found a sparse tensor"),
        ({**state, "fc.weight": torch.ones(2, dtype=torch.complex64)}, None, "a tensor of ComplexFloatStorage"),
        ({"optimizer": optimizer(network(made))}, None, "expected a state_dict"),
        ({"epoch": 1}, None, "expected a state_dict"),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--normconv", required=True)
    normconv = os.path.abspath(parser.parse_args().normconv)
    warnings.simplefilter("ignore")
    failures = files = 0
    with tempfile.TemporaryDirectory() as sources:
        made = classes(sources)
        for name, value, state, key in kinds(made):
            with tempfile.TemporaryDirectory() as folder:
                folder = pathlib.Path(folder)
                for file in forms(name, value, folder):
                    files += 1
                    run = convert(normconv, folder / file, folder / "out.safetensors", key)
                    found = [run.stderr.strip()] if run.returncode else \
                        differences(state, load_file(folder / "out.safetensors"))
                    (folder / "out.safetensors").unlink(missing_ok=True)
                    for problem in found:
                        failures += 1
                        print(f"FAILED  {name}, {file}: {problem}")
        for value, key, expected in refusals(made):
            with tempfile.TemporaryDirectory() as folder:
                folder = pathlib.Path(folder)
                torch.save(value, folder / "refused.pth")
                files += 1
                run = convert(normconv, folder / "refused.pth", folder / "out.safetensors", key)
                if run.returncode != 1 or expected not in run.stderr or len(run.stderr.splitlines()) != 1:
                    failures += 1
                    print(f"FAILED  exit code {run.returncode}, {run.stderr!r}, expected {expected!r}")
    print(f"{files} files, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
