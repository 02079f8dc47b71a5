#!/usr/bin/env python3
"""Kills an evaluation with SIGKILL at random moments, goes on with it, and compares the figures with an undisturbed run's.

    kill_and_resume.py --normconv normconv --data images.h5 --kills 50 resnet.h5 resnet-gn.h5

A kill counts where the run was still going. Each is at a random moment of the time that is left; when a run comes to its
end, its figures are compared, and the next one begins with a new file. Every other time the file loses some bytes of its
end too, as if its last line had been torn.
"""

import argparse
import json
import os
import random
import subprocess
import tempfile
import time


def figures(text):
    """The report without what depends on time."""
    report = json.loads(text)
    for model in report["models"]:
        del model["imagesPerSecond"]
    return report


def images(path):
    """Images that the whole lines of a partial result hold, each of which must be there once."""
    seen = []
    with open(path, "rb") as file:
        for line in list(file)[1:]:
            if line.endswith(b"\n"):
                block = json.loads(line)[1]
                seen += range(block["first"], block["first"] + len(block["labels"]))
    assert len(seen) == len(set(seen)), "an image is there twice"
    return len(seen)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--normconv", default="normconv")
    parser.add_argument("--data", required=True)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("models", nargs="+")
    options = parser.parse_args()
    generator = random.Random(options.seed)
    command = [options.normconv, "eval", *options.models, "--data", options.data, "--json", "--quiet"]

    start = time.monotonic()
    expected = figures(subprocess.run(command, check=True, capture_output=True).stdout)
    whole = time.monotonic() - start
    print(f"undisturbed: {whole:.1f} s")

    kills = torn = finished = early = 0
    moments = []
    with tempfile.TemporaryDirectory() as folder:
        while kills < options.kills or finished == 0:
            path = os.path.join(folder, f"{finished}.json")
            before = images(path) if os.path.exists(path) else 0
            run = subprocess.Popen(command + ["--resume", path], stdout=subprocess.PIPE)
            wait = generator.uniform(0, whole / 3)
            try:
                output, _ = run.communicate(timeout=wait if kills < options.kills else None)
            except subprocess.TimeoutExpired:
                run.kill()
                run.communicate()
                kills += 1
                done = images(path) if os.path.exists(path) else 0
                assert done >= before, "finished images were lost"
                early += done == before
                moments.append(done)
                if kills % 2 and os.path.exists(path) and os.path.getsize(path) > 40:
                    os.truncate(path, os.path.getsize(path) - generator.randrange(1, 40))
                    torn += 1
                continue
            assert run.returncode == 0, "the run failed"
            assert figures(output) == expected, "other figures"
            assert images(path) == expected["images"], "not all images"
            finished += 1
    print(f"killed {kills} times, {early} of them without anything new, with {min(moments)} to {max(moments)} of "
          f"{expected['images']} images done; {torn} files torn; {finished} runs finished, all with the same figures")


if __name__ == "__main__":
    main()
