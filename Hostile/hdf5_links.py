"""Links that lead out of the file, in circles or too deep, and names that are none."""

import h5py
import numpy

from corpus import case, fixture, replace

KERAS = "mnist-resnet.keras3.h5"
NESTED = "mnist-resnet.torch-nested.h5"
FLAT = "torchvision-basic.torch.h5"

# Where a link can stand in for what it should be: level → path.
LEVELS = {
    "root": "model_weights",
    "layer": "model_weights/stem_conv",
    "group": "model_weights/stem_conv/stem_conv",
    "dataset": "model_weights/stem_conv/stem_conv/kernel",
}


def link_case(kind, level, expected, link):
    @case(f"h5-{kind}-{level}.h5", expected)
    def make(path):
        with h5py.File(fixture(KERAS, path), "r+") as file:
            place = LEVELS[level]
            file.move(place, "aside")
            file[place] = link("/aside")


for level in LEVELS:
    link_case("soft", level, "found a soft link, expected a hard link", h5py.SoftLink)
    link_case(
        "external", level, "found an external link, expected a hard link",
        lambda target: h5py.ExternalLink("/etc/passwd", target))


for level in LEVELS:
    @case(f"h5-user-defined-{level}.h5", "found a user-defined link, expected a hard link")
    def user_defined_link(path, level=level):
        # libhdf5's own external links are the user-defined links of class 64; class 187 is nobody's. Few links, and the
        # old format, so that no checksum is over them.
        name = LEVELS[level].split("/")[-1]
        with h5py.File(path, "w", libver="earliest") as file:
            group = file
            for step in LEVELS[level].split("/")[:-1]:
                group = group.create_group(step)
            if level != "root":
                file["model_weights"].attrs["layer_names"] = ["stem_conv"]
            if level in ("group", "dataset"):
                file["model_weights/stem_conv"].attrs["weight_names"] = ["stem_conv/kernel"]
            group[name] = h5py.ExternalLink("MARK", "/aside")
        # Link message, version 1: flags 8 (a type follows), the type, the length of the name, the name.
        tail = bytes([len(name)]) + name.encode()
        replace(path, bytes([1, 8, 64]) + tail, bytes([1, 8, 187]) + tail)


@case("h5-soft-dangling.h5", "found a soft link, expected a hard link")
def soft_dangling(path):
    with h5py.File(fixture(FLAT, path), "r+") as file:
        del file["conv1.weight"]
        file["conv1.weight"] = h5py.SoftLink("/nowhere")


@case("h5-soft-circle.h5", "found a soft link, expected a hard link")
def soft_circle(path):
    with h5py.File(fixture(NESTED, path), "r+") as file:
        del file["conv1/weight"]
        file["conv1/weight"] = h5py.SoftLink("/conv1/other")
        file["conv1/other"] = h5py.SoftLink("/conv1/weight")


@case("h5-external-in-nested.h5", "found an external link, expected a hard link")
def external_nested(path):
    with h5py.File(fixture(NESTED, path), "r+") as file:
        del file["conv1"]
        file["conv1"] = h5py.ExternalLink("other.h5", "/conv1")


@case("h5-cycle-root.h5", "the groups form a cycle")
def cycle_root(path):
    with h5py.File(fixture(NESTED, path), "r+") as file:
        file["conv1/again"] = file["/"]


@case("h5-cycle-self.h5", "the groups form a cycle")
def cycle_self(path):
    with h5py.File(fixture(NESTED, path), "r+") as file:
        file["conv1/again"] = file["conv1"]


@case("h5-cycle-layer.h5", "the groups form a cycle")
def cycle_layer(path):
    # The list of weights leads through the circle: stem_conv/stem_conv/stem_conv/kernel.
    with h5py.File(fixture(KERAS, path), "r+") as file:
        layer = file["model_weights/stem_conv"]
        layer["stem_conv/stem_conv"] = layer
        layer.attrs["weight_names"] = ["stem_conv/stem_conv/stem_conv/kernel"]


@case("h5-two-names.h5", "expected one name per object")
def two_names(path):
    with h5py.File(fixture(FLAT, path), "r+") as file:
        del file["bn1.bias"]
        file["bn1.bias"] = file["bn1.weight"]


@case("h5-tree-of-2-to-40.h5", "expected one name per object")
def diamonds(path):
    with h5py.File(path, "w") as file:
        group = file
        for _ in range(40):
            child = group.create_group("a")
            group["b"] = child
            group = child
        group["weight"] = [1.0]


@case("h5-depth-10000.h5", "groups are nested more than 64 deep")
def deep(path):
    with h5py.File(path, "w") as file:
        group = file.id
        for _ in range(10_000):
            group = h5py.h5g.create(group, b"layer1")
        h5py.h5d.create(group, b"weight", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((1,)))


@case("h5-depth-10000-named.h5", "groups are nested more than 64 deep")
def deep_named(path):
    # Keras' list of names asks for the deepest one.
    with h5py.File(fixture(KERAS, path), "r+") as file:
        layer = file["model_weights/stem_conv"]
        group = layer.id
        for _ in range(10_000):
            group = h5py.h5g.create(group, b"d")
        layer.attrs["weight_names"] = ["d/" * 9_999 + "d"]


@case("h5-name-not-utf8.h5", "a name in it is not UTF-8")
def not_utf8(path):
    with h5py.File(fixture(FLAT, path), "r+") as file:
        file.id.links.move(b"bn1.bias", file.id, b"bn1.b\xff\xfes")


@case("h5-name-empty-part.h5", "missing, expected a")
def empty_part(path):
    with h5py.File(fixture(KERAS, path), "r+") as file:
        file["model_weights/stem_conv"].attrs["weight_names"] = ["stem_conv//kernel"]


@case("h5-name-dots.h5", "missing, expected a")
def dots(path):
    with h5py.File(fixture(KERAS, path), "r+") as file:
        file["model_weights/stem_conv"].attrs["weight_names"] = ["../stem_bn/stem_bn/gamma"]


@case("h5-name-nul.h5", "missing, expected a dataset")
def nul(path):
    with h5py.File(fixture(KERAS, path), "r+") as file:
        # Fixed fields end at the first NUL: what is after it is nobody's.
        attributes = file["model_weights/stem_conv"].attrs
        del attributes["weight_names"]
        attributes.create("weight_names", [b"stem_conv/ker\0nel"], dtype="S32")


@case("h5-name-line-breaks.h5", "missing, expected a dataset")
def line_breaks(path):
    # An error is one line, whatever a file calls its objects.
    with h5py.File(fixture(KERAS, path), "r+") as file:
        file["model_weights/stem_conv"].attrs["weight_names"] = ["a\nError: all is well\r\x1b[2Jb"]


@case("h5-name-of-a-megabyte.h5", "missing, expected a")
def long_name(path):
    with h5py.File(fixture(KERAS, path), "r+") as file:
        file["model_weights/stem_conv"].attrs["weight_names"] = ["n" * (1 << 20)]


@case("h5-named-type.h5", "found a named datatype, expected")
def named_type(path):
    with h5py.File(fixture(FLAT, path), "r+") as file:
        del file["conv1.weight"]
        file["conv1.weight"] = numpy.dtype("f4")


@case("h5-group-for-dataset.h5", "found a group, expected a dataset")
def group_for_dataset(path):
    with h5py.File(fixture(KERAS, path), "r+") as file:
        del file["model_weights/stem_conv/stem_conv/kernel"]
        file.create_group("model_weights/stem_conv/stem_conv/kernel")


@case("h5-dataset-for-group.h5", "found a dataset, expected a group")
def dataset_for_group(path):
    with h5py.File(fixture(KERAS, path), "r+") as file:
        del file["model_weights/stem_conv"]
        file["model_weights/stem_conv"] = [1.0]


@case("h5-name-twice.h5", "occurs twice, expected once")
def name_twice(path):
    with h5py.File(fixture(KERAS, path), "r+") as file:
        attributes = file["model_weights"].attrs
        attributes["layer_names"] = [*map(str, attributes["layer_names"]), "stem_conv"]
