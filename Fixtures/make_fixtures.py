"""Makes all fixtures: trains on MNIST, draws random weights, stores reference outputs. README.md lists the files.

Seeds are fixed; files differ between runs only where a framework stores a date (`.keras`) or sums in another order.
"""

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
# One process each: TensorFlow (for Keras 2) and PyTorch may bring two copies of LLVM, which do not bear each other.
SCRIPTS = (
    "make_keras_fixtures.py",
    "make_torch_fixtures.py",
    "make_batch_fixtures.py",
    "make_format_fixtures.py",
    "make_pickle_fixtures.py",
    "make_named_fixtures.py",
    "make_family_fixtures.py",
    "make_module_fixtures.py",
    "make_layout_fixtures.py",
    "make_layer_fixtures.py",
    "make_dimension_fixtures.py",
    "make_calibration_fixtures.py",
    "make_image_fixtures.py",
    "make_augmentation_fixtures.py",
    "make_bitmap_fixtures.py",
    "make_split_fixtures.py",
)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=HERE, help="folder of the files (default: this one)")
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    for script in SCRIPTS:
        subprocess.run([sys.executable, "-W", "ignore", HERE / script, folder], check=True)


if __name__ == "__main__":
    main()
