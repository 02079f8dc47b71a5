"""Converts networks into every layout, loads each with the framework it is for, and compares the outputs.

    check_layouts.py --normconv normconv [--light] [--table Documentation/Conformance.md]

Keras loads without custom objects, PyTorch with strict=True. Networks are made here, by torchvision's, timm's and
keras.applications' own code with random weights and statistics measured or drawn; --light takes small ones from
Fixtures/ instead and needs Keras, JAX and safetensors only. Ends with 1 where outputs differ by more than 1e-4 of the
largest one. --table writes the table between that document's markers.
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Callable

os.environ["KERAS_BACKEND"] = "jax"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import h5py
import jax
import keras
import numpy as np
import safetensors.numpy

jax.config.update("jax_default_matmul_precision", "highest")

TOLERANCE = 1e-4
FIXTURES = Path(__file__).resolve().parent.parent / "Fixtures"
MARKS = ("<!-- conformance: begin -->", "<!-- conformance: end -->")
# Layout's name in the table, --layout, and how the file is called.
LAYOUTS = (
    ("`.keras`", "keras3", "x.keras"),
    ("full `.h5`", "keras", "x.h5"),
    ("`.weights.h5`", "weights", "x.weights.h5"),
    ("weights `.h5`", "weights", "w.h5"),
    ("safetensors", "safetensors", "x.safetensors"),
    ("torch `.h5`", "torch", "t.h5"),
    ("`.pth`", "pth", "x.pth"),
    ("`.npz`", "keep", "x.npz"),
)
KERAS = tuple(title for title, layout, _ in LAYOUTS if layout in ("keras3", "keras", "weights"))
TORCH = tuple(title for title, layout, _ in LAYOUTS if layout in ("safetensors", "torch", "pth"))


@dataclass
class Family:
    """A network to convert: `build` makes the PyTorch network that the converted parameters go into."""

    name: str
    source: Path
    images: np.ndarray
    options: list = field(default_factory=list)
    build: Callable | None = None
    layouts: tuple = KERAS + TORCH


def normconv(options, *arguments):
    command = [*shlex.split(options.normconv), *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(f"{shlex.join(command)}: exit code {result.returncode}\n{result.stderr.strip()}")


def our_outputs(options, network, family, folder):
    """What normconv computes, on pixels scaled to 0...1; files of weights alone take the architecture of `x.keras`."""
    split = folder / "split.h5"
    with h5py.File(split, "w") as file:
        file["images"], file["labels"] = family.images, np.zeros(len(family.images), np.int64)
    architecture = []
    if network.name in ("x.weights.h5", "w.h5"):
        (folder / "config.json").write_bytes(zipfile.ZipFile(folder / "x.keras").read("config.json"))
        architecture = ["--architecture", folder / "config.json"]
    scale = ["--preprocess", "unit", "--outputs", folder / "o.npy", "--force"]
    normconv(options, "eval", network, "--data", split, *scale, *architecture)
    return np.load(folder / "o.npy")


def inputs(family):
    return family.images.astype(np.float32) / 255


def softmax(values):
    powers = np.exp(values - values.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


# What the frameworks make of a file


def keras_outputs(network, family):
    left = [x.name for x in network._flatten_layers() if isinstance(x, keras.layers.BatchNormalization)]
    if left:
        raise RuntimeError(f"BatchNormalization is still there: {', '.join(left)}")
    values, channels = inputs(family), family.images.shape[-1]
    if network.input_shape[-1] != channels and network.input_shape[1] == channels:
        values = values.transpose(0, 3, 1, 2)
    return network.predict(values, verbose=0)


def keras_with_weights(path, family, folder):
    """The weights into a network of the same configuration whose own were made worthless."""
    network = keras.models.load_model(folder / "x.keras", compile=False)
    for variable in network.variables:
        variable.assign(np.full(variable.shape, np.nan, np.float32))
    network.load_weights(path)
    return keras_outputs(network, family)


def tensors_of(path):
    if path.suffix == ".safetensors":
        return safetensors.numpy.load_file(path)
    if path.suffix == ".pth":
        import torch

        return {name: tensor.numpy() for name, tensor in torch.load(path, weights_only=True, mmap=True).items()}
    with h5py.File(path) as file:
        return {name: np.asarray(file[name]) for name in file}


def torch_outputs(path, family):
    import torch

    network = family.build()
    if path.suffix == ".npz":
        # timm itself takes Big Transfer's archives.
        network.load_pretrained(path)
    else:
        network.load_state_dict({k: torch.from_numpy(v) for k, v in tensors_of(path).items()}, strict=True)
    network.eval()
    with torch.no_grad():
        return network(torch.from_numpy(inputs(family).transpose(0, 3, 1, 2).copy())).numpy()


def keras_with_tensors(path, family, folder):
    """PyTorch's names and layouts of a Keras network, put back by hand: every tensor is used once."""
    network = keras.models.load_model(folder / "x.keras", compile=False)
    tensors = tensors_of(path)
    words = {"kernel": "weight", "gamma": "weight", "beta": "bias"}
    for variable in network.variables:
        *layer, role = variable.path.split("/")
        value = tensors.pop(".".join([*layer, words.get(role, role)]))
        order = {4: (2, 3, 1, 0), 2: (1, 0)}.get(value.ndim if role == "kernel" else 0)
        variable.assign(value if order is None else value.transpose(order))
    if tensors:
        raise RuntimeError(f"tensors that no layer has: {', '.join(tensors)}")
    return keras_outputs(network, family)


def their_outputs(layout, path, family, folder):
    if layout in ("keras", "keras3"):
        return keras_outputs(keras.models.load_model(path, compile=False), family)
    if layout == "weights":
        return keras_with_weights(path, family, folder)
    if family.build:
        return torch_outputs(path, family)
    return keras_with_tensors(path, family, folder)


def check(options, family, layout, target, folder):
    """The largest difference, over the largest output."""
    path = folder / target
    estimate = [] if "none" in family.options else ["--min-agreement", "0"]
    normconv(options, "convert", family.source, path, *estimate, "--layout", layout, *family.options, "--quiet")
    ours, theirs = our_outputs(options, path, family, folder), their_outputs(layout, path, family, folder)
    theirs = theirs.reshape(ours.shape)
    if np.allclose(theirs.sum(-1), 1, atol=1e-4) and (theirs >= 0).all():
        ours = softmax(ours)
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


# The networks


def fixture_families(folder):
    generator = np.random.default_rng(0)
    grey = generator.integers(0, 256, (16, 28, 28, 1), dtype=np.uint8)
    colour = generator.integers(0, 256, (16, 33, 32, 3), dtype=np.uint8)
    small = ["--groups", "size:4"]
    yield Family("Keras Functional (MNIST)", FIXTURES / "mnist-resnet.keras3.h5", grey, small)
    yield Family("Keras Functional, by Keras 2", FIXTURES / "mnist-resnet.keras2.h5", grey, small)
    yield Family("Keras Sequential (`.keras`)", FIXTURES / "mnist-sequential.keras", grey, small)
    torch = FIXTURES / "torchvision-bottleneck.safetensors"
    yield Family("torchvision bottlenecks, to Keras", torch, colour, small, layouts=KERAS)
    yield Family("the same from `.pth`", torch.with_suffix(".pth"), colour, small, layouts=KERAS)
    first = generator.integers(0, 256, (16, 13, 10, 3), dtype=np.uint8)
    seldom = partial(unpacked, folder, "layouts.zip")
    groups = ["--groups", "size:2"]
    yield Family("Keras, channels first", seldom("channels-first.keras"), first, groups, layouts=KERAS)
    # Keras 3 does not load a DepthwiseConv2D of Keras 2's configurations.
    yield Family("Keras 2, kernels with outputs first", seldom("outputs-first.keras2.h5"), first, groups, layouts=KERAS[:1])
    archive = unpacked(folder, "named-networks.zip", "bit.npz")
    yield Family("BiT `.npz`, to Keras", archive, colour, ["--to", "none"], layouts=KERAS)
    yield Family("BiT of TensorFlow 2, to Keras", seldom("bit-tf2-built.h5"), colour, ["--to", "none"], layouts=KERAS)


def unpacked(folder, archive, member):
    return Path(zipfile.ZipFile(FIXTURES / archive).extract(member, folder))


def framework_families(folder):
    import timm
    import torch
    import torchvision

    images = np.random.default_rng(1).integers(0, 256, (8, 64, 64, 3), dtype=np.uint8)
    groups = ["--groups", "32"]
    group_norm = partial(torch.nn.GroupNorm, 32)
    cases = (
        ("torchvision ResNet-18", torchvision.models.resnet18, "norm_layer", group_norm, ".pth"),
        ("torchvision ResNet-50", torchvision.models.resnet50, "norm_layer", group_norm, ".pth"),
        ("torchvision ResNeXt-50", torchvision.models.resnext50_32x4d, "norm_layer", group_norm, ".safetensors"),
        ("timm ResNet-26-D", partial(timm.create_model, "resnet26d"), "norm_layer", timm.layers.GroupNorm, ".safetensors"),
    )
    for name, build, keyword, norm, suffix in cases:
        torch.manual_seed(0)
        source = folder / f"{name.replace(' ', '-')}{suffix}"
        save_torch(randomized(build(num_classes=10), images), source)
        yield Family(name, source, images, groups, lambda build=build, k=keyword, n=norm: build(num_classes=10, **{k: n}))
    torch.manual_seed(0)
    source = folder / "timm-resnet50.safetensors"
    save_torch(randomized(timm.create_model("resnet50", num_classes=10), images), source)
    yield Family(
        "timm ResNet-50 into `resnet50_gn`", source, images, groups,
        partial(timm.create_model, "resnet50_gn", num_classes=10), TORCH,
    )  # fmt: skip
    network = randomized(timm.create_model("resnetv2_50x1_bit", num_classes=10), images)
    torch.nn.init.normal_(network.head.fc.weight, 0, 0.05)
    source = folder / "bit.safetensors"
    save_torch(network, source)
    yield Family(
        "BiT R50x1 (timm)", source, images, ["--to", "none"],
        partial(timm.create_model, "resnetv2_50x1_bit", num_classes=10),
    )  # fmt: skip
    archive, tensorflow = folder / "bit.npz", folder / "bit-tf2.h5"
    arrays = bit_arrays(network)
    np.savez(archive, **arrays)
    write_bit_tensorflow(arrays, tensorflow)
    yield Family(
        "BiT R50x1 (`.npz`)", archive, images, ["--to", "none"],
        partial(timm.create_model, "resnetv2_50x1_bit", num_classes=10), KERAS + TORCH + ("`.npz`",),
    )  # fmt: skip
    yield Family("BiT R50x1 (TensorFlow 2's names)", tensorflow, images, ["--to", "none"], layouts=KERAS)
    first = unpacked(folder, "layouts.zip", "channels-first.keras")
    yield Family("Keras, channels first (small)", first, images[:, :13, :10], ["--groups", "size:2"], layouts=KERAS)
    for name in ("ResNet50", "ResNet50V2"):
        network = getattr(keras.applications, name)(weights=None, input_shape=(64, 64, 3), classes=10)
        randomize_keras(network)
        source = folder / f"{name}.keras"
        network.save(source)
        yield Family(f"keras.applications {name}", source, images, groups)


def randomized(network, images):
    """Random affine parameters, statistics measured on the images."""
    import torch

    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, (torch.nn.BatchNorm2d, torch.nn.GroupNorm)):
                module.weight.normal_(1, 0.2)
                module.bias.normal_(0, 0.2)
                module.momentum = None
        network.train()
        network(torch.from_numpy(images.transpose(0, 3, 1, 2) / np.float32(255)))
    return network.eval()


def save_torch(network, path):
    import safetensors.torch
    import torch

    if path.suffix == ".pth":
        torch.save({"epoch": 1, "state_dict": network.state_dict()}, path)
    else:
        safetensors.torch.save_file(network.state_dict(), path)


def bit_arrays(network):
    """timm's network under the names of google-research/big_transfer's archives."""
    layers = {"norm1": "a/group_norm", "norm2": "b/group_norm", "norm3": "c/group_norm"}
    layers |= {f"conv{i}": f"{letter}/standardized_conv2d" for i, letter in enumerate("abc", start=1)}
    layers["downsample.conv"] = "a/proj/standardized_conv2d"
    names = {"stem.conv": "root_block/standardized_conv2d", "norm": "group_norm", "head.fc": "head/conv2d"}
    arrays = {}
    for name, value in network.state_dict().items():
        layer, role = name.rsplit(".", 1)
        if layer.startswith("stages."):
            _, stage, _, block, layer = layer.split(".", 4)
            place = f"block{int(stage) + 1}/unit{int(block) + 1:02d}/{layers[layer]}"
        else:
            place = names[layer]
        weight = "gamma" if place.endswith("group_norm") else "kernel"
        role = weight if role == "weight" else "beta" if weight == "gamma" else "bias"
        value = value.numpy()
        value = value.transpose(2, 3, 1, 0) if value.ndim == 4 else value
        arrays[f"resnet/{place}/{role}"] = np.ascontiguousarray(value)
    return arrays


def write_bit_tensorflow(arrays, path):
    """The names that Keras 2 gives the layers of big_transfer's TensorFlow 2 code: the archive's, and a dense head."""
    layers = {}
    for name, value in arrays.items():
        name = name.replace("head/conv2d", "head/dense").removeprefix("resnet/")
        layer = "head/dense" if name.startswith("head") else name.split("/")[0]
        layers.setdefault(layer, {})[f"{name}:0"] = value.squeeze((0, 1)) if name == "head/dense/kernel" else value
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.array(list(layers), dtype="S")
        file.attrs["backend"], file.attrs["keras_version"] = b"tensorflow", b"2.2.4-tf"
        for layer, weights in layers.items():
            group = file.create_group(layer)
            group.attrs["weight_names"] = np.array(list(weights), dtype="S")
            for name, value in weights.items():
                group[name] = value


def randomize_keras(network):
    generator = np.random.default_rng(2)
    for variable in network.variables:
        role, shape = variable.path.split("/")[-1], variable.shape
        if role == "kernel":
            gain = 0.02 if "predictions" in variable.path else 2
            variable.assign(generator.normal(0, np.sqrt(gain / np.prod(shape[:-1])), shape))
        elif role == "moving_variance":
            variable.assign(generator.uniform(0.5, 2, shape))
        else:
            variable.assign(generator.normal(0.7 if role == "gamma" else 0, 0.2, shape))


def check_gradients(options, folder):
    """One batch's gradients of a converted network, its weights baked, against the same with standardized convolutions:
    equal, but for the kernels, where they are the projection that standardization makes of them."""
    import timm
    import torch
    import torchvision
    from timm.layers import StdConv2d

    torch.manual_seed(3)
    images = np.random.default_rng(3).integers(0, 256, (8, 64, 64, 3), dtype=np.uint8)
    source, target = folder / "gradients.safetensors", folder / "gradients-gn.safetensors"
    save_torch(randomized(torchvision.models.resnet18(num_classes=10), images), source)
    normconv(options, "convert", source, target, "--min-agreement", "0", "--groups", "32", "--quiet")
    state = {k: torch.from_numpy(v) for k, v in tensors_of(target).items()}
    plain = torchvision.models.resnet18(num_classes=10, norm_layer=partial(torch.nn.GroupNorm, 32))
    plain.load_state_dict(state, strict=True)
    layered = torchvision.models.resnet18(num_classes=10, norm_layer=partial(torch.nn.GroupNorm, 32))
    for parent in list(layered.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, torch.nn.Conv2d):
                conv = StdConv2d(
                    child.in_channels, child.out_channels, child.kernel_size, child.stride, child.padding, eps=1e-10
                )
                setattr(parent, name, conv)
    layered.load_state_dict(state, strict=True)
    batch = torch.from_numpy(images.transpose(0, 3, 1, 2) / np.float32(255))
    for network in (plain, layered):
        torch.nn.functional.cross_entropy(network(batch), torch.arange(8)).backward()
    worst = 0.0
    for (name, one), other in zip(plain.named_parameters(), layered.parameters()):
        expected = one.grad
        if one.ndim == 4:
            g, w = one.grad.flatten(1), one.detach().flatten(1)
            g = g - g.mean(1, keepdim=True) - w * (g * w).mean(1, keepdim=True)
            expected = (g / w.std(1, keepdim=True, unbiased=False)).reshape(one.shape)
        worst = max(worst, float((expected - other.grad).abs().max() / other.grad.abs().max()))
    return worst


def table(rows):
    lines = ["| network | " + " | ".join(name for name, _, _ in LAYOUTS) + " |", "|---" * (len(LAYOUTS) + 1) + "|"]
    for family, cells in rows:
        texts = [cells.get(name, "–") for name, _, _ in LAYOUTS]
        lines.append(f"| {family} | " + " | ".join(t if isinstance(t, str) else f"✓ {t:.0e}" for t in texts) + " |")
    return "\n".join(lines)


def write_table(path, text):
    whole = path.read_text()
    begin, end = (whole.index(mark) for mark in MARKS)
    path.write_text(whole[: begin + len(MARKS[0])] + "\n" + text + "\n" + whole[end:])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--normconv", default="normconv", help="the program (default: normconv)")
    parser.add_argument("--light", action="store_true", help="small networks from Fixtures/, without PyTorch")
    parser.add_argument("--table", type=Path, help="a document whose table is written anew")
    options = parser.parse_args()
    failures, rows = 0, []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for family in (fixture_families if options.light else framework_families)(folder):
            cells = {}
            place = folder / "converted"
            place.mkdir(exist_ok=True)
            for file in place.iterdir():
                file.unlink()
            for title, layout, target in LAYOUTS:
                if title not in family.layouts or (options.light and layout == "pth"):  # needs PyTorch
                    continue
                keras.backend.clear_session()
                try:
                    cells[title] = check(options, family, layout, target, place)
                    agrees = cells[title] <= TOLERANCE  # False for NaN
                except Exception as error:  # one case that fails must not hide the others
                    cells[title], agrees = "✗", False
                    print(f"     {type(error).__name__}: {error}")
                failures += not agrees
                print(f"{'ok  ' if agrees else 'FAIL'} {family.name}, {title}: {cells[title]}", flush=True)
            rows.append((family.name, cells))
        if not options.light:
            worst = check_gradients(options, folder)
            failures += not worst <= TOLERANCE
            print(f"gradients, baked weights against standardized convolutions: {worst:.1e}")
    print("\n" + table(rows))
    if options.table and not failures:
        write_table(options.table, table(rows))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
