#!/usr/bin/env python3
"""Gives every hostile file to normconv, in every way that it can be given, and checks what comes back: one line on
standard error that names the file and what is wrong, exit code 1, nothing on standard output, no output file, nothing
left behind, within the limits on time and memory.

    check_corpus.py CORPUS --normconv .build/release/normconv
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "Fixtures"
NETWORK = str(FIXTURES / "mnist-resnet.keras3.h5")
SPLIT = str(FIXTURES / "mnist-test.h5")
# What waits for nothing takes as long on an idle machine; longer than the other, by the clock, is a hang.
MOST_SECONDS = 120.0


def commands(use, file, output):
    """The command lines that read the file, by how it is used."""
    if use == "network":
        return [
            ["inspect", file], ["convert", file, output], ["eval", file, "--data", SPLIT],
            ["diff", NETWORK, file, "--data", SPLIT],
        ]
    if use == "computed":
        # Layers that inspect and convert keep as they are.
        return [["eval", file, "--data", SPLIT], ["diff", NETWORK, file, "--data", SPLIT]]
    if use == "split":
        return [
            ["eval", NETWORK, "--data", file], ["diff", NETWORK, NETWORK, "--data", file],
            ["convert", NETWORK, output, "--calibrate", file],
        ]
    if use == "classes":
        return [["eval", NETWORK, "--data", file + ".csv", "--classes", file]]
    if use == "architecture":
        weights = str(FIXTURES / "mnist-sequential.keras2-weights.h5")
        return [["inspect", weights, "--architecture", file], ["eval", weights, "--data", SPLIT, "--architecture", file]]
    assert use == "image"
    return [["eval", NETWORK, "--data", file + ".csv"], ["diff", NETWORK, NETWORK, "--data", file + ".csv"]]


def run(command):
    """Exit code (negative for a signal), both outputs, seconds of processor time and peak memory in MiB."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdout=output, stderr=errors, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + MOST_SECONDS
        while True:
            identifier, status, usage = os.wait4(process.pid, os.WNOHANG)
            if identifier:
                break
            if time.monotonic() > deadline:
                process.kill()
            time.sleep(0.002)
        seconds = usage.ru_utime + usage.ru_stime
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
        return process.returncode, output.read(), errors.read(), seconds, usage.ru_maxrss / unit


def defects(case, command, folder, result, limits):
    """What is wrong with a run, in words."""
    code, output, errors, seconds, memory = result
    found = []
    text = errors.decode(errors="replace")
    if case["values"] and command[1] == "inspect" and code == 0:
        return []
    if code != 1:
        found.append(f"exit code {code}, expected 1")
    if output:
        found.append(f"{len(output)} bytes on standard output")
    if text.count("\n") != 1 or not text.startswith("Error: ") or any(ord(letter) < 32 for letter in text[:-1]):
        found.append("standard error is not one line")
    if not any(part in text for part in case["expected"]):
        found.append(f"the error has no {' or '.join(map(repr, case['expected']))}")
    if case["file"] not in text:
        found.append("the error does not name the file")
    if len(errors) > 2000:
        found.append(f"an error of {len(errors)} bytes")
    if seconds > limits.seconds:
        found.append(f"{seconds:.1f} s of processor time")
    if memory > limits.mebibytes:
        found.append(f"{memory:.0f} MiB")
    left = os.listdir(folder)
    if left:
        found.append(f"left behind: {left}")
        shutil.rmtree(folder)
        os.mkdir(folder)
    return found and found + [text[:300]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=pathlib.Path)
    parser.add_argument("--normconv", default=".build/release/normconv")
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    parser.add_argument("--show", action="store_true", help="print every error")
    parser.add_argument("--seconds", type=float, default=2.0, help="processor time that a run may take")
    parser.add_argument("--mebibytes", type=float, default=300.0, help="memory that a run may take")
    options = parser.parse_args()
    cases = json.loads((options.corpus / "manifest.json").read_text())
    cases = [case for case in cases if options.only in case["file"]]
    failures = runs = 0
    slowest, largest = (0.0, ""), (0.0, "")
    with tempfile.TemporaryDirectory() as folder:
        for case in cases:
            file = str(options.corpus / case["file"])
            if case["use"] in ("image", "classes"):
                image = os.path.basename(file) if case["use"] == "image" else "good.png"
                pathlib.Path(file + ".csv").write_text(f"{image},{0 if case['use'] == 'image' else 'a'}\n")
                shutil.copyfile(FIXTURES / "images/grey.png", options.corpus / "good.png")
            shown = ""
            for arguments in commands(case["use"], file, os.path.join(folder, "output.h5")):
                command = [options.normconv, *arguments]
                result = run(command)
                runs += 1
                slowest = max(slowest, (result[3], f"{arguments[0]} {case['file']}"))
                largest = max(largest, (result[4], f"{arguments[0]} {case['file']}"))
                shown = result[2].decode(errors="replace").strip() or shown
                found = defects(case, command, folder, result, options)
                if found:
                    failures += 1
                    print(f"FAILED {arguments[0]} {case['file']}: " + "; ".join(found), flush=True)
            if options.show:
                print(f"{case['file']}\n    {shown}")
    print(f"{len(cases)} hostile files, {runs} runs, {failures} failed; slowest {slowest[0]:.2f} s ({slowest[1]}), "
          f"largest {largest[0]:.0f} MiB ({largest[1]})")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
