"""Converts networks of torchvision and timm that normconv knows by their names alone, and checks the result in PyTorch.

    check_families.py --normconv normconv [--only WORD] [--markdown Documentation/Conformance.md]

For each network, with random weights and measured statistics:
- it converts with --ws off, replaces every BatchNorm by a GroupNorm by name, and loads the result with strict=True;
- the outputs are finite;
- with the stored statistics pooled per group in place of each sample's (the mean of the channels' means; the mean of their
  variances plus the variance of the means), the outputs are those of BatchNorm to 1e-4 of the largest;
- the pairs of convolution and norm that normconv finds are those of the modules' real inputs and outputs. One that is not
  fails; one that is not found is counted.
The script of Documentation/Formats.md then gives the pairs of a network, and `--pairs` standardizes all of them.
--markdown writes the table between that document's markers. Ends with 1 where anything fails.
"""

import argparse
import json
import math
import re
import shlex
import subprocess
import sys
import tempfile
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import timm
import torch
import torchvision
from safetensors.torch import load_file
from torch import nn
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.ops.misc import FrozenBatchNorm2d

TOLERANCE = 1e-4
MARKS = ("<!-- families: begin -->", "<!-- families: end -->")
NORMS = (nn.modules.batchnorm._BatchNorm, FrozenBatchNorm2d)
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
FORMATS = Path(__file__).resolve().parent.parent / "Documentation/Formats.md"


@dataclass
class Family:
    name: str
    build: Callable
    shape: tuple = (2, 3, 96, 96)
    run: Callable = lambda network, images: network(images)
    options: tuple = ()


def torchvision_family(name, **more):
    weights = {"weights": None}
    if name.startswith(("fcn", "deeplab")):
        weights["weights_backbone"] = None
    if name in ("googlenet", "inception_v3"):
        weights |= {"init_weights": False, "aux_logits": False}
    return Family(f"torchvision {name}", lambda: torchvision.models.get_model(name, **weights), **more)


def timm_family(name, **more):
    return Family(f"timm {name}", lambda: timm.create_model(name, pretrained=False), **more)


def segmentation(network, images):
    return network(images)["out"]


def pyramid(network, images):
    return torch.cat([level.flatten() for level in network(images).values()])


FAMILIES = (
    *map(
        torchvision_family,
        ("resnet18", "resnet50", "resnext50_32x4d", "wide_resnet50_2", "vgg16_bn", "mobilenet_v2")
        + ("mobilenet_v3_large", "densenet121", "efficientnet_b0", "efficientnet_v2_s", "regnet_y_400mf")
        + ("googlenet", "mnasnet1_0", "shufflenet_v2_x1_0"),
    ),
    torchvision_family("inception_v3", shape=(2, 3, 128, 128)),
    torchvision_family("fcn_resnet50", run=segmentation),
    torchvision_family("deeplabv3_resnet50", run=segmentation),
    torchvision_family("deeplabv3_mobilenet_v3_large", run=segmentation),
    Family(
        "torchvision ResNet-50 FPN, BatchNorm",
        lambda: resnet_fpn_backbone(backbone_name="resnet50", weights=None, norm_layer=nn.BatchNorm2d),
        run=pyramid,
    ),
    Family(
        "torchvision ResNet-50 FPN, FrozenBatchNorm2d",
        lambda: resnet_fpn_backbone(backbone_name="resnet50", weights=None, norm_layer=FrozenBatchNorm2d),
        run=pyramid,
    ),
    torchvision_family("r3d_18", shape=(2, 3, 4, 48, 48)),
    torchvision_family("r2plus1d_18", shape=(2, 3, 4, 48, 48)),
    *map(
        timm_family,
        ("resnet50", "resnetv2_50", "efficientnet_b0", "mobilenetv3_large_100", "mobilenetv4_conv_small")
        + ("regnetx_002", "regnety_002", "densenet121", "dla34", "res2net50_26w_4s", "seresnet50")
        + ("resnest14d", "hrnet_w18_small", "ghostnet_100", "vgg11_bn", "darknet53", "cspresnet50")
        + ("convmixer_768_32", "repvgg_a0", "hgnetv2_b0", "rexnet_100", "vovnet39a"),
    ),
    timm_family("tf_efficientnet_b0", options=("--batch-epsilon", "1e-3")),
)


def prepare(family):
    """The network with random affine parameters, and statistics measured on random images, then moved a little."""
    torch.manual_seed(0)
    network = family.build()
    images = torch.randn(family.shape)
    norms = [module for module in network.modules() if isinstance(module, NORMS)]
    for norm in norms:
        norm.weight.uniform_(0.7, 1.3)
        norm.bias.normal_(0, 0.2)
        norm.momentum = 1.0
    if not any(isinstance(norm, FrozenBatchNorm2d) for norm in norms):
        family.run(network.train(), images)
    for norm in norms:
        spread = norm.running_var.sqrt()
        norm.running_mean += 0.1 * spread * torch.randn_like(spread)
        norm.running_var *= torch.empty_like(spread).uniform_(0.8, 1.25)
    return network.eval(), images


def true_pairs(network, family, images):
    """Norm -> the convolution whose output it gets itself, by the identity of tensors; None for anything else."""
    source, kept, found = {}, [], {}

    def after(name):
        def hook(module, arguments, output):
            kept.append(output)
            source[id(output)] = (name, output._version)

        return hook

    def before(name):
        def hook(module, arguments):
            tensor = arguments[0]
            producer, version = source.get(id(tensor), (None, None))
            found.setdefault(name, set()).add(producer if version == tensor._version else None)

        return hook

    hooks = []
    for name, module in network.named_modules():
        if isinstance(module, CONVOLUTIONS):
            hooks.append(module.register_forward_hook(after(name)))
        elif isinstance(module, NORMS):
            hooks.append(module.register_forward_pre_hook(before(name)))
    family.run(network, images)
    for hook in hooks:
        hook.remove()
    return {norm: names.pop() if len(names) == 1 else None for norm, names in found.items()}


class GroupNorm(nn.GroupNorm):
    """GroupNorm in a BatchNorm's place: with what timm's BatchNormAct2d does after it, and with given statistics."""

    def __init__(self, old, groups):
        super().__init__(groups, len(old.running_mean), eps=1e-5)
        self.after = [part for part in (getattr(old, "drop", None), getattr(old, "act", None)) if part is not None]
        self.statistics = None

    def give(self, mean, variance):
        mean, variance = mean.view(self.num_groups, -1), variance.view(self.num_groups, -1)
        pooled = mean.mean(1, keepdim=True)
        spread = (variance + (mean - pooled) ** 2).mean(1, keepdim=True)
        self.statistics = [part.expand_as(mean).reshape(-1) for part in (pooled, spread)]

    def forward(self, x):
        if self.statistics is None:
            x = super().forward(x)
        else:
            shape = (1, -1) + (1,) * (x.dim() - 2)
            mean, variance = (part.view(shape) for part in self.statistics)
            x = (x - mean) / (variance + self.eps).sqrt() * self.weight.view(shape) + self.bias.view(shape)
        for part in self.after:
            x = part(x)
        return x


def replace_norms(network, groups_of):
    """Puts GroupNorms in the BatchNorms' places. Returns them by name, with what they replace."""
    replaced = {}
    for name, module in list(network.named_modules()):
        if isinstance(module, NORMS):
            parent, _, leaf = name.rpartition(".")
            new = GroupNorm(module, groups_of(len(module.running_mean)))
            setattr(network.get_submodule(parent), leaf, new)
            replaced[name] = (new, module)
    return replaced


def normconv(options, *arguments):
    command = [*shlex.split(options.normconv), *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(f"{shlex.join(command)}: exit code {result.returncode}\n{result.stderr.strip()}")
    return json.loads(result.stdout)


def load(network, path):
    """Loads strictly. The versions of modules, which MNASNet asks for, are in no safetensors file."""
    state = OrderedDict(load_file(path))
    state._metadata = network.state_dict()._metadata
    network.load_state_dict(state, strict=True)


def check(options, family, folder):
    """One row of the table."""
    network, images = prepare(family)
    source, target = folder / "in.pth", folder / "out.safetensors"
    torch.save(network.state_dict(), source)
    expected, truth = family.run(network, images), true_pairs(network, family, images)
    norms = [module for module in network.modules() if isinstance(module, NORMS)]
    fits = all(len(norm.running_mean) % 8 == 0 for norm in norms)
    groups_of = (lambda channels: channels // 8) if fits else (lambda channels: math.gcd(32, channels))
    groups = "size:8" if fits else "gcd"
    report = normconv(
        options, "convert", source, target, "--force", "--ws", "off", "--groups", groups, "--json", *family.options
    )
    reported = {pair["norm"]: pair.get("convolution") for pair in report["pairs"]}
    wrong = [f"{n}: {c}, not {truth[n]}" for n, c in reported.items() if n in truth and c not in (None, truth[n])]
    if wrong:
        raise RuntimeError(f"wrong pairs: {wrong[:3]}")
    biases = {n: m.bias.clone() for n, m in network.named_modules() if getattr(m, "bias", None) is not None}
    replaced = replace_norms(network, groups_of)
    load(network, target)
    if not family.run(network, images).isfinite().all():
        raise RuntimeError("outputs are not finite")
    for name, (new, old) in replaced.items():
        mean = old.running_mean
        if truth.get(name) in biases:
            # A bias before the norm may have taken over the mean.
            mean = mean + network.get_submodule(truth[name]).bias - biases[truth[name]]
        new.give(mean, old.running_var)
    difference = (family.run(network, images) - expected).abs().max() / expected.abs().max()
    found = sum(reported.get(norm) is not None for norm, convolution in truth.items() if convolution)
    pairs = sum(convolution is not None for convolution in truth.values())
    return len(replaced), f"{found} of {pairs}", groups, float(difference)


def check_script(options, folder):
    """The documented script's pairs, and a conversion that standardizes them all."""
    blocks = re.findall(r"```python\n(.*?)```", FORMATS.read_text(), re.S)
    script = next(block for block in blocks if "symbolic_trace" in block)
    # A family whose graph normconv does not know.
    family = torchvision_family("mnasnet1_0")
    network, images = prepare(family)
    torch.save(network.state_dict(), folder / "in.pth")
    exec(script.replace('"pairs.json"', f'"{folder}/pairs.json"'), {"model": network})
    report = normconv(
        options, "convert", folder / "in.pth", folder / "out.safetensors", "--min-agreement", "0", "--force", "--groups", "size:8",
        "--pairs", folder / "pairs.json", "--json"
    )
    pairs = {norm: name for norm, name in true_pairs(network, family, images).items() if name}
    if {pair["norm"]: pair.get("convolution") for pair in report["pairs"]} != pairs:
        raise RuntimeError("the script's pairs are not the network's")
    if {pair["adjacency"] for pair in report["pairs"]} != {"proven"}:
        raise RuntimeError("the script's pairs are not taken as proven")
    replace_norms(network, lambda channels: channels // 8)
    load(network, folder / "out.safetensors")
    standardized = {name: network.get_submodule(name).weight.flatten(1) for name in report["standardized"]}
    if len(standardized) != len(pairs):
        raise RuntimeError(f"{len(standardized)} of {len(pairs)} convolutions are standardized")
    for name, weights in standardized.items():
        if weights.mean(1).abs().max() > 1e-5 or (weights.var(1, unbiased=False) - 1).abs().max() > 1e-4:
            raise RuntimeError(f"the filters of {name} do not have mean 0 and variance 1")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--normconv", required=True)
    parser.add_argument("--only", default="", help="networks whose names have this word")
    parser.add_argument("--markdown", type=Path, help="the document whose table to write")
    options = parser.parse_args()
    torch.set_grad_enabled(False)
    rows, failures = [], 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for family in FAMILIES:
            if options.only not in family.name:
                continue
            try:
                norms, pairs, groups, difference = check(options, family, folder)
                if not difference <= TOLERANCE:
                    raise RuntimeError(f"outputs differ by {difference:.1e} of the largest")
                rows.append(f"| {family.name} | {norms} | {pairs} | `{groups}` | {difference:.0e} |")
                print(rows[-1], flush=True)
            except Exception as error:
                failures += 1
                print(f"FAILED {family.name}: {error}", file=sys.stderr, flush=True)
        try:
            check_script(options, folder)
            print("the script of Documentation/Formats.md: ✓")
        except Exception as error:
            failures += 1
            print(f"FAILED the script of Documentation/Formats.md: {error}", file=sys.stderr)
    if options.markdown and not failures:
        head = "| network | norms | pairs found | `--groups` | difference |\n|---|--:|--:|---|--:|"
        text = options.markdown.read_text()
        before, after = text.split(MARKS[0])[0], text.split(MARKS[1])[1]
        table = "\n".join([MARKS[0], head, *rows, MARKS[1]])
        options.markdown.write_text(before + table + after)
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
