"""safetensors headers, configurations of networks, lists of images and classes."""

import json
import struct

import h5py

from corpus import FIXTURES, case, fixture
from hdf5_links import KERAS


def header_case(name, expected, header, data=b"", length=None):
    @case(f"safetensors-{name}.safetensors", expected)
    def safetensors(path):
        text = header() if callable(header) else header
        if isinstance(text, dict):
            text = json.dumps(text)
        if isinstance(text, str):
            text = text.encode()
        path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)


def entry(begin, end, shape=(2,), kind="F32"):
    return {"dtype": kind, "shape": list(shape), "data_offsets": [begin, end]}


header_case("header-of-2-to-63", "header of 9223372036854775808 bytes", '{"a": 1}', length=1 << 63)
header_case("header-of-2-to-64", "header of 18446744073709551615 bytes", '{"a": 1}', length=(1 << 64) - 1)
header_case("header-of-99-mb", "bytes of the safetensors header, expected", '{"a": 1}', length=99_000_000)
header_case("overlap", "begins at byte 4 of the data, expected 8",
            {"a": entry(0, 8), "b": entry(4, 12)}, bytes(12))
header_case("same-bytes", "begins at byte 0 of the data, expected 8", {"a": entry(0, 8), "b": entry(0, 8)}, bytes(8))
header_case("hole", "begins at byte 12 of the data, expected 8", {"a": entry(0, 8), "b": entry(12, 20)}, bytes(20))
header_case("beyond-end", "cut off", {"a": entry(0, 8)}, bytes(4))
header_case("rest", "belong to no tensor", {"a": entry(0, 8)}, bytes(12))
header_case("offsets-reversed", "'data_offsets' is", {"a": entry(8, 0)}, bytes(8))
header_case("offsets-negative", "'data_offsets' is", {"a": entry(-8, 0)}, bytes(8))
header_case("offsets-huge", "bytes, expected 8 for its shape", {"a": entry(0, 1 << 62)}, bytes(8))
header_case("offsets-fraction", "'data_offsets' is", '{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8.5]}}')
header_case("shape-2-to-50", "bytes, expected 4503599627370496 for its shape", {"a": entry(0, 8, [1 << 50])}, bytes(8))
header_case("shape-overflow", "is too large", {"a": entry(0, 8, [1 << 40, 1 << 40])}, bytes(8))
header_case("shape-of-zero-and-2-to-124", "not a network that normconv knows", {"a": entry(0, 0, [0, 1 << 62, 1 << 62])})
header_case("shape-negative", "'shape' is", {"a": entry(0, 8, [-2])}, bytes(8))
header_case("shape-of-strings", "'shape' is", {"a": entry(0, 8, ["2"])}, bytes(8))
header_case("type-unknown", "elements of type F8_E4M3", {"a": entry(0, 8, kind="F8_E4M3")}, bytes(8))
header_case("type-number", "'dtype' is 7", {"a": entry(0, 8, kind=7)}, bytes(8))
header_case("key-twice", "key 'a'", '{"a": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}, "a": 1}')
header_case("metadata-numbers", "'__metadata__' is", {"__metadata__": {"a": 1}})
header_case("deep", "nested", "[" * 0 + '{"a":' * 50_000 + "0" + "}" * 50_000)
header_case("not-json", "safetensors header", "{'a': 1}")
header_case("not-utf8", "safetensors header", b'{"\xff\xfe": 1}')
header_case("control-character", "safetensors header", b'{"a\0b": 1}')
header_case("of-100-mb-of-zeros", "more than 1000000 values", lambda: '{"a": [' + "0," * 49_900_000 + "0]}")
header_case("of-100-mb-of-names", "more than 1000000 values", lambda: "{" + ",".join(f'"{i}":0' for i in range(8_000_000)) + "}")
header_case("of-100-mb-of-spaces", "not a network that normconv knows", lambda: "{" + " " * 99_000_000 + "}")
header_case("nothing", "not a network that normconv knows", "{}")


@case("safetensors-index.index.json", "weights in several files (shards)")
def index(path):
    path.write_text('{"weight_map": {"a": "../../etc/passwd"}}')


# MARK: Configurations


def configuration():
    with h5py.File(FIXTURES / KERAS) as file:
        return json.loads(file.attrs["model_config"])


def with_config(path, config):
    text = config if isinstance(config, str) else json.dumps(config)
    with h5py.File(fixture(KERAS, path), "r+") as file:
        file.attrs["model_config"] = text


def config_case(name, expected, use="network"):
    def register(change):
        @case(f"config-{name}.h5", expected, use=use)
        def make(path):
            config = configuration()
            changed = change(config["config"]["layers"], config)
            with_config(path, config if changed is None else changed)

        return change

    return register


def layer(layers, name):
    return next(layer for layer in layers if layer["config"]["name"] == name)


def layer_case(name, expected, target="stem_conv", use="network", **settings):
    @config_case(name, expected, use)
    def change(layers, _):
        layer(layers, target)["config"].update(settings)


@config_case("lambda", "layer 'stem_relu'", use="computed")
def lambda_layer(layers, _):
    found = layer(layers, "stem_relu")
    found["class_name"] = "Lambda"
    found["config"] = {"name": "stem_relu", "function": {
        "class_name": "__lambda__", "config": {"code": "4wEAAAAAAAAA", "defaults": None, "closure": None}}}


@config_case("other-module", "layer 'stem_relu'", use="computed")
def other_module(layers, _):
    found = layer(layers, "stem_relu")
    found.update(class_name="system", module="os", registered_name="os.system")


@config_case("cycle", "expected a value that the output depends on")
def cycle(layers, _):
    layer(layers, "stem_conv")["inbound_nodes"] = layer(layers, "stage1_add")["inbound_nodes"]


@config_case("own-input", "expected a value that the output depends on")
def own_input(layers, _):
    found = layer(layers, "stem_conv")
    text = json.dumps(found["inbound_nodes"]).replace("rescaling", "stem_conv")
    found["inbound_nodes"] = json.loads(text)


@config_case("input-unknown", "nowhere")
def input_unknown(layers, _):
    found = layer(layers, "stem_conv")
    found["inbound_nodes"] = json.loads(json.dumps(found["inbound_nodes"]).replace("rescaling", "nowhere"))


@config_case("layer-twice", "stem_conv")
def layer_twice(layers, _):
    layers.append(layer(layers, "stem_conv"))


@config_case("no-layers", "config")
def no_layers(layers, _):
    del layers[:]


@config_case("no-object", "a")
def no_object(layers, _):
    return "[1, 2, 3]"


@config_case("not-json", "JSON, line 1, byte 0")
def not_json(layers, _):
    return "__import__('os').system('true')"


@config_case("deep", "nested")
def deep(layers, _):
    return '{"class_name":' * 4000 + "0" + "}" * 4000


@config_case("models-in-models", "nested")
def models_in_models(layers, config):
    # Each level holds the one below it twice: 2^200 layers.
    inner = {"class_name": "Sequential", "config": {"name": "s", "layers": []}}
    for _ in range(200):
        inner = {"class_name": "Sequential", "config": {"name": "s", "layers": [inner]}}
    return inner


@config_case("30000-layers", "expected one layer named")
def million_layers(layers, config):
    layers.extend([layer(layers, "stem_relu")] * 30_000)


layer_case("filters-10-to-9", "stem_conv", filters=10**9)
layer_case("filters-2-to-62", "stem_conv", filters=1 << 62)
layer_case("filters-negative", "stem_conv", filters=-16)
layer_case("filters-text", "stem_conv", filters="16")
layer_case("kernel-2-to-62", "stem_conv", kernel_size=[1 << 62, 1 << 62])
layer_case("kernel-0", "stem_conv", kernel_size=[0, 0])
layer_case("strides-0", "stem_conv", strides=[0, 0])
layer_case("strides-negative", "stem_conv", strides=[-1, -1])
layer_case("strides-2-to-62", "stem_conv", strides=[1 << 62, 1 << 62])
layer_case("dilation-2-to-62", "stem_conv", dilation_rate=[1 << 62, 1 << 62])
layer_case("groups-0", "stem_conv", groups=0)
layer_case("groups-7", "stem_conv", groups=7)
layer_case("epsilon-text", "stem_bn", target="stem_bn", epsilon="1e-3")
layer_case("epsilon-negative", "stem_bn", target="stem_bn", epsilon=-1.0)
layer_case("axis-9", "stem_bn", target="stem_bn", axis=[9])
layer_case("activation-unknown", "stem_relu", target="stem_relu", use="computed", activation="os.system")
layer_case("units-2-to-62", "classifier", target="classifier", units=1 << 62)
layer_case("input-2-to-40", "image", target="image", batch_shape=[None, 1 << 40, 1 << 40, 1])


@case("architecture-100-mb.json", "bytes, expected at most", use="architecture")
def architecture_large(path):
    path.write_text('{"a": [' + "0," * 50_000_000 + "0]}")


@case("architecture-not-utf8.json", "architecture-not-utf8.json: not a text file, expected UTF-8", use="architecture")
def architecture_not_utf8(path):
    path.write_bytes(b'{"\xff": 1}')


@case("architecture-deep.json", "nested", use="architecture")
def architecture_deep(path):
    path.write_text("[" * 100_000 + "]" * 100_000)


@case("architecture-not-json.json", "JSON", use="architecture")
def architecture_not_json(path):
    path.write_text("hello")


# MARK: Lists


@case("list-binary.txt", "not a text file, expected UTF-8", use="split")
def list_binary(path):
    path.write_bytes(bytes(range(256)) * 100)


@case("list-empty.csv", "no entries, expected at least one line", use="split")
def list_empty(path):
    path.write_text("\n\n# nothing\n")


@case("list-quote.csv", "expected quotes that are closed", use="split")
def list_quote(path):
    path.write_text('"a.jpg,0\n')


@case("list-without-labels.csv", "expected as many fields", use="split")
def list_ragged(path):
    (path.parent / "grey.png").write_bytes((FIXTURES / "images/grey.png").read_bytes())
    path.write_text("grey.png,0\ngrey.png\n")


@case("list-missing-image.csv", "there is no 'nowhere.jpg'", use="split")
def list_missing(path):
    path.write_text("nowhere.jpg,0\n")


@case("list-deep.jsonl", "expected a JSON object", use="split")
def list_deep(path):
    path.write_text('{"file_name":' * 3000 + "0" + "}" * 3000)


@case("list-label-negative.csv", "'-1', expected a class number", use="split")
def list_negative(path):
    (path.parent / "grey.png").write_bytes((FIXTURES / "images/grey.png").read_bytes())
    path.write_text("grey.png,-1\n")


@case("list-of-one-line-of-100-mb.csv", "a line of more than 65536 bytes", use="split")
def list_line(path):
    path.write_text("a" * 100_000_000)


@case("list-of-a-pipe.csv", "not a regular file", use="split")
def list_pipe(path):
    import os

    pipe = path.parent / "list-of-a-pipe.csv.jpg"
    if not pipe.exists():
        os.mkfifo(pipe)
    path.write_text("list-of-a-pipe.csv.jpg,0\n")


@case("classes-binary.txt", "not a text file, expected UTF-8", use="classes")
def classes_binary(path):
    path.write_bytes(bytes(range(256)))


@case("classes-empty.txt", "no entries, expected at least one line", use="classes")
def classes_empty(path):
    path.write_text("\n")


@case("classes-index-huge.txt", "expected 0…1048575", use="classes")
def classes_huge(path):
    path.write_text("cat 0\ndog 9223372036854775807\n")


@case("classes-index-negative.txt", "expected 0…1048575", use="classes")
def classes_negative(path):
    path.write_text("cat 0\ndog -1\n")


@case("classes-twice.txt", "expected one index", use="classes")
def classes_twice(path):
    path.write_text("cat 0\ncat 1\n")


@case("classes-of-20-mb.txt", "a list of more than 16777216 bytes", use="classes")
def classes_large(path):
    path.write_text("".join(f"name{index} {index}\n" for index in range(1_300_000)))
