"""Makes Keras networks of layers that few classifiers have and what each layer gives, packed into keras-layers.zip.
Weights are multiples of 1/128, which deflate well."""

import argparse
import os
import tempfile
import zipfile
import zlib
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import h5py
import jax
import keras
import numpy as np
import tf_keras

import keras_layer_networks
import keras_networks
from fixture_data import SEED, smooth_images
from make_keras_fixtures import random_value

jax.config.update("jax_default_matmul_precision", "highest")

IMAGES = 2


def randomize(network):
    """Random weights; no variance becomes zero."""
    generator = np.random.default_rng(SEED + zlib.crc32(network.name.encode()) % 1000)
    for layer in network.layers:
        roles = [weight.name.split("/")[-1].removesuffix(":0") for weight in layer.weights]
        values = [random_value(generator, role, weight.shape) for role, weight in zip(roles, layer.weights)]
        layer.set_weights([np.round(value * 128) / 128 for value in values])


def store(file, name, framework, network, inputs):
    """The values before the last layer's softmax for all images, each layer's for the first."""
    # Keras 3 keeps functions of keras.ops apart from layers.
    layers = getattr(network, "operations", None) or network.layers
    layers = [layer for layer in layers if len(layer._inbound_nodes) == 1]
    outputs = framework.Model(network.inputs, [layer.output for layer in layers]).predict(inputs[:1], verbose=0)
    for layer, value in zip(layers, outputs):
        file[f"{name}/layers/{layer.name}"] = np.asarray(value, np.float32)
    last = network.layers[-1]
    features = framework.Model(network.inputs, last.input).predict(inputs, verbose=0)
    kernel, bias = last.get_weights()
    file[f"{name}/logits"] = features @ kernel + bias


def make(build, folder, file, inputs):
    name = build.__name__
    keras.backend.clear_session()
    network = build(keras)
    randomize(network)
    store(file, f"{name}.keras", keras, network, inputs)
    network.save(folder / f"{name}.keras")
    if build in keras_layer_networks.LAYERS_OF_KERAS2:
        tf_keras.backend.clear_session()
        network = build(tf_keras)
        randomize(network)
        store(file, f"{name}.keras2.h5", tf_keras, network, inputs)
        network.save(folder / f"{name}.keras2.h5")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where keras-layers.zip goes")
    target = parser.parse_args().folder
    images = smooth_images(np.random.default_rng(SEED + 9), IMAGES, *keras_networks.ZOO_INPUT[:2])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with h5py.File(folder / "outputs.h5", "w") as file:
            file["images"] = images
            for build in keras_layer_networks.LAYERS:
                make(build, folder, file, images.astype(np.float32))
        with zipfile.ZipFile(target / "keras-layers.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for file in sorted(folder.iterdir()):
                archive.writestr(zipfile.ZipInfo(file.name), file.read_bytes(), zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    main()
