"""Compares the statistics that `convert --refresh-statistics` estimates with those of PyTorch and Keras.

    check_refresh.py --normconv normconv

Networks of random weights get images in the batches that normconv draws. In PyTorch the truth is `reset_running_stats()` and
`momentum=None` in training mode, in double precision: averages over batches of batch means and unbiased variances. In Keras it is
the average of the mean and the biased variance of what enters each norm. Every running mean has to agree within 1e-5 standard
deviations, every running variance within 1e-5 of itself, or within twice what PyTorch's own rounding in float32 makes. All other
parameters have to be the old ones.
"""

import argparse
import copy
import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import torch
import torchvision
from keras import layers

from random_numbers import SplitMix64

TOLERANCE = 1e-5
IMAGES, COUNT, BATCH, SEED = 30, 26, 8, 5


def batches(images):
    order = SplitMix64(SEED).shuffled(len(images))[: COUNT // BATCH * BATCH]
    return [images[order[start : start + BATCH]] for start in range(0, len(order), BATCH)]


def refresh(options, source, target, images, *arguments):
    command = [*shlex.split(options.normconv), "convert", source, target, "--to", "none", "--refresh-statistics", images]
    command += ["--refresh-images", COUNT, "--refresh-batch", BATCH, "--seed", SEED, "--json", *arguments]
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(result.stderr.strip())
    return json.loads(result.stdout)["refresh"]


def distances(means, variances):
    """The largest ones of pairs of what was found and expected, by channel."""
    pairs = list(zip(means, variances))
    mean = max((np.abs(a - b) / np.sqrt(variance[1] + 1e-12)).max() for (a, b), variance in pairs)
    return mean, max((np.abs(a - b) / (b + 1e-12)).max() for a, b in variances)


def compare(name, means, variances, tolerance=TOLERANCE):
    found = distances(means, variances)
    print(f"{name}: {len(means)} norms, means within {found[0]:.1e}, variances within {found[1]:.1e}", flush=True)
    return max(found) < tolerance


def check_torch(options, name, folder):
    torch.manual_seed(0)
    network = getattr(torchvision.models, name)(num_classes=7)
    source, target = folder / "x.pth", folder / "y.pth"
    torch.save(network.state_dict(), source)
    images = np.random.default_rng(0).integers(0, 256, (IMAGES, 64, 64, 3), dtype=np.uint8)
    np.savez(folder / "images.npz", images=images)
    report = refresh(options, source, target, folder / "images.npz")
    assert (report["variance"], report["images"]) == ("unbiased", 24), report
    old, new = network.state_dict(), torch.load(target, weights_only=True)
    assert all(torch.equal(old[key], new[key]) for key in old if "running" not in key), "another parameter changed"
    truth, single = (torch_statistics(network, images, kind) for kind in (torch.float64, torch.float32))

    def pairs(found, suffix):
        return [(found[key].numpy().astype("d"), truth[key].numpy()) for key in truth if key.endswith(suffix)]

    # Rounding grows from norm to norm: PyTorch's own in float32 is a measure of it.
    own = max(distances(pairs(single, "running_mean"), pairs(single, "running_var")))
    return compare(
        f"{name} (PyTorch in float32: {own:.1e})",
        pairs(new, "running_mean"), pairs(new, "running_var"), max(TOLERANCE, 2 * own),
    )  # fmt: skip


def torch_statistics(network, images, kind):
    network = copy.deepcopy(network).to(kind).train()
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.eval()
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    with torch.no_grad():
        for batch in batches(images):
            network(torch.as_tensor(((batch / 255 - mean) / deviation).transpose(0, 3, 1, 2)).to(kind))
    return network.state_dict()


def check_keras(options, ending, folder):
    keras.utils.set_random_seed(0)
    image = x = keras.Input((16, 16, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(x)
    shared = layers.BatchNormalization(momentum=0.0)
    for filters in (8, 8):
        x = layers.ReLU()(shared(layers.Conv2D(filters, 3, padding="same")(x)))
    x = layers.BatchNormalization(momentum=0.0)(layers.Conv2D(12, 3, strides=2)(x))
    model = keras.Model(image, layers.Dense(3)(layers.GlobalAveragePooling2D()(layers.ReLU()(x))))
    source, target = folder / f"x.{ending}", folder / f"y.{ending}"
    model.save(source)
    images = np.random.default_rng(0).integers(0, 256, (IMAGES, 16, 16, 3), dtype=np.uint8)
    np.savez(folder / "images.npz", images=images)
    report = refresh(options, source, target, folder / "images.npz")
    assert report["variance"] == "biased", report
    norms = [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]
    entered = {norm.name: [] for norm in norms}
    for norm in norms:
        call = norm.call

        def recording(x, training=None, mask=None, norm=norm, call=call):
            value = keras.ops.convert_to_numpy(x).astype("d")
            entered[norm.name].append((value.mean((0, 1, 2)), value.var((0, 1, 2))))
            return call(x, training=training, mask=mask)

        norm.call = recording
    for batch in batches(images):
        model(batch.astype("f"), training=True)
    new = {layer.name: layer for layer in keras.saving.load_model(target, compile=False).layers}
    means, variances = [], []
    for norm in norms:
        mean, variance = (np.mean(values, axis=0) for values in zip(*entered[norm.name]))
        means.append((np.asarray(new[norm.name].moving_mean, "d"), mean))
        variances.append((np.asarray(new[norm.name].moving_variance, "d"), variance))
    return compare(f"Keras, one norm called twice, .{ending}", means, variances)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--normconv", default=".build/release/normconv")
    options = parser.parse_args()
    checks = [(check_torch, name) for name in ("resnet18", "resnet50", "mobilenet_v2", "densenet121")]
    checks += [(check_keras, ending) for ending in ("keras", "h5")]
    good = []
    for check, name in checks:
        with tempfile.TemporaryDirectory() as folder:
            try:
                good.append(check(options, name, Path(folder)))
            except Exception as failure:  # noqa: BLE001
                good.append(False)
                print(f"{name}: FAILED: {type(failure).__name__}: {failure}", flush=True)
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
