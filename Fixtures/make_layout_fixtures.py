"""Makes files in layouts that are seldom seen, packed into layouts.zip: a Keras network whose maps have channels first, its
kernels stored with outputs first, and a Big Transfer network under the names of its TensorFlow 2 model. The latter holds the
weights of bit.npz in named-networks.zip, which has to be in the folder."""

import argparse
import io
import os
import tempfile
import zipfile
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"

import h5py
import keras
import numpy as np

import keras_networks
from fixture_data import SEED, smooth_images
from make_keras_fixtures import keras2_copy, keras_outputs, randomize_keras

IMAGES = 4


def make_channels_first(folder):
    rows, columns, _ = keras_networks.ZOO_INPUT
    images = smooth_images(np.random.default_rng(SEED + 5), IMAGES, rows, columns)
    inputs = images.transpose(0, 3, 1, 2).astype(np.float32)
    keras.backend.clear_session()
    network = keras_networks.channels_first(keras)
    randomize_keras(network, SEED + 5, inputs)
    network.save(folder / "channels-first.keras3.h5")
    network.save(folder / "channels-first.keras")
    # TensorFlow has no channels-first convolutions for processors: this copy is saved and never run.
    keras2_copy(network, keras_networks.channels_first).save(folder / "channels-first.keras2.h5")
    with h5py.File(folder / "outputs.h5", "w") as outputs:
        outputs["images"] = images
        outputs["channels-first/logits"], outputs["channels-first/probabilities"] = keras_outputs(network, inputs)


def make_outputs_first(folder):
    """The kernels of convolutions as Keras 1 and converters from PyTorch store them."""
    target = folder / "outputs-first.keras2.h5"
    target.write_bytes((folder / "channels-first.keras2.h5").read_bytes())
    with h5py.File(target, "r+") as file:
        kernels = []
        file.visititems(lambda name, item: kernels.append(name) if name.endswith("/kernel:0") else None)
        for name in kernels:
            kernel = file[name][:]
            if kernel.ndim == 4:
                del file[name]
                file[name] = kernel.transpose(3, 2, 0, 1)


def bit_layers(arrays, prefix):
    """(layer, weights' names and values) as Keras 2 saves the subclass model of google-research/big_transfer's bit_tf2: each
    attribute of the model is a layer, and the names of its weights are the archive's but for the classifier's, which is a
    dense layer there. The model's own name stands before them where the model was called, not where it was only built."""
    blocks = sorted({name.split("/")[1] for name in arrays if name.startswith("resnet/block")})
    for layer in ["root_block", *blocks, "group_norm"]:
        own = {n.removeprefix("resnet/"): v for n, v in arrays.items() if n.startswith(f"resnet/{layer}/")}
        yield layer, {f"{prefix}{n}:0": v for n, v in own.items()}
    yield "re_lu", {}
    yield "global_average_pooling2d", {}
    head = {role: arrays[f"resnet/head/conv2d/{role}"] for role in ("kernel", "bias")}
    yield "head/dense", {f"{prefix}head/dense/{role}:0": v.reshape(v.shape[-2:] if v.ndim > 1 else -1) for role, v in head.items()}


def read_arrays(networks):
    with zipfile.ZipFile(networks) as archive:
        arrays = np.load(io.BytesIO(archive.read("bit.npz")))
        return {name: arrays[name].astype(np.float32) for name in arrays.files}


def make_bit(path, arrays, prefix):
    layers = dict(bit_layers(arrays, prefix))
    assert sum(map(len, layers.values())) == len(arrays)
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.array(list(layers), dtype="S")
        file.attrs["backend"], file.attrs["keras_version"] = b"tensorflow", b"2.2.4-tf"
        for layer, weights in layers.items():
            group = file.create_group(layer)
            group.attrs["weight_names"] = np.array(list(weights), dtype="S") if weights else np.array([])
            for name, value in weights.items():
                group[name] = value


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where named-networks.zip is and layouts.zip goes")
    target = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_channels_first(folder)
        make_outputs_first(folder)
        arrays = read_arrays(target / "named-networks.zip")
        make_bit(folder / "bit-tf2-built.h5", arrays, "")
        make_bit(folder / "bit-tf2-called.h5", arrays, "resnet/")
        with zipfile.ZipFile(target / "layouts.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for file in sorted(folder.iterdir()):
                archive.writestr(zipfile.ZipInfo(file.name), file.read_bytes(), zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    main()
