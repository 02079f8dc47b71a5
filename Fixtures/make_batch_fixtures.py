"""Outputs of PyTorch networks in training mode, where batch norms take the statistics of the batch, and the running statistics that
are cumulative averages over the batches: batch-statistics.h5."""

import argparse
import copy
from pathlib import Path

import h5py
import numpy as np
import torch

import torch_networks
from make_torch_fixtures import IMAGENET_DEVIATION, IMAGENET_MEAN, MNIST_DEVIATION, MNIST_MEAN, to_torch


def load(network, path):
    """The network with a file's parameters, in double: only what is tested rounds to float."""
    with h5py.File(path) as file:
        network.load_state_dict({name: torch.as_tensor(file[name][()]) for name in network.state_dict()})
    return network.double().train()


def logits(network, inputs, batch):
    with torch.no_grad():
        return torch.cat([network(part) for part in inputs.double().split(batch)]).numpy().astype(np.float32)


def statistics(network, inputs, batch):
    network = copy.deepcopy(network)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None
    logits(network, inputs, batch)
    return {name: value.numpy() for name, value in network.state_dict().items() if "running" in name}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the files go, and where the networks are")
    folder = parser.parse_args().folder
    mnist = load(torch_networks.CifarResNet(channels=1, widths=(8, 16, 32)), folder / "mnist-resnet.torch.h5")
    bottleneck = load(
        torch_networks.TorchvisionResNet(torch_networks.Bottleneck), folder / "torchvision-bottleneck.torch.h5")
    with h5py.File(folder / "mnist-test.h5") as file:
        digits = to_torch(file["images"][:24], [MNIST_MEAN], [MNIST_DEVIATION])
    with h5py.File(folder / "reference-outputs.h5") as file:
        colours = to_torch(file["torchvision/images"][()], IMAGENET_MEAN, IMAGENET_DEVIATION)
    with h5py.File(folder / "batch-statistics.h5", "w") as file:
        for batch in (1, 3, 8):
            file[f"mnist-resnet-torch/{batch}"] = logits(mnist, digits, batch)
        for name, values in statistics(mnist, digits, 8).items():
            file[f"mnist-resnet-torch/statistics/{name}"] = values.astype(np.float32)
        # Its last maps are 1x1: of a single image PyTorch refuses the variance.
        for batch in (2, 4, 8):
            file[f"torchvision-bottleneck/{batch}"] = logits(bottleneck, colours, batch)


if __name__ == "__main__":
    main()
