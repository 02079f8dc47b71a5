"""Runs Examples/finetune_torch.py and finetune_keras.py on networks that normconv converted.

    check_finetune_examples.py --normconv normconv

A ResNet-18 of random weights (PyTorch) and a small ResNet (Keras) are converted, and fine-tuned to tell eight images of noise in
two brightnesses. The loss has to be finite and below that of chance, and the written networks have to load.
"""

import argparse
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import torch
from keras import layers
from PIL import Image

EXAMPLES = Path(__file__).resolve().parent.parent / "Examples"
CHANCE = float(np.log(2))


def write_images(folder):
    """Two classes of four images: dark noise and bright noise."""
    generator = np.random.default_rng(0)
    for label, low in (("bright", 128), ("dark", 0)):
        (folder / label).mkdir(parents=True)
        for image in range(4):
            pixels = generator.integers(low, low + 128, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{image}.png")


def run(folder, *command):
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=folder)
    if result.returncode:
        raise RuntimeError(result.stderr.strip()[-2000:])
    return result.stdout


def convert(options, folder, source, target, *arguments):
    run(folder, *shlex.split(options.normconv), "convert", source, target, *arguments, "--quiet", "--min-agreement", 0)


def check_torch(options, folder):
    import torchvision

    torch.manual_seed(0)
    torch.save(torchvision.models.resnet18().state_dict(), folder / "bn.pth")
    convert(options, folder, "bn.pth", "gn.safetensors")
    output = run(
        folder, sys.executable, EXAMPLES / "finetune_torch.py", "gn.safetensors", "images", "--classes", 2, "--size", 32,
        "--steps", 20, "--rate", 0.01)
    state = torch.load(folder / "finetuned.pth", weights_only=True)
    assert state["fc.weight"].shape == (2, 512) and all(value.isfinite().all() for value in state.values())
    return float(output.split()[-1])


def check_keras(options, folder):
    keras.utils.set_random_seed(0)
    image = x = keras.Input((32, 32, 3))
    for width in (16, 32):
        x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(width, 3, 2, "same", use_bias=False)(x)))
    x = layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    keras.Model(image, x).save(folder / "bn.keras")
    convert(options, folder, "bn.keras", "gn.keras", "--ws", "layer")
    output = run(
        folder, sys.executable, EXAMPLES / "finetune_keras.py", "gn.keras", "images", "--size", 32, "--epochs", 20, "--rate",
        0.01)
    # The file has the standardized convolution under its own name.
    sys.path.insert(0, str(EXAMPLES))
    import finetune_keras

    finetune_keras.define_layer(folder / "gn.keras")
    assert keras.models.load_model(folder / "finetuned.keras").output_shape == (None, 2)
    return float(re.findall(r"loss: ([\d.e+-]+)", output)[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--normconv", default=".build/release/normconv")
    parser.add_argument("--only", choices=["torch", "keras"])
    options = parser.parse_args()
    options.normconv = " ".join([str(Path(shlex.split(options.normconv)[0]).resolve()), *shlex.split(options.normconv)[1:]])
    good = True
    for name, check in (("torch", check_torch), ("keras", check_keras)):
        if options.only not in (None, name):
            continue
        with tempfile.TemporaryDirectory() as folder:
            write_images(Path(folder) / "images")
            try:
                loss = check(options, Path(folder))
                print(f"finetune_{name}.py: loss {loss:.3f}, chance {CHANCE:.3f}", flush=True)
                good = good and loss < CHANCE
            except Exception as failure:  # noqa: BLE001
                good = False
                print(f"finetune_{name}.py: FAILED: {type(failure).__name__}: {failure}", flush=True)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
