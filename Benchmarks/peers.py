"""Images per second of normconv beside ONNX Runtime, OpenVINO and PyTorch, in alternating turns of one run.

All compute the same network in float32 with the same number of threads. A machine's speed drifts, so each round
times every engine once, and ratios are taken within a round. Engines that are not installed are left out.
normconv's figure is its own `imagesPerSecond`; the peers' is of the network alone, images already scaled.

    peers.py --onnx resnet50-bn.onnx --torch resnet50 --norm bn \\
             --normconv "normconv eval resnet50-bn.torch.h5 --data images.h5 --json"
"""

import argparse
import functools
import importlib.util
import json
import os
import shlex
import statistics
import subprocess
import sys
import time

import numpy as np

# Before any engine is imported: OpenMP reads it once.
THREADS = os.environ.setdefault("OMP_NUM_THREADS", "2")


def images_per_second(run, batch, seconds):
    """Calls `run`, which computes one batch, for at least `seconds`."""
    run()
    count, start = 0, time.perf_counter()
    while True:
        run()
        count += batch
        elapsed = time.perf_counter() - start
        if elapsed >= seconds:
            return count / elapsed


def onnxruntime_engine(options, images):
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    settings.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(options.onnx, settings, ["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda: session.run(None, {name: images})


def openvino_engine(options, images):
    import openvino

    core = openvino.Core()
    model = core.read_model(options.onnx)
    model.reshape(list(images.shape))
    settings = {"INFERENCE_NUM_THREADS": options.threads, "INFERENCE_PRECISION_HINT": "f32"}
    settings["NUM_STREAMS"] = options.threads
    compiled = core.compile_model(model, "CPU", settings)
    # One stream a thread, as many requests in flight: what the THROUGHPUT hint does.
    queue = openvino.AsyncInferQueue(compiled, options.threads)

    def run():
        for _ in range(options.threads):
            queue.start_async({0: images})
        queue.wait_all()

    run.batches = options.threads
    return run


def torch_engine(options, images):
    import torch
    import torchvision

    torch.set_num_threads(options.threads)
    norm = functools.partial(torch.nn.GroupNorm, 32) if options.norm == "gn" else torch.nn.BatchNorm2d
    network = getattr(torchvision.models, options.torch)(norm_layer=norm).eval()
    network = network.to(memory_format=torch.channels_last)
    inputs = torch.from_numpy(images).to(memory_format=torch.channels_last)

    def run():
        with torch.inference_mode():
            network(inputs)

    return run


PEERS = {"onnxruntime": onnxruntime_engine, "openvino": openvino_engine, "torch": torch_engine}


def available(options):
    needs = {"onnxruntime": options.onnx, "openvino": options.onnx, "torch": options.torch}
    return [name for name in PEERS if needs[name] and importlib.util.find_spec(name)]


def serve(name, options):
    """The child's side: builds one engine, then times it whenever a batch size and seconds arrive on stdin."""
    generator = np.random.default_rng(0)
    engines = {}
    for line in sys.stdin:
        batch, seconds = json.loads(line)
        if batch not in engines:
            images = generator.normal(0, 1, (batch, 3, 224, 224)).astype(np.float32)
            engines[batch] = PEERS[name](options, images)
        run = engines[batch]
        print(json.dumps(images_per_second(run, batch * getattr(run, "batches", 1), seconds)), flush=True)


class Peer:
    """An engine in a process of its own: two engines' thread pools in one would disturb each other."""

    def __init__(self, name):
        command = [sys.executable, *sys.argv, "--serve", name]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def measure(self, batch, seconds):
        print(json.dumps([batch, seconds]), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.process.args[-1]}: the engine ended without a figure")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def normconv_speed(command):
    result = subprocess.run(shlex.split(command), check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(result.stdout)["imagesPerSecond"]


def measure(options):
    """{(engine, batch): [images per second in each round]}; normconv's batch is its own choice, 0 here."""
    speeds = {}
    peers = {name: Peer(name) for name in available(options)}
    try:
        for turn in range(options.rounds):
            if options.normconv:
                speeds.setdefault(("normconv", 0), []).append(normconv_speed(options.normconv))
            for batch in options.batch:
                for name, peer in peers.items():
                    speeds.setdefault((name, batch), []).append(peer.measure(batch, options.seconds))
            print(f"round {turn + 1} of {options.rounds} done", file=sys.stderr)
    finally:
        for peer in peers.values():
            peer.close()
    return speeds


def summarize(speeds):
    ours = speeds.get(("normconv", 0))
    rows = []
    for (engine, batch), values in speeds.items():
        row = {"engine": engine, "batch": batch or None, "imagesPerSecond": statistics.median(values)}
        row["lowest"], row["highest"] = min(values), max(values)
        if ours and engine != "normconv":
            row["normconvRatio"] = statistics.median(a / b for a, b in zip(ours, values))
        rows.append(row)
    return rows


def print_table(rows, file):
    print(f"{'engine':12} {'batch':>5} {'images/s':>9} {'lowest':>8} {'highest':>8} {'normconv is':>12}", file=file)
    for row in rows:
        ratio = f"{row['normconvRatio']:.2f} x" if "normconvRatio" in row else ""
        print(
            f"{row['engine']:12} {row['batch'] or '-':>5} {row['imagesPerSecond']:9.2f}"
            f" {row['lowest']:8.2f} {row['highest']:8.2f} {ratio:>12}",
            file=file,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--onnx", help="network for ONNX Runtime and OpenVINO")
    parser.add_argument("--torch", help="torchvision's name of the network, for PyTorch")
    parser.add_argument("--norm", choices=("bn", "gn"), default="bn", help="PyTorch's norm (default: bn)")
    parser.add_argument("--normconv", help="command that prints JSON with imagesPerSecond")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 2, 4], help="peers' batch sizes (default: 1 2 4)")
    parser.add_argument("--threads", type=int, default=int(THREADS), help="threads of the peers (default: 2)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each engine (default: 5)")
    parser.add_argument("--seconds", type=float, default=4, help="time of a peer's turn (default: 4)")
    parser.add_argument("--output", help="write the figures here as JSON")
    parser.add_argument("--serve", choices=PEERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    if options.serve:
        return serve(options.serve, options)
    if not options.normconv and not available(options):
        parser.error("nothing to time: give --normconv, --onnx or --torch")
    rows = summarize(measure(options))
    print_table(rows, sys.stdout)
    if options.output:
        with open(options.output, "w") as file:
            json.dump({"settings": vars(options), "results": rows}, file, indent=1, sort_keys=True)


if __name__ == "__main__":
    main()
