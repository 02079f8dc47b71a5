"""The engines that peers.py times, each in a process of its own: two thread pools in one would disturb each other.

As a program: engines.py NAME FOLDER NETWORK THREADS reads `[batch, seconds]` lines from standard input, each of them a
turn, and answers each with a line of JSON. A batch of 0 asks for the outputs of the one image that all are given.
"""

import functools
import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np

SIZE = 224


def images(batch):
    return np.random.default_rng(0).normal(0, 1, (batch, 3, SIZE, SIZE)).astype(np.float32)


def onnxruntime_engine(folder, network, threads, batch):
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / f"{network}.onnx", settings, ["CPUExecutionProvider"])
    name, inputs = session.get_inputs()[0].name, images(batch)
    return lambda: session.run(None, {name: inputs})[0]


def openvino_model(folder, network, threads, streams, batch):
    import openvino

    core = openvino.Core()
    model = core.read_model(folder / f"{network}.onnx")
    model.reshape([batch, 3, SIZE, SIZE])
    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": streams}
    return openvino, core.compile_model(model, "CPU", settings)


def openvino_engine(folder, network, threads, batch):
    _, compiled = openvino_model(folder, network, threads, 1, batch)
    request, inputs = compiled.create_infer_request(), images(batch)
    return lambda: request.infer({0: inputs})[0]


def openvino_streams_engine(folder, network, threads, batch):
    """One stream a thread, as many requests in flight: what the THROUGHPUT hint does."""
    openvino, compiled = openvino_model(folder, network, threads, threads, batch)
    queue, inputs = openvino.AsyncInferQueue(compiled, threads), images(batch)

    def run():
        for _ in range(threads):
            queue.start_async({0: inputs})
        queue.wait_all()
        return queue[0].get_output_tensor(0).data

    run.batches = threads
    return run


def torch_engine(folder, network, threads, batch, compiled=False):
    import h5py
    import torch
    import torchvision

    torch.set_num_threads(threads)
    name, norm = network.split("-")
    layer = functools.partial(torch.nn.GroupNorm, 32) if norm == "gn" else torch.nn.BatchNorm2d
    model = getattr(torchvision.models, name)(norm_layer=layer)
    with h5py.File(folder / f"{network}.torch.h5") as file:
        model.load_state_dict({key: torch.from_numpy(np.array(file[key])) for key in file})
    model = model.eval().to(memory_format=torch.channels_last)
    if compiled:
        import torch._inductor.config

        torch._inductor.config.freezing = True  # constants folded, weights packed: what it has for inference
        model = torch.compile(model, dynamic=False)
    inputs = torch.from_numpy(images(batch)).to(memory_format=torch.channels_last)

    def run():
        with torch.inference_mode(not compiled), torch.no_grad():
            return model(inputs).numpy()

    return run


ENGINES = {
    "onnxruntime": onnxruntime_engine,
    "openvino": openvino_engine,
    "openvino-streams": openvino_streams_engine,
    "torch": torch_engine,
    "torch-compile": functools.partial(torch_engine, compiled=True),
}
TITLES = {
    "normconv": "normconv",
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO",
    "openvino-streams": "OpenVINO, streams",
    "torch": "PyTorch",
    "torch-compile": "torch.compile",
}


def turn(run, batch, seconds):
    """Calls `run`, which computes its batch, for at least `seconds`."""
    run()
    calls, start, processor = [], time.perf_counter(), time.process_time()
    while True:
        before = time.perf_counter()
        run()
        now = time.perf_counter()
        calls.append(now - before)
        if now - start >= seconds:
            count = batch * getattr(run, "batches", 1) * len(calls)
            return {
                "imagesPerSecond": count / (now - start),
                "processorSeconds": (time.process_time() - processor) / count,
                "callSeconds": statistics.median(calls),
            }


def serve(name, folder, network, threads):
    runs = {}
    # Libraries write remarks to standard output: answers have it to themselves.
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        batch, seconds = json.loads(line)
        size = max(batch, 1)
        if size not in runs:
            runs[size] = ENGINES[name](Path(folder), network, int(threads), size)
        answer = turn(runs[size], batch, seconds) if batch else np.asarray(runs[size]())[0].tolist()
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    serve(*sys.argv[1:])
