"""Scores JPEG files as torchvision and Keras do with their own pipelines, and compares the outputs with normconv's.

    check_images.py --normconv normconv [--images 240]

The files are crops of photographs that scikit-image and scikit-learn ship, of many sizes, qualities and chroma subsamplings, in
a folder for each photograph. The networks have random weights, and batch statistics measured on some of the crops. Ends with 1
where an output differs by more than 1e-2 or a top-1 is not the same.
"""

import argparse
import importlib.resources
import json
import os
import random
import shlex
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"

import jax
import keras
import numpy as np
import torch
import torchvision
from PIL import Image

jax.config.update("jax_default_matmul_precision", "highest")

TOLERANCE = 1e-2
PHOTOGRAPHS = {
    "skimage.data": ("astronaut.png", "brick.png", "chelsea.png", "coffee.png", "grass.png", "gravel.png", "moon.png",
                     "motorcycle_left.png", "rocket.jpg", "retina.jpg"),
    "sklearn.datasets.images": ("china.jpg", "flower.jpg"),
}


def photographs():
    for package, names in PHOTOGRAPHS.items():
        for name in names:
            yield name.split(".")[0], Image.open(importlib.resources.files(package) / name)


def write_crops(folder, count):
    """`count` JPEG files below `folder`; some of the photographs are grey, and stay so."""
    draw = random.Random(0)
    photos = [(name, image if image.mode == "L" else image.convert("RGB")) for name, image in photographs()]
    for index in range(count):
        name, photo = photos[index % len(photos)]
        width, height = (draw.randint(180, min(500, side)) for side in photo.size)
        left, top = draw.randint(0, photo.width - width), draw.randint(0, photo.height - height)
        path = folder / name / f"{index:04}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        options = dict(quality=draw.randint(60, 98), subsampling=draw.randint(0, 2), progressive=draw.random() < 0.3)
        photo.crop((left, top, left + width, top + height)).save(path, **options)
    return sorted(folder.glob("*/*.jpg"))


def torchvision_outputs(make, files, folder):
    """The network's file and its outputs with torchvision's own preprocessing of ImageNet's weights."""
    torch.manual_seed(0)
    model = make(num_classes=100)
    transform = torchvision.transforms._presets.ImageClassification(crop_size=224)
    images = torch.stack([transform(Image.open(file).convert("RGB")) for file in files])
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        for batch in images[::4].split(20):
            model.train()(batch)
        outputs = torch.cat([model.eval()(batch) for batch in images.split(16)]).numpy()
    path = folder / f"{make.__name__}.pth"
    torch.save(model.state_dict(), path)
    return path, outputs


def keras_outputs(make, preprocess, files, folder):
    """The network's file and its outputs with `keras.utils.load_img` and the application's own `preprocess_input`."""
    keras.utils.set_random_seed(0)
    model = make(weights=None, classes=100, classifier_activation=None)
    images = [keras.utils.img_to_array(keras.utils.load_img(file, target_size=(224, 224))) for file in files]
    images = preprocess(np.stack(images))
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for norm in norms:
        norm.momentum = 0.0
    model(images[::6], training=True)
    outputs = np.concatenate([np.asarray(model(batch)) for batch in np.split(images, range(16, len(images), 16))])
    path = folder / f"{make.__name__}.keras"
    model.save(path)
    return path, outputs


def normconv_outputs(command, path, split, folder):
    output, classes = folder / "outputs.npy", folder / "classes.txt"
    classes.write_text("".join(f"{name.name} {7 * index}\n" for index, name in enumerate(sorted(split.iterdir()))))
    arguments = ["eval", path, "--data", split, "--classes", classes, "--outputs", output, "--force", "--json", "--quiet"]
    result = subprocess.run([*shlex.split(command), *map(str, arguments)], capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{path.name}: {result.stderr.strip()}")
    return np.load(output), json.loads(result.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--normconv", required=True)
    parser.add_argument("--images", type=int, default=240)
    options = parser.parse_args()
    applications = keras.applications
    networks = (
        partial(torchvision_outputs, torchvision.models.resnet18),
        partial(torchvision_outputs, torchvision.models.resnet50),
        partial(keras_outputs, applications.ResNet50, applications.resnet.preprocess_input),
        partial(keras_outputs, applications.ResNet50V2, applications.resnet_v2.preprocess_input),
    )
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        files = write_crops(folder / "images", options.images)
        for network in networks:
            path, expected = network(files, folder)
            found, report = normconv_outputs(options.normconv, path, folder / "images", folder)
            worst = np.abs(found - expected).max()
            same = (found.argmax(1) == expected.argmax(1)).sum()
            right = worst <= TOLERANCE and same == len(files)
            failed |= not right
            print(f"{'ok' if right else 'DIFFERENT':9}  {path.name:17} {len(files)} JPEG files, preprocessing "
                  f"{report['models'][0]['preprocess']}: largest difference {worst:.1e} of outputs up to "
                  f"{np.abs(expected).max():.1f}, top-1 equal for {same}, {len(set(expected.argmax(1)))} classes seen", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
