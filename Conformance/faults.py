#!/usr/bin/env python3
"""Disturbs normconv in every way that a machine can, and looks at what is left: kills, full disks, files that vanish or
change, two runs at once, signals, closed pipes.

    faults.py --normconv normconv --fixtures Fixtures [--rounds 100] [--seed 0] [--only kill]

The promise: a file under its name is the old one or the whole new one; nothing else is left, but for a temporary file
after SIGKILL, which the next run deletes. System calls are made to fail by faults.c, which is compiled first. Linux;
the disks are small tmpfs mounts, for which the script enters a name space of its own where it is not run by root.
"""

import argparse
import contextlib
import json
import os
import pty
import random
import re
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import threading
import time
from pathlib import Path

OLD = b"the old file"
TIMEOUT = 60
HERE = Path(__file__).resolve().parent


class Tally:
    """A line of the table."""

    rows = []

    def __init__(self, name):
        self.name = name
        self.tried = self.crashes = self.hangs = self.damaged = 0
        self.seen = {}
        Tally.rows.append(self)

    def damage(self, what):
        self.damaged += 1
        print(f"  {self.name}: {what}", file=sys.stderr)

    def count(self, what):
        self.seen[what] = self.seen.get(what, 0) + 1

    def take(self, run, codes):
        """Counts a run, whose exit code must be one of these."""
        self.tried += 1
        if run.hung:
            self.hangs += 1
        elif run.code < 0 and run.code not in codes:
            self.crashes += 1
            print(f"  {self.name}: signal {-run.code}: {run.errors.strip()}", file=sys.stderr)
        elif run.code not in codes:
            self.damage(f"exit code {run.code}, expected {sorted(codes)}: {run.errors.strip()}")
        if run.code == 1 and len(run.errors.strip().splitlines()) != 1:
            self.damage(f"an error of several lines or none: {run.errors!r}")


class Run:
    """What a run of the program gave."""

    def __init__(self, code, output, errors, hung):
        self.code, self.output, self.errors, self.hung = code, output, errors, hung


class Job:
    """A command, what it writes, and how one file is told from another."""

    def __init__(self, name, arguments, outputs, figures=False):
        self.name, self.arguments, self.outputs, self.figures = name, arguments, outputs, figures
        self.expected = {}
        self.said = None
        self.seconds = 0.0


def normalized(name, data):
    """Speeds are no part of a page."""
    return re.sub(rb"[\d,.]+", b"", data) if name.endswith(".html") else data


def said(run):
    """A report without what depends on time."""
    try:
        report = json.loads(run.output)
    except ValueError:
        return {"models": run.output}
    for model in report["models"]:
        del model["imagesPerSecond"]
    return report


def untimed(run):
    """A report without times, speeds and memory; a benchmark has nothing else."""
    report = json.loads(run.output) if run.code == 0 else {}
    if "latency" in report:
        return sorted(report)

    def strip(value):
        if isinstance(value, dict):
            return {key: strip(part) for key, part in value.items() if "econds" not in key and "PerSecond" not in key}
        return [strip(part) for part in value] if isinstance(value, list) else value

    return strip(report)


def write_large(source, target):
    """A safetensors file with 20 MB more that the network does not use."""
    data = Path(source).read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header, count = json.loads(data[8:start]), 5_000_000
    end = len(data) - start
    header["extra.weight"] = {"dtype": "F32", "shape": [count], "data_offsets": [end, end + 4 * count]}
    text = json.dumps(header).encode()
    Path(target).write_bytes(len(text).to_bytes(8, "little") + text + data[start:] + bytes(4 * count))


def contents(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.is_file()}


class Bench:
    def __init__(self, options, folder):
        self.program = os.path.abspath(options.normconv)
        self.fixtures = os.path.abspath(options.fixtures)
        self.rounds, self.random = options.rounds, random.Random(options.seed)
        self.folder = folder
        self.shim = os.path.join(folder, "faults.so")
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", self.shim, HERE / "faults.c", "-ldl"], check=True)
        self.storm = os.path.join(folder, "storm.so")
        source = HERE.parent / "Tests/CSignalStorm"
        subprocess.run(
            ["cc", "-O1", "-shared", "-fPIC", "-DSTORM_PRELOAD", "-I", source / "include", "-o", self.storm,
             source / "signal_storm.c", "-ldl", "-lpthread"], check=True)
        fixture = lambda name: os.path.join(self.fixtures, name)
        self.resnet, self.older = fixture("mnist-resnet.keras3.h5"), fixture("mnist-resnet.keras2.h5")
        self.test, self.few = fixture("mnist-test.h5"), fixture("mnist-test-100.npz")
        convert = lambda source, target, *more: Job(
            "convert to ." + target.split(".")[-1],
            ["convert", fixture(source), target, "--force", "--quiet", *more], [target])
        self.converts = [
            convert("mnist-resnet.keras3.h5", "out.h5", "--ws", "off"),
            convert("mnist-sequential.keras", "out.keras"),
            convert("torchvision-bottleneck.pth", "out.safetensors"),
            convert("torchvision-bottleneck.safetensors", "out.pth"),
        ]
        large = os.path.join(folder, "large.safetensors")
        write_large(fixture("torchvision-bottleneck.safetensors"), large)
        self.converts.append(
            Job("convert to .h5, 20 MB", ["convert", large, "out.h5", "--layout", "torch", "--force", "--quiet"], ["out.h5"]))
        self.eval = Job(
            "eval --html --csv --resume",
            ["eval", self.resnet, "--data", self.test, "--html", "out.html", "--csv", "out.csv", "--resume", "part",
             "--force", "--json", "--quiet"], ["out.html", "out.csv"], figures=True)
        self.finetune = Job(
            "finetune --resume",
            ["finetune", fixture("mnist-resnet.torch.h5"), "out.h5", "--data", self.few, "--validate", self.few, "--batch", "16",
             "--preprocess", "unit", "--steps", "2", "--lr", "0.001", "--resume", "part", "--force", "--quiet"], ["out.h5"])
        for job in [*self.converts, self.eval, self.finetune]:
            with self.place() as place:
                start = time.monotonic()
                run = self.run(job.arguments, place)
                job.seconds = time.monotonic() - start
                assert run.code == 0, run.errors
                job.expected = {name: contents(place)[name] for name in job.outputs}
                job.said = said(run) if job.figures else None

    @contextlib.contextmanager
    def place(self):
        """A new folder, for as long as it is used."""
        with tempfile.TemporaryDirectory(dir=self.folder) as place:
            yield place

    def environment(self, fault=None, at=0):
        environment = {**os.environ, "NO_COLOR": "1"}
        if fault:
            environment.update(LD_PRELOAD=self.shim, FAULT=fault, FAULT_AT=str(at))
        return environment

    def start(self, arguments, place, fault=None, at=0, **more):
        more = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
        if arguments[0] == "convert":
            arguments = [*arguments, "--min-agreement", "0"]
        return subprocess.Popen(
            [self.program, *arguments], cwd=place, env=self.environment(fault, at), text=True, **more)

    def finish(self, process):
        try:
            output, errors = process.communicate(timeout=TIMEOUT)
            return Run(process.returncode, output or "", errors or "", False)
        except subprocess.TimeoutExpired:
            process.kill()
            output, errors = process.communicate()
            return Run(process.returncode, output or "", errors or "", True)

    def run(self, arguments, place, fault=None, at=0, **more):
        return self.finish(self.start(arguments, place, fault, at, **more))

    def interrupted(self, arguments, place, number, delay):
        """A run that gets a signal after some seconds."""
        process = self.start(arguments, place)
        time.sleep(delay)
        process.send_signal(number)
        return self.finish(process)

    # What is left

    def look(self, tally, job, place, old, allowsTemporary=False, mustBeNew=False):
        """Every output is the old file or the whole new one, and there is nothing else."""
        found = contents(place)
        for name in job.outputs:
            data = found.pop(name, None)
            if data is not None and normalized(name, data) == normalized(name, job.expected[name]):
                tally.count("new")
            elif data == old and not mustBeNew:
                tally.count("old")
            else:
                tally.damage(f"{name} is neither the old file nor the new one")
        found.pop("part", None)
        for name in found:
            if allowsTemporary and re.fullmatch(r"\.(out\.\w+|part)\.normconv-\d+-\w+\.tmp", name):
                tally.count("temporary")
            else:
                tally.damage(f"{name} was left")

    def prepare(self, job, place, old):
        for name in job.outputs if old is not None else []:
            Path(place, name).write_bytes(old)

    def again(self, tally, job, place):
        """The next run ends well and leaves what it would have without the one before."""
        run = self.run(job.arguments, place)
        if run.code != 0:
            tally.damage(f"the next run failed: {run.errors}")
        elif job.figures and said(run) != job.said:
            tally.damage("the next run has other figures")
        self.look(tally, job, place, None, mustBeNew=True)

    # The faults

    def kill_at_random(self):
        for name, jobs in [("convert", self.converts), ("eval", [self.eval]), ("finetune", [self.finetune])]:
            tally = Tally(f"SIGKILL at a random moment of {name}")
            for round in range(self.rounds):
                job, old = jobs[round % len(jobs)], OLD if round % 2 else None
                with self.place() as place:
                    self.prepare(job, place, old)
                    run = self.interrupted(
                        job.arguments, place, signal.SIGKILL, self.random.uniform(0, job.seconds * 1.1))
                    tally.take(run, {0, -signal.SIGKILL})
                    self.look(tally, job, place, old, allowsTemporary=True)
                    self.again(tally, job, place)

    def strike(self, fault, title, codes):
        """A fault at each call that changes a file, from the first to the last."""
        for job in [*self.converts, self.eval, self.finetune]:
            tally = Tally(f"{title} of {job.name}")
            through = 0
            for at in range(1, 10_000):
                old = OLD if at % 2 else None
                with self.place() as place:
                    self.prepare(job, place, old)
                    run = self.run(job.arguments, place, fault, at)
                    tally.take(run, codes | {0})
                    self.look(tally, job, place, old, allowsTemporary=fault == "kill", mustBeNew=run.code == 0)
                    if fault != "kill" and run.code == 1 and ".tmp" in run.errors:
                        tally.damage(f"names a temporary file: {run.errors}")
                    if fault == "kill":
                        self.again(tally, job, place)
                # Runs that get through have fewer calls; those of a journal are not the same in every run.
                through = through + 1 if run.code == 0 else 0
                if through > (5 if job.figures else 0):
                    break

    def kill_at_calls(self):
        self.strike("kill", "SIGKILL at each call that changes a file,", {-signal.SIGKILL})

    def fail_at_calls(self):
        self.strike("fail", "an I/O error at each call,", {1})
        self.strike("full", "a disk that is full from each call on,", {1})

    def in_place(self):
        """The old file is under its name or its second one, whatever happens, and the next run can go on."""
        source, new = Path(self.resnet).read_bytes(), self.converts[0].expected["out.h5"]
        command = ["convert", "in.h5", "--in-place", "--ws", "off", "--quiet"]
        for fault, codes in [("kill", {-signal.SIGKILL}), ("fail", {1}), ("full", {1})]:
            tally = Tally(f"{fault} at each call of convert --in-place")
            through = 0
            for at in range(1, 10_000):
                with self.place() as place:
                    path, backup = Path(place, "in.h5"), Path(place, "in.h5.bak")
                    path.write_bytes(source)
                    run = self.run(command, place, fault, at)
                    tally.take(run, codes | {0})
                    found = path.read_bytes()
                    if found != source and (found != new or backup.read_bytes() != source):
                        tally.damage("the old file is gone, or the new one not whole")
                    if run.code == 1 and (found != source or os.listdir(place) != ["in.h5"]):
                        tally.damage(f"left: {os.listdir(place)}")
                    if found == source:
                        again = self.run(command, place)
                        if again.code or path.read_bytes() != new or backup.read_bytes() != source:
                            tally.damage(f"the next run failed: {again.errors}")
                        if set(os.listdir(place)) != {"in.h5", "in.h5.bak"}:
                            tally.damage(f"the next run left: {os.listdir(place)}")
                # Where one call fails, another way may be taken.
                through = through + 1 if run.code == 0 else 0
                if through > 5:
                    break

    def small_disks(self):
        tally = Tally("a disk of 16 to 900 KB (tmpfs)")
        with self.place() as place:
            for job in [*self.converts, self.eval, self.finetune]:
                for size in range(16, 900, 28):
                    with mounted(place, f"size={size}k") as isMounted:
                        if not isMounted:
                            return tally.count("no right to mount")
                        self.prepare(job, place, OLD)
                        run = self.run(job.arguments, place)
                        tally.take(run, {0, 1})
                        tally.count("written" if run.code == 0 else "refused")
                        if run.code == 1 and not re.search("No space left|full|too large", run.errors):
                            tally.damage(f"another reason: {run.errors}")
                        self.look(tally, job, place, OLD, mustBeNew=run.code == 0)

    def file_limits(self):
        tally = Tally("a limit of file sizes (ulimit -f)")
        for job in [*self.converts, self.eval]:
            for size in range(0, 300_000, 9_973):
                with self.place() as place:
                    self.prepare(job, place, OLD)
                    run = self.run(
                        job.arguments, place,
                        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))
                    tally.take(run, {0, 1})
                    self.look(tally, job, place, OLD, mustBeNew=run.code == 0)

    def read_only(self):
        tally = Tally("a target that is read-only")
        jobs = [*self.converts, self.eval]
        with self.place() as place:
            for job in jobs:
                with mounted(place, "size=4m") as isMounted:
                    if not isMounted:
                        tally.count("no right to mount")
                        break
                    self.prepare(job, place, OLD)
                    subprocess.run(["mount", "-o", "remount,ro", place], check=True)
                    run = self.run(job.arguments, place)
                    tally.take(run, {1})
                    self.look(tally, job, place, OLD)
        nobody = {"user": 65534, "group": 65534} if os.geteuid() == 0 and os.access("/proc/self/uid_map", os.R_OK) \
            and Path("/proc/self/uid_map").read_text().split()[2] != "1" else {}
        for job in jobs:
            with self.place() as place:
                self.prepare(job, place, OLD)
                os.chmod(place, 0o555)
                try:
                    run = self.run(job.arguments, place, **nobody)
                except (PermissionError, subprocess.SubprocessError):
                    tally.count("no other user")
                    continue
                finally:
                    os.chmod(place, 0o755)
                if run.code == -signal.SIGKILL or "Permission denied" not in run.errors:
                    tally.damage(f"exit code {run.code}: {run.errors}")
                tally.take(run, {1})
                self.look(tally, job, place, OLD)

    def small_reads(self):
        tally = Tally("EINTR at every second call")
        other = Tally("short reads and writes")
        more = [["inspect", source, "--json"] for source in [
            self.resnet, self.older, *(os.path.join(self.fixtures, name) for name in [
                "mnist-sequential.keras", "mnist-sequential.weights.h5", "torchvision-bottleneck.pth",
                "torchvision-bottleneck.safetensors"])]]
        more += [["convert", self.resnet, "gn.h5", "--calibrate", self.few, "--epochs", "1", "--quiet"],
                 ["diff", self.resnet, self.older, "--data", self.few, "--json"]]
        for tally, fault in [(tally, "eintr"), (other, "short")]:
            for job in [*self.converts, self.eval]:
                with self.place() as place:
                    run = self.run(job.arguments, place, fault)
                    tally.take(run, {0})
                    self.look(tally, job, place, None, mustBeNew=True)
                    if job.figures:
                        if said(run) != job.said:
                            tally.damage("other figures")
                        run = self.run(["merge", "part", "--json"], place, fault)
                        tally.take(run, {0})
                        if said(run)["models"] != job.said["models"]:
                            tally.damage("merge has other figures")
            for arguments in more:
                results = []
                for mode in [None, fault]:
                    with self.place() as place:
                        run = self.run(arguments, place, mode)
                        results.append((run.output, contents(place)))
                        if mode:
                            tally.take(run, {0})
                if results[0] != results[1]:
                    tally.damage(f"other results of {arguments[0]}")

    def vanished(self):
        tally = Tally("an input that vanishes at a random moment")
        for round in range(self.rounds):
            with self.place() as place, self.place() as inputs:
                source, data = os.path.join(inputs, "in.h5"), os.path.join(inputs, "data")
                shutil.copy(self.resnet, source)
                if round % 3 == 0:
                    arguments = ["convert", source, "out.h5", "--ws", "off", "--force", "--quiet"]
                    job, victim = Job("", arguments, ["out.h5"]), source
                    job.expected = self.converts[0].expected
                elif round % 3 == 1:
                    shutil.copy(self.test, data)
                    job = Job("", ["eval", source, "--data", data, "--json", "--quiet"], [])
                    victim = self.random.choice([source, data])
                else:
                    for index in range(200):
                        folder = os.path.join(data, str(index % 10))
                        os.makedirs(folder, exist_ok=True)
                        shutil.copy(os.path.join(self.fixtures, "images/grey.png"), f"{folder}/{index}.png")
                    job = Job("", ["eval", source, "--data", data, "--json", "--quiet"], [])
                    victim = f"{data}/7/197.png"
                self.prepare(job, place, OLD)
                process = self.start(job.arguments, place)
                time.sleep(self.random.uniform(0, 0.3))
                os.unlink(victim)
                run = self.finish(process)
                tally.take(run, {0, 1})
                if run.code == 1 and victim not in run.errors:
                    tally.damage(f"does not name {victim}: {run.errors}")
                tally.count("done" if run.code == 0 else "refused")
                self.look(tally, job, place, OLD, mustBeNew=run.code == 0)

    def replaced(self):
        sources = [Path(self.resnet).read_bytes(), Path(self.older).read_bytes()]
        arguments = ["convert", "in.h5", "out/out.h5", "--ws", "off", "--force", "--quiet"]
        wholes = []
        for source in sources:
            with self.place() as place:
                os.mkdir(place + "/out")
                Path(place, "in.h5").write_bytes(source)
                assert self.run(arguments, place).code == 0
                wholes.append(Path(place, "out/out.h5").read_bytes())

        def rename(path, data):
            Path(path + ".new").write_bytes(data)
            os.replace(path + ".new", path)

        def overwrite(path, data):
            with open(path, "r+b") as file:
                file.write(data[:len(data) // 2])
                file.flush()
                file.write(data[len(data) // 2:])
                file.truncate()

        for title, change, codes, pause in [
                ("by rename", rename, {0}, 0.1), ("in place", overwrite, {0, 1}, 1.0)]:
            tally = Tally(f"an input replaced {title} while it is read")
            with self.place() as place:
                os.mkdir(place + "/out")
                path = os.path.join(place, "in.h5")
                Path(path).write_bytes(sources[0])
                done = threading.Event()
                generator = random.Random(1)

                def disturb():
                    turn = 0
                    while not done.is_set():
                        turn += 1
                        change(path, sources[turn % 2])
                        time.sleep(generator.uniform(0, pause))

                thread = threading.Thread(target=disturb)
                thread.start()
                for _ in range(self.rounds):
                    run = self.run(arguments, place, "slow", 0)
                    tally.take(run, codes)
                    tally.count("done" if run.code == 0 else "refused")
                    found = contents(place + "/out")
                    if run.code == 0 and found.get("out.h5") not in wholes:
                        tally.damage("the output is of neither input")
                    if set(found) - {"out.h5"}:
                        tally.damage(f"left: {sorted(found)}")
                done.set()
                thread.join()

    def same_file(self):
        tally = Tally("an output that is the input: by path, hard link, symbolic link")
        source = Path(self.resnet).read_bytes()
        for target in ["in.h5", "./in.h5", "sub/../in.h5", "absolute", "hard.h5", "soft.h5", "sub/soft.h5"]:
            for option in [[], ["--force"], ["--in-place"]]:
                with self.place() as place:
                    os.mkdir(place + "/sub")
                    path = Path(place, "in.h5")
                    path.write_bytes(source)
                    os.link(path, place + "/hard.h5")
                    os.symlink("in.h5", place + "/soft.h5")
                    os.symlink("../in.h5", place + "/sub/soft.h5")
                    output = str(path) if target == "absolute" else target
                    isInPlace = option == ["--in-place"]
                    run = self.run(["convert", "in.h5", output, "--ws", "off", "--quiet", *option], place)
                    tally.take(run, {0} if isInPlace else {1})
                    expected = self.converts[0].expected["out.h5"] if isInPlace else source
                    if Path(place, output).read_bytes() != expected:
                        tally.damage(f"{target} {option} has other contents")
                    backup = Path(place, "hard.h5.bak" if target == "hard.h5" else "in.h5.bak")
                    if isInPlace and backup.read_bytes() != source:
                        tally.damage(f"{target}: the old file is not in {backup}")
                    # The other name of the input keeps its bytes.
                    other = path if target == "hard.h5" else Path(place, "hard.h5")
                    if other.read_bytes() != source or not os.path.islink(place + "/soft.h5"):
                        tally.damage(f"{target} {option} changed another name")
                    if len(os.listdir(place)) != 4 + isInPlace:
                        tally.damage(f"left: {os.listdir(place)}")

        tally = Tally("a result that would be written over an input")
        for option in ["--html", "--csv", "--outputs", "--partial"]:
            for victim in ["in.h5", "data.h5", "soft.h5"]:
                with self.place() as place:
                    shutil.copy(self.resnet, place + "/in.h5")
                    shutil.copy(self.test, place + "/data.h5")
                    os.symlink("in.h5", place + "/soft.h5")
                    before = contents(place)
                    run = self.run(
                        ["eval", "in.h5", "--data", "data.h5", option, victim, "--force", "--quiet"], place)
                    tally.take(run, {1, 64})
                    if contents(place) != before:
                        tally.damage(f"{option} {victim}: the input is gone")

    def together(self):
        variants = [["--ws", "off"], ["--to", "ln"], ["--groups", "size:8"], ["--init", "copy"]]
        wholes = []
        for variant in variants:
            with self.place() as place:
                assert self.run(["convert", self.resnet, "out.h5", "--quiet", *variant], place).code == 0
                wholes.append(contents(place)["out.h5"])
        for force in [[], ["--force"]]:
            tally = Tally(f"four converts to one target at once{', --force' if force else ''}")
            for _ in range(max(self.rounds // 4, 1)):
                with self.place() as place:
                    processes = [
                        self.start(["convert", self.resnet, "out.h5", "--quiet", *variant, *force], place, "slow",
                                   self.random.randrange(3)) for variant in variants]
                    runs = [self.finish(process) for process in processes]
                    for run in runs:
                        tally.take(run, {0} if force else {0, 1})
                    found = contents(place)
                    if list(found) != ["out.h5"] or found["out.h5"] not in wholes:
                        tally.damage(f"left: {sorted(found)}")
                    elif not force:
                        winners = [index for index, run in enumerate(runs) if run.code == 0]
                        if len(winners) != 1 or found["out.h5"] != wholes[winners[0]]:
                            tally.damage(f"{len(winners)} say that they wrote the file")

    def signals(self):
        for number in [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT]:
            tally = Tally(f"{number.name} at a random moment: exit {128 + number}")
            for round in range(self.rounds):
                job = [*self.converts, self.eval][round % 4]
                old = OLD if round % 2 else None
                with self.place() as place:
                    self.prepare(job, place, old)
                    run = self.interrupted(
                        job.arguments, place, number, self.random.uniform(0, job.seconds * 1.1))
                    # Before the program has begun the system ends it by the signal itself.
                    tally.take(run, {0, 128 + number, -number})
                    tally.count({0: "done", 128 + number: "ended"}.get(run.code, "not begun"))
                    self.look(tally, job, place, old, mustBeNew=run.code == 0)

        tally = Tally("SIGINT at each call that changes a file: exit 130")
        for job in self.converts:
            for at in range(1, 100):
                with self.place() as place:
                    self.prepare(job, place, OLD)
                    run = self.run(job.arguments, place, "int", at)
                    tally.take(run, {0, 130})
                    self.look(tally, job, place, OLD, mustBeNew=run.code == 0)
                if run.code == 0:
                    break

    def storms(self):
        """Whole runs under a thousand signals a second, whose handlers are a profiler's: none of them may run where something is
        computed, and files and figures are those of a run without signals."""
        out = ["out.h5", "--force", "--json", "--groups", "size:8"]
        commands = [
            ["convert", self.resnet, *out],
            ["convert", self.resnet, *out, "--calibrate", self.few],
            ["convert", self.resnet, *out, "--synthesize", "--calibration-images", "64"],
            ["eval", self.resnet, "--data", self.test, "--json"],
            ["sweep", self.resnet, "--data", self.few, "--json"],
            ["diff", self.resnet, self.older, "--data", self.few, "--json"],
            ["benchmark", self.resnet, "--images", "64", "--json"],
        ]
        for arguments in commands:
            option = " ".join(text for text in arguments if text in ["--calibrate", "--synthesize"])
            tally = Tally(f"1,000 signals a second during {arguments[0]} {option}".strip())
            with self.place() as place:
                expected = untimed(self.run(arguments, place)), contents(place)
            for instructions in ["AVX2", ""]:
                with self.place() as place, self.place() as beside:
                    report = os.path.join(beside, "report")
                    more = {"LD_PRELOAD": f"libc_malloc_debug.so.0 {self.storm}", "STORM_REPORT": report,
                            "GLIBC_TUNABLES": "glibc.malloc.check=3", "ONEDNN_MAX_CPU_ISA": instructions}
                    run = self.finish(subprocess.Popen(
                        [self.program, *arguments], cwd=place, env={**self.environment(), **more}, text=True,
                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE))
                    tally.take(run, {0})
                    sent, handled, misplaced = map(int, Path(report).read_text().split()) if run.code == 0 else (0, 0, 1)
                    tally.seen["signals"] = tally.seen.get("signals", 0) + sent
                    if misplaced or handled == 0:
                        tally.damage(f"{handled} of {sent} handled, {misplaced} of them on a thread that computes")
                    if not instructions and (untimed(run), contents(place)) != expected:
                        tally.damage("another result than without signals")

    def terminal(self):
        tally = Tally("Ctrl-C on a terminal that shows progress")
        commands = [
            ["eval", self.resnet, "--data", self.test, "--engine", "reference", "--csv", "out.csv"],
            ["convert", self.resnet, "out.h5", "--calibrate", self.few, "--epochs", "10000"],
        ]
        for round in range(max(self.rounds // 10, 2)):
            with self.place() as place:
                process, terminal = pty.fork()
                if process == 0:
                    os.chdir(place)
                    environment = {**os.environ, "TERM": "xterm"}
                    os.execve(self.program, [self.program, *commands[round % 2]], environment)
                before = termios.tcgetattr(terminal)
                shown = b""
                pause = self.random.uniform(0, 0.5)
                deadline = time.monotonic() + TIMEOUT
                while shown.count(b"\r") < 2 and time.monotonic() < deadline:
                    shown += read(terminal)
                time.sleep(pause)
                os.write(terminal, b"\x03")
                while part := read(terminal):
                    shown += part
                after = termios.tcgetattr(terminal)
                _, status = os.waitpid(process, 0)
                os.close(terminal)
                tally.take(Run(os.waitstatus_to_exitcode(status), "", "", time.monotonic() > deadline), {130})
                if not shown.endswith(b"\r\x1b[K"):
                    tally.damage(f"the line is not cleared: {shown[-60:]}")
                if before != after or os.listdir(place):
                    tally.damage(f"the terminal has other settings, or {os.listdir(place)} was left")

    def pipes(self):
        tally = Tally("a pipe that is closed (| head)")
        for arguments in [["inspect", self.resnet, "--json"], self.eval.arguments, ["--help"],
                          ["convert", self.resnet, "out.h5", "--json"]]:
            for lines in [0, 1]:
                for restores in [True, False]:
                    with self.place() as place:
                        process = self.start(arguments, place, restore_signals=restores)
                        if lines:
                            process.stdout.readline()
                        process.stdout.close()
                        process.stdout = None
                        run = self.finish(process)
                        tally.take(run, {0, -signal.SIGPIPE} if restores else {0, 1})
                        for name, data in contents(place).items():
                            if name in self.eval.expected and normalized(name, data) != normalized(
                                    name, self.eval.expected[name]) or name.endswith(".tmp"):
                                tally.damage(f"{name} is not whole")
        tally = Tally("standard input, output or error closed or full")
        job = self.eval
        for closed in [[0], [1], [2], [0, 1], [1, 2], [0, 1, 2]]:
            for arguments in [job.arguments, [*self.converts[0].arguments[:-3], "--ws", "off"]]:
                outputs = job if arguments is job.arguments else self.converts[0]
                with self.place() as place:
                    run = self.run(
                        arguments, place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                        preexec_fn=lambda: [os.close(descriptor) for descriptor in closed])
                    run.errors = "-"
                    tally.take(run, {0, 1} if 1 in closed else {0})
                    self.look(tally, outputs, place, None, mustBeNew=True)
                    if outputs is job:
                        merged = self.run(["merge", "part", "--json"], place)
                        if merged.code != 0 or said(merged)["models"] != job.said["models"]:
                            tally.damage(f"closed {closed}: the partial result is damaged")
        with self.place() as place, open("/dev/full", "w") as full:
            run = self.run(job.arguments, place, stdout=full)
            tally.take(run, {1})
            self.look(tally, job, place, None, mustBeNew=True)


def read(terminal):
    """What a terminal shows next; nothing at its end."""
    try:
        return os.read(terminal, 4096) if select.select([terminal], [], [], TIMEOUT)[0] else b""
    except OSError:
        return b""


@contextlib.contextmanager
def mounted(place, options):
    """A disk of its own, where that is allowed."""
    isMounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options + ",mode=777", "tmpfs", place], capture_output=True).returncode == 0
    try:
        yield isMounted
    finally:
        if isMounted:
            subprocess.run(["umount", place], check=True)


FAULTS = {
    "kill": Bench.kill_at_random, "calls": Bench.kill_at_calls, "errors": Bench.fail_at_calls, "inplace": Bench.in_place,
    "disk": Bench.small_disks, "limit": Bench.file_limits, "readonly": Bench.read_only, "eintr": Bench.small_reads,
    "vanish": Bench.vanished, "replace": Bench.replaced, "same": Bench.same_file, "together": Bench.together,
    "signals": Bench.signals, "storm": Bench.storms, "terminal": Bench.terminal, "pipes": Bench.pipes,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--normconv", default="normconv")
    parser.add_argument("--fixtures", default=str(HERE.parent / "Fixtures"))
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=FAULTS, action="append")
    options = parser.parse_args()
    if os.geteuid() != 0 and "FAULTS_INSIDE" not in os.environ:
        os.environ["FAULTS_INSIDE"] = "1"
        if subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode == 0:
            os.execvp("unshare", ["unshare", "-rm", sys.executable, *sys.argv])
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        bench = Bench(options, folder)
        for name in options.only or FAULTS:
            start = time.monotonic()
            FAULTS[name](bench)
            print(f"{name}: {time.monotonic() - start:.0f} s", file=sys.stderr)
    print("| fault | tried | crashes | hangs | files damaged | seen |\n|---|---|---|---|---|---|")
    for row in Tally.rows:
        seen = ", ".join(f"{count} {what}" for what, count in sorted(row.seen.items()))
        print(f"| {row.name} | {row.tried} | {row.crashes} | {row.hangs} | {row.damaged} | {seen} |")
    return any(row.crashes or row.hangs or row.damaged for row in Tally.rows)


if __name__ == "__main__":
    sys.exit(main())
