"""Makes narrow networks of torchvision's and timm's own code with random weights, and their logits; and lists the
parameters and the extents of each layer's output of networks of usual width. Packed into families.zip."""

import argparse
import tempfile
import zipfile
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import safetensors.torch
import timm
import torch
import torchvision
from timm.models.resnest import ResNestBottleneck
from timm.models.resnet import Bottleneck, ResNet
from torch import nn
from torchvision.models import densenet, efficientnet, mobilenetv2, mobilenetv3, regnet, vgg

from fixture_data import SEED, smooth_images

IMAGES, SIDE, CLASSES = 2, 64, 5
MEAN, DEVIATION = np.array((0.485, 0.456, 0.406)), np.array((0.229, 0.224, 0.225))
LISTED = (
    *(("torchvision", name) for name in (
        "vgg16_bn", "vgg11", "mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small", "densenet121", "efficientnet_b0", "efficientnet_b5",
        "efficientnet_v2_s", "regnet_x_400mf", "regnet_y_400mf",
    )),
    *(("timm", name) for name in (
        "vgg11_bn", "mobilenetv2_110d", "efficientnet_b0", "regnety_002", "seresnet50", "seresnext26d_32x4d",
        "legacy_seresnet50", "legacy_senet154", "resnest50d",
    )),
)  # fmt: skip


def narrow_vgg():
    network = vgg.VGG(vgg.make_layers([2, "M", 4, "M", 8, 8, "M", 16, 16, "M", 16, 16, "M"], batch_norm=True))
    side = SIDE // 32
    network.avgpool = nn.AdaptiveAvgPool2d((side, side))
    for place, outputs, inputs in ((0, 8, 16 * side * side), (3, 8, 8), (6, CLASSES, 8)):
        network.classifier[place] = nn.Linear(inputs, outputs)
    return network


def narrow_mobilenet():
    network = mobilenetv2.MobileNetV2(
        CLASSES, round_nearest=1, width_mult=0.125,
        inverted_residual_setting=[
            [1, 16, 1, 1], [2, 24, 2, 2], [2, 32, 3, 2], [2, 48, 4, 2], [2, 64, 3, 1], [2, 80, 3, 2], [2, 96, 1, 1],
        ],
    )  # fmt: skip
    last = torchvision.ops.misc.Conv2dNormActivation(12, 16, kernel_size=1, activation_layer=nn.ReLU6)
    network.features[-1], network.classifier[1] = last, nn.Linear(16, CLASSES)
    return network


def narrow_mobilenet_v3():
    config = partial(mobilenetv3.InvertedResidualConfig, dilation=1, width_mult=1)
    rows = (
        (8, 3, 8, True, "RE", 2), (8, 3, 16, False, "RE", 2), (8, 3, 16, False, "RE", 1), (8, 5, 16, True, "HS", 2),
        *((8, 5, 16, True, "HS", 1) for _ in range(4)), (8, 5, 16, True, "HS", 2), (8, 5, 16, True, "HS", 1),
        (8, 5, 16, True, "HS", 1),
    )  # fmt: skip
    settings = [
        config(8, size, expanded, outputs, squeeze, activation, stride)
        for outputs, size, expanded, squeeze, activation, stride in rows
    ]
    return mobilenetv3.MobileNetV3(settings, last_channel=16, num_classes=CLASSES)


def narrow_efficientnet():
    sizes, strides = (3, 3, 5, 3, 5, 5, 3), (1, 2, 2, 2, 1, 2, 1)
    counts, ratios = (1, 2, 2, 3, 3, 4, 1), (1, 2, 2, 2, 2, 2, 2)
    config = partial(efficientnet.MBConvConfig, input_channels=8, out_channels=8)
    stages = [
        config(expand_ratio=ratio, kernel=size, stride=stride, num_layers=count)
        for ratio, size, stride, count in zip(ratios, sizes, strides, counts)
    ]
    return efficientnet.EfficientNet(stages, 0, num_classes=CLASSES, last_channel=16)


def narrow_regnet():
    params = regnet.BlockParams([1, 1, 2, 1], [8, 8, 16, 16], [4, 8, 8, 8], [1.0] * 4, [2] * 4, se_ratio=0.25)
    return regnet.RegNet(params, CLASSES, stem_width=8, norm_layer=nn.BatchNorm2d)


def narrow_networks():
    yield "vgg", narrow_vgg()
    yield "mobilenet-v2", narrow_mobilenet()
    yield "mobilenet-v3", narrow_mobilenet_v3()
    yield "densenet", densenet.DenseNet(4, (1, 2, 1, 1), 8, bn_size=2, num_classes=CLASSES)
    yield "efficientnet", narrow_efficientnet()
    yield "regnet", narrow_regnet()
    yield "se-resnet", ResNet(
        Bottleneck, (1, 1, 1, 1), CLASSES, stem_width=4, channels=(4, 4, 4, 4), block_args=dict(attn_layer="se")
    )
    yield "resnest", ResNet(
        ResNestBottleneck, (1, 1, 1, 1), CLASSES, stem_type="deep", stem_width=4, avg_down=True, channels=(4, 4, 8, 8),
        block_args=dict(radix=2, avd=True, avd_first=False),
    )


def randomize(network, inputs):
    """Random weights and norms, and the statistics of the inputs; all multiples of 1/64, which deflate well."""
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.5, 0.5)
                module.momentum = None
            elif isinstance(module, (nn.Conv2d, nn.Linear)):
                bound = (6 / module.weight[0].numel()) ** 0.5
                module.weight.uniform_(-bound, bound)
                if module.bias is not None:
                    module.bias.uniform_(-0.5, 0.5)
        network.train()(inputs)
        for name, value in network.eval().state_dict().items():
            value.copy_((value * 64).round() / 64)
            if name.endswith("running_var"):
                value.clamp_(min=1 / 64)


def make_narrow(folder, images, outputs):
    def inputs(images):
        return torch.from_numpy(((images / 255 - MEAN) / DEVIATION).transpose(0, 3, 1, 2).astype(np.float32))

    torch.manual_seed(SEED)
    others = inputs(smooth_images(np.random.default_rng(SEED), 16, SIDE, SIDE))
    for name, network in narrow_networks():
        randomize(network, others)
        with torch.no_grad():
            outputs[name] = network(inputs(images)).numpy()
        state = {key: value.half() for key, value in network.state_dict().items()}
        safetensors.torch.save_file(state, folder / f"{name}.safetensors")


def listing(library, name):
    """`parameter NAME EXTENTS` in the order of the file, `output MODULE ROWS COLUMNS CHANNELS` for images of 224."""
    network = getattr(torchvision.models, name)() if library == "torchvision" else timm.create_model(name)
    network.to("meta")
    lines = [" ".join(map(str, ("parameter", key, *value.shape))) for key, value in network.state_dict().items()]

    def hook(place):
        def append(module, arguments, output):
            extents = output.shape[2:] + output.shape[1:2] if output.ndim == 4 else output.shape[1:]
            lines.append(" ".join(map(str, ("output", place, *extents))))

        return append

    for place, module in network.named_modules():
        if isinstance(module, (nn.Conv2d, nn.BatchNorm2d, nn.Linear)):
            module.register_forward_hook(hook(place))
    network.eval()(torch.empty(1, 3, 224, 224, device="meta"))
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where families.zip goes")
    target = parser.parse_args().folder / "families.zip"
    images = smooth_images(np.random.default_rng(SEED + 4), IMAGES, SIDE, SIDE) // 64 * 64
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with h5py.File(folder / "outputs.h5", "w") as outputs:
            outputs["images"] = images
            make_narrow(folder, images, outputs)
        for library, name in LISTED:
            (folder / f"{library}-{name}.txt").write_text(listing(library, name))
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for file in sorted(folder.iterdir()):
                archive.writestr(zipfile.ZipInfo(file.name), file.read_bytes(), zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    main()
