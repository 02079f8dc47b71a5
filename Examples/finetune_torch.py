"""Fine-tunes a converted ResNet in PyTorch, with filters that stay standardized: GroupNorm + weight standardization.

    normconv convert resnet18.safetensors resnet18-gn.safetensors --calibrate images
    finetune_torch.py resnet18-gn.safetensors train --classes 37

`train` is a folder with a folder of images for each class. One image a step works.
"""

import argparse
from functools import partial

import torch
import torchvision
from safetensors.torch import load_file
from torch import nn
from torchvision.transforms import v2


class StdConv2d(nn.Conv2d):
    """Standardizes its filters in each step, as Big Transfer does."""

    def forward(self, x):
        variance, mean = torch.var_mean(self.weight, dim=(1, 2, 3), unbiased=False, keepdim=True)
        return self._conv_forward(x, (self.weight - mean) / torch.sqrt(variance + 1e-10), self.bias)


def load(path, classes, architecture="resnet18", groups=32):
    """`groups` are those of the conversion: 32 by default."""
    state = load_file(path)
    network = torchvision.models.get_model(
        architecture, norm_layer=partial(nn.GroupNorm, groups), num_classes=len(state["fc.bias"]))
    network.load_state_dict(state)  # strict
    for module in network.modules():
        if type(module) is nn.Conv2d:
            module.__class__ = StdConv2d
    network.fc = nn.Linear(network.fc.in_features, classes)
    nn.init.zeros_(network.fc.weight)
    nn.init.zeros_(network.fc.bias)
    return network


def train(network, loader, steps, rate, device):
    optimizer = torch.optim.SGD(network.parameters(), rate, momentum=0.9)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, cycle_momentum=False)
    network.to(device).train()
    step = 0
    while step < steps:
        for images, labels in loader:
            loss = nn.functional.cross_entropy(network(images.to(device)), labels.to(device))
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1)
            optimizer.step()
            schedule.step()
            step += 1
            if step == steps:
                break
    return loss.item()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("images")
    parser.add_argument("--classes", type=int, required=True)
    parser.add_argument("--architecture", default="resnet18")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--size", type=int, default=224)
    options = parser.parse_args()
    transform = v2.Compose([
        v2.ToImage(), v2.RandomResizedCrop(options.size), v2.RandomHorizontalFlip(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])
    images = torchvision.datasets.ImageFolder(options.images, transform)
    if len(images) < options.batch:
        parser.error(f"{options.images}: found {len(images)} images, expected a batch of {options.batch}")
    loader = torch.utils.data.DataLoader(images, options.batch, shuffle=True, drop_last=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = load(options.file, options.classes, options.architecture)
    print("loss", train(network, loader, options.steps, options.rate, device))
    torch.save(network.state_dict(), "finetuned.pth")


if __name__ == "__main__":
    main()
