"""Zip archives: Keras 3's, PyTorch's and numpy's. What is in PyTorch's is in pickles.py."""

import io
import pickle
import struct
import zipfile

import numpy

from corpus import FIXTURES, case, deflated_zeros, fixture, replace

KERAS = "mnist-sequential.keras"


def members(name):
    with zipfile.ZipFile(FIXTURES / name) as archive:
        return {entry: archive.read(entry) for entry in archive.namelist()}


def write(path, contents, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in contents.items() if isinstance(contents, dict) else contents:
            archive.writestr(zipfile.ZipInfo(name), content, method)


def keras(path, method=zipfile.ZIP_STORED, **changes):
    contents = members(KERAS)
    for name, content in changes.items():
        contents[{"config": "config.json", "metadata": "metadata.json", "weights": "model.weights.h5"}[name]] = content
    write(path, contents, method)


# MARK: Zip


def bomb(path, name, megabytes, announced):
    """A member that inflates to zeros, and what the directory says of its size."""
    packed = deflated_zeros(megabytes)
    contents = members(KERAS)
    contents.pop(name, None)
    write(path, [(name, packed), *contents.items()])
    content = bytearray(path.read_bytes())
    (local, entry) = content.index(b"PK\3\4"), content.index(b"PK\1\2")
    content[local + 8:local + 10] = content[entry + 10:entry + 12] = struct.pack("<H", 8)
    content[local + 22:local + 26] = content[entry + 24:entry + 28] = struct.pack("<I", announced)
    path.write_bytes(content)


@case("zip-bomb.keras", "expected at most")
def bomb_asset(path):
    bomb(path, "assets/zeros", 1024, 1 << 30)


@case("zip-bomb-in-weights.keras", "expected at most")
def bomb_in_weights(path):
    bomb(path, "model.weights.h5", 1024, 1 << 30)


@case("zip-bomb-understated.keras", "1001 bytes, expected 1000")
def bomb_understated(path):
    # The directory says 1 kB, the stream goes on for 1 GiB.
    bomb(path, "config.json", 1024, 1000)


@case("zip-overlapping.keras", "overlaps")
def overlapping(path):
    # A member whose bytes are another member, header and all: Fifield's bombs are made of such.
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr(zipfile.ZipInfo("assets/b"), bytes(1000))
    whole = inner.getvalue()
    start = whole.index(b"PK\1\2")
    entry = bytearray(whole[start:whole.index(b"PK\5\6")])
    write(path, {**members(KERAS), "assets/a": whole[:start]})
    content = path.read_bytes()
    entry[42:46] = struct.pack("<I", content.index(whole[:start]))
    end = content.rindex(b"PK\5\6")
    count, size = struct.unpack("<HI", content[end + 10:end + 16])
    path.write_bytes(
        content[:end] + bytes(entry) + content[end:end + 8]
        + struct.pack("<HHI", count + 1, count + 1, size + len(entry)) + content[end + 16:])


for number, name in enumerate([
    "../../etc/cron.d/x", "/etc/passwd", "a/../../b", "C:\\windows\\x", "a//b", "./a", "a\nb", "a\x1b[2Jb",
]):
    @case(f"zip-slip-{number}.keras", "unsafe member name")
    def slip(path, name=name):
        write(path, {**members(KERAS), name: b"x"})


@case("zip-name-nul.keras", "unsafe member name")
def name_nul(path):
    write(path, {**members(KERAS), "assets/aXb": b"x"})
    content = path.read_bytes()
    path.write_bytes(content.replace(b"assets/aXb", b"assets/a\0b"))


@case("zip-name-not-utf8.keras", "unsafe member name")
def name_not_utf8(path):
    write(path, {**members(KERAS), "assets/aXb": b"x"})
    content = path.read_bytes()
    path.write_bytes(content.replace(b"assets/aXb", b"assets/a\xffb"))


@case("zip-name-twice.keras", "two members are named")
def name_twice(path):
    write(path, {**members(KERAS), "assets/1": b"x", "assets/2": b"y"})
    path.write_bytes(path.read_bytes().replace(b"assets/2", b"assets/1"))


@case("zip-encrypted.keras", "is encrypted")
def encrypted(path):
    write(path, members(KERAS))
    content = bytearray(path.read_bytes())
    for signature, offset in [(b"PK\3\4", 6), (b"PK\1\2", 8)]:
        place = content.index(signature) + offset
        content[place] |= 1
    path.write_bytes(content)


@case("zip-method-bzip2.keras", "compression method 12")
def method_bzip2(path):
    write(path, members(KERAS), zipfile.ZIP_BZIP2)


@case("zip-other-name-in-header.keras", "its header has the name")
def other_name(path):
    write(path, members(KERAS))
    content = path.read_bytes()
    path.write_bytes(content.replace(b"config.json", b"CONFIG.json", 1))


@case("zip-wrong-checksum.keras", "CRC-32 is")
def wrong_checksum(path):
    contents = members(KERAS)
    write(path, contents)
    replace(path, b'"class_name"', b'"class_namE"')


@case("zip-cut-off.keras", "the end-of-directory record is missing")
def cut_off(path):
    content = fixture(KERAS, path).read_bytes()
    path.write_bytes(content[:-30])


@case("zip-of-100001-members.keras", "members, expected at most 100000")
def many_members(path):
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    record = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, 1 << 40, 1 << 40, 1 << 46, 0)
    locator = struct.pack("<IIQI", 0x07064B50, 0, 4, 1)
    path.write_bytes(b"PK\3\4" + record + locator + end)


@case("zip-several-disks.keras", "one part of a split zip archive")
def several_disks(path):
    write(path, members(KERAS))
    content = bytearray(path.read_bytes())
    end = content.rindex(b"PK\5\6")
    content[end + 4:end + 6] = struct.pack("<H", 3)
    path.write_bytes(content)


@case("zip-of-nothing-known.zip", "unknown layout")
def nothing_known(path):
    write(path, {"readme.txt": b"hello"})


@case("keras-weights-no-hdf5.keras", "not an HDF5 file")
def weights_no_hdf5(path):
    keras(path, weights=b"hello")


@case("keras-weights-missing.keras", "no member 'model.weights.h5'")
def weights_missing(path):
    contents = members(KERAS)
    del contents["model.weights.h5"]
    write(path, contents)


@case("keras-weights-soft-link.keras", "found a soft link, expected a hard link")
def weights_soft_link(path):
    import h5py

    image = io.BytesIO(members(KERAS)["model.weights.h5"])
    with h5py.File(image, "r+") as file:
        file.move("layers", "aside")
        file["layers"] = h5py.SoftLink("/aside")
    keras(path, weights=image.getvalue())


@case("keras-config-not-json.keras", "'config.json'")
def config_not_json(path):
    keras(path, config=b"{'class_name': 1}")


@case("keras-config-not-utf8.keras", "'config.json'")
def config_not_utf8(path):
    keras(path, config=b'{"class_name": "\xff\xfe"}')


@case("keras-config-100-mb.keras", "config.json")
def config_100_mb(path):
    keras(path, config=b'{"a": [' + b"0," * 50_000_000 + b"0]}")


@case("keras-config-deep.keras", "nested")
def config_deep(path):
    keras(path, config=b'{"a":' * 100_000 + b"0" + b"}" * 100_000)


@case("keras-metadata-not-json.keras", "'metadata.json'")
def metadata_not_json(path):
    keras(path, metadata=b"\0")


# MARK: npy, npz


def npy(header, values=b"", version=b"\1\0"):
    text = header.encode() if isinstance(header, str) else header
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text + values


def npz_case(name, expected, image, method=zipfile.ZIP_STORED):
    @case(f"npz-{name}.npz", expected, use="split")
    def npz(path):
        labels = io.BytesIO()
        numpy.save(labels, numpy.zeros(2, "i8"))
        write(path, {"images.npy": image, "labels.npy": labels.getvalue()}, method)


def header(shape="(2, 28, 28, 1)", order="False", kind="'|u1'"):
    return f"{{'descr': {kind}, 'fortran_order': {order}, 'shape': {shape}, }}\n"


npz_case("shape-2-to-50", "bytes of elements, expected", npy(header(f"({1 << 50},)"), b"x"))
npz_case("shape-overflow", "npy header has", npy(header(f"({1 << 60}, {1 << 60})"), b"x"))
npz_case("shape-beyond-63-bits", "expected an extent", npy(header(f"({1 << 80},)"), b"x"))
npz_case("shape-negative", "expected an extent", npy(header("(-1, 28)"), b"x"))
npz_case("shape-code", "expected an extent", npy(header("(__import__('os'),)"), b"x"))
npz_case("object", "found Python objects (a pickle)", npy(header(kind="'|O'"), pickle.dumps({})))
npz_case("record", "elements of type a record", npy(header(kind="[('a', '<f4')]"), b"x"))
npz_case("string", "elements of type '<U8'", npy(header(kind="'<U8'"), b"x"))
npz_case("version-9", "npy format version 9", npy(header(), bytes(1568), b"\x09\0"))
npz_case("header-of-4-gib", "npy header has", b"\x93NUMPY\2\0" + struct.pack("<I", (1 << 32) - 1) + b"{")
npz_case("header-code", "npy header has", npy("__import__('os').system('true')", bytes(1568)))
npz_case("key-twice", "npy header has", npy("{'descr': '|u1', 'descr': '<f4', 'shape': (1,)}", bytes(1568)))
npz_case("fortran", "stored in Fortran order", npy(header(order="True"), bytes(1568)))
npz_case("short", "bytes of elements, expected", npy(header(), bytes(1567)))
npz_case("bomb", "expected at most", npy(header("(250000, 28, 28, 1)"), bytes(196_000_000)), zipfile.ZIP_DEFLATED)
npz_case("no-npy", "not a numpy array", b"hello, hello, hello")
npz_case("nan", "has a pixel that is not finite", npy(header(kind="'<f4'"), b"\xff" * 4 * 1568))
