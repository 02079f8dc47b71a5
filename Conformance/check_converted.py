"""Loads what normconv converts with Keras and PyTorch themselves, and compares their outputs with normconv's.

    check_converted.py --normconv normconv --pretrained FOLDER [--images 256] [--calibrate]

FOLDER holds resnet8-cifar10.keras2.h5, resnet20-cifar10.torch.h5, cifar10-test.h5 and, for --calibrate,
cifar10-calibration.h5.
Keras loads without custom objects, PyTorch with strict=True. Ends with 1 if any output differs by more than the
tolerance, 1e-4 of a probability: far above what float32 and another order of summation make, far below what a
wrong group, epsilon or channel order does.
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"

import h5py
import numpy as np

TOLERANCE = 1e-4
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

KERAS_CASES = (
    "",
    "--ws off",
    "--groups size:8 --ws off",
    "--groups gcd",
    "--to ln",
    "--to in --ws off",
    "--groups size:8 --ws all",
    "--init copy",
)
TORCH_CASES = (
    "",
    "--ws off",
    "--groups size:8",
    "--to ln --ws off",
    "--groups size:8 --ws off --add-bias",
    "--groups size:8 --add-bias",
    "--init copy",
)
# With --calibrate, for both networks; {calibration} becomes the path of the images.
CALIBRATED_CASE = "--groups size:8 --calibrate {calibration}"


def normconv(options, *arguments):
    command = [*shlex.split(options.normconv), *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(f"{shlex.join(command)}: exit code {result.returncode}\n{result.stderr.strip()}")


def convert(options, source, target, case):
    calibration = options.pretrained / "cifar10-calibration.h5"
    arguments = [word.format(calibration=calibration) for word in case.split()]
    normconv(options, "convert", source, target, "--min-agreement", "0", *arguments)


def normconv_probabilities(options, network, split, folder):
    """Softmax of the logits that `normconv eval` writes, in the split's order."""
    outputs = folder / "outputs.npy"
    outputs.unlink(missing_ok=True)
    normconv(options, "eval", network, "--data", split, "--outputs", outputs)
    return softmax(np.load(outputs))


def softmax(logits):
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def keras_probabilities(path, images):
    """ResNet-8 takes raw 0-255 and ends in a softmax."""
    import jax
    import keras

    jax.config.update("jax_default_matmul_precision", "highest")
    network = keras.models.load_model(path, compile=False)
    left = [layer.name for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    if left:
        raise RuntimeError(f"BatchNormalization is still there: {', '.join(left)}")
    return network.predict(images.astype(np.float32), batch_size=64, verbose=0)


def cifar_resnet(blocks, groups, bias):
    """CIFAR ResNet (option A) with GroupNorm; `groups` gives the number of groups for a number of channels."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    def conv(inputs, outputs, stride):
        return nn.Conv2d(inputs, outputs, 3, stride, 1, bias=bias)

    def norm(channels):
        return nn.GroupNorm(groups[channels], channels, eps=1e-5)

    class Block(nn.Module):
        def __init__(self, inputs, outputs, stride):
            super().__init__()
            self.conv1, self.bn1 = conv(inputs, outputs, stride), norm(outputs)
            self.conv2, self.bn2 = conv(outputs, outputs, 1), norm(outputs)
            self.stride, self.margin = stride, (outputs - inputs) // 2

        def forward(self, x):
            y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
            x = x[:, :, :: self.stride, :: self.stride]
            return F.relu(y + F.pad(x, (0, 0, 0, 0, self.margin, self.margin)))

    class ResNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.bn1 = conv(3, 16, 1), norm(16)
            self.layer1 = nn.Sequential(*(Block(16, 16, 1) for _ in range(blocks)))
            self.layer2 = nn.Sequential(*(Block(32 if i else 16, 32, 1 if i else 2) for i in range(blocks)))
            self.layer3 = nn.Sequential(*(Block(64 if i else 32, 64, 1 if i else 2) for i in range(blocks)))
            self.linear = nn.Linear(64, 10)

        def forward(self, x):
            x = F.relu(self.bn1(self.conv1(x)))
            return self.linear(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))

    torch.set_grad_enabled(False)
    return ResNet().eval()


def groups_of_case(case):
    """{channels: groups} as the options ask, written down here a second time on purpose."""
    channels = (16, 32, 64)
    if "--to ln" in case:
        return {c: 1 for c in channels}
    if "--groups size:8" in case:
        return {c: c // 8 for c in channels}
    return {16: 2, 32: 4, 64: 32}


def torch_probabilities(path, images, case):
    import torch

    with h5py.File(path) as file:
        state = {name: torch.from_numpy(np.asarray(file[name])) for name in file}
    network = cifar_resnet(3, groups_of_case(case), bias="--add-bias" in case)
    network.load_state_dict(state, strict=True)
    scaled = (images / 255 - np.array(IMAGENET_MEAN)) / np.array(IMAGENET_DEVIATION)
    inputs = torch.from_numpy(np.ascontiguousarray(scaled.transpose(0, 3, 1, 2), np.float32))
    return softmax(torch.cat([network(part) for part in inputs.split(64)]).numpy())


def check(options, source, case, reference, split, images, folder):
    """One line of the report; True if the outputs agree."""
    title = f"{source.name} {case.replace('{calibration}', 'IMAGES')}".strip()
    target = folder / "converted.h5"
    target.unlink(missing_ok=True)
    try:
        convert(options, source, target, case)
        ours = normconv_probabilities(options, target, split, folder)
        theirs = reference(target, images)
        difference = float(np.abs(ours - theirs).max())
    except Exception as error:  # one case that fails must not hide the others
        print(f"FAIL {title}: {error}")
        return False
    agrees = difference <= TOLERANCE  # False for NaN
    print(f"{'ok  ' if agrees else 'FAIL'} {title}: outputs differ by at most {difference:.1e}", flush=True)
    return agrees


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--normconv", default="normconv", help="the program (default: normconv)")
    parser.add_argument("--pretrained", type=Path, required=True, help="folder of networks and images")
    parser.add_argument("--images", type=int, default=256, help="test images to compare (default: 256)")
    parser.add_argument("--calibrate", action="store_true", help="also convert with calibration images")
    options = parser.parse_args()
    more = (CALIBRATED_CASE,) if options.calibrate else ()
    with h5py.File(options.pretrained / "cifar10-test.h5") as file:
        images, labels = file["images"][: options.images], file["labels"][: options.images]
    results = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        split = folder / "split.h5"
        with h5py.File(split, "w") as file:
            file["images"], file["labels"] = images, labels
        source = options.pretrained / "resnet8-cifar10.keras2.h5"
        for case in KERAS_CASES + more:
            results.append(check(options, source, case, keras_probabilities, split, images, folder))
        source = options.pretrained / "resnet20-cifar10.torch.h5"
        for case in TORCH_CASES + more:

            def reference(path, images, case=case):
                return torch_probabilities(path, images, case)

            results.append(check(options, source, case, reference, split, images, folder))
    print(f"{sum(results)} of {len(results)} agree")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
