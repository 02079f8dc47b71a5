"""Makes narrow ResNets of torchvision's own code, changed as people change them, and a DenseNet, whole and as TorchScript,
and their logits. Names and shapes stay those of a plain ResNet. Packed into modules.zip."""

import argparse
import tempfile
import zipfile
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import nn
from torchvision.models.densenet import DenseNet
from torchvision.models.resnet import BasicBlock, ResNet

from fixture_data import SEED, smooth_images
from make_family_fixtures import DEVIATION, MEAN, randomize
from make_pickle_fixtures import drop_debug_members

IMAGES, SIDE, CLASSES = 2, 32, 5


def narrow():
    network = ResNet(BasicBlock, (1, 1, 1, 1), CLASSES)
    network.inplanes = 2
    network.conv1, network.bn1 = nn.Conv2d(3, 2, 7, 2, 3, bias=False), nn.BatchNorm2d(2)
    for stage, width in enumerate((2, 4, 4, 4), start=1):
        setattr(network, f"layer{stage}", network._make_layer(BasicBlock, width, 1, stride=1 if stage == 1 else 2))
    network.fc = nn.Linear(4, CLASSES)
    return network


def replaced(network, kind, made):
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if type(child) is kind:
                setattr(module, name, made(child))


def stride(network):
    network.conv1.stride = (1, 1)


def dilation(network):
    block = network.layer4[0]
    block.conv1.stride = block.downsample[0].stride = (1, 1)
    for conv in (block.conv1, block.conv2):
        conv.dilation = conv.padding = (2, 2)


def silu(network):
    replaced(network, nn.ReLU, lambda relu: nn.SiLU())


def leaky(network):
    replaced(network, nn.ReLU, lambda relu: nn.LeakyReLU(0.1))


def same(network):
    network.layer1[0].conv1.padding = "same"


def no_pool(network):
    network.maxpool = nn.Identity()


def cifar(network):
    network.conv1, network.maxpool = nn.Conv2d(3, 2, 3, 1, 1, bias=False), nn.Identity()


def identity(network):
    network.layer3[0].relu = nn.Identity()


def reflect(network):
    def mirrored(conv):
        return nn.Conv2d(conv.in_channels, conv.out_channels, 3, conv.stride, 1, bias=False, padding_mode="reflect")

    replaced(network.layer2, nn.Conv2d, lambda conv: mirrored(conv) if conv.kernel_size == (3, 3) else conv)


def extra(network):
    network.layer1.append(nn.Tanh())


def maximum(network):
    network.avgpool = nn.AdaptiveMaxPool2d(1)


class Square(nn.Module):
    def forward(self, x):
        return x * x


class SquaringBlock(BasicBlock):
    """A block with something between its first convolution and its norm."""

    def forward(self, x):
        y = self.relu(self.bn1(self.sq(self.conv1(x))))
        return self.relu(self.bn2(self.conv2(y)) + x)


def squared(network):
    block = network.layer1[0]
    block.__class__, block.sq = SquaringBlock, Square()


def dense(_):
    """Its pools' settings are numbers as attributes and pairs in code."""
    return DenseNet(4, (1, 2, 1, 1), 8, bn_size=2, num_classes=CLASSES)


# Those of the second row compute what the graph does not express, and are not scored.
CHANGES = (
    stride, dilation, silu, leaky, same, no_pool, cifar,
    identity, reflect, extra, maximum, squared,
    dense,
)  # fmt: skip


def save(network, folder, name, inputs):
    torch.save(network, folder / f"{name}.pth")
    for kind, script in (("script", torch.jit.script(network)), ("traced", torch.jit.trace(network, inputs[:1]))):
        path = folder / f"{name}.{kind}.pt"
        torch.jit.save(script, path)
        drop_debug_members(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where modules.zip goes")
    target = parser.parse_args().folder / "modules.zip"
    torch.manual_seed(SEED)
    generator = np.random.default_rng(SEED + 5)
    pixels = [smooth_images(generator, count, SIDE, SIDE) // 64 * 64 for count in (IMAGES, 16)]
    images, others = (
        torch.from_numpy(((part / 255 - MEAN) / DEVIATION).transpose(0, 3, 1, 2).astype(np.float32)) for part in pixels
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with h5py.File(folder / "outputs.h5", "w") as outputs:
            outputs["images"] = pixels[0]
            for change in CHANGES:
                network = narrow()
                network = change(network) or network
                randomize(network, others)
                with torch.no_grad():
                    outputs[change.__name__] = network(images).numpy()
                save(network, folder, change.__name__, images)
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for file in sorted(folder.iterdir()):
                archive.writestr(zipfile.ZipInfo(file.name), file.read_bytes(), zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    main()
