"""Images a second of training, in normconv and in PyTorch, on the same networks in alternating turns. PyTorch first tries both
orders of pixels and channels (with --compile torch.compile too) and keeps the fastest.

Networks have random weights, images are random; a step is forward, backward and SGD with momentum. `bn` normalizes with the
batch, `frozen` with stored statistics, `gn+ws` is GroupNorm with standardized filters. Figures are medians over the
turns; only ratios of one run mean anything. Memory is the peak of the process, with the program and its libraries.
Needs torch, h5py and safetensors.

    training_speed.py --normconv .build/release/normconv
    training_speed.py --normconv .build/release/normconv --networks resnet50 --arms gn+ws --batches 1 4
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

CLASSES = 10
DEPTHS = {"resnet18": (2, 2, 2, 2), "resnet50": (3, 4, 6, 3), "resnet20": (3, 3, 3)}
ARMS = {"bn": ["--bn", "train"], "frozen": ["--bn", "frozen"], "gn+ws": []}
UNITS = {"linux": 1024, "darwin": 1}


class StandardizedConv(nn.Conv2d):
    def forward(self, x):
        variance, mean = torch.var_mean(self.weight, [1, 2, 3], keepdim=True, unbiased=False)
        weight = (self.weight - mean) * torch.rsqrt(variance + 1e-10)
        return F.conv2d(x, weight, self.bias, self.stride, self.padding)


class FrozenNorm(nn.Module):
    """torchvision's FrozenBatchNorm2d."""

    def __init__(self, channels):
        super().__init__()
        for name, value in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)):
            self.register_buffer(name, torch.full((channels,), value))

    def forward(self, x):
        scale = self.weight * (self.running_var + 1e-5).rsqrt()
        return x * scale.view(1, -1, 1, 1) + (self.bias - self.running_mean * scale).view(1, -1, 1, 1)


def layers(arm):
    """The arm's convolution and norm."""
    conv = StandardizedConv if arm == "gn+ws" else nn.Conv2d
    norm = {
        "bn": nn.BatchNorm2d,
        "frozen": FrozenNorm,
        "gn+ws": lambda channels: nn.GroupNorm(min(32, channels // 2), channels),
    }[arm]
    return lambda i, o, k, s=1: conv(i, o, k, s, k // 2, bias=False), norm


class Block(nn.Module):
    def __init__(self, arm, inputs, width, outputs, stride):
        super().__init__()
        conv, norm = layers(arm)
        self.is_bottleneck = outputs != width
        first, second = (1, stride) if self.is_bottleneck else (stride, 1)
        self.conv1 = conv(inputs, width, 1 if self.is_bottleneck else 3, first)
        self.bn1 = norm(width)
        self.conv2 = conv(width, width, 3, second)
        self.bn2 = norm(width)
        if self.is_bottleneck:
            self.conv3, self.bn3 = conv(width, outputs, 1), norm(outputs)
        self.downsample = None
        if stride > 1 or inputs != outputs:
            self.downsample = nn.Sequential(conv(inputs, outputs, 1, stride), norm(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)), True)))
        if self.is_bottleneck:
            y = self.bn3(self.conv3(F.relu(y, True)))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)), True)


class ResNet(nn.Module):
    """torchvision's ResNet, or a CIFAR ResNet with its names."""

    def __init__(self, name, arm):
        super().__init__()
        conv, norm = layers(arm)
        self.is_small = name == "resnet20"
        channels = 16 if self.is_small else 64
        self.conv1 = conv(3, channels, 3, 1) if self.is_small else conv(3, channels, 7, 2)
        self.bn1 = norm(channels)
        inputs = channels
        for stage, depth in enumerate(DEPTHS[name]):
            width = channels << stage
            outputs = 4 * width if name == "resnet50" else width
            blocks = []
            for block in range(depth):
                stride = 2 if block == 0 and stage > 0 else 1
                blocks.append(Block(arm, inputs, width, outputs, stride))
                inputs = outputs
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(inputs, CLASSES)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)), True)
        if not self.is_small:
            x = F.max_pool2d(x, 3, 2, 1)
        for stage in range(1, 5):
            if hasattr(self, f"layer{stage}"):
                x = getattr(self, f"layer{stage}")(x)
        return self.fc(x.mean((2, 3)))


def extent(name):
    return 32 if name == "resnet20" else 224


def torch_turn(name, arm, way, batch, steps, threads):
    """Runs in a process of its own, and prints its figures."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    order = torch.contiguous_format if way == "channels first" else torch.channels_last
    model = ResNet(name, arm).to(memory_format=order).train()
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], 1e-3, 0.9)
    images = torch.rand(batch, 3, extent(name), extent(name)).to(memory_format=order)
    labels = torch.arange(batch) % CLASSES
    if way == "compiled":
        model = torch.compile(model)
    times = []
    for _ in range(steps + 1):
        start = time.perf_counter()
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
        times.append(time.perf_counter() - start)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNITS[sys.platform]
    print(json.dumps({"speed": batch / statistics.median(times[1:]), "memory": memory}))


def run(command):
    """What a command prints, and its peak memory."""
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    output = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    if status != 0:
        sys.exit(f"{' '.join(map(str, command))} failed")
    return json.loads(output), usage.ru_maxrss * UNITS[sys.platform]


def prepare(options, folder, name):
    """A network of random weights for each arm, and a split of random images."""
    torch.manual_seed(0)
    save_file(ResNet(name, "bn").state_dict(), folder / f"{name}.safetensors")
    command = [options.normconv, "convert", folder / f"{name}.safetensors", folder / f"{name}-gn.safetensors"]
    subprocess.run([*command, "--ws", "on", "--quiet"], check=True, stdout=subprocess.DEVNULL)
    generator = np.random.default_rng(0)
    with h5py.File(folder / f"{name}.h5", "w") as file:
        shape = (max(CLASSES, *options.batches), extent(name), extent(name), 3)
        file["images"] = generator.integers(0, 256, shape, np.uint8)
        file["labels"] = np.arange(shape[0]) % CLASSES
    with h5py.File(folder / f"{name}-one.h5", "w") as file:
        file["images"] = generator.integers(0, 256, (CLASSES, *shape[1:]), np.uint8)
        file["labels"] = np.arange(CLASSES)


def normconv_turn(options, folder, name, arm, batch, steps):
    model = folder / (f"{name}-gn.safetensors" if arm == "gn+ws" else f"{name}.safetensors")
    command = [options.normconv, "finetune", model, folder / "tuned.safetensors", "--force", "--json", "--quiet"]
    command += ["--data", folder / f"{name}.h5", "--validate", folder / f"{name}-one.h5", *ARMS[arm]]
    command += ["--batch", str(batch), "--steps", str(steps), "--lr", "0.001", "--workers", str(options.threads)]
    command += ["--augment", "none", "--no-flip", "--clip", "0"]
    report, memory = run(command)
    speeds = [r["imagesPerSecond"] for r in report["rounds"] if r.get("imagesPerSecond")]
    return {"speed": statistics.median(speeds), "memory": memory}


def main():
    if sys.argv[1:2] == ["torch"]:
        return torch_turn(*sys.argv[2:5], *map(int, sys.argv[5:8]))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--normconv", default="normconv", help="the program (default: normconv)")
    parser.add_argument("--networks", nargs="+", default=list(DEPTHS), choices=list(DEPTHS))
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS))
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 4, 16, 64])
    parser.add_argument("--rounds", type=int, default=3, help="turns of each (default: 3)")
    parser.add_argument("--steps", type=int, default=5, help="steps of a turn (default: 5)")
    parser.add_argument("--threads", type=int, default=2, help="default: 2")
    parser.add_argument("--compile", action="store_true", help="torch.compile too")
    options = parser.parse_args()
    print("network   arm     batch  normconv, images/s  PyTorch  ratio  MB  PyTorch's MB  PyTorch's way")
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for name in options.networks:
            prepare(options, folder, name)
            for arm in options.arms:
                for batch in options.batches:
                    compare(options, folder, name, arm, batch)


def compare(options, folder, name, arm, batch):
    steps = options.steps if extent(name) > 32 else 20 * options.steps
    ways = ["channels last", "channels first"] + ["compiled"] * options.compile

    def peer_turn(way):
        command = [sys.executable, __file__, "torch", name, arm, way, *map(str, (batch, steps, options.threads))]
        return run(command)[0]

    way = max(ways, key=lambda way: peer_turn(way)["speed"])
    own, other = [], []
    for _ in range(options.rounds):
        own.append(normconv_turn(options, folder, name, arm, batch, steps))
        other.append(peer_turn(way))
    speed, peer = (statistics.median(turn["speed"] for turn in turns) for turns in (own, other))
    memory, peers = (max(turn["memory"] for turn in turns) >> 20 for turns in (own, other))
    figures = f"{speed:18.1f} {peer:8.1f} {speed / peer:6.2f} {memory:5} {peers:13}"
    print(f"{name:9} {arm:7} {batch:5} {figures}  {way}", flush=True)


if __name__ == "__main__":
    main()
