"""Converts Keras networks with layers that normconv does not compute, and tests the results in Keras.

    check_keras_layers.py --normconv normconv

Each network has random weights and statistics. For each, and for `.keras` and `.h5`:

- `convert --ws off` writes a file that Keras loads. With the statistics of every group fixed to those that the running
  statistics imply, its outputs have to be those of the original: this is what a conversion by statistics promises, whatever is
  between the norms. The largest difference, relative to the largest output, has to stay below 1e-4.
- `convert` with weight standardization writes a file that Keras loads, whose outputs are finite, and whose standardized
  filters have mean 0 and variance 1.
- The configuration differs in the norms' records only.
- Of networks of steps and of volumes, `eval` gives Keras' outputs, before and after the conversions: within 1e-5 of the
  largest one.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import h5py
import keras
import numpy as np
from keras import layers

TOLERANCE = 1e-4
RANDOM = np.random.default_rng(0)


@keras.saving.register_keras_serializable("conformance")
class Half(keras.layers.Layer):
    """A custom layer with a weight of its own."""

    def build(self, shape):
        self.factor = self.add_weight(shape=(shape[-1],), initializer="ones", name="factor")

    def call(self, x):
        return x * self.factor * 0.5


def block(x, filters, activation):
    x = layers.Conv2D(filters, 3, padding="same", use_bias=filters == 8)(x)
    return activation(layers.BatchNormalization()(x))


def network(activation=None, before=None, head=None, shape=(16, 16, 3)):
    activation = activation or (lambda x: layers.Activation("relu")(x))
    image = keras.Input(shape)
    x = before(image) if before else image
    x = block(block(x, 8, activation), 16, activation)
    x = head(x) if head else layers.Dense(3)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, x)


def rows(x):
    return layers.Reshape((-1, x.shape[-1]))(x)


def residual(dimensions, order="channels_last"):
    """A residual network of steps or volumes, of all kinds of windows that Keras has for these."""
    channels = 1 if order == "channels_first" else -1

    def kind(name, *arguments, **settings):
        return getattr(layers, f"{name}{dimensions}D")(*arguments, data_format=order, **settings)

    def norm(x):
        return layers.ReLU()(layers.BatchNormalization(axis=channels)(x))

    size = (24, 10, 9)[:dimensions] if dimensions == 3 else (24,)
    image = keras.Input((3, *size) if channels == 1 else (*size, 3))
    x = norm(kind("Conv", 8, 3, strides=2, padding="same")(kind("ZeroPadding", 1)(image)))
    x = kind("MaxPooling", 2, padding="same")(x)
    y = norm(kind("Conv", 16, 3, padding="causal" if dimensions == 1 else "same", dilation_rate=2, use_bias=False)(x))
    y = layers.BatchNormalization(axis=channels)(kind("Conv", 16, 1)(y))
    x = layers.ReLU()(layers.Add()([kind("Conv", 16, 1)(x), y]))
    if dimensions == 1:
        x = norm(kind("SeparableConv", 16, 3, padding="same")(x))
        if channels == -1:
            x = layers.UpSampling1D(2)(layers.PReLU(shared_axes=[1])(norm(layers.DepthwiseConv1D(3)(x))))
    x = kind("AveragePooling", 2, padding="same")(x)
    ends = [layers.Flatten(data_format=order)(x), kind("GlobalMaxPooling")(x), kind("GlobalAveragePooling")(x)]
    return keras.Model(image, layers.Dense(3)(layers.Concatenate()(ends)))


def plain(dimensions):
    convolution = {1: layers.Conv1D, 3: layers.Conv3D}[dimensions]
    pool = {1: layers.GlobalAveragePooling1D, 3: layers.GlobalAveragePooling3D}[dimensions]
    image = x = keras.Input((6,) * dimensions + (2,))
    for filters in (8, 16):
        x = convolution(filters, 3, padding="same")(x)
        x = layers.Activation("relu")(layers.BatchNormalization()(x))
    return keras.Model(image, layers.Dense(3)(pool()(x)))


def two_inputs():
    image, vector = keras.Input((16, 16, 3)), keras.Input((4,))
    x = layers.GlobalAveragePooling2D()(block(image, 8, layers.ReLU()))
    return keras.Model([image, vector], layers.Dense(3)(layers.Concatenate()([x, vector])))


def two_outputs():
    image = keras.Input((16, 16, 3))
    x = layers.Flatten()(block(image, 8, layers.ReLU()))
    return keras.Model(image, {"policy": layers.Dense(5)(x), "value": layers.Dense(1)(x)})


def inner():
    image = keras.Input((16, 16, 3))
    sub = network(lambda x: layers.ELU()(x), head=lambda x: x)
    return keras.Model(image, layers.Dense(3)(layers.GlobalAveragePooling2D()(Half()(sub(image)))))


def frames():
    """A model with norms, applied to each image of a sequence."""
    image = keras.Input((8, 8, 3))
    step = keras.Model(image, layers.GlobalAveragePooling2D()(block(block(image, 8, layers.ReLU()), 16, layers.ReLU())))
    sequence = keras.Input((5, 8, 8, 3))
    x = layers.LSTM(4)(layers.TimeDistributed(layers.Dense(6))(layers.TimeDistributed(step)(sequence)))
    return keras.Model(sequence, layers.Dense(3)(x))


def unet():
    image = keras.Input((16, 16, 3))
    skip = block(image, 8, layers.ReLU())
    x = block(layers.MaxPooling2D()(skip), 16, layers.ReLU())
    x = layers.Concatenate()([layers.Conv2DTranspose(8, 2, strides=2)(x), skip])
    return keras.Model(image, layers.Conv2D(1, 1, activation="sigmoid")(block(x, 8, layers.ReLU())))


def along(axis):
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(8, 3, padding="same")(image)
    x = layers.ReLU()(layers.BatchNormalization(axis=axis)(x))
    return keras.Model(image, layers.Dense(3)(layers.GlobalAveragePooling2D()(x)))


NETWORKS = {
    "PReLU": lambda: network(lambda x: layers.PReLU(shared_axes=[1, 2])(x)),
    "GELU": lambda: network(lambda x: layers.Activation("gelu")(x)),
    "activation object": lambda: network(lambda x: layers.Conv2D(8, 1, activation=layers.ELU(0.5))(x)),
    "custom layer": lambda: network(lambda x: Half()(x)),
    "operators": lambda: network(before=lambda x: (x / 255.0 - 0.5) * 2),
    "operators on two tensors": lambda: network(before=lambda x: keras.ops.concatenate([x, x * x], axis=-1)),
    "mean": lambda: network(head=lambda x: layers.Dense(3)(keras.ops.mean(x, axis=[1, 2]))),
    "resizing": lambda: network(before=lambda x: layers.Resizing(16, 16)(x), shape=(32, 32, 3)),
    "resizing, Lanczos": lambda: network(
        before=lambda x: layers.Resizing(16, 16, interpolation="lanczos3", antialias=True)(x), shape=(32, 24, 3)
    ),
    "resizing, padded": lambda: network(
        before=lambda x: layers.Resizing(16, 16, pad_to_aspect_ratio=True, fill_value=0.5)(x), shape=(32, 24, 3)
    ),
    "large centre": lambda: network(before=lambda x: layers.CenterCrop(24, 20)(x)),
    "random crop": lambda: network(before=lambda x: layers.RandomCrop(16, 16)(x)),
    "dilated transposed": lambda: network(
        lambda x: layers.Conv2DTranspose(8, 3, dilation_rate=2, padding="same", activation="relu")(x)
    ),
    "spectral": lambda: network(lambda x: layers.SpectralNormalization(layers.Conv2D(8, 3, padding="same"))(x)),
    "LSTM": lambda: network(head=lambda x: layers.Dense(3)(layers.Bidirectional(layers.LSTM(4))(rows(x)))),
    "attention": lambda: network(
        head=lambda x: layers.Dense(3)(layers.Flatten()(layers.MultiHeadAttention(1, 4)(rows(x), value=rows(x))))
    ),
    "1-D": lambda: plain(1),
    "3-D": lambda: plain(3),
    "1-D, all layers": lambda: residual(1),
    "3-D, all layers": lambda: residual(3),
    "1-D, channels first": lambda: residual(1, "channels_first"),
    "3-D, channels first": lambda: residual(3, "channels_first"),
    "two inputs": two_inputs,
    "two outputs": two_outputs,
    "models inside models": inner,
    "frames": frames,
    "U-Net": unet,
    "axis 1": lambda: along(1),
    "axis 2": lambda: along(2),
}
if keras.backend.backend() == "torch":
    # Keras has no Lanczos interpolation there.
    del NETWORKS["resizing, Lanczos"]


def norms(model, kind):
    return {layer.name: layer for layer in model._flatten_layers() if isinstance(layer, kind)}


def randomize(model):
    for layer in norms(model, layers.BatchNormalization).values():
        layer.set_weights([RANDOM.uniform(0.5, 1.5, weight.shape).astype("f") for weight in layer.get_weights()])


def numbers(tensor):
    return keras.ops.convert_to_numpy(tensor).astype("d")


def normconv(options, *arguments):
    command = [*shlex.split(options.normconv), *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(f"{shlex.join(command)}: exit code {result.returncode}\n{result.stderr.strip()}")
    return result.stdout


def scored(options, file, model, values):
    """Fails where the logits that normconv gives for an array are not the model's."""
    split, found = file.with_name("split.npz"), file.with_name("outputs.npy")
    np.savez(split, x=values[0], y=np.zeros(len(values[0]), int))
    normconv(options, "eval", file, "--data", split, "--outputs", found, "--force")
    expected = outputs(model, values)[0]
    error = np.abs(np.load(found) - expected).max() / np.abs(expected).max()
    assert error < 1e-5, f"{file.name}: scores differ by {error:.1e}"


def biases(model):
    return {layer.name: layer.bias for layer in model._flatten_layers() if getattr(layer, "bias", None) is not None}


def moved(model, converted):
    """How far each norm's input is moved by a new bias of the layer before it."""
    old, new = biases(model), biases(converted)
    changed = {name: numbers(new[name]) - numbers(old[name]) for name in old}
    norms_ = norms(model, layers.BatchNormalization)
    before = {name: norm.input._keras_history.operation.name for name, norm in norms_.items()}
    return {name: changed[layer] for name, layer in before.items() if layer in changed}


def fix_statistics(model, converted):
    """Makes every group norm normalize by the statistics that the batch norm's imply for its groups."""
    shifts = moved(model, converted)
    new = norms(converted, layers.GroupNormalization)
    for name, old in norms(model, layers.BatchNormalization).items():
        norm, axis = new[name], new[name].axis
        mean = numbers(old.moving_mean)
        order = getattr(old.input._keras_history.operation, "data_format", "channels_last")
        channels = (1,) if order == "channels_first" else (-1, len(norm_shape(norm)) - 1)
        if len(shifts.get(name, ())) == len(mean) and axis in channels:
            mean = mean + shifts[name]
        variance = numbers(old.moving_variance)
        groups = mean.reshape(norm.groups, -1)
        center = groups.mean(1, keepdims=True)
        spread = variance.reshape(norm.groups, -1).mean(1, keepdims=True) + ((groups - center) ** 2).mean(1, keepdims=True)
        size = groups.shape[1]
        scale = 1 / np.sqrt(np.repeat(spread, size) + norm.epsilon)
        gamma = numbers(norm.gamma) if norm.scale else 1
        beta = numbers(norm.beta) if norm.center else 0
        factor, offset = gamma * scale, beta - gamma * scale * np.repeat(center, size)
        shape = [1] * len(norm_shape(norm))
        shape[axis] = len(mean)
        factor, offset = (keras.ops.convert_to_tensor(v.reshape(shape).astype("f")) for v in (factor, offset))
        norm.call = lambda x, factor=factor, offset=offset: x * factor + offset


def norm_shape(norm):
    return norm.input.shape


def outputs(model, images):
    # Behind some preprocessing layers Keras trains unless told not to.
    values = model(images if len(images) > 1 else images[0], training=False)
    return [numbers(value) for value in keras.tree.flatten(values)]


def images(model):
    return [RANDOM.uniform(-1, 1, (4, *(size or 6 for size in value.shape[1:]))).astype("f") for value in model.inputs]


def config(path):
    if path.suffix == ".h5":
        with h5py.File(path) as file:
            return json.loads(file.attrs["model_config"])
    import zipfile

    return json.loads(zipfile.ZipFile(path).read("config.json"))


def kernel(layer):
    """The kernel before a norm: of a separable convolution the second one."""
    return getattr(layer, "pointwise_kernel", getattr(layer, "kernel", None))


def differing(old, new, found):
    """Classes of the records that differ, by their names."""
    if isinstance(old, dict) and old.get("class_name") == "BatchNormalization":
        found.add(new.get("class_name"))
    elif isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
        for key in old:
            differing(old[key], new[key], found)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for one, other in zip(old, new):
            differing(one, other, found)
    elif old != new:
        found.add(f"{str(old)[:60]} → {str(new)[:60]}")
    return found


def check(options, name, folder, ending):
    keras.utils.set_random_seed(0)
    model = NETWORKS[name]()
    randomize(model)
    source, target = folder / f"x.{ending}", folder / f"y.{ending}"
    model.save(source)
    try:
        keras.saving.load_model(source, compile=False, safe_mode=False)
    except (TypeError, ValueError):
        # Keras 3 does not load its own operators from HDF5.
        return None
    values = images(model)
    expected = outputs(model, values)
    is_scored = name[:3] in ("1-D", "3-D")
    if is_scored:
        scored(options, source, model, values)
    groups = ["--groups", "size:4", "--force"]
    normconv(options, "convert", source, target, "--min-agreement", "0", "--ws", "off", *groups)
    changed = differing(config(source), config(target), set())
    assert changed == {"GroupNormalization"}, changed
    converted = keras.saving.load_model(target, compile=False, safe_mode=False)
    if is_scored:
        scored(options, target, converted, values)
    fix_statistics(model, converted)
    found = outputs(converted, values)
    error = max(np.abs(a - b).max() / max(np.abs(a).max(), 1e-6) for a, b in zip(expected, found))
    assert error < TOLERANCE, f"outputs differ by {error:.1e}"

    report = json.loads(normconv(options, "convert", source, target, "--min-agreement", "0", "--json", *groups))
    converted = keras.saving.load_model(target, compile=False, safe_mode=False)
    assert all(np.isfinite(value).all() for value in outputs(converted, values)), "outputs are not finite"
    if is_scored:
        scored(options, target, converted, values)
    kernels = {layer.name: kernel(layer) for layer in converted._flatten_layers() if kernel(layer) is not None}
    for path in report["standardized"]:
        weights = numbers(kernels[path.split("/")[-1]])
        filters = weights.reshape(-1, weights.shape[-1])
        assert np.abs(filters.mean(0)).max() < 1e-5 and np.abs(filters.var(0) - 1).max() < 1e-4, f"{path} is not standardized"
    return error, len(report["standardized"]), report["momentsRestart"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--normconv", default=".build/release/normconv")
    parser.add_argument("--only", default="", help="networks whose name has this in it")
    options = parser.parse_args()
    failures = 0
    for name in NETWORKS:
        if options.only not in name:
            continue
        for ending in ("keras", "h5"):
            with tempfile.TemporaryDirectory() as folder:
                try:
                    result = check(options, name, Path(folder), ending)
                    if result is None:
                        print(f"{name}, .{ending}: Keras cannot load what it saved", flush=True)
                        continue
                    error, count, restart = result
                    layers_ = ", ".join(f"{layer['layer']} ({layer['className']})" for layer in restart) or "nothing"
                    print(f"{name}, .{ending}: {error:.0e}; {count} standardized, moments restart after {layers_}", flush=True)
                except Exception as failure:  # noqa: BLE001
                    failures += 1
                    print(f"{name}, .{ending}: FAILED: {type(failure).__name__}: {failure}", flush=True)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
