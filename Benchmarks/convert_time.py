"""Wall time and peak memory of `normconv convert` beside a plain copy of the file and beside the same swap in Keras.

normconv brings its file to the disk before it gives it its name, `cp` does not: "cp, synced" is a copy that is brought
there too. Each runs as a process of its own, in alternating turns, with the file in the page cache. The Keras script loads
the model, clones it with GroupNormalization for BatchNormalization, sets the closed-form affine parameters and
saves; it does not standardize weights, so give normconv `--ws off` for the same work.

    convert_time.py --normconv normconv --file resnet50.keras.h5 --options "--ws off"

`--width` makes a wide ResNet-50 in PyTorch's names instead, and deletes it afterwards: the largest tensor is what memory
must be judged by.

    convert_time.py --normconv normconv --width 5.5 --rounds 1
"""

import argparse
import json
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def keras_swap(source, target):
    """What a Keras user would write: groups of 32 where C >= 64, else of at least 8 channels."""
    os.environ["KERAS_BACKEND"] = "jax"
    import keras
    import numpy as np

    def groups_of(channels):
        if channels >= 64 and channels % 32 == 0:
            return 32
        return max(n for n in range(1, 33) if channels % n == 0 and (channels // n >= 8 or n == 1))

    def replace(layer):
        if not isinstance(layer, keras.layers.BatchNormalization):
            return layer.__class__.from_config(layer.get_config())
        groups = groups_of(layer.moving_mean.shape[0])
        return keras.layers.GroupNormalization(groups, epsilon=1e-5, name=layer.name)

    def call(layer, *tensors, mask=None, **rest):
        """Saved BatchNormalization calls carry a mask, which GroupNormalization does not take."""
        return layer(*tensors, **rest)

    model = keras.models.load_model(source, compile=False)
    swapped = keras.models.clone_model(model, clone_function=replace, call_function=call)
    for old, new in zip(model.layers, swapped.layers):
        if not isinstance(old, keras.layers.BatchNormalization):
            new.set_weights(old.get_weights())
            continue
        gamma, beta, mean, variance = old.get_weights()
        rows = (new.groups, -1)
        group_mean = mean.reshape(rows).mean(1, keepdims=True)
        group_variance = (variance.reshape(rows) + (mean.reshape(rows) - group_mean) ** 2).mean(1, keepdims=True)
        spread = np.broadcast_to(np.sqrt(group_variance + new.epsilon), mean.reshape(rows).shape).ravel()
        centre = np.broadcast_to(group_mean, mean.reshape(rows).shape).ravel()
        scale = gamma / np.sqrt(variance + old.epsilon)
        new.set_weights([scale * spread, beta + scale * (centre - mean)])
    swapped.save(target)


def warm(path):
    """Brings a file into the page cache, in parts: Linux counts the parent's peak as the child's lower bound."""
    with open(path, "rb") as file:
        while file.read(1 << 20):
            pass


def run(command):
    """(seconds, peak resident MB) of a command; fails with it."""
    start = time.perf_counter()
    silence = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    child = os.posix_spawnp(command[0], command, os.environ, file_actions=silence)
    _, status, usage = os.wait4(child, 0)
    elapsed = time.perf_counter() - start
    if status:
        raise SystemExit(f"failed: {shlex.join(command)}")
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss: bytes there, kilobytes here
    return elapsed, usage.ru_maxrss * unit / 1e6


def make_wide(folder, width):
    """A wide network's path and the bytes of its largest tensor, made by a process of its own: this one stays small."""
    path = Path(folder) / "wide.h5"
    free, needed = shutil.disk_usage(folder).free, 3 * 103e6 * width**2
    if free < needed:
        sys.exit(f"{folder}: {needed / 1e9:.0f} GB are needed, {free / 1e9:.0f} GB are free")
    script = Path(__file__).with_name("make_wide.py")
    command = [sys.executable, script, path, "--width", str(width), "--json"]
    made = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return path, made["largest"]


def commands(options, source, folder):
    source, target = str(source), str(Path(folder) / "result.h5")
    convert = [*shlex.split(options.normconv), "convert", source, target, "--min-agreement", "0", *shlex.split(options.options)]
    every = {"normconv": convert, "cp": ["cp", source, target]}
    every["cp, synced"] = ["sh", "-c", 'cp "$0" "$1" && sync "$1"', source, target]
    if not options.no_keras and not options.width:
        every["keras"] = [sys.executable, "-W", "ignore", __file__, "--keras-swap", source, target]
    return every, Path(target)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--normconv", default="normconv", help="the program (default: normconv)")
    parser.add_argument("--file", type=Path, help="Keras full model .h5 with BatchNormalization")
    parser.add_argument("--width", type=float, help="a network of so many times ResNet-50's channels; 5.5: 2.9 GB")
    parser.add_argument("--options", default="", help="further options of `normconv convert`")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each (default: 5)")
    parser.add_argument("--folder", help="where results are written (default: the system's temporary folder)")
    parser.add_argument("--no-keras", action="store_true", help="leave Keras out")
    parser.add_argument("--output", help="write the figures here as JSON")
    parser.add_argument("--keras-swap", nargs=2, metavar=("SOURCE", "TARGET"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.keras_swap:
        return keras_swap(*options.keras_swap)
    if not options.file and not options.width:
        parser.error("--file or --width is missing")
    turns = {}
    largest = None
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        source = options.file
        if options.width:
            source, largest = make_wide(folder, options.width)
        warm(source)
        every, target = commands(options, source, folder)
        for _ in range(options.rounds):
            for name, command in every.items():
                target.unlink(missing_ok=True)
                # What cp left in memory would be brought to the disk along with normconv's file.
                os.sync()
                turns.setdefault(name, []).append(run(command))
    results = {}
    copy = statistics.median(seconds for seconds, _ in turns["cp"])
    synced = statistics.median(seconds for seconds, _ in turns["cp, synced"])
    print(f"{'':10} {'seconds':>8} {'x cp':>7} {'x synced':>9} {'peak MB':>8}")
    for name, values in turns.items():
        seconds, memory = (statistics.median(column) for column in zip(*values))
        results[name] = {"seconds": seconds, "peakMegabytes": memory}
        results[name] |= {"timesCopy": seconds / copy, "timesSyncedCopy": seconds / synced}
        print(f"{name:10} {seconds:8.3f} {seconds / copy:7.1f} {seconds / synced:9.1f} {memory:8.0f}")
    if "keras" in results:
        print(f"Keras takes {results['keras']['seconds'] / results['normconv']['seconds']:.1f} times normconv's time")
    if largest:
        results["largestTensorMegabytes"] = largest / 1e6
        beside = results["normconv"]["peakMegabytes"] - largest / 1e6
        print(f"largest tensor {largest / 1e6:.0f} MB: {beside:.0f} MB beside it")
    if options.output:
        Path(options.output).write_text(json.dumps(results, indent=1, sort_keys=True))


if __name__ == "__main__":
    main()
