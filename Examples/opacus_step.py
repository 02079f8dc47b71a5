#!/usr/bin/env python3
"""Prepares networks for differentially private training: Opacus' ModuleValidator.fix beside normconv.to_groupnorm.

    pip install 'normconv[torch]' opacus torchvision h5py
    opacus_step.py --cifar resnet20.safetensors cifar10-calibration.h5 cifar10-test.h5
    opacus_step.py --photographs resnet18.safetensors val

--cifar takes a CIFAR ResNet-20 and HDF5 files with 'images' (uint8, [N, 32, 32, 3]) and 'labels'. --photographs takes a
ResNet-18 with torchvision's names and a folder with a folder of images for each class.
"""

import argparse
import warnings

import h5py
import torch
import torch.nn.functional as F
from opacus import PrivacyEngine
from opacus.validators import ModuleValidator
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision import transforms
from torchvision.datasets import ImageFolder
from torchvision.models.resnet import BasicBlock, ResNet

import normconv

#: Mean and deviation of ImageNet's colours.
COLOURS = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


class Shortcut(nn.Module):
    """Every second pixel, and channels of zeros on both sides."""

    def forward(self, x: Tensor) -> Tensor:
        margin = x.shape[1] // 2
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, margin, margin))


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, 2 if outputs > inputs else 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = Shortcut() if outputs > inputs else nn.Sequential()

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class ResNet20(nn.Module):
    """He et al. 2016, section 4.2."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(Block(16, 16), Block(16, 16), Block(16, 16))
        self.layer2 = nn.Sequential(Block(16, 32), Block(32, 32), Block(32, 32))
        self.layer3 = nn.Sequential(Block(32, 64), Block(64, 64), Block(64, 64))
        self.linear = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        return self.linear(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


class PlainBlock(BasicBlock):
    """torchvision's block without operations in place, which the hooks of Opacus cannot bear."""

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(self.bn2(self.conv2(y)) + shortcut)


def resnet18(classes: int) -> nn.Module:
    network = ResNet(PlainBlock, [2, 2, 2, 2], num_classes=classes)
    network.relu.inplace = False
    return network


def read(path: str) -> tuple[Tensor, Tensor]:
    """Images as the network takes them, and their labels."""
    with h5py.File(path) as file:
        images, labels = torch.from_numpy(file["images"][:]), torch.from_numpy(file["labels"][:])
    mean, deviation = map(torch.tensor, COLOURS)
    return ((images / 255 - mean) / deviation).permute(0, 3, 1, 2).contiguous(), labels


def predict(network: nn.Module, images: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.cat([network(batch).argmax(1) for batch in images.split(100)])


def share(classes: Tensor, others: Tensor) -> str:
    return f"{(classes == others).double().mean():6.1%}"


def private_step(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Trains one step with Opacus, and returns the epsilon that it spent."""
    engine = PrivacyEngine()
    network, optimizer, batches = engine.make_private(
        module=network.train(),
        optimizer=torch.optim.SGD(network.parameters(), lr=0.01),
        data_loader=DataLoader(TensorDataset(images, labels), batch_size=16),
        noise_multiplier=1.0,
        max_grad_norm=1.0,
    )
    batch, target = next(iter(batches))
    F.cross_entropy(network(batch), target).backward()
    optimizer.step()
    return engine.get_epsilon(delta=1e-3)


def compare(source: nn.Module, converted: dict[str, nn.Module], images: Tensor, labels: Tensor) -> None:
    """Prints how often networks are right, and how often they agree with the old one."""
    classes = predict(source, images)
    print(f"  {'BatchNorm':40} top-1 {share(classes, labels)}")
    for name, network in converted.items():
        new = predict(network.eval(), images)
        print(f"  {name:40} top-1 {share(new, labels)}  agreement {share(new, classes)}")


def compare_on_cifar(network: str, calibration: str, test: str) -> None:
    print("ResNet-20")
    source = ResNet20()
    source.load_state_dict(load_file(network))
    source.eval()
    images, labels = read(test)
    unlabelled, _ = read(calibration)
    # Opacus needs plain convolutions for its gradients of single images.
    options = {"groups": "size:8", "ws_mode": "baked"}
    converted = {
        "ModuleValidator.fix": ModuleValidator.fix(source),
        "to_groupnorm, no images, ws=False": normconv.to_groupnorm(source, ws=False, **options),
        "to_groupnorm, 512 images": normconv.to_groupnorm(source, calibrate=unlabelled[:512], epochs=3, **options),
    }
    compare(source, converted, images, labels)
    step = private_step(converted["to_groupnorm, 512 images"], images[:256], labels[:256])
    print(f"  a private step of the last one: epsilon {step:.2f}")


def compare_on_photographs(network: str, folder: str) -> None:
    print("ResNet-18")
    tensors = load_file(network)
    source = resnet18(len(tensors["fc.bias"]))
    source.load_state_dict(tensors)
    source.eval()
    steps = [transforms.Resize(224), transforms.CenterCrop(224), transforms.ToTensor(), transforms.Normalize(*COLOURS)]
    photographs = ImageFolder(folder, transforms.Compose(steps))
    images = torch.stack([image for image, _ in photographs])
    labels = torch.tensor(photographs.targets)
    steady = {"to": "ln", "init": "noise", "add_bias": True, "steady": 8}
    converted = {
        "ModuleValidator.fix": ModuleValidator.fix(source),
        "to_groupnorm, no images, ws=False": normconv.to_groupnorm(source, ws=False),
        "to_groupnorm, no images, steady": normconv.to_groupnorm(source, ws=False, **steady),
    }
    compare(source, converted, images, labels)
    step = private_step(converted["to_groupnorm, no images, steady"], images[:32], labels[:32])
    print(f"  a private step of the last one: epsilon {step:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cifar", nargs=3, metavar=("NETWORK", "CALIBRATION", "TEST"))
    parser.add_argument("--photographs", nargs=2, metavar=("NETWORK", "FOLDER"))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    if arguments.cifar:
        compare_on_cifar(*arguments.cifar)
    if arguments.photographs:
        compare_on_photographs(*arguments.photographs)


if __name__ == "__main__":
    main()
