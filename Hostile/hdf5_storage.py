"""Values that are elsewhere, are not there, or are more than there can be; types and shapes that are no weights."""

import pathlib
import struct
import zlib

import h5py
import numpy

from corpus import FIXTURES, case, fixture, replace, zlib_zeros
from hdf5_links import FLAT, KERAS

KERNEL = "model_weights/stem_conv/stem_conv/kernel"
CONV = "conv1.weight"
# libhdf5 1.14 looks itself whether contiguous values end in the file, before normconv does.
LATER = ("opening the object failed",)


def instead(path, place=CONV, base=FLAT):
    """Another dataset in the place of a good one; returns the open file."""
    file = h5py.File(fixture(base, path), "r+", libver="earliest")
    del file[place]
    return file


def shape_of(base, place):
    with h5py.File(FIXTURES / base) as file:
        return file[place].shape


SHAPE = shape_of(FLAT, CONV)


@case("h5-external-storage.h5", "its values are in other files")
def external_storage(path):
    with instead(path) as file:
        file.create_dataset(CONV, SHAPE, "f4", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])


@case("h5-external-storage-in-keras.h5", "its values are in other files")
def external_storage_keras(path):
    shape = shape_of(KERAS, KERNEL)
    with instead(path, KERNEL, KERAS) as file:
        file.create_dataset(KERNEL, shape, "f4", external=[("weights.bin", 0, h5py.h5f.UNLIMITED)])


def virtual(path, source):
    with instead(path) as file:
        layout = h5py.VirtualLayout(SHAPE, "f4")
        layout[...] = h5py.VirtualSource(source, "kernel", SHAPE)
        file.create_virtual_dataset(CONV, layout)


@case("h5-virtual.h5", "is a virtual dataset")
def virtual_elsewhere(path):
    virtual(path, "/etc/passwd")


@case("h5-virtual-itself.h5", "is a virtual dataset")
def virtual_itself(path):
    virtual(path, ".")


@case("h5-never-allocated.h5", "but no stored values")
def never_allocated(path):
    with instead(path) as file:
        file.create_dataset(CONV, SHAPE, "f4")


@case("h5-never-allocated-chunks.h5", "but no stored values")
def never_allocated_chunks(path):
    with instead(path) as file:
        file.create_dataset(CONV, SHAPE, "f4", chunks=(1, 1, 1, 1))


@case("h5-bomb-2-to-50.h5", "but no stored values")
def bomb_contiguous(path):
    with instead(path) as file:
        file.create_dataset(CONV, (1 << 25, 1 << 23), "f4")


@case("h5-bomb-2-to-50-chunked.h5", "its stored data can hold at most")
def bomb_chunked(path):
    with instead(path) as file:
        data = file.create_dataset(CONV, (1 << 25, 1 << 25), "f4", chunks=(64, 64))
        data[:64, :64] = 1


@case("h5-bomb-chunked-beyond-64-bits.h5", "opening the object failed")
def bomb_overflow(path):
    with instead(path) as file:
        data = file.create_dataset(CONV, (7, 64), "f4", chunks=(7, 64), maxshape=(None, None))
        data[...] = 1
    replace(path, struct.pack("<2Q", 7, 64), struct.pack("<2Q", (1 << 63) + 7, 64))


def patched(path, *extents):
    """Other extents for a dataset, and for its largest ones, against which later versions of libhdf5 hold them."""
    fixture(FLAT, path)
    extents += SHAPE[len(extents):]
    replace(path, struct.pack("<8Q", *SHAPE, *SHAPE), struct.pack("<8Q", *extents, *extents))


@case("h5-bomb-patched-2-to-50.h5", ("its stored data can hold at most", *LATER))
def bomb_patched(path):
    patched(path, 1 << 50)


@case("h5-bomb-patched-2-to-64.h5", ("is impossibly large", *LATER))
def bomb_patched_overflow(path):
    patched(path, 1 << 32, 1 << 32)


@case("h5-bomb-patched-small.h5", "its stored data can hold at most")
def bomb_patched_small(path):
    patched(path, SHAPE[0] * 4)


def chunked(file, place, extents, filters, packed):
    """A dataset of one chunk whose stored bytes are given."""
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_chunk(extents)
    for _ in range(filters):
        creation.set_filter(h5py.h5z.FILTER_DEFLATE, h5py.h5z.FLAG_MANDATORY, (9,))
    data = h5py.h5d.create(
        file.id, place.encode(), h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple(extents), creation)
    data.write_direct_chunk((0,) * len(extents), packed)


@case("h5-bomb-deflate.h5", "its stored data can hold at most")
def bomb_deflate(path):
    with instead(path) as file:
        chunked(file, CONV, (1 << 28,), 1, zlib_zeros(1024))


@case("h5-bomb-deflate-twice.h5", "its stored data can hold at most")
def bomb_deflate_twice(path):
    # A chunk that is deflated two times shrinks a millionfold.
    with instead(path) as file:
        chunked(file, CONV, (1 << 28,), 2, zlib.compress(zlib_zeros(1024), 9))


@case("h5-bomb-small-shape-large-chunk.h5", "its stored data can hold at most")
def bomb_chunk(path):
    # The shape is small, the chunk inflates to 1 GiB.
    with instead(path) as file:
        creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        creation.set_chunk((1 << 28,))
        creation.set_deflate(9)
        space = h5py.h5s.create_simple((1000,), (h5py.h5s.UNLIMITED,))
        data = h5py.h5d.create(file.id, CONV.encode(), h5py.h5t.IEEE_F32LE, space, creation)
        data.write_direct_chunk((0,), zlib_zeros(1024))


@case("h5-bomb-many.h5", "the datasets up to this one declare more than")
def bomb_many(path):
    # Each is under the limit of one dataset, 1,000 bytes from one. Together they are 6 GiB from 7 MB.
    with h5py.File(fixture(FLAT, path), "r+") as file:
        packed = zlib_zeros(64)
        packed += bytes((1 << 26) // 900 - len(packed))
        for index in range(96):
            chunked(file, f"layer4.9.conv{index}.weight", (1 << 24,), 1, packed)


@case("h5-bomb-image.h5", "the datasets up to this one declare more than", use="split")
def bomb_image(path):
    # A split of one image of a gigabyte, from 1.2 MB.
    with h5py.File(path, "w") as file:
        packed = zlib_zeros(1024)
        packed += bytes((1 << 30) // 900 - len(packed))
        chunked(file, "images", (1, 1 << 14, 1 << 14, 1), 1, packed)
        file["labels"] = [0]


@case("h5-storage-shared.h5", "its stored data can hold at most")
def beyond_end(path):
    # The values begin in the file and end beyond it.
    with instead(path) as file:
        data = file.create_dataset(CONV, data=numpy.ones(SHAPE, "f4"))
        offset, size = data.id.get_offset(), data.id.get_storage_size()
    replace(path, struct.pack("<QQ", offset, size), struct.pack("<QQ", offset, size // 2))


@case("h5-storage-beyond-end.h5", ("the file is cut off", *LATER))
def offset_beyond_end(path):
    with instead(path) as file:
        data = file.create_dataset(CONV, data=numpy.ones(SHAPE, "f4"))
        offset, size = data.id.get_offset(), data.id.get_storage_size()
    replace(path, struct.pack("<QQ", offset, size), struct.pack("<QQ", 1 << 40, size))


def filtered(path, number, name=b""):
    """A chunk whose filter is another one than deflate."""
    with instead(path) as file:
        data = file.create_dataset(CONV, data=numpy.zeros(SHAPE, "f4"), chunks=SHAPE, compression="lzf")
    content = path.read_bytes()
    assert content.count(struct.pack("<H", 32000)) >= 1
    path.write_bytes(content.replace(struct.pack("<H", 32000), struct.pack("<H", number)))


@case("h5-filter-lzf.h5", "is stored with filter 32000")
def filter_lzf(path):
    filtered(path, 32000)


@case("h5-filter-plugin.h5", "is stored with filter 307")
def filter_plugin(path):
    filtered(path, 307)


@case("h5-filter-scale-offset.h5", "is stored with filter 6")
def filter_scale_offset(path):
    with instead(path) as file:
        file.create_dataset(CONV, data=numpy.zeros(SHAPE, "i4"), chunks=SHAPE, scaleoffset=4)


def chunk_case(name, damage, **how):
    @case(f"h5-chunk-{name}.h5", "reading the values failed", values=True)
    def chunk(path):
        shape = shape_of(KERAS, KERNEL)
        with instead(path, KERNEL, KERAS) as file:
            values = numpy.random.default_rng(0).standard_normal(shape).astype("f4")
            data = file.create_dataset(KERNEL, data=values, chunks=shape, **how)
            place = data.id.get_chunk_info(0)
        content = bytearray(path.read_bytes())
        damage(content, place)
        path.write_bytes(content)


def scribble(content, place):
    for index in range(place.byte_offset + 10, place.byte_offset + place.size, 7):
        content[index] ^= 0x55


def flip(content, place):
    content[place.byte_offset] ^= 1


def move(content, place):
    # The last one: in the chunk's tree, which is made after the header.
    start = content.rindex(struct.pack("<Q", place.byte_offset))
    content[start:start + 8] = struct.pack("<Q", 1 << 30)


chunk_case("damaged", scribble, compression=9)
chunk_case("checksum", flip, fletcher32=True)
chunk_case("beyond-end", move)


# MARK: Types


def typed(name, expected, make):
    @case(f"h5-type-{name}.h5", expected)
    def of_type(path):
        with instead(path) as file:
            make(file)


TYPE = "expected floats or integers of 8 to 64 bits"
typed("string", TYPE, lambda file: file.create_dataset(CONV, data=numpy.full(SHAPE, b"1.0")))
typed("variable-string", TYPE,
      lambda file: file.create_dataset(CONV, data=numpy.full(SHAPE, "1.0", object), dtype=h5py.string_dtype()))
typed("compound", TYPE,
      lambda file: file.create_dataset(CONV, data=numpy.zeros(SHAPE, [("re", "f4"), ("im", "f4")])))
typed("complex", TYPE, lambda file: file.create_dataset(CONV, data=numpy.zeros(SHAPE, "c8")))
typed("boolean", TYPE, lambda file: file.create_dataset(CONV, data=numpy.zeros(SHAPE, "?")))
typed("opaque", TYPE, lambda file: file.create_dataset(CONV, data=numpy.zeros(SHAPE, "V4")))
typed("reference", TYPE,
      lambda file: file.create_dataset(CONV, data=numpy.full(SHAPE, file["/"].ref), dtype=h5py.ref_dtype))
typed("array", TYPE, lambda file: file.create_dataset(CONV, SHAPE, numpy.dtype(("f4", (2,))), data=None))
typed("ragged", TYPE, lambda file: file.create_dataset(CONV, SHAPE, h5py.vlen_dtype("f4")))
typed("float128", TYPE, lambda file: file.create_dataset(CONV, data=numpy.zeros(SHAPE, numpy.longdouble)))
typed("null", "found a null dataspace, expected a shape",
      lambda file: file.create_dataset(CONV, data=h5py.Empty("f4")))
typed("rank", "conv1.weight", lambda file: file.create_dataset(CONV, data=numpy.ones((2,) * 6, "f4")))
typed("no-channels", "has no elements, expected at least one", lambda file: file.create_dataset(CONV, (SHAPE[0], 0, 3, 3), "f4"))


@case("h5-type-big-endian-nan.h5", "stem_conv", values=True)
def big_endian_nan(path):
    # Big-endian is read; it is then seen that the numbers are none.
    shape = shape_of(KERAS, KERNEL)
    with instead(path, KERNEL, KERAS) as file:
        file.create_dataset(KERNEL, data=numpy.full(shape, numpy.nan, ">f8"))


@case("h5-images-of-strings.h5", TYPE, use="split")
def images_of_strings(path):
    with h5py.File(path, "w") as file:
        file["images"] = numpy.full((2, 28, 28, 1), b"0")
        file["labels"] = [0, 1]


@case("h5-images-big-endian-int32.h5", "elements are int32 from 0 to 0, expected uint8", use="split")
def images_of_integers(path):
    with h5py.File(path, "w") as file:
        file["images"] = numpy.zeros((2, 28, 28, 1), ">i4")
        file["labels"] = [0, 1]


@case("h5-images-huge.h5", "but no stored values", use="split")
def images_huge(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("images", (1 << 40, 28, 28, 1), "u1")
        file["labels"] = [0, 1]


@case("h5-labels-huge.h5", "labels", use="split")
def labels_huge(path):
    with h5py.File(path, "w") as file:
        file["images"] = numpy.zeros((2, 28, 28, 1), "u1")
        file["labels"] = numpy.array([0, (1 << 64) - 1], "u8")


@case("h5-labels-strings-in-one-place.h5", "declares", use="split")
def strings_in_one_place(path):
    # A thousand references to the same megabyte.
    with h5py.File(path, "w") as file:
        file["images"] = numpy.zeros((1000, 28, 28, 1), "u1")
        labels = file.create_dataset("labels", data=["x" * 1_000_000] + ["y"] * 999, dtype=h5py.string_dtype())
        offset = labels.id.get_offset()
    content = bytearray(path.read_bytes())
    content[offset:offset + 16_000] = content[offset:offset + 16] * 1000
    path.write_bytes(content)


@case("h5-labels-many-null-strings.h5", "strings of shape", use="split")
def null_strings(path):
    with h5py.File(path, "w") as file:
        file["images"] = numpy.zeros((2, 28, 28, 1), "u1")
        file.create_dataset("labels", (2000, 2000), h5py.string_dtype(), chunks=(2000, 2000), compression=9)
        file["labels"][:1] = "x"


@case("h5-images-linked.h5", "found an external link, expected a hard link", use="split")
def images_linked(path):
    with h5py.File(path, "w") as file:
        file["images"] = h5py.ExternalLink("/etc/passwd", "/images")
        file["labels"] = [0, 1]


# MARK: Attributes


@case("h5-attribute-16-mib.h5", "expected at most 16777216")
def attribute_huge(path):
    with h5py.File(path, "w", libver="latest") as file:
        file.create_group("model_weights")
        file.attrs.create("model_config", numpy.zeros((1 << 24) + 1, "S1"))


@case("h5-attribute-names-many.h5", "expected at most 16777216")
def attribute_names(path):
    with h5py.File(path, "w", libver="latest") as file:
        group = file.create_group("model_weights")
        file.attrs["model_config"] = "{}"
        group.attrs.create("layer_names", numpy.zeros(20_000_000 // 100, "S100"))


@case("h5-attribute-one-string-4000-times.h5", "attribute 'layer_names' has 4194304000 bytes")
def attribute_shared(path):
    # 4,000 names, each the same megabyte of the file: 4 GB once they are read.
    with h5py.File(fixture(KERAS, path), "r+", libver="earliest") as file:
        del file["model_weights"].attrs["layer_names"]
        names = ["x" * (1 << 20)] + ["y"] * 3999
        file["model_weights"].attrs.create("layer_names", names, dtype=h5py.string_dtype())
        content = None
    content = path.read_bytes()
    # An element is the length, the collection's address and the index in it.
    start = content.index(struct.pack("<I", 1 << 20), 0)
    while content[start + 16:start + 20] != struct.pack("<I", 1):
        start = content.index(struct.pack("<I", 1 << 20), start + 1)
    path.write_bytes(content[:start] + content[start:start + 16] * 4000 + content[start + 64_000:])


@case("h5-attribute-config-100-mb.h5", "attribute 'model_config' has 100000010 bytes, expected at most 16777216")
def config_100_mb(path):
    with h5py.File(fixture(KERAS, path), "r+") as file:
        file.attrs["model_config"] = '{"a": [' + "0," * 50_000_000 + "0]}"


@case("h5-attribute-config-integer.h5", "attribute 'model_config' is")
def config_integer(path):
    with h5py.File(fixture(KERAS, path), "r+") as file:
        file.attrs["model_config"] = 7


@case("h5-attribute-config-empty.h5", "attribute 'model_config' is 0 strings, expected one string")
def config_empty(path):
    with h5py.File(fixture(KERAS, path), "r+") as file:
        file.attrs.create("model_config", numpy.zeros(0, "S1"))


@case("h5-attribute-names-of-numbers.h5", "attribute 'layer_names' is")
def names_of_numbers(path):
    with h5py.File(fixture(KERAS, path), "r+") as file:
        file["model_weights"].attrs["layer_names"] = [1.0, 2.0]


@case("h5-attribute-missing.h5", "attribute 'layer_names' is missing")
def names_missing(path):
    with h5py.File(fixture(KERAS, path), "r+") as file:
        del file["model_weights"].attrs["layer_names"]


@case("h5-attribute-names-in-parts.h5", "missing, expected a")
def names_in_parts(path):
    # A list in 2,000 parts of one name each.
    with h5py.File(fixture(KERAS, path), "r+", libver="latest") as file:
        attributes = file["model_weights"].attrs
        del attributes["layer_names"]
        for part in range(2_000):
            attributes.create(f"layer_names{part}", [b"x"], dtype="S1")


# MARK: The file as a whole


@case("h5-cut-off.h5", "the file is cut off")
def cut_off(path):
    content = fixture(KERAS, path).read_bytes()
    path.write_bytes(content[:-1000])


@case("h5-empty.h5", "the file is empty")
def empty(path):
    path.write_bytes(b"")


@case("h5-signature-only.h5", "opening the file failed")
def signature_only(path):
    path.write_bytes(b"\x89HDF\r\n\x1a\n")


@case("h5-html.h5", "it looks like an HTML page")
def html(path):
    path.write_text("<!DOCTYPE html><html><body>404</body></html>")


@case("h5-git-lfs.h5", "it is a Git LFS pointer")
def git_lfs(path):
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")


@case("h5-root-elsewhere.h5", "failed")
def root_elsewhere(path):
    # The superblock's symbol table entry of the root group: its header's address.
    content = bytearray(fixture(KERAS, path).read_bytes())
    content[64:72] = struct.pack("<Q", 1 << 60)
    path.write_bytes(content)


@case("h5-random.h5", "failed")
def random_after_signature(path):
    noise = numpy.random.default_rng(0).bytes(100_000)
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + noise)


@case("h5-superblock-of-chunk-layout.h5", "failed")
def damaged_layout(path):
    # libhdf5 1.10.8 divides by zero over a chunk whose extents are.
    with instead(path) as file:
        file.create_dataset(CONV, data=numpy.ones(SHAPE, "f4"), chunks=SHAPE)
    chunk = struct.pack("<5I", *SHAPE, 4)
    replace(path, chunk, bytes(len(chunk)))
