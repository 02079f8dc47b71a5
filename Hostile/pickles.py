"""Pickles that attack the machine that reads them: calls, opcodes, limits, tensors, arrays."""

import struct
import zipfile

from archives import members, write
from corpus import case

TORCH = "torchvision-bottleneck.pth"


def torch(path, data, others=(("version", b"3\n"),), method=zipfile.ZIP_STORED):
    """A checkpoint of PyTorch's around a pickle."""
    write(path, [("archive/data.pkl", data), *[("archive/" + name, content) for name, content in others]], method)


def number(value):
    return b"\x8a\x08" + struct.pack("<q", value)


def numbers(values):
    return b"(" + b"".join(map(number, values)) + b"t"


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value


def storage(kind=b"FloatStorage", key=b"0", count=4, view=b""):
    """The identifier of a storage; before 1.6 with a view."""
    return (b"(" + text(b"storage") + b"ctorch\n" + kind + b"\n" + text(key) + text(b"cpu") + number(count) + view
            + b"tQ")


def tensor(shape=(4,), strides=(1,), offset=0, stored=None):
    return (b"ctorch._utils\n_rebuild_tensor_v2\n(" + (stored or storage()) + number(offset) + numbers(shape)
            + numbers(strides) + b"\x89ccollections\nOrderedDict\n)RtR")


def dictionary(*items):
    """Pairs of a key, a string, and the code of a value."""
    return b"}(" + b"".join(text(key) + value for key, value in items) + b"u"


def pickled(code):
    return b"\x80\x02" + code + b"."


def call_case(name, function, expected):
    @case(f"pickle-{name}.pth", expected)
    def call(path):
        module, _, attribute = function.rpartition(".")
        torch(path, pickled(f"c{module}\n{attribute}\n(".encode() + text(b"touch x") + b"tR"))


for name, function in [
    ("os-system", "os.system"), ("posix-system", "posix.system"), ("eval", "builtins.eval"),
    ("exec", "builtins.exec"), ("popen", "subprocess.Popen"), ("runpy", "runpy.run_path"),
    ("import", "builtins.__import__"),
]:
    call_case(name, function, f"the pickle names '{function}'")
# Nothing is called, and there are no tensors.
for name, function in [
    ("getattr", "builtins.getattr"), ("torch-load", "torch.load"), ("torch-jit", "torch.jit.load"),
    ("numpy-scalar", "numpy._core.multiarray.scalar"), ("own-class", "own.Network"),
    ("attribute-path", "torch._utils._rebuild_tensor_v2.__globals__"),
]:
    call_case(name, function, "expected a state_dict")
call_case("codecs", "_codecs.encode", "the pickle holds bytes")


@case("pickle-stack-global.pth", "the pickle names 'os.system'")
def stack_global(path):
    torch(path, b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.")


@case("pickle-inst.pth", "the pickle names 'os.system'")
def inst(path):
    torch(path, b"(X\x04\0\0\0trueios\nsystem\n.")


@case("pickle-obj.pth", "a dict without tensors")
def obj(path):
    torch(path, b"(ccollections\nOrderedDict\nX\x04\0\0\0trueo.")


@case("pickle-newobj.pth", "a dict without tensors")
def newobj(path):
    torch(path, b"\x80\x02ccollections\nOrderedDict\n)\x81.")


@case("pickle-extension.pth", "opcode 0x82")
def extension(path):
    torch(path, b"\x80\x02\x82\x01.")


@case("pickle-memo-cycle.pth", "expected a state_dict")
def memo_cycle(path):
    torch(path, b"\x80\x02]q\x00h\x00a.")


@case("pickle-dictionary-cycle.pth", "nested deeper than 32 levels")
def dictionary_cycle(path):
    torch(path, b"\x80\x02}q\x00X\x01\0\0\0ah\x00s.")


@case("pickle-dictionaries-of-2-to-31.pth", "more than 1000000 entries")
def dictionaries(path):
    data = b"\x80\x02}q\x00"
    for level in range(31):
        data += b"}q" + bytes([level + 1]) + b"(X\1\0\0\0ah" + bytes([level]) + b"X\1\0\0\0bh" + bytes([level]) + b"u"
    torch(path, data + b".")


@case("pickle-lists-a-million-deep.pth", ("expected a state_dict", "values"))
def deep_lists(path):
    torch(path, b"\x80\x02" + b"]" * 1_000_000 + b"a" * 999_999 + b".")


@case("pickle-no-stop.pth", "the pickle ends early")
def no_stop(path):
    torch(path, b"\x80\x02}")


@case("pickle-empty.pth", "the pickle ends early")
def empty(path):
    torch(path, b"")


@case("pickle-string-of-2-gib.pth", "the pickle ends early")
def long_string(path):
    torch(path, b"\x80\x02X" + struct.pack("<I", (1 << 32) - 1) + b"x.")


@case("pickle-string-of-2-to-63.pth", "the pickle ends early")
def longer_string(path):
    torch(path, b"\x80\x04\x8d" + struct.pack("<Q", 1 << 63) + b"x.")


@case("pickle-wide-integer.pth", "the pickle holds an int")
def wide_integer(path):
    torch(path, b"\x80\x02\x8a\xff" + bytes(255) + b".")


@case("pickle-memo-unknown.pth", "memo 9 is read before")
def memo_unknown(path):
    torch(path, b"\x80\x02h\x09.")


@case("pickle-no-mark.pth", "found no mark")
def no_mark(path):
    torch(path, b"\x80\x02t.")


@case("pickle-string-not-utf8.pth", "a string that is not UTF-8")
def string_not_utf8(path):
    torch(path, b"\x80\x02X\x02\0\0\0\xff\xfe.")


def tensor_case(name, expected, shape, strides, offset=0, count=4, stored=None):
    @case(f"pickle-tensor-{name}.pth", expected)
    def hurt(path):
        data = pickled(dictionary((b"conv1.weight", tensor(shape, strides, offset, storage(count=count)))))
        torch(path, data, [("version", b"3\n"), ("data/0", bytes(4 * count if stored is None else stored))])


tensor_case("beyond-storage", "tensor: found", [5], [1])
tensor_case("stride-0", "at most 100 times as many elements", [1 << 40], [0])
tensor_case("stride-negative", "tensor: found", [4], [-1], offset=3)
tensor_case("stride-overflow", "tensor: found", [2, 2], [1 << 62, 1 << 62])
tensor_case("shape-overflow", "tensor: found", [1 << 40, 1 << 40], [1, 1])
tensor_case("shape-negative", "tensor: found", [-4], [1])
tensor_case("offset-negative", "tensor: found", [1], [1], offset=-1)
tensor_case("storage-short", "bytes, expected 4000", [4], [1], count=1000, stored=16)
tensor_case("storage-of-2-to-62", "bytes, expected", [4], [1], count=1 << 62, stored=16)


@case("pickle-tensor-storage-missing.pth", "no member 'archive/data/0'")
def storage_missing(path):
    contents = members(TORCH)
    folder = next(iter(contents)).split("/")[0]
    write(path, [(name.replace(folder, "archive", 1), content) for name, content in contents.items()
                 if not name.endswith("/data/0")])


@case("pickle-bare.pth", "the pickle names 'os.system'")
def bare(path):
    path.write_bytes(b"\x80\x02cos\nsystem\n(X\x04\0\0\0truetR.")


@case("pickle-big-endian.pth", "big-endian numbers")
def big_endian(path):
    torch(path, b"\x80\x02}.", [("byteorder", b"big")])


# MARK: Work and memory


def bomb_case(name, expected, code, method=zipfile.ZIP_DEFLATED):
    @case(f"pickle-bomb-{name}.pth", expected)
    def bomb(path):
        torch(path, pickled(code()), method=method)


MEBI = 1 << 20
for name, opcode in [("none", b"N"), ("tuples", b")"), ("lists", b"]"), ("dictionaries", b"}"), ("marks", b"("),
                     ("copies", b"2")]:
    bomb_case(name, "values", lambda opcode=opcode: b"N" + opcode * (16 * MEBI))
bomb_case("memo", "values", lambda: b"N" + b"\x94" * (16 * MEBI))
bomb_case("tuples-in-tuples", "values", lambda: b")" + b"\x85" * (16 * MEBI))
bomb_case("256-mib", "expected at most", lambda: b"N0" * (129 * MEBI))
bomb_case("ordered-dictionaries", "values", lambda: (
    b"](" + b"N" * 100_000 + b"eq\0" + b"ccollections\nOrderedDict\nh\0\x85R0" * 10_000))
bomb_case("bytes-of-a-string", "bytes of arrays", lambda: (
    text(b"A" * MEBI) + b"q\0" + b"c_codecs\nencode\nh\0\x85R" * 10_000))
bomb_case("shape-of-a-million", "tensor: found", lambda: (
    b"(" + b"K\x01" * 500_000 + b"tq\0" + b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage() + b"K\0h\0h\0tR"))
bomb_case("line", "bytes in a line", lambda: b"c" + b"a" * (16 * MEBI) + b"\nb\n")
bomb_case("name-of-a-class", "expected a state_dict", lambda: b"ca\n" + b"b" * 60_000 + b"\n)R")


# MARK: Objects


def object_case(name, expected, code):
    @case(f"pickle-object-{name}.pth", expected)
    def own(path):
        torch(path, pickled(code))


OWN = b"cown\nClass\n"
object_case("called", "expected a state_dict", OWN + b")R" + b")R" * 1000)
object_case("without-arguments", "found an empty stack", OWN + b"R")
object_case("arguments-no-tuple", "expected a tuple of arguments", OWN + b"NR")
object_case("called-none", "expected a function", b"N)R")
object_case("with-arguments-by-name", "expected a state_dict", OWN + b")}\x92")
object_case("state-on-none", "expected an object", b"N}b")
object_case("state-no-dictionary", "expected a state_dict", OWN + b")\x81K\x07b")
object_case("state-itself", "expected a state_dict", OWN + b")\x81q\0h\0b")
object_case("items-of-none", "expected a dict", b"N(NNu")
object_case("in-a-circle", "expected a state_dict", OWN + b")\x81q\0}" + text(b"self") + b"h\0sb")
object_case("buffers-beside-the-file", "opcode 0x97", b"\x97")
object_case("class-without-names", "expected two names", b"NN\x93")
object_case("empty-obj", "expected a class", b"(o")


# MARK: Arrays


def array(shape=(4,), kind=b"f4", order=b"<", data=bytes(16), fortran=b"\x89"):
    """An array of numpy's by its state."""
    dtype = (b"cnumpy\ndtype\n(" + text(kind) + b"\x89\x88tR(K\x03" + text(order) + b"NNN" + number(-1) * 2
             + b"K\0tb")
    return (b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\0\x85C\x01btR(K\x01" + numbers(shape) + dtype
            + fortran + b"B" + struct.pack("<I", len(data)) + data + b"tb")


def array_case(name, expected, **changes):
    @case(f"pickle-array-{name}.pkl", expected)
    def hurt(path):
        path.write_bytes(pickled(dictionary((b"conv1.weight", array(**changes)))))


array_case("short", "another shape", data=bytes(15))
array_case("long", "another shape", data=bytes(20))
array_case("shape-negative", "another shape", shape=(-4,))
array_case("shape-overflow", "another shape", shape=(1 << 40, 1 << 40))
array_case("shape-overflow-fortran", "another shape", shape=(1 << 40, 1 << 40), fortran=b"\x88")
array_case("objects", "an array of '|O'", kind=b"O", order=b"|")
array_case("big-endian", "an array of '>f4'", order=b">")
array_case("records", "an array of '|V8'", kind=b"V8", order=b"|")


@case("pickle-array-no-type.pkl", "expected a state_dict")
def array_no_type(path):
    path.write_bytes(pickled(dictionary((b"a.b", b"cnumpy._core.multiarray\n_reconstruct\n)R(K\x01)N\x89NtbN0"))))


@case("pickle-array-buffer.pkl", "found an array of objects")
def array_buffer(path):
    path.write_bytes(pickled(dictionary((b"a.b", b"cnumpy._core.numeric\n_frombuffer\n(NNNNtR"))))


@case("pickle-array-of-2-to-63.pkl", "the pickle ends early")
def array_large(path):
    path.write_bytes(b"\x80\x05\x8e" + struct.pack("<Q", (1 << 63) - 1) + b"x.")
