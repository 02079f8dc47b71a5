"""Scores torchvision's and timm's networks from their parameter names alone, and compares the outputs with PyTorch's.

    check_scored_families.py --normconv normconv [--only vgg16_bn] [--images 4]

Each network gets random weights, affine parameters and running statistics. normconv reads the file of its state_dict
and writes the logits of random images; so it does after a conversion to group norms, which PyTorch computes from the
converted file. Ends with 1 where logits differ by more than 1e-4 of the largest one. A network of many layers with
random weights may magnify rounding further: then normconv may be ten times as far from PyTorch's doubles as PyTorch's
own floats are.
"""

import argparse
import copy
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import timm
import torch
import torchvision
from safetensors.torch import load_file, save_file

TOLERANCE = 1e-4
NORMS = (torch.nn.BatchNorm2d, torch.nn.BatchNorm3d)
TORCHVISION = (
    "vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn", "vgg11", "mobilenet_v2", "mobilenet_v3_large",
    "mobilenet_v3_small",
    "densenet121", "densenet161", "densenet169", "densenet201",
    "efficientnet_b0", "efficientnet_b1", "efficientnet_b2", "efficientnet_b3", "efficientnet_b4", "efficientnet_b5",
    "efficientnet_b7", "efficientnet_v2_s", "efficientnet_v2_m", "efficientnet_v2_l",
    "regnet_x_400mf", "regnet_x_8gf", "regnet_y_400mf", "regnet_y_3_2gf",
)  # fmt: skip
TIMM = (
    "vgg11_bn", "densenet121", "mobilenetv2_100", "mobilenetv2_050", "mobilenetv2_110d", "mobilenetv2_120d",
    "regnetx_032", "regnety_032", "seresnet18", "seresnet50", "seresnext50_32x4d", "seresnet152d", "efficientnet_b0",
    "tf_efficientnet_b4", "legacy_seresnet50", "legacy_seresnext26_32x4d", "legacy_senet154",
    "resnest14d", "resnest26d", "resnest50d",
    "mobilenetv3_large_100", "tf_mobilenetv3_small_100",
)  # fmt: skip
# torchvision.models.video, on videos of 8×56×56.
VIDEO = ("r3d_18", "mc3_18", "r2plus1d_18")
# efficientnet_pytorch's network, as segmentation_models_pytorch has it.
SEGMENTATION_MODELS = ("efficientnet-b0", "efficientnet-b2", "efficientnet-b3")
# Names and shapes that networks of other functions share: they convert, and are not scored.
REFUSED = (
    ("timm", "efficientnet_b0"), ("timm", "tf_efficientnet_b4"), ("timm", "mobilenetv3_large_100"),
    ("timm", "tf_mobilenetv3_small_100"),
)  # fmt: skip


def normconv(options, *arguments):
    command = [*shlex.split(options.normconv), *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(f"{shlex.join(command)}: exit code {result.returncode}\n{result.stderr.strip()}")


def build(library, name):
    torch.manual_seed(0)
    if library == "torchvision":
        network = getattr(torchvision.models, name)(num_classes=10)
    elif library == "video":
        network = getattr(torchvision.models.video, name)(num_classes=10)
    elif library == "segmentation_models":
        network = efficientnet(name, num_classes=10)
    else:
        network = timm.create_model(name, num_classes=10)
    return randomized(network.eval())


def efficientnet(name, num_classes):
    from segmentation_models_pytorch.encoders import _efficientnet

    width, depth, side, dropout = _efficientnet.efficientnet_params(name)
    blocks, settings = _efficientnet.efficientnet(
        width_coefficient=width, depth_coefficient=depth, dropout_rate=dropout, image_size=side, num_classes=num_classes
    )
    return _efficientnet.EfficientNet(blocks, settings)


def randomized(network):
    """Random norms, and weights that keep the size of values: each norm's input has about its running statistics."""
    generator = torch.Generator().manual_seed(1)

    def draw(tensor, low, high):
        tensor.copy_(torch.rand(tensor.shape, generator=generator) * (high - low) + low)

    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, NORMS):
                draw(module.weight, 0.5, 1.5)
                draw(module.bias, -0.5, 0.5)
                draw(module.running_mean, -0.5, 0.5)
                draw(module.running_var, 0.5, 1.5)
            elif isinstance(module, (torch.nn.Conv2d, torch.nn.Conv3d, torch.nn.Linear)):
                torch.nn.init.normal_(module.weight, 0, module.weight[0].numel() ** -0.5, generator=generator)
                if module.bias is not None:
                    draw(module.bias, -0.5, 0.5)
    return network


def with_group_norms(network, tensors):
    """The network with GroupNorm of the default groups where the converted file has no running statistics."""
    for name, module in list(network.named_modules()):
        if isinstance(module, NORMS):
            channels = module.num_features
            groups = 32 if channels >= 64 and channels % 32 == 0 else max(
                g for g in range(1, 33) if channels % g == 0 and (channels // g >= 8 or g == 1)
            )  # fmt: skip
            norm = torch.nn.GroupNorm(groups, channels, eps=1e-5)
            # timm's norms hold their activation.
            activation = getattr(module, "act", None)
            network.set_submodule(name, NormAct(norm, activation) if activation is not None else norm)
    network.load_state_dict(tensors, strict=True)
    return network.eval()


class NormAct(torch.nn.Module):
    """A norm and its activation, with the norm's own parameter names."""

    def __init__(self, norm, activation):
        super().__init__()
        self.weight, self.bias, self.act = norm.weight, norm.bias, activation
        self.groups, self.eps = norm.num_groups, norm.eps

    def forward(self, x):
        return self.act(torch.nn.functional.group_norm(x, self.groups, self.weight, self.bias, self.eps))


def our_logits(options, network, split, folder):
    outputs = folder / "outputs.npy"
    normconv(options, "eval", network, "--data", split, "--preprocess", "raw", "--outputs", outputs, "--force")
    return np.load(outputs)


def difference(ours, network, images):
    """The largest difference from PyTorch's logits, and the largest that is allowed."""
    pixels = torch.from_numpy(np.moveaxis(images, -1, 1).copy())
    with torch.no_grad():
        theirs = network(pixels).numpy()
        if not np.isfinite(theirs).all():
            raise RuntimeError("PyTorch's logits are not finite")
        found = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
        if found <= TOLERANCE:
            return found, TOLERANCE
        exact = copy.deepcopy(network).double()(pixels.double()).numpy()
    ours, theirs = (float(np.abs(logits - exact).max() / np.abs(exact).max()) for logits in (ours, theirs))
    return ours, 10 * theirs


def check(options, library, name, folder):
    network = build(library, name)
    source, target, split = folder / "source.safetensors", folder / "target.safetensors", folder / "split.npz"
    save_file({k: v.contiguous() for k, v in network.state_dict().items()}, source)
    extents = (8, 56, 56) if library == "video" else (224, 224)
    images = np.random.default_rng(2).normal(0, 1, (options.images, *extents, 3)).astype(np.float32)
    np.savez(split, images=images, labels=np.zeros(len(images), np.int64))
    if (library, name) in REFUSED:
        normconv(options, "convert", source, target, "--min-agreement", "0", "--quiet", "--force")
        try:
            our_logits(options, source, split, folder)
        except RuntimeError as error:
            if "the graph is unknown" not in str(error):
                raise
            return None
        raise RuntimeError("scored, although the names do not tell the padding")
    found = [difference(our_logits(options, source, split, folder), network, images)]
    if any(isinstance(module, NORMS) for module in network.modules()):
        normconv(options, "convert", source, target, "--min-agreement", "0", "--quiet", "--force")
        converted = with_group_norms(network, load_file(target))
        found.append(difference(our_logits(options, target, split, folder), converted, images))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--normconv", default="normconv", help="the program (default: normconv)")
    parser.add_argument("--images", type=int, default=4, help="random images to compare (default: 4)")
    parser.add_argument("--only", help="names that contain this, of one library: timm:densenet (default: all)")
    options = parser.parse_args()
    cases = [("torchvision", name) for name in TORCHVISION] + [("timm", name) for name in TIMM]
    cases += [("segmentation_models", name) for name in SEGMENTATION_MODELS] + [("video", name) for name in VIDEO]
    cases = [case for case in cases if (options.only or "") in ":".join(case)]
    agreed = 0
    for library, name in cases:
        with tempfile.TemporaryDirectory() as folder:
            try:
                found = check(options, library, name, Path(folder))
            except Exception as error:  # one case that fails must not hide the others
                print(f"FAIL {library} {name}: {error}", flush=True)
                continue
        if found is None:
            agrees, text = True, "converted, not scored"
        else:
            agrees = all(value <= allowed for value, allowed in found)  # False for NaN
            text = ", converted ".join(
                f"{value:.1e}" + (f" (allowed {allowed:.1e})" if allowed != TOLERANCE else "")
                for value, allowed in found
            )
        print(f"{'ok  ' if agrees else 'FAIL'} {library} {name}: {text}", flush=True)
        agreed += agrees
    print(f"{agreed} of {len(cases)} agree")
    return 0 if agreed == len(cases) else 1


if __name__ == "__main__":
    sys.exit(main())
