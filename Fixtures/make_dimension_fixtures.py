"""Makes Keras networks of steps in time and of volumes and what each layer gives, and narrow networks of videos by
torchvision's own code, whole too, and their logits, packed into dimensions.zip. Weights are multiples of 1/128 or 1/64, which deflate
well."""

import argparse
import os
import tempfile
import zipfile
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import h5py
import jax
import keras
import numpy as np
import safetensors.torch
import torch
from keras import layers
from torch import nn
from torchvision.models.video import resnet

jax.config.update("jax_default_matmul_precision", "highest")

SAMPLES = 3
SEED = 15


def norm(x, name, axis=-1):
    return layers.ReLU()(layers.BatchNormalization(axis=axis, name=name)(x))


def steps():
    """A residual network of series of 50 steps: every kind of convolution, pool and margin."""
    inputs = keras.Input((50, 3))
    x = layers.ZeroPadding1D((2, 1), name="padding")(inputs)
    x = layers.Conv1D(8, 3, padding="causal", dilation_rate=2, name="causal")(x)
    x = norm(x, "bn0")
    x = layers.DepthwiseConv1D(3, depth_multiplier=2, padding="same", name="depthwise")(x)
    x = layers.PReLU(shared_axes=[1], name="prelu")(norm(x, "bn1", axis=2))
    x = layers.SeparableConv1D(16, 5, strides=2, padding="same", name="separable")(x)
    y = layers.Conv1D(16, 4, padding="same", groups=4, use_bias=False, name="grouped")(x)
    y = layers.BatchNormalization(name="bn2")(y)
    # Squeeze and excitation on vectors of one step.
    z = layers.Reshape((1, 16))(layers.GlobalAveragePooling1D(name="squeeze")(y))
    y = layers.Multiply(name="excited")([y, layers.Dense(16, activation="sigmoid")(z)])
    x = layers.ReLU()(layers.Add(name="sum")([x, y]))
    x = layers.MaxPooling1D(3, 2, padding="same", name="maxima")(x)
    x = layers.AveragePooling1D(2, padding="same", name="means")(layers.Cropping1D((1, 2), name="crop")(x))
    x = layers.LayerNormalization(name="ln")(layers.UpSampling1D(3, name="upsampling")(x))
    x = layers.SpatialDropout1D(0.1)(layers.GroupNormalization(4, name="gn")(x))
    turned = layers.Conv1D(6, 1, name="turned")(layers.Permute((2, 1), name="permuted")(x))
    kept = layers.Flatten()(layers.GlobalMaxPooling1D(keepdims=True, name="kept")(x))
    x = layers.Concatenate()([layers.Flatten(name="flat")(turned), kept, keras.ops.mean(x, axis=1)])
    return keras.Model(inputs, layers.Dense(4, name="head")(x))


def first():
    """Channels first."""
    inputs = keras.Input((3, 20))
    x = layers.Conv1D(8, 3, padding="same", data_format="channels_first", name="conv")(inputs)
    x = norm(x, "bn", axis=1)
    x = layers.MaxPooling1D(2, data_format="channels_first")(x)
    flat = layers.Flatten(data_format="channels_first")(x)
    x = layers.Concatenate()([flat, layers.GlobalAveragePooling1D(data_format="channels_first")(x)])
    return keras.Model(inputs, layers.Dense(4, name="head")(x))


def volumes():
    """A residual network of volumes of 5×8×7."""
    inputs = keras.Input((5, 8, 7, 1))
    x = layers.ZeroPadding3D(((1, 0), (2, 1), (1, 1)), name="padding")(inputs)
    x = norm(layers.Conv3D(8, 3, strides=(1, 2, 2), padding="same", name="stem")(x), "bn0")
    x = layers.MaxPooling3D((2, 1, 2), padding="same", name="maxima")(x)
    y = norm(layers.Conv3D(8, (3, 1, 2), padding="same", use_bias=False, name="first")(x), "bn1", axis=4)
    y = layers.BatchNormalization(name="bn2")(layers.Conv3D(8, (1, 3, 3), padding="same", name="second")(y))
    x = layers.ReLU()(layers.Add(name="sum")([layers.Conv3D(8, 1, name="shortcut")(x), y]))
    x = layers.GroupNormalization(2, name="gn")(x)
    x = layers.AveragePooling3D((2, 1, 2), padding="same", name="means")(layers.ZeroPadding3D(1)(x))
    x = layers.Conv3D(8, (2, 2, 2), dilation_rate=(1, 2, 1), name="dilated")(layers.PReLU(shared_axes=[1, 2, 3])(x))
    kept = layers.Flatten()(layers.GlobalAveragePooling3D(keepdims=True, name="kept")(x))
    x = layers.Concatenate()([layers.Flatten(name="flat")(x), layers.GlobalMaxPooling3D(name="largest")(x), kept])
    return keras.Model(inputs, layers.Dense(4, name="head")(x))


def random_value(generator, weight):
    role = weight.name.split("/")[-1]
    if role.endswith("kernel"):
        return generator.normal(0, np.sqrt(2 / np.prod(weight.shape[:-1])), weight.shape)
    if role in ("gamma", "moving_variance"):
        return generator.uniform(0.5, 1.5, weight.shape)
    return generator.normal(0, 0.2, weight.shape)


def narrow(stem, makers):
    """A VideoResNet of widths 4 to 16; torchvision's own class has 64 to 512."""
    network = resnet.VideoResNet.__new__(resnet.VideoResNet)
    nn.Module.__init__(network)
    network.inplanes = 4
    network.stem = stem
    for number, (maker, planes) in enumerate(zip(makers, (4, 8, 8, 16)), 1):
        blocks, stride = (2 if number == 2 else 1), (1 if number == 1 else 2)
        layer = network._make_layer(resnet.BasicBlock, maker, planes, blocks, stride=stride)
        network.add_module(f"layer{number}", layer)
    network.avgpool, network.fc = nn.AdaptiveAvgPool3d((1, 1, 1)), nn.Linear(16, 5)
    return network


def plain_stem():
    convolution = nn.Conv3d(3, 4, (3, 7, 7), (1, 2, 2), (1, 3, 3), bias=False)
    return nn.Sequential(convolution, nn.BatchNorm3d(4), nn.ReLU())


def factorized_stem():
    rows = nn.Conv3d(3, 3, (1, 7, 7), (1, 2, 2), (0, 3, 3), bias=False)
    depth = nn.Conv3d(3, 4, (3, 1, 1), (1, 1, 1), (1, 0, 0), bias=False)
    return nn.Sequential(rows, nn.BatchNorm3d(3), nn.ReLU(), depth, nn.BatchNorm3d(4), nn.ReLU())


def make_videos(folder, file):
    torch.manual_seed(SEED)
    simple, flat, factorized = resnet.Conv3DSimple, resnet.Conv3DNoTemporal, resnet.Conv2Plus1D
    videos = (torch.randn(2, 3, 6, 24, 20) * 64).round() / 64
    file["videos"] = videos.permute(0, 2, 3, 4, 1).numpy()
    for name, stem, makers in (
        ("r3d", plain_stem(), [simple] * 4),
        ("mc3", plain_stem(), [simple] + [flat] * 3),
        ("r2plus1d", factorized_stem(), [factorized] * 4),
    ):
        network = narrow(stem, makers)
        with torch.no_grad():
            for key, value in network.state_dict().items():
                if value.ndim == 5:
                    value.normal_(0, (2 / value[0].numel()) ** 0.5)
                elif value.ndim == 1:
                    value.uniform_(*((0.5, 1.5) if key.endswith("var") or key.endswith("weight") else (-0.3, 0.3)))
                value.copy_((value * 64).round() / 64)
            file[name] = network.eval()(videos).numpy()
        safetensors.torch.save_file(network.state_dict(), folder / f"{name}.safetensors")
        torch.save(network, folder / f"{name}.pth")


def make(build, folder, file):
    generator = np.random.default_rng(SEED)
    keras.backend.clear_session()
    network = build()
    network.set_weights([np.round(random_value(generator, weight) * 128) / 128 for weight in network.weights])
    inputs = np.round(generator.normal(0, 1, (SAMPLES, *network.input_shape[1:])) * 64).astype(np.float32) / 64
    group = file.create_group(build.__name__)
    group["inputs"] = inputs
    group["logits"] = network.predict(inputs, verbose=0)
    named = [layer for layer in network.layers if not layer.name[-1].isdigit() or layer.name.startswith("bn")]
    values = keras.Model(network.inputs, [layer.output for layer in named]).predict(inputs[:1], verbose=0)
    for layer, value in zip(named, values):
        group[f"layers/{layer.name}"] = np.asarray(value)
    network.save(folder / f"{build.__name__}.keras")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where dimensions.zip goes")
    target = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with h5py.File(folder / "outputs.h5", "w") as file:
            for build in (steps, first, volumes):
                make(build, folder, file)
            make_videos(folder, file)
        with zipfile.ZipFile(target / "dimensions.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for file in sorted(folder.iterdir()):
                archive.writestr(zipfile.ZipInfo(file.name), file.read_bytes(), zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    main()
