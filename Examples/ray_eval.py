#!/usr/bin/env python3
"""Scores networks on a split with Ray, a shard a task, and prints the merged figures.

    ray_eval.py --shards 8 --folder parts resnet.h5 resnet-gn.h5 --data val [eval's other options]
    ray_eval.py --shards 64 --folder /shared/parts --address auto resnet50.h5 --data /shared/val

Without --address Ray starts a cluster of this machine's own. On several machines the networks, the split and --folder are
on storage that all of them see, and normconv is on the PATH of all or named by --normconv. A task that is
killed or lost with its machine is tried again by Ray and goes on where it was; so does this script when it is started again
with the same folder.
"""

import argparse
import os
import subprocess
import sys

import ray


class Killed(RuntimeError):
    """normconv was ended by a signal: out of memory, a machine that is taken away."""


@ray.remote(max_retries=5, retry_exceptions=[Killed])
def score(normconv, arguments, shard, path, workers):
    """Scores a shard into a file and returns what normconv says of it."""
    command = [normconv, "eval", *arguments, "--shard", shard, "--resume", path, "--quiet", "--workers", str(workers)]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode < 0 or run.returncode > 128:
        raise Killed(f"shard {shard}: exit code {run.returncode}")
    if run.returncode != 0:
        raise RuntimeError(f"shard {shard}: {run.stderr.strip()}")
    return run.stdout.splitlines()[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=int, required=True)
    parser.add_argument("--folder", required=True, help="where partial results are kept")
    parser.add_argument("--address", help="a running cluster; 'auto' for the one that this machine is in")
    parser.add_argument("--cpus", type=int, default=1, help="cores of a task")
    parser.add_argument("--normconv", default="normconv")
    parser.add_argument("--json", action="store_true", help="print merge's JSON")
    options, arguments = parser.parse_known_args()

    os.makedirs(options.folder, exist_ok=True)
    folder = os.path.abspath(options.folder)
    count = options.shards
    parts = [os.path.join(folder, f"part-{index}-of-{count}.partial") for index in range(1, count + 1)]
    # Tasks run in folders of their own.
    arguments = [os.path.abspath(argument) if os.path.exists(argument) else argument for argument in arguments]

    # Ray tells of tasks that it tries again on standard output, which is for the figures.
    sys.stdout = sys.stderr
    ray.init(address=options.address, log_to_driver=False, include_dashboard=False)
    tasks = [
        score.options(num_cpus=options.cpus).remote(
            options.normconv, arguments, f"{index}/{count}", path, options.cpus)
        for index, path in enumerate(parts, 1)
    ]
    while tasks:
        done, tasks = ray.wait(tasks)
        for task in done:
            print(ray.get(task), file=sys.stderr)
    merge = [options.normconv, "merge", *parts] + (["--json"] if options.json else [])
    sys.exit(subprocess.run(merge).returncode)


if __name__ == "__main__":
    main()
