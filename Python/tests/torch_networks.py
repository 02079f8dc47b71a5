"""Small PyTorch networks whose batch norms have seen images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    """The block of a CIFAR ResNet, whose shortcut has no parameters."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        stride = 2 if outputs > inputs else 1
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.margin = (outputs - inputs) // 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.margin:
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.margin, self.margin))
        return F.relu(y + x)


class ResNet8(nn.Module):
    """A CIFAR ResNet of 7 convolutions; `activation` is a function that no module records."""

    def __init__(self, activation: Callable[[torch.Tensor], torch.Tensor] = F.relu) -> None:
        super().__init__()
        self.activation = activation
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(Block(16, 16))
        self.layer2 = nn.Sequential(Block(16, 32))
        self.layer3 = nn.Sequential(Block(32, 64))
        self.linear = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.activation(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        logits: torch.Tensor = self.linear(x.mean((2, 3)))
        return logits


class Loose(nn.Module):
    """A network of no family: one norm directly after its convolution, one after a ReLU."""

    def __init__(self, norm: Callable[[int], nn.Module] = nn.BatchNorm2d) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 16, 3, padding=1)
        self.after_first = norm(16)
        self.second = nn.Conv2d(16, 16, 3, padding=1)
        self.after_relu = norm(16)
        self.classes = nn.Linear(16, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.after_first(self.first(x)))
        x = self.after_relu(F.relu(self.second(x)))
        logits: torch.Tensor = self.classes(x.mean((2, 3)))
        return logits


class FrozenBatchNorm2d(nn.Module):
    """Batch normalization with constants, as in torchvision and Detectron2."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        for name in ("weight", "running_var"):
            self.register_buffer(name, torch.ones(channels))
        for name in ("bias", "running_mean"):
            self.register_buffer(name, torch.zeros(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)


class BatchNormAct2d(nn.BatchNorm2d):
    """Batch normalization with an activation inside, as in timm."""

    def __init__(self, channels: int, act_layer: Callable[[], nn.Module]) -> None:
        super().__init__(channels)
        self.drop = nn.Identity()
        self.act = act_layer()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.act(self.drop(super().forward(x)))


def images(count: int, *shape: int, seed: int = 0) -> torch.Tensor:
    """Smooth noise, as images are: neighbours are alike."""
    noise = torch.randn(count, *(shape or (3, 16, 16)), generator=torch.Generator().manual_seed(seed))
    return noise if noise.dim() != 4 else F.avg_pool2d(noise, 3, 1, 1) * 3


def trained(network: nn.Module, inputs: torch.Tensor, seed: int = 1) -> Any:
    """The network with drawn kernels, gammas and betas, and statistics of these inputs."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if hasattr(module, "running_mean"):
                offset = 1.0 if name == "weight" else 0.0
                parameter.data = offset + 0.3 * torch.randn(parameter.shape, generator=generator)
            elif parameter.dim() > 1:
                nn.init.kaiming_normal_(parameter, generator=generator)
            else:
                nn.init.zeros_(parameter)
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.momentum = 0.5
    with torch.no_grad():
        for _ in range(8):
            network.train()(inputs)
    return network.eval()
