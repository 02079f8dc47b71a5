"""Makes the fixtures that Keras writes: trained on MNIST, the layer zoo."""

import argparse
import os
import zlib
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import h5py
import jax
import keras
import numpy as np
import tf_keras

import keras_networks
from fixture_data import SEED, load_mnist, smooth_images, softmax, store_outputs, store_top1, write_splits

jax.config.update("jax_default_matmul_precision", "highest")

ZOO_IMAGES = 8
LAYER_IMAGES = 1
KERAS2_ZOO = ("nested", "shared_layers")


def train_keras(network, training, epochs):
    images, labels = training
    steps = epochs * -(-len(images) // 64)
    rate = keras.optimizers.schedules.CosineDecay(3e-3, steps)
    network.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    network.fit(images.astype(np.float32), labels, batch_size=64, epochs=epochs, verbose=0)
    # A file has a training_config and two scalars of optimizer state, not Adam's moments.
    network.compile(keras.optimizers.SGD(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])


def randomize_keras(network, seed, images):
    """Random weights of a size that keeps activations near 1; statistics as the layers' inputs could have."""
    generator = np.random.default_rng(seed)
    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.Normalization):
            if layer.input_mean is None:
                layer.adapt(images)
            continue
        for variable in layer._trainable_variables + layer._non_trainable_variables:
            if "seed" in variable.path:
                continue
            variable.assign(random_value(generator, variable.name, variable.shape))


def random_value(generator, name, shape):
    if name.endswith("kernel"):
        inputs = shape[0] * shape[1] if name == "depthwise_kernel" else np.prod(shape[:-1])
        return generator.normal(0, np.sqrt(2 / inputs), shape)
    if name == "gamma":
        return generator.normal(1, 0.3, shape)
    if name == "moving_variance":
        return generator.uniform(0.3, 2, shape)
    return generator.normal(0, 0.2, shape)


def keras_outputs(network, images):
    """(logits, probabilities): the values before and after the last layer's softmax."""
    last = network.layers[-1]
    probabilities = network.predict(images, verbose=0)
    before = keras.Model(network.inputs, last.input).predict(images, verbose=0)
    if isinstance(last, keras.layers.Dense):
        before = before @ last.kernel.numpy() + last.bias.numpy()
    np.testing.assert_allclose(softmax(before), probabilities, atol=2e-6)
    return before, probabilities


def layer_outputs(network, images):
    """The output of every layer that is called once and is not itself a network, by its name."""
    layers = [x for x in network.layers if len(x._inbound_nodes) == 1 and not hasattr(x, "layers")]
    values = keras.Model(network.inputs, [layer.output for layer in layers]).predict(images, verbose=0)
    return {layer.name: np.asarray(value, np.float32) for layer, value in zip(layers, values)}


def float32_logits(network, images):
    """The logits of a mixed-precision network whose layers all compute in float32."""

    def single(layer):
        return layer.__class__.from_config({**layer.get_config(), "dtype": "float32"})

    copy = keras.models.clone_model(network, clone_function=single)
    copy.set_weights(network.get_weights())
    return keras_outputs(copy, images)[0]


def keras2_copy(network, build):
    """The same network with the same weights in Keras 2."""
    tf_keras.backend.clear_session()
    copy = build(tf_keras)
    copy_weights(network, copy)
    if network.compiled:
        copy.compile(tf_keras.optimizers.SGD(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return copy


def copy_weights(source, target):
    for one, other in zip(weighted_layers(source), weighted_layers(target), strict=True):
        assert [w.shape for w in one.get_weights()] == [w.shape for w in other.get_weights()], one.name
        if hasattr(one, "layers"):
            copy_weights(one, other)
        else:
            other.set_weights(one.get_weights())


def weighted_layers(network):
    return [layer for layer in network.layers if layer.get_weights()]


def make_keras_mnist(folder, training, test, references):
    images, labels = test
    networks = {
        "mnist-resnet": (keras_networks.mnist_resnet, 8),
        "mnist-sequential": (keras_networks.mnist_sequential, 12),
    }
    for name, (build, epochs) in networks.items():
        keras.backend.clear_session()
        keras.utils.set_random_seed(SEED)
        network = build(keras)
        train_keras(network, training, epochs)
        inputs = images.astype(np.float32)
        logits, probabilities = keras_outputs(network, inputs)
        store_outputs(references, name, logits, probabilities)
        store_top1(references[name], logits, labels)

        network.save(folder / f"{name}.keras3.h5")
        copy = keras2_copy(network, build)
        np.testing.assert_allclose(copy.predict(inputs[:64], verbose=0), probabilities[:64], atol=2e-5)
        if name == "mnist-resnet":
            copy.save(folder / f"{name}.keras2.h5")
        else:
            network.save(folder / f"{name}.keras")
            network.save_weights(folder / f"{name}.weights.h5")
            copy.save_weights(folder / f"{name}.keras2-weights.h5")


def make_zoo(folder):
    folder.mkdir(exist_ok=True)
    images = smooth_images(np.random.default_rng(SEED), ZOO_IMAGES, *keras_networks.ZOO_INPUT[:2])
    inputs = images.astype(np.float32)
    with h5py.File(folder / "outputs.h5", "w") as file:
        file["images"] = images
        for build in keras_networks.ZOO:
            name = build.__name__
            keras.backend.clear_session()
            network = build(keras)
            randomize_keras(network, SEED + zlib.crc32(name.encode()) % 1000, inputs)
            logits, probabilities = keras_outputs(network, inputs)
            file[f"{name}/logits"], file[f"{name}/probabilities"] = logits, probabilities
            if name == "mixed_precision":
                file[f"{name}/logits_float32"] = float32_logits(network, inputs)
            for layer, value in layer_outputs(network, inputs[:LAYER_IMAGES]).items():
                file[f"{name}/layers/{layer}"] = value
            network.save(folder / f"{name}.keras3.h5")
            if name in KERAS2_ZOO:
                copy = keras2_copy(network, build)
                np.testing.assert_allclose(copy.predict(inputs, verbose=0), probabilities, atol=2e-5)
                copy.save(folder / f"{name}.keras2.h5")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the files go")
    folder = parser.parse_args().folder
    training, test = load_mnist()
    write_splits(folder, *test)
    with h5py.File(folder / "reference-outputs.h5", "w") as references:
        make_keras_mnist(folder, training, test, references)
    make_zoo(folder / "zoo")


if __name__ == "__main__":
    main()
