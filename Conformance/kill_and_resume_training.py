#!/usr/bin/env python3
"""Kills a fine-tuning with SIGKILL at random moments, goes on with it, and compares the file with an undisturbed run's.

    kill_and_resume_training.py --normconv normconv --fixtures Fixtures --kills 20

Batch norms in training and frozen, and group norms with standardized weights; each with one thread and two, which must
give the same file too. Runs that come to their end begin anew until all kills are done. Half of the runs are resumed
with another number of threads than they began with.
"""

import argparse
import contextlib
import hashlib
import os
import random
import subprocess
import tempfile
import time

CASES = {
    "batch norms, rate searched": ("mnist-resnet.torch.h5", ["--bn", "train"]),
    "batch norms frozen, AdamW": ("mnist-resnet.torch.h5", ["--bn", "frozen", "--optimizer", "adamw", "--lr", "0.001"]),
    "group norms, standardized weights": ("gn.h5", ["--lr", "0.01", "--mixup", "0.2", "--micro-batch", "2"]),
}


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def check(name, command, kills, folder, generator):
    """Kills a training so many times. Returns the time of an undisturbed run, and how many runs were finished."""
    output, state = os.path.join(folder, "out.h5"), os.path.join(folder, "state")
    start = time.monotonic()
    expected = set()
    for workers in ("1", "2"):
        subprocess.run([*command[:3], output, *command[3:], "--force", "--workers", workers], check=True, stdout=subprocess.DEVNULL)
        expected.add(digest(output))
    whole = (time.monotonic() - start) / 2
    assert len(expected) == 1, f"{name}: one thread and two give different files"
    os.remove(output)

    killed = finished = resumed = 0
    while killed < kills or not finished or os.path.exists(state):
        resumed += os.path.exists(state)
        workers = str(generator.randint(1, 2))
        run = subprocess.Popen(
            [*command[:3], output, *command[3:], "--resume", state, "--workers", workers], stdout=subprocess.DEVNULL)
        try:
            run.wait(generator.uniform(0.1, 0.8) * whole if killed < kills else None)
        except subprocess.TimeoutExpired:
            run.kill()
            run.wait()
            killed += 1
            if not os.path.exists(output):
                continue
            # Killed behind the renaming of the output, before the state's removal.
            with contextlib.suppress(FileNotFoundError):
                os.remove(state)
        else:
            assert run.returncode == 0, f"{name}: exit code {run.returncode}"
        assert digest(output) in expected, f"{name}: another file after {killed} kills"
        assert not os.path.exists(state), f"{name}: the state is left"
        os.remove(output)
        finished += 1
    assert resumed, f"{name}: no run was resumed"
    print(f"{name}: {killed} kills, {resumed} runs resumed, {finished} finished with the same file; "
          f"{whole:.1f} s undisturbed")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--normconv", default="normconv")
    parser.add_argument("--fixtures", default="Fixtures")
    parser.add_argument("--kills", type=int, default=20, help="kills of each case")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    generator = random.Random(options.seed)
    fixture = lambda name: os.path.join(options.fixtures, name)
    with tempfile.TemporaryDirectory() as folder:
        converted = os.path.join(folder, "gn.h5")
        subprocess.run(
            [options.normconv, "convert", fixture("mnist-resnet.torch.h5"), converted, "--quiet",
             "--min-agreement", "0"], check=True)
        for name, (network, more) in CASES.items():
            source = converted if network == "gn.h5" else fixture(network)
            data, few = fixture("mnist-test.h5"), fixture("mnist-test-100.npz")
            command = [
                options.normconv, "finetune", source, "--data", data, "--validate", few, "--preprocess", "unit",
                "--steps", "40", "--batch", "16", "--quiet", *more]
            check(name, command, options.kills, folder, generator)


if __name__ == "__main__":
    main()
