"""Trains ResNets with `normconv finetune` and with PyTorch, and compares losses and parameters after 20 steps.

    check_training.py --normconv normconv [--only resnet18] [--seed 0]

ResNet-20 on images of 32×32 and ResNet-18 on images of 64×64, with random weights: batch norms that normalize with the batch, with
the running statistics, and frozen; group norms; group norms with filters that are standardized in each step; each with SGD (momentum,
weight decay, gradients of norm 1) and AdamW. Both get the same batches without augmentation. The truth is PyTorch in double precision.
The loss of each step has to agree within 1e-4 of itself, each parameter and running statistic within 1e-4 of its norm, and the change
of all of them together within 5 % of its norm. PyTorch's own distance in float32 is printed beside.
"""

import argparse
import csv
import json
import math
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from random_numbers import epoch_order

TOLERANCE, CHANGE_TOLERANCE = 1e-4, 0.05
STEPS, BATCH, IMAGES, CLASSES = 20, 8, 80, 10
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
NETWORKS = {"resnet20": (32, (16, 32, 64), (3, 3, 3)), "resnet18": (64, (64, 128, 256, 512), (2, 2, 2, 2))}
MODES = {"bn": "train", "bn-eval": "eval", "bn-frozen": "frozen", "gn": None, "gn+ws": None}
# Rates at which rounding hardly grows: an activation that rounding takes to the other side of 0 changes a gradient by about 1e-4,
# and AdamW's steps have the length of the rate for the smallest of gradients, too. Where norms do not follow the filters it grows
# faster: there the rates are a tenth.
RATES = {"resnet20": {"sgd": 1e-3, "adamw": 2e-5}, "resnet18": {"sgd": 1e-3, "adamw": 4e-6}}
OPTIMIZERS = {"sgd": {"decay": 1e-3, "clip": 1.0}, "adamw": {"decay": 2.0, "clip": None}}


class Block(nn.Module):
    def __init__(self, entering, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(entering, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = nn.Identity()
        if stride > 1:
            self.downsample = nn.Sequential(
                nn.Conv2d(entering, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.downsample(x))


class ResNet(nn.Module):
    """He et al. 2016 in torchvision's names: for images of 32×32 with three stages, else with four and a pool."""

    def __init__(self, channels, blocks):
        super().__init__()
        self.isSmall = len(channels) == 3
        size, stride, padding = (3, 1, 1) if self.isSmall else (7, 2, 3)
        self.conv1 = nn.Conv2d(3, channels[0], size, stride, padding, bias=False)
        self.bn1 = nn.BatchNorm2d(channels[0])
        self.stages = len(channels)
        entering = channels[0]
        for stage, (width, count) in enumerate(zip(channels, blocks), 1):
            layers = []
            for block in range(count):
                layers.append(Block(entering, width, 2 if block == 0 and stage > 1 else 1))
                entering = width
            setattr(self, f"layer{stage}", nn.Sequential(*layers))
        self.fc = nn.Linear(entering, CLASSES)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        if not self.isSmall:
            x = F.max_pool2d(x, 3, 2, 1)
        for stage in range(1, self.stages + 1):
            x = getattr(self, f"layer{stage}")(x)
        return self.fc(x.mean((2, 3)))


class StandardizedConv(nn.Conv2d):
    """BiT's: biased variance, epsilon inside the root."""

    def forward(self, x):
        return F.conv2d(x, standardized(self.weight), None, self.stride, self.padding)


def standardized(weight):
    variance, mean = torch.var_mean(weight, dim=(1, 2, 3), unbiased=False, keepdim=True)
    return (weight - mean) / torch.sqrt(variance + 1e-10)


def made_network(name, images, seed):
    """A network with random weights, norms and running statistics that are near those of the images."""
    torch.manual_seed(seed)
    _, channels, blocks = NETWORKS[name]
    network = ResNet(channels, blocks)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
            nn.init.uniform_(module.weight, 0.5, 1)
            nn.init.normal_(module.bias, 0, 0.1)
    network.train()
    with torch.no_grad():
        network(images.float())
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 0.1
                module.running_mean += 0.1 * torch.randn_like(module.running_mean) * module.running_var.sqrt()
                module.running_var *= 0.8 + 0.4 * torch.rand_like(module.running_var)
    return network


def with_group_norms(network, report, state, standardizes):
    """The network that normconv's report of the conversion describes, with the converted parameters."""
    norms = {norm["layer"]: norm for norm in report["norms"]}
    for name, module in list(network.named_modules()):
        parent = network.get_submodule(name.rpartition(".")[0])
        if isinstance(module, nn.BatchNorm2d):
            norm = norms[name]
            group = nn.GroupNorm(norm["groups"], norm["channels"], eps=norm["epsilon"])
            setattr(parent, name.rpartition(".")[2], group)
        elif isinstance(module, nn.Conv2d) and standardizes:
            module.__class__ = StandardizedConv
    network.load_state_dict(state)
    if standardizes:
        # As finetune: at He's size the gradients are those of other networks.
        with torch.no_grad():
            for module in network.modules():
                if isinstance(module, StandardizedConv):
                    module.weight *= math.sqrt(2 / module.weight[0].numel())
    return network


def schedule(step):
    """--recipe plain: up during the first tenth, then a cosine."""
    rise = min(1, (step + 1) / max(0.1 * STEPS, 1))
    return rise * 0.5 * (1 + math.cos(math.pi * step / STEPS))


def highest_rate(name, mode, optimizer):
    return RATES[name][optimizer] * (0.1 if mode in ("bn-eval", "bn-frozen") else 1)


def train(network, mode, optimizer, rate, images, labels, seed, kind):
    """The losses before each step, and the state at the end."""
    network = network.to(kind).train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and mode != "bn":
            module.eval()
            module.requires_grad_(mode == "bn-eval")
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    options = OPTIMIZERS[optimizer]
    descent = (
        torch.optim.SGD(trained, 0, momentum=0.9, weight_decay=options["decay"])
        if optimizer == "sgd" else torch.optim.AdamW(trained, 0, weight_decay=options["decay"]))
    losses = []
    for step in range(STEPS):
        epoch, place = divmod(step, IMAGES // BATCH)
        batch = epoch_order(IMAGES, seed, epoch)[place * BATCH : (place + 1) * BATCH]
        loss = F.cross_entropy(network(images[batch].to(kind)), labels[batch])
        descent.zero_grad()
        loss.backward()
        if options["clip"]:
            nn.utils.clip_grad_norm_(trained, options["clip"])
        descent.param_groups[0]["lr"] = rate * schedule(step)
        descent.step()
        losses.append(loss.item())
    state = {name: value.double() for name, value in network.state_dict().items() if value.dtype.is_floating_point}
    if mode == "gn+ws":
        for name, module in network.named_modules():
            if isinstance(module, StandardizedConv):
                state[name + ".weight"] = standardized(module.weight.detach()).double()
    return losses, state


def run(options, *arguments):
    command = [*shlex.split(options.normconv), *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(result.stderr.strip())
    return result.stdout


def finetune(options, source, folder, mode, optimizer, rate):
    """The same with normconv."""
    settings = OPTIMIZERS[optimizer]
    log, target = folder / "log.csv", folder / "tuned.pth"
    run(options, "finetune", source, target, "--data", folder / "train.npz", "--validate", folder / "validate.npz",
        "--keep-head", "--augment", "none", "--recipe", "plain", "--steps", STEPS, "--batch", BATCH, "--keep", "last",
        "--optimizer", optimizer, "--lr", rate, "--weight-decay", settings["decay"],
        "--clip", settings["clip"] or 0, "--bn", MODES[mode] or "train", "--seed", options.seed,
        "--log", log, "--force", "--quiet")  # fmt: skip
    with open(log) as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file) if row["step"] != "0"]
    return losses, torch.load(target, weights_only=True)


def distances(found, expected, start):
    """Of losses in terms of themselves, of tensors in terms of their norms, and of all changes: the largest ones; the tensor."""
    loss = max(abs(a - b) / abs(b) for a, b in zip(found[0], expected[0], strict=True))
    apart = {name: (found[1][name].double() - value).norm().item() for name, value in expected[1].items()}
    by_name = {name: apart[name] / value.norm().item() for name, value in expected[1].items()}
    change = math.hypot(*((value - start[name]).norm().item() for name, value in expected[1].items()))
    worst = max(by_name, key=by_name.get)
    return (loss, by_name[worst], math.hypot(*apart.values()) / change), worst


def check(options, name, folder):
    size = NETWORKS[name][0]
    generator = np.random.default_rng(options.seed)
    pixels = generator.integers(0, 256, (IMAGES, size, size, 3), dtype=np.uint8)
    labels = generator.integers(0, CLASSES, IMAGES)
    np.savez(folder / "train.npz", images=pixels, labels=labels)
    np.savez(folder / "validate.npz", images=pixels[:BATCH], labels=labels[:BATCH])
    images = torch.as_tensor(((pixels / 255 - MEAN) / DEVIATION).transpose(0, 3, 1, 2))
    labels = torch.as_tensor(labels)
    original = folder / "bn.pth"
    torch.save(made_network(name, images, options.seed).state_dict(), original)
    good = True
    for mode in MODES:
        source, report = original, None
        if MODES[mode] is None:
            source = folder / f"{mode}.pth"
            report = json.loads(run(
                options, "convert", original, source, "--ws", "on" if mode == "gn+ws" else "off", "--json", "--quiet",
                "--min-agreement", 0))
        state = torch.load(source, weights_only=True)

        def network():
            made = ResNet(*NETWORKS[name][1:])
            if report:
                return with_group_norms(made, report, state, mode == "gn+ws")
            made.load_state_dict(state)
            return made

        for optimizer in OPTIMIZERS:
            rate = highest_rate(name, mode, optimizer)
            truth, single = (
                train(network(), mode, optimizer, rate, images, labels, options.seed, kind)
                for kind in (torch.float64, torch.float32))
            found, worst = distances(finetune(options, source, folder, mode, optimizer, rate), truth, state)
            own, _ = distances(single, truth, state)
            ok = all(a <= b for a, b in zip(found, (TOLERANCE, TOLERANCE, CHANGE_TOLERANCE)))
            good = good and ok
            figures = "".join(f" {a:9.1e} ({b:.1e})" for a, b in zip(found, own))
            print(
                f"{name} {mode:9} {optimizer:5} {truth[0][0]:6.3f} {truth[0][-1]:6.3f} {figures}  {worst}{'' if ok else '  MISS'}",
                flush=True)
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--normconv", default=".build/release/normconv")
    parser.add_argument("--only", choices=NETWORKS)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print("Distances from PyTorch in double precision, in parentheses PyTorch's own in float32")
    print(f"{'network, norms, optimizer':25} first   last     loss              parameters          change              worst")
    good = True
    for name in [options.only] if options.only else NETWORKS:
        with tempfile.TemporaryDirectory() as folder:
            good = check(options, name, Path(folder)) and good
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
