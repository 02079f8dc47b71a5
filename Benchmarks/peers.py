"""Speed of normconv beside ONNX Runtime, OpenVINO and PyTorch on the same networks, in alternating turns of one run.

All compute in float32 with the same number of threads. First every peer is tried with each batch size and keeps
its best; then rounds follow in which every engine has one turn, in an order that is drawn anew: a machine's speed
drifts, and drifts alike for all. Figures are medians over the rounds; only their ratios mean anything. Processor
time for an image, of all threads and with what they wait in loops, is what other programs disturb least.
normconv's are those of `normconv benchmark` with its own batch size. Engines that are not installed are left out.

The folder has the networks that `make_resnet50.py FOLDER --only torch` makes.

    peers.py FOLDER --normconv .build/release/normconv
    peers.py FOLDER --normconv .build/release/normconv --networks resnet50-gn --rounds 3
    peers.py FOLDER --normconv .build/release/normconv --beside "normconv, oneDNN 3.2=other/normconv"
"""

import argparse
import datetime
import importlib.metadata
import importlib.util
import json
import os
import platform
import random
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
from engines import ENGINES, TITLES

NETWORKS = ["resnet18-bn", "resnet18-gn", "resnet50-bn", "resnet50-gn"]


class Peer:
    """An engine in a process of its own."""

    def __init__(self, name, network, options):
        command = [sys.executable, str(Path(__file__).with_name("engines.py")), name, str(options.folder), network]
        environment = {**os.environ, "OMP_NUM_THREADS": str(options.threads)}
        self.name = name
        self.process = subprocess.Popen(
            [*command, str(options.threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def ask(self, batch, seconds=0):
        try:
            print(json.dumps([batch, seconds]), file=self.process.stdin, flush=True)
        except BrokenPipeError:
            pass
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{TITLES[self.name]}: the engine ended without a figure")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def normconv_turn(program, network, options):
    """A turn as a peer's, and the whole report."""
    model = options.folder / f"{network}.torch.h5"
    command = [program, "benchmark", model, "--json", "--workers", str(options.threads)]
    command += ["--repeats", str(max(round(options.seconds), 1))]
    report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    processor = sum(kind["seconds"] for kind in report["kinds"])
    throughput = {"imagesPerSecond": report["imagesPerSecond"]["median"], "processorSeconds": processor}
    return throughput, report["latency"]["median"], report


def installed(options):
    modules = {name: name.split("-")[0] for name in ENGINES}
    return [name for name in options.engines if importlib.util.find_spec(modules[name])]


def check_agreement(peers):
    """That all were given the same network."""
    outputs = {peer.name: np.array(peer.ask(0)) for peer in peers}
    first = next(iter(outputs.values()))
    for name, values in outputs.items():
        difference = np.abs(values - first).max() / np.abs(first).max()
        if not difference < 1e-3:
            raise SystemExit(f"{TITLES[name]}: outputs differ by {difference:.1e} of the largest one: another network?")


def probe(peers, options):
    """{engine: {batch: images per second}}, batch after batch, so that all are tried under the same conditions."""
    speeds = {peer.name: {} for peer in peers}
    for batch in options.batches:
        for peer in peers:
            speeds[peer.name][batch] = peer.ask(batch, options.probe_seconds)["imagesPerSecond"]
        note(f"  batch {batch}: " + ", ".join(f"{TITLES[name]} {s[batch]:.1f}" for name, s in speeds.items()))
    return speeds


def measure(network, options):
    """One network: every engine's images per second and latencies, a value a round."""
    note(network)
    peers = [Peer(name, network, options) for name in installed(options)]
    try:
        check_agreement(peers)
        tried = probe(peers, options)
        best = {name: max(speeds, key=speeds.get) for name, speeds in tried.items()}
        builds = {"normconv": options.normconv, **dict(options.beside)}
        names = list(builds) + list(best)
        turns, latencies = {name: [] for name in names}, {name: [] for name in names}
        order, generator, reports = [*builds, *peers], random.Random(0), {}
        for turn in range(options.rounds):
            generator.shuffle(order)
            for peer in order:
                if peer in builds:
                    throughput, latency, reports[peer] = normconv_turn(builds[peer], network, options)
                    turns[peer].append(throughput)
                    latencies[peer].append(latency)
                    continue
                turns[peer.name].append(peer.ask(best[peer.name], options.seconds))
                if peer.name != "openvino-streams":
                    latencies[peer.name].append(peer.ask(1, options.seconds / 2)["callSeconds"])
            note(f"  round {turn + 1} of {options.rounds}")
    finally:
        for peer in peers:
            peer.close()
    best |= {name: report["batch"] for name, report in reports.items()}
    rows = [row(name, best[name], tried.get(name), turns, latencies) for name in names]
    return {"network": network, "engines": rows, "normconv": reports["normconv"]}


def row(name, batch, tried, turns, latencies):
    """An engine's figures, how many times as fast as it normconv is, and what normconv takes beside it."""
    values = {key: {name: [turn[key] for turn in turns[name]] for name in turns} for key in turns["normconv"][0]}
    speeds, processor = values["imagesPerSecond"], values["processorSeconds"]
    result = {"engine": name, "batch": batch, "imagesPerSecond": spread(speeds[name]), "probe": tried}
    result["processorSeconds"] = spread(processor[name])
    result["latency"] = spread(latencies[name]) if latencies[name] else None
    if name != "normconv":
        result["ratio"] = ratio(speeds["normconv"], speeds[name])
        result["processorRatio"] = ratio(processor["normconv"], processor[name])
        if latencies[name]:
            result["latencyRatio"] = ratio(latencies["normconv"], latencies[name])
    return result


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "turns": values}


def ratio(ours, theirs):
    """Of medians; lowest and highest of a round."""
    rounds = [a / b for a, b in zip(ours, theirs)]
    return {"ofMedians": statistics.median(ours) / statistics.median(theirs), "min": min(rounds), "max": max(rounds)}


def ours_and_fastest(result):
    """normconv's row, and the fastest peer's for throughput and for latency; other builds are none."""
    ours, *others = result["engines"]
    peers = [row for row in others if row["engine"] in TITLES]
    fastest = max(peers, key=lambda row: row["imagesPerSecond"]["median"])
    soonest = min((row for row in peers if row["latency"]), key=lambda row: row["latency"]["median"])
    return ours, fastest, soonest


def print_network(result):
    print(f"\n{result['network']}: images a second, processor time for an image, one image alone;")
    print("in brackets how many times as many images normconv does, and how many times the time it takes")
    for row in result["engines"]:
        cells = [f"{row['imagesPerSecond']['median']:6.1f}", times(row.get("ratio"))]
        cells += [f"{row['processorSeconds']['median'] * 1000:7.1f} ms", times(row.get("processorRatio"))]
        if row["latency"]:
            cells += [f"{row['latency']['median'] * 1000:7.1f} ms", times(row.get("latencyRatio"))]
        print(f"  {title(row['engine']):21}  batch {row['batch']:2}  " + " ".join(cells))


def title(engine):
    return TITLES.get(engine, engine)


def build(text):
    """NAME=PROGRAM"""
    name, separator, program = text.rpartition("=")
    if not (name and separator and program) or name in TITLES:
        raise argparse.ArgumentTypeError(f"'{text}', expected a new name, '=' and a program")
    return name, program


def times(ratio):
    return f"[{ratio['ofMedians']:.2f} x]" if ratio else " " * 8


def print_summary(results):
    print("\nnormconv beside the fastest peer (ratios of medians)")
    print("  network      images/s  fastest peer                     latency  soonest peer")
    for result in results:
        ours, fastest, soonest = ours_and_fastest(result)
        print(
            f"  {result['network']:11}  {fastest['ratio']['ofMedians']:6.2f} x  {TITLES[fastest['engine']]:28}"
            f"  {soonest['latencyRatio']['ofMedians']:7.2f} x  {TITLES[soonest['engine']]}"
        )
    speeds = {result["network"]: result["engines"][0]["imagesPerSecond"]["median"] for result in results}
    for network, speed in speeds.items():
        batch_norm = speeds.get(network.replace("-gn", "-bn"))
        if network.endswith("-gn") and batch_norm:
            print(f"  {network}: {speed / batch_norm:.2f} x normconv's own batch norms")


def machine():
    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    return {"processor": model, "cores": os.cpu_count(), "system": platform.platform()}


def versions():
    found = {}
    for package in ("onnxruntime", "openvino", "torch", "torchvision", "numpy"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            pass
    return found


def note(text):
    print(text, file=sys.stderr, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the networks are")
    parser.add_argument("--normconv", required=True, help="the program")
    parser.add_argument(
        "--beside", type=build, action="append", default=[], metavar="NAME=PROGRAM", help="another build that takes turns"
    )
    parser.add_argument("--networks", nargs="+", default=NETWORKS, metavar="NAME", help="default: all four")
    parser.add_argument("--engines", nargs="+", default=list(ENGINES), choices=ENGINES, help="default: all")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 2, 4, 8, 16], help="that peers are tried with")
    parser.add_argument("--threads", type=int, default=2, help="of every engine (default: 2)")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each engine (default: 7)")
    parser.add_argument("--seconds", type=float, default=3, help="time of a turn (default: 3)")
    parser.add_argument("--probe-seconds", type=float, default=2, help="time for a batch size (default: 2)")
    parser.add_argument("--output", type=Path, help="write the figures here as JSON")
    options = parser.parse_args()
    if not installed(options):
        parser.error("none of the engines is installed (requirements.txt)")
    for network in options.networks:
        if not (options.folder / f"{network}.torch.h5").exists():
            parser.error(f"{network}.torch.h5 is not in {options.folder}: make_resnet50.py makes it")
    results = [measure(network, options) for network in options.networks]
    for result in results:
        print_network(result)
    print_summary(results)
    if options.output:
        settings = {key: str(value) if isinstance(value, Path) else value for key, value in vars(options).items()}
        report = {"schemaVersion": 1, "date": datetime.date.today().isoformat(), "machine": machine()}
        report |= {"versions": versions(), "settings": settings, "networks": results}
        options.output.write_text(json.dumps(report, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
