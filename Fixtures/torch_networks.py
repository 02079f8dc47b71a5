"""The PyTorch networks of the fixtures, hand-written with the usual parameter names."""

import torch
from torch import nn
from torch.nn import functional as F


def conv(inputs, outputs, size, stride=1):
    return nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)


class CifarBlock(nn.Module):
    """Two 3x3 convs; a shortcut without parameters: every second pixel, zero channels on both sides."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1, self.bn1 = conv(inputs, outputs, 3, stride), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = conv(outputs, outputs, 3), nn.BatchNorm2d(outputs)
        self.stride, self.margin = stride, (outputs - inputs) // 2

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        shortcut = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.margin, self.margin))
        return F.relu(y + shortcut)


class CifarResNet(nn.Module):
    """The CIFAR ResNets of He et al. 2016, section 4.2, option A: conv1, bn1, layer1-3, linear."""

    def __init__(self, channels=3, blocks=1, widths=(16, 32, 64), classes=10):
        super().__init__()
        self.conv1, self.bn1 = conv(channels, widths[0], 3), nn.BatchNorm2d(widths[0])
        width = widths[0]
        for i, outputs in enumerate(widths, start=1):
            stage = [CifarBlock(width, outputs, 1 if i == 1 else 2)]
            stage += [CifarBlock(outputs, outputs, 1) for _ in range(blocks - 1)]
            setattr(self, f"layer{i}", nn.Sequential(*stage))
            width = outputs
        self.linear = nn.Linear(width, classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean((2, 3)))


def _downsample(inputs, outputs, stride):
    if inputs == outputs and stride == 1:
        return None
    return nn.Sequential(conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))


class BasicBlock(nn.Module):
    """torchvision's block of ResNet-18 and 34."""

    expansion = 1

    def __init__(self, inputs, width, stride):
        super().__init__()
        self.conv1, self.bn1 = conv(inputs, width, 3, stride), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = conv(width, width, 3), nn.BatchNorm2d(width)
        self.downsample = _downsample(inputs, width, stride)

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """torchvision's block of ResNet-50 and deeper: the stride sits on the 3x3 conv."""

    expansion = 4

    def __init__(self, inputs, width, stride):
        super().__init__()
        self.conv1, self.bn1 = conv(inputs, width, 1), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = conv(width, width, 3, stride), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = conv(width, 4 * width, 1), nn.BatchNorm2d(4 * width)
        self.downsample = _downsample(inputs, 4 * width, stride)

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn3(self.conv3(F.relu(self.bn2(self.conv2(y)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class TorchvisionResNet(nn.Module):
    """torchvision's ResNet with widths of one's own: conv1, bn1, layer1-4 with downsample, fc."""

    def __init__(self, block, blocks=(2, 1, 1, 1), widths=(4, 8, 8, 16), stem=8, classes=10):
        super().__init__()
        self.conv1, self.bn1 = conv(3, stem, 7, 2), nn.BatchNorm2d(stem)
        inputs = stem
        for i, (count, width) in enumerate(zip(blocks, widths), start=1):
            stage = []
            for j in range(count):
                stage.append(block(inputs, width, 2 if i > 1 and j == 0 else 1))
                inputs = width * block.expansion
            setattr(self, f"layer{i}", nn.Sequential(*stage))
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))


def train(network, images, labels, epochs, rate, batch=64):
    """Adam with a one-cycle schedule; images [N, C, H, W], labels [N]."""
    optimizer = torch.optim.Adam(network.parameters(), rate)
    steps = epochs * (len(images) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    network.train()
    for _ in range(epochs):
        order = torch.randperm(len(images))
        for start in range(0, len(images) - batch + 1, batch):
            chosen = order[start : start + batch]
            optimizer.zero_grad()
            F.cross_entropy(network(images[chosen]), labels[chosen]).backward()
            optimizer.step()
            schedule.step()
    network.eval()


def randomize(network, images):
    """Random affine parameters, then running statistics measured on `images` [N, C, H, W]."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    with torch.no_grad():
        for norm in norms:
            norm.weight.normal_(1, 0.2)
            norm.bias.normal_(0, 0.2)
            norm.momentum = None  # running statistics are the average over all batches
        network.train()
        for part in images.split(8):
            network(part)
    network.eval()
