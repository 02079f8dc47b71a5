"""Makes networks that are told by the names of their parameters alone, narrow ones of timm's and keras.applications'
own code with random weights, and their outputs, packed into named-networks.zip. Weights are multiples of 1/128, which
deflate well."""

import argparse
import os
import tempfile
import zipfile
from functools import partial
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"

import h5py
import jax
import keras
import numpy as np
import safetensors.torch
import torch
from keras.src.applications import resnet as keras_resnet
from keras.src.legacy.saving import legacy_h5_format
from timm.layers import BatchNormAct2d, GroupNormAct, StdConv2d, create_conv2d
from timm.models.resnet import Bottleneck, ResNet
from timm.models.resnetv2 import ResNetV2

import torch_networks
from fixture_data import SEED, smooth_images

jax.config.update("jax_default_matmul_precision", "highest")

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
INCEPTION = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
# Odd rows: pools and strides differ between conventions there.
IMAGES, ROWS, COLUMNS = 2, 45, 40


def torch_inputs(images, scale):
    mean, deviation = np.array(scale[0]), np.array(scale[1])
    return torch.from_numpy(((images / 255 - mean) / deviation).transpose(0, 3, 1, 2).astype(np.float32))


def randomize(network, inputs):
    torch_networks.randomize(network, inputs)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.GroupNorm):
                module.weight.normal_(1, 0.2)
                module.bias.normal_(0, 0.2)
        for parameter in network.head.fc.parameters() if hasattr(network, "head") else ():
            parameter.normal_(0, 0.1)
    network.eval()
    with torch.no_grad():
        for value in network.state_dict().values():
            value.copy_(coarse(value))


def coarse(value):
    """The nearest multiple of 1/128, no variance becoming zero."""
    return (value * 128).round() / 128


def timm_networks():
    bottleneck = dict(block=Bottleneck, layers=(2, 1, 1, 1), num_classes=5, zero_init_last=False)
    yield "resnet-d", ResNet(
        **bottleneck, channels=(4, 4, 8, 8), stem_width=4, stem_type="deep", avg_down=True
    ), IMAGENET
    yield "bit", ResNetV2(
        layers=(1, 1), channels=(32, 32), num_classes=5, stem_chs=32, stem_type="fixed", bottle_ratio=1.0,
        norm_layer=partial(GroupNormAct, num_groups=32), conv_layer=partial(StdConv2d, eps=1e-8),
    ), INCEPTION  # fmt: skip
    yield "resnetv2", ResNetV2(
        layers=(2, 1, 1, 1), channels=(8, 8, 16, 16), num_classes=5, stem_chs=8, norm_layer=BatchNormAct2d,
        conv_layer=create_conv2d,
    ), IMAGENET  # fmt: skip


def make_timm(folder, images, outputs):
    for name, network, scale in timm_networks():
        torch.manual_seed(SEED)
        inputs = torch_inputs(images, scale)
        for module in network.modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
        randomize(network, torch_inputs(smooth_images(np.random.default_rng(SEED), 32, ROWS, COLUMNS), scale))
        with torch.no_grad():
            outputs[name] = network(inputs).numpy()
        state = {k: v.half() if name == "bit" else v for k, v in network.state_dict().items()}
        safetensors.torch.save_file(state, folder / f"{name}.safetensors")
        if name == "bit":
            make_bit_archive(network, folder / "bit.npz")
            # timm itself takes the archive for the same network.
            copy = next(network for name, network, _ in timm_networks() if name == "bit")
            copy.load_pretrained(folder / "bit.npz")
            with torch.no_grad():
                np.testing.assert_array_equal(copy.eval()(inputs).numpy(), outputs["bit"])


def make_bit_archive(network, path):
    """BiT's names (google-research/big_transfer), in half precision."""
    arrays = {}

    def conv(name, layer):
        arrays[f"resnet/{name}/kernel"] = layer.weight.detach().numpy().transpose(2, 3, 1, 0)

    def norm(name, layer):
        arrays[f"resnet/{name}/group_norm/gamma"] = layer.weight.detach().numpy()
        arrays[f"resnet/{name}/group_norm/beta"] = layer.bias.detach().numpy()

    conv("root_block/standardized_conv2d", network.stem.conv)
    for s, stage in enumerate(network.stages, start=1):
        for b, block in enumerate(stage.blocks, start=1):
            place = f"block{s}/unit{b:02d}"
            for letter, layer, n in zip("abc", (block.conv1, block.conv2, block.conv3), (block.norm1, block.norm2, block.norm3)):
                conv(f"{place}/{letter}/standardized_conv2d", layer)
                norm(f"{place}/{letter}", n)
            if block.downsample is not None:
                conv(f"{place}/a/proj/standardized_conv2d", block.downsample.conv)
    arrays["resnet/group_norm/gamma"] = network.norm.weight.detach().numpy()
    arrays["resnet/group_norm/beta"] = network.norm.bias.detach().numpy()
    arrays["resnet/head/conv2d/kernel"] = network.head.fc.weight.detach().numpy().transpose(2, 3, 1, 0)
    arrays["resnet/head/conv2d/bias"] = network.head.fc.bias.detach().numpy()
    np.savez_compressed(path, **{name: np.ascontiguousarray(value, np.float16) for name, value in arrays.items()})


def randomize_keras(network):
    generator = np.random.default_rng(SEED)
    for layer in network.layers:
        for variable in layer.weights:
            role, shape = variable.path.split("/")[-1], variable.shape
            if role == "kernel":
                # Small scores, so that no softmax hides a difference.
                gain = 0.02 if layer.name == "predictions" else 2
                value = generator.normal(0, np.sqrt(gain / np.prod(shape[:-1])), shape)
            elif role == "moving_variance":
                value = generator.uniform(0.5, 2, shape)
            else:
                value = generator.normal(0.7 if role == "gamma" else 0, 0.2, shape)
            variable.assign(coarse(value))


def keras_resnet_of(version, **settings):
    def stacks(x):
        for stage in range(2, 6):
            stride = (1 if stage == 2 else 2) if version == 1 else (1 if stage == 5 else 2)
            stack = getattr(keras_resnet, f"stack_residual_blocks_v{version}")
            x = stack(x, 4, 2 if stage == 2 else 1 + (version == 2), stride1=stride, name=f"conv{stage}")
        return x

    keras.backend.clear_session()
    return keras_resnet.ResNet(
        stacks, preact=version == 2, use_bias=True, weights=None, input_shape=(ROWS, COLUMNS, 3), **settings
    )


def write_legacy(network, path, rename=lambda name: name):
    """The weights-only layout of Keras 2, with layers under other names where `rename` gives one."""
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, network)
        names = [rename(layer.name) for layer in network.layers]
        for layer, name in zip(network.layers, names):
            if layer.name == name:
                continue
            weights = [f"{name}/{w.path.split('/')[-1]}:0" for w in layer.weights]
            del file[layer.name]
            group = file.create_group(name)
            group.attrs["weight_names"] = np.array(weights, dtype="S") if weights else np.array([])
            for weight, variable in zip(weights, layer.weights):
                group[weight] = variable.numpy()
        file.attrs["layer_names"] = np.array(names, dtype="S")


def old_name(name):
    """`conv2_block1_1_conv` as keras.applications called it until 2018: `res2a_branch2a`."""
    fixed = {"conv1_conv": "conv1", "conv1_bn": "bn_conv1", "predictions": "fc1000"}
    if name in fixed:
        return fixed[name]
    parts = name.split("_")
    if len(parts) != 4 or parts[3] not in ("conv", "bn"):
        return name
    block = parts[0][4:] + chr(ord("a") + int(parts[1][5:]) - 1)
    return f"{'res' if parts[3] == 'conv' else 'bn'}{block}_branch{('1', '2a', '2b', '2c')[int(parts[2])]}"


def with_epsilon(network, epsilon):
    def clone(layer):
        config = layer.get_config()
        return layer.__class__.from_config({**config, "epsilon": epsilon} if "epsilon" in config else config)

    copy = keras.models.clone_model(network, clone_function=clone)
    copy.set_weights(network.get_weights())
    return copy


def make_applications(folder, images, outputs):
    caffe = keras_resnet.preprocess_input(images.astype(np.float32))
    one = keras_resnet_of(1, classes=5)
    randomize_keras(one)
    outputs["keras-resnet"] = one.predict(caffe, verbose=0)
    one.save_weights(folder / "keras-resnet.weights.h5")
    (folder / "keras-resnet.json").write_text(one.to_json())
    old = with_epsilon(one, 1e-3)
    outputs["keras-resnet-old"] = old.predict(caffe, verbose=0)
    write_legacy(old, folder / "keras-resnet-old.h5", old_name)
    two = keras_resnet_of(2, classes=5)
    randomize_keras(two)
    outputs["keras-resnet-v2"] = two.predict(images.astype(np.float32) / 127.5 - 1, verbose=0)
    write_legacy(two, folder / "keras-resnet-v2.h5")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where named-networks.zip goes")
    target = parser.parse_args().folder / "named-networks.zip"
    images = smooth_images(np.random.default_rng(SEED + 3), IMAGES, ROWS, COLUMNS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with h5py.File(folder / "outputs.h5", "w") as outputs:
            outputs["images"] = images
            make_timm(folder, images, outputs)
            make_applications(folder, images, outputs)
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for file in sorted(folder.iterdir()):
                archive.writestr(zipfile.ZipInfo(file.name), file.read_bytes(), zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    main()
