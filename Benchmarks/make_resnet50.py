"""Makes networks and images for the benchmarks: ResNet-50 as Keras writes it, ResNets of torchvision as HDF5 and ONNX.

Weights are random; the norms' statistics are measured on the network's own activations, so that values stay in
the range of a trained network. Files:
  resnet50.keras.h5                keras.applications ResNet50, legacy full model, 103 MB
  resnet{18,50}-{bn,gn}.torch.h5   torchvision's parameters, one flat dataset each; gn is GroupNorm with 32 groups
  resnet{18,50}-{bn,gn}.onnx       the same networks for other engines, any batch size
  images.h5                        random images [N, 224, 224, 3] uint8 and labels int64
"""

import argparse
import functools
import os
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"

import h5py
import numpy as np

SIZE = 224
SEED = 7


def random_images(count):
    """uint8 [count, 224, 224, 3]: blocks of colour with noise."""
    generator = np.random.default_rng(SEED)
    coarse = generator.integers(0, 256, (count, SIZE // 16, SIZE // 16, 3), np.int16)
    images = coarse.repeat(16, axis=1).repeat(16, axis=2)
    return np.clip(images + generator.integers(-20, 21, images.shape, np.int16), 0, 255).astype(np.uint8)


def write_split(path, images):
    with h5py.File(path, "w") as file:
        file["images"] = images
        file["labels"] = np.random.default_rng(SEED).integers(0, 1000, len(images))


def make_keras(path, images):
    import keras

    keras.utils.set_random_seed(SEED)
    network = keras.applications.ResNet50(weights=None)
    norms = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for norm in norms:
        norm.momentum = 0.0  # the statistics of the last batch are kept
    network(keras.applications.resnet50.preprocess_input(images.astype(np.float32)), training=True)
    for norm in norms:
        norm.momentum = 0.99
    network.compile(keras.optimizers.SGD(), "sparse_categorical_crossentropy")
    network.save(path)


def make_torch(folder, name, norm, images):
    import torch
    import torchvision
    from torch import nn

    torch.manual_seed(SEED)
    layer = functools.partial(nn.GroupNorm, 32) if norm == "gn" else functools.partial(nn.BatchNorm2d, momentum=1.0)
    network = getattr(torchvision.models, name)(norm_layer=layer)
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    inputs = ((images / 255 - mean) / deviation).transpose(0, 3, 1, 2)
    inputs = torch.from_numpy(np.ascontiguousarray(inputs, np.float32))
    with torch.no_grad():
        network.train()(inputs)
    network.eval()
    with h5py.File(folder / f"{name}-{norm}.torch.h5", "w") as file:
        for key, value in network.state_dict().items():
            file[key] = value.numpy()
    torch.onnx.export(
        network,
        (inputs[:2],),
        folder / f"{name}-{norm}.onnx",
        input_names=["images"],
        output_names=["logits"],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        external_data=False,
        dynamo=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the files go")
    parser.add_argument("--images", type=int, default=64, help="images of the split (default: 64)")
    parser.add_argument("--only", choices=("keras", "torch", "images"), help="make one kind of file")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    images = random_images(max(options.images, 8))
    if options.only in (None, "images"):
        write_split(options.folder / "images.h5", images[: options.images])
    if options.only in (None, "keras"):
        make_keras(options.folder / "resnet50.keras.h5", images[:8])
    if options.only in (None, "torch"):
        for name in ("resnet50", "resnet18"):
            for norm in ("bn", "gn"):
                make_torch(options.folder, name, norm, images[:8])


if __name__ == "__main__":
    main()
