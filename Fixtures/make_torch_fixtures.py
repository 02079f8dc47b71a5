"""Makes the fixtures with PyTorch's parameter names and adds their outputs to reference-outputs.h5."""

import argparse
from pathlib import Path

import h5py
import numpy as np
import safetensors.torch
import torch

import torch_networks
from fixture_data import SEED, load_mnist, smooth_images, softmax, store_outputs, store_top1

REFERENCE_IMAGES = 8
MNIST_MEAN, MNIST_DEVIATION = 0.1307, 0.3081
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def to_torch(images, mean, deviation):
    scaled = (images / 255 - np.array(mean)) / np.array(deviation)
    return torch.from_numpy(np.ascontiguousarray(scaled.transpose(0, 3, 1, 2), dtype=np.float32))


def write_torch(state, path, nested=False):
    """One dataset a parameter, its dotted name as it is or as a path of groups."""
    with h5py.File(path, "w") as file:
        for name, value in state.items():
            file[name.replace(".", "/") if nested else name] = value.numpy()


def torch_logits(network, inputs):
    with torch.no_grad():
        return network(inputs).numpy()


def make_torch_mnist(folder, training, test, references):
    images, labels = test
    torch.manual_seed(SEED)
    network = torch_networks.CifarResNet(channels=1, widths=(8, 16, 32))
    inputs = to_torch(training[0], [MNIST_MEAN], [MNIST_DEVIATION])
    torch_networks.train(network, inputs, torch.from_numpy(training[1]), epochs=10, rate=1e-2)
    state = network.state_dict()
    write_torch(state, folder / "mnist-resnet.torch.h5")
    write_torch(state, folder / "mnist-resnet.torch-nested.h5", nested=True)
    logits = torch_logits(network, to_torch(images, [MNIST_MEAN], [MNIST_DEVIATION]))
    store_outputs(references, "mnist-resnet-torch", logits, softmax(logits))
    store_top1(references["mnist-resnet-torch"], logits, labels)
    references["mnist-resnet-torch"].attrs.update(mean=[MNIST_MEAN], deviation=[MNIST_DEVIATION])


def make_torchvision(folder, references):
    images = smooth_images(np.random.default_rng(SEED + 2), 72, 32, 32)
    inputs = to_torch(images, IMAGENET_MEAN, IMAGENET_DEVIATION)
    references["torchvision/images"] = images[:REFERENCE_IMAGES]
    for name, block in (("bottleneck", torch_networks.Bottleneck), ("basic", torch_networks.BasicBlock)):
        torch.manual_seed(SEED)
        network = torch_networks.TorchvisionResNet(block)
        torch_networks.randomize(network, inputs[REFERENCE_IMAGES:])
        logits = torch_logits(network, inputs[:REFERENCE_IMAGES])
        store_outputs(references["torchvision"], name, logits, softmax(logits))
        state = network.state_dict()
        write_torch(state, folder / f"torchvision-{name}.torch.h5")
        if name == "bottleneck":
            safetensors.torch.save_file(state, folder / f"torchvision-{name}.safetensors")
            torch.save(state, folder / f"torchvision-{name}.pth")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the files go, reference-outputs.h5 among them")
    folder = parser.parse_args().folder
    training, test = load_mnist()
    with h5py.File(folder / "reference-outputs.h5", "a") as references:
        for name in ("mnist-resnet-torch", "torchvision"):
            references.pop(name, None)
        make_torch_mnist(folder, training, test, references)
        make_torchvision(folder, references)


if __name__ == "__main__":
    main()
