"""What PyTorch does in 20 steps of training, in double precision: training.json.

    make_training_fixtures.py FOLDER

The network is that of torchvision-basic.torch.h5, the batch its eight reference images with labels 0 to 7, the same in each step. For
each case the file has the losses before each step, and of each parameter and running statistic at the end its norm and up to 16 of its
values, evenly spaced; of filters that are standardized in each step, those of the standardized ones."""

import argparse
import json
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import torch_networks
from make_torch_fixtures import IMAGENET_DEVIATION, IMAGENET_MEAN, to_torch

STEPS = 20
GROUPS = 2
EPSILON = 1e-10

# Rates at which rounding does not grow from step to step.
SGD = {"optimizer": "sgd", "rate": 1e-3, "momentum": 0.9, "decay": 1e-3}
ADAMW = {"optimizer": "adamw", "rate": 1e-3, "decay": 0.05}
CASES = {
    "bn-batch sgd": {"norm": "batch", **SGD},
    "bn-batch adamw": {"norm": "batch", **ADAMW},
    "bn-running sgd": {"norm": "running", **SGD, "rate": 5e-5},
    "bn-frozen sgd": {"norm": "frozen", **SGD, "rate": 2e-5},
    "gn sgd": {"norm": "group", **SGD},
    "gn adamw": {"norm": "group", **ADAMW},
    "gn-ws sgd": {"norm": "group-ws", **SGD},
    "gn-ws adamw": {"norm": "group-ws", **ADAMW},
    "smoothing, class weights, clipping": {
        "norm": "group-ws", **SGD, "smoothing": 0.1, "weights": [1, 2, 0.5, 1, 3, 1, 0.25, 1, 1, 2], "clipping": 1.5},
}


class StandardizedConv(nn.Conv2d):
    """BiT's StdConv2d: biased variance, epsilon inside the root."""

    def forward(self, x):
        return F.conv2d(x, standardized(self.weight), self.bias, self.stride, self.padding)


def standardized(weight):
    mean = weight.mean((1, 2, 3), keepdim=True)
    variance = weight.var((1, 2, 3), keepdim=True, unbiased=False)
    return (weight - mean) / torch.sqrt(variance + EPSILON)


def with_group_norms(module, standardizes):
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            norm = nn.GroupNorm(GROUPS, child.num_features, eps=1e-5)
            norm.weight, norm.bias = child.weight, child.bias
            setattr(module, name, norm)
        elif isinstance(child, nn.Conv2d) and standardizes:
            child.__class__ = StandardizedConv
        else:
            with_group_norms(child, standardizes)


def network_for(case, folder):
    network = torch_networks.TorchvisionResNet(torch_networks.BasicBlock)
    with h5py.File(folder / "torchvision-basic.torch.h5") as file:
        network.load_state_dict({name: torch.as_tensor(file[name][()]) for name in network.state_dict()})
    network = network.double().train()
    norm = case["norm"]
    if norm.startswith("group"):
        with_group_norms(network, norm == "group-ws")
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and norm != "batch":
            module.eval()
            if norm == "frozen":
                module.requires_grad_(False)
    return network


def train(case, network, images, labels):
    trained = [p for p in network.parameters() if p.requires_grad]
    if case["optimizer"] == "sgd":
        optimizer = torch.optim.SGD(trained, case["rate"], case["momentum"], weight_decay=case["decay"])
    else:
        optimizer = torch.optim.AdamW(trained, case["rate"], weight_decay=case["decay"])
    weights = torch.tensor(case["weights"], dtype=torch.float64) if "weights" in case else None
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = F.cross_entropy(network(images), labels, weights, label_smoothing=case.get("smoothing", 0))
        loss.backward()
        if "clipping" in case:
            nn.utils.clip_grad_norm_(trained, case["clipping"])
        optimizer.step()
        losses.append(loss.item())
    return losses


def summary(values):
    values = values.double().flatten().numpy()
    places = np.unique(np.linspace(0, len(values) - 1, min(16, len(values))).astype(int))
    return {
        "norm": float(np.linalg.norm(values)), "places": places.tolist(), "values": values[places].tolist()}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the file goes, and where the network is")
    folder = parser.parse_args().folder
    with h5py.File(folder / "reference-outputs.h5") as file:
        images = to_torch(file["torchvision/images"][()], IMAGENET_MEAN, IMAGENET_DEVIATION).double()
    labels = torch.arange(len(images))
    result = {}
    for name, case in CASES.items():
        network = network_for(case, folder)
        losses = train(case, network, images, labels)
        state = {key: value for key, value in network.state_dict().items() if value.is_floating_point()}
        if case["norm"] == "group-ws":
            state = {key: standardized(value) if value.ndim == 4 else value for key, value in state.items()}
        result[name] = {
            "options": case, "losses": losses, "parameters": {key: summary(value) for key, value in state.items()}}
        print(f"{name}: {losses[0]:.4f} -> {losses[-1]:.4f}")
    text = json.dumps(result)
    (folder / "training.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
