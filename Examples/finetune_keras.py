"""Fine-tunes a converted network in Keras, with a layer that keeps its filters standardized.

    normconv convert resnet.keras resnet-gn.keras --ws layer --calibrate images
    finetune_keras.py resnet-gn.keras train --size 224

`train` is a folder with a folder of images for each class. The file's note has the Python source of the layer, which is
executed: use files that you converted yourself.
"""

import argparse
import json
import zipfile
from pathlib import Path

import keras
import numpy as np


def define_layer(path):
    """Defines the standardized convolution, whose source is in the file."""
    with zipfile.ZipFile(path) as file:
        note = json.loads(json.loads(file.read("metadata.json"))["normconv"])
    exec(note["kerasLayer"], {"keras": keras})


class ImageFolder(keras.utils.PyDataset):
    """A folder of images for each class, in batches; needs no TensorFlow."""

    def __init__(self, folder, size, batch):
        super().__init__()
        self.classes = sorted(path.name for path in Path(folder).iterdir() if path.is_dir())
        self.files = [(p, i) for i, name in enumerate(self.classes) for p in sorted(Path(folder, name).iterdir())]
        self.size, self.batch, self.random = size, batch, np.random.default_rng(0)
        self.on_epoch_end()

    def on_epoch_end(self):
        self.random.shuffle(self.files)

    def __len__(self):
        return len(self.files) // self.batch

    def __getitem__(self, index):
        part = self.files[index * self.batch : (index + 1) * self.batch]
        images = [keras.utils.img_to_array(keras.utils.load_img(p, target_size=(self.size, self.size))) for p, _ in part]
        flipped = [x[:, ::-1] if self.random.random() < 0.5 else x for x in images]
        return preprocess(np.stack(flipped)), np.array([label for _, label in part])


def preprocess(images):
    """keras.applications' ResNet-50: blue, green, red minus ImageNet's means. Put in what your network was trained with."""
    return images[..., ::-1] - np.array([103.939, 116.779, 123.68], np.float32)


def with_new_head(network, classes):
    features = network.layers[-2].output
    head = keras.layers.Dense(classes, kernel_initializer="zeros", activation="softmax", name="new_head")
    return keras.Model(network.inputs, head(features))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("images")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--rate", type=float, default=3e-3)
    options = parser.parse_args()
    define_layer(options.file)
    images = ImageFolder(options.images, options.size, options.batch)
    network = with_new_head(keras.models.load_model(options.file), len(images.classes))
    rate = keras.optimizers.schedules.CosineDecay(options.rate, options.epochs * len(images))
    network.compile(
        keras.optimizers.SGD(rate, momentum=0.9, clipnorm=1), "sparse_categorical_crossentropy",
        metrics=["accuracy"])
    network.fit(images, epochs=options.epochs)
    network.save("finetuned.keras")


if __name__ == "__main__":
    main()
