"""Pickles that attack the search for a network: keys, modules, TorchScript, the format before 1.6."""

import struct
import zipfile

from corpus import case
from pickles import MEBI, OWN, dictionary, number, pickled, storage, tensor, text, torch

FLOATS = [("version", b"3\n"), ("data/0", bytes(16))]
STATE = dictionary((b"conv1.weight", tensor()), (b"conv1.bias", tensor()))


def network_case(name, expected, code, members=FLOATS, method=zipfile.ZIP_STORED):
    @case(f"pickle-network-{name}.pth", expected)
    def hurt(path):
        torch(path, pickled(code() if callable(code) else code), members, method)


# MARK: Keys

network_case("two", "choose one with --key", dictionary((b"online", STATE), (b"target", STATE)))
network_case("control-characters", "'a\\n\\u{1B}[2J'", dictionary((b"a\n\x1b[2J", STATE), (b"b", STATE)))
network_case("long-keys", "choose one with --key", dictionary((b"a" * MEBI, STATE), (b"b" * MEBI, STATE)))
network_case("ten-thousand", "and 9988 more", dictionary(
    *[(str(index).encode(), dictionary((b"a.b", tensor()))) for index in range(10_000)]))
network_case("optimizer", "expected a state_dict", dictionary(
    (b"optimizer", b"}(" + text(b"state") + b"}K\0" + dictionary((b"exp_avg", tensor())) + b"s" + text(b"param_groups")
     + b"]u")))
network_case("numbers", "expected a state_dict", b"}(K\0" + tensor() + b"u")
network_case("duplicate", "occurs twice", b"](" + (text(b"a.b") + tensor() + b"\x86") * 2 + b"e")


def usual_keys():
    """Each of 30 dictionaries has the one below it under six usual keys."""
    code = b"}q\0"
    for level in range(30):
        keys = [b"state_dict", b"model", b"module", b"net", b"params", b"weights"]
        code += b"}q" + bytes([level + 1]) + b"(" + b"".join(text(key) + b"h" + bytes([level]) for key in keys) + b"u"
    return code


network_case("usual-keys-of-6-to-30", "more than 1000000 entries", usual_keys)

# MARK: Tensors that are not read

for name, function, kind in [("quantized", "_rebuild_qtensor", "a quantized tensor"),
                             ("sparse", "_rebuild_sparse_tensor", "a sparse tensor"),
                             ("nested", "_rebuild_nested_tensor", "a nested tensor"),
                             ("meta", "_rebuild_meta_tensor_no_storage", "a tensor without numbers")]:
    network_case(name, f"parameter 'a.b': found {kind}",
                 dictionary((b"a.b", f"ctorch._utils\n{function}\n)R".encode())))
network_case("complex", "a tensor of ComplexFloatStorage",
             dictionary((b"a.b", tensor(stored=storage(b"ComplexFloatStorage")))))
network_case("unknown-storage", "expected ('storage'", dictionary((b"a.b", tensor(stored=storage(b"OwnStorage")))))
network_case("subclass-of-subclasses", "a tensor of a class of its own", dictionary(
    (b"a.b", b"ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._tensor\n_rebuild_from_type_v2\nN)NtR")))
network_case("type-of-another-size", "expected a view", dictionary(
    (b"a.b", b"ctorch._utils\n_rebuild_tensor_v3\n(" + storage(b"UntypedStorage", count=15) + number(0)
     + b"(K\x08t(K\x01t\x89Nctorch\nuint16\ntR")))
network_case("parameter-of-none", "expected a tensor",
             dictionary((b"a.b", b"ctorch._utils\n_rebuild_parameter\n(NtR")))

# 300 tensors of a million elements, each on a storage of four.
network_case("expanded-to-a-gigabyte", "elements of expanded tensors", dictionary(
    *[(f"a.{index}".encode(), tensor([1 << 20], [0])) for index in range(300)]))

# MARK: Modules


def module(parameters=b"}", buffers=b"}", modules=b"}", not_persistent=b"]"):
    return OWN + b")\x81" + dictionary(
        (b"_parameters", parameters), (b"_buffers", buffers), (b"_modules", modules),
        (b"_non_persistent_buffers_set", not_persistent)) + b"b"


network_case("module-empty", "the pickle holds an object of 'own.Class'", module())
network_case("module-nothing-persistent", "the pickle holds an object", module(
    buffers=dictionary((b"a", tensor())), not_persistent=b"(" + text(b"a") + b"\x91"))
network_case("module-in-itself", "nested deeper than 32 levels", OWN + b")\x81q\0" + dictionary(
    (b"_parameters", b"}"), (b"_modules", dictionary((b"a", b"h\0")))) + b"b")


def shared_modules():
    """Each of 31 modules has the one below it twice."""
    code = b"Nq\0"
    for level in range(31):
        below = b"h" + bytes([level])
        code += module(modules=dictionary((b"a", below), (b"b", below))) + b"q" + bytes([level + 1]) + b"0"
    return code + b"h\x1f"


def long_names():
    """A thousand modules with one name of a megabyte."""
    inner = OWN + b")\x81" + dictionary((b"_parameters", b"}")) + text(b"_modules") + b"}h\0h\x01ssb"
    modules = b"}(" + b"".join(text(str(index).encode()) + inner for index in range(1000)) + b"u"
    return (text(b"a" * MEBI) + b"q\0" + module(parameters=dictionary((b"w", tensor()))) + b"q\x01"
            + module(modules=modules))


def long_sets():
    """A thousand modules that share a list of buffers that are not saved."""
    modules = b"".join(text(str(index).encode()) + module(not_persistent=b"h\0") for index in range(1000))
    return b"](" + b"N" * 200_000 + b"eq\0" + module(modules=b"}(" + modules + b"u")


network_case("module-of-2-to-31", "more than 1000000 entries", shared_modules)
network_case("module-names-of-a-gigabyte", "bytes of names", long_names)
network_case("module-names-never-saved", "entries", long_sets)
network_case("module-parameters-no-dictionary", "expected a state_dict", module(parameters=b"N"))
network_case("module-storage-missing", "no member 'archive/data/0'",
             module(parameters=dictionary((b"a", tensor()))), FLOATS[:1])

# MARK: TorchScript

SCRIPT = b"c__torch__\nNet\n)\x81"
CODE = b"class Net(Module):\n  __parameters__ = [\"a\", ]\n  __buffers__ = []\n"


def script_case(name, expected, code, text=CODE, method=zipfile.ZIP_STORED):
    @case(f"pickle-script-{name}.pt", expected)
    def hurt(path):
        torch(path, pickled(code), [*FLOATS, ("constants.pkl", b"\x80\x02)."), ("code/__torch__.py", text)], method)


script_case("frozen", "the TorchScript archive has no parameters", SCRIPT + b"}b")
script_case("no-parameters", "the TorchScript archive has no parameters", SCRIPT + dictionary((b"b", tensor())) + b"b")
script_case("parameter-no-tensor", "the TorchScript archive has no parameters", SCRIPT + dictionary((b"a", b"K\x01")) + b"b")
script_case("no-module", "the TorchScript archive has no parameters", SCRIPT + dictionary((b"a", tensor())) + b"b",
            b"class Net:\n  a : Tensor\n")
script_case("in-itself", "nested deeper than 32 levels",
            SCRIPT + b"q\0" + dictionary((b"a", tensor()), (b"b", b"h\0")) + b"b")
script_case("code-of-400-mb", "expected at most", SCRIPT + b"}b", bytes(400 * MEBI), zipfile.ZIP_DEFLATED)
script_case("code-not-utf8", "the TorchScript archive has no parameters", SCRIPT + b"}b",
            b"class Net(Module):\n  __parameters__ = [\"\xff\", ]\n")
script_case("million-parameters", "the TorchScript archive has no parameters", SCRIPT + b"}b",
            b"class Net(Module):\n  __parameters__ = [" + b"\"a\", " * 500_000 + b"]\n")
script_case("calls", "the pickle names 'os.system'", b"cos\nsystem\n(" + text(b"touch x") + b"tR")

# MARK: The format before 1.6

MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."


def old_case(name, expected, state=STATE, version=number(1001), system=b"}", keys=b"](" + text(b"0") + b"e",
             data=struct.pack("<q", 4) + bytes(16)):
    @case(f"pickle-old-{name}.pth", expected)
    def hurt(path):
        path.write_bytes(MAGIC + pickled(version) + pickled(system) + pickled(state) + pickled(keys) + data)


def old_tensor(view):
    return dictionary((b"a.b", tensor(stored=storage(view=view))))


old_case("version", "version of the format: found 1002", version=number(1002))
old_case("version-none", "version of the format: found None", version=b"N")
old_case("big-endian", "big-endian numbers", system=b"}" + text(b"little_endian") + b"\x89s")
old_case("calls", "the pickle names 'os.system'", state=b"cos\nsystem\n(" + text(b"touch x") + b"tR")
old_case("no-keys", "storage '0': found nothing", keys=b"]", data=b"")
old_case("keys-none", "storage '0': found nothing", keys=b"N")
old_case("key-unknown", "no tensor of it", keys=b"](" + text(b"0") + text(b"1") + b"e",
         data=struct.pack("<q", 4) + bytes(24))
old_case("key-twice", "found it twice", keys=b"](" + text(b"0") * 2 + b"e",
         data=(struct.pack("<q", 4) + bytes(16)) * 2)
old_case("count-other", "found 5 elements, expected 4", data=struct.pack("<q", 5) + bytes(20))
old_case("count-of-2-to-62", "elements of 4",
         state=dictionary((b"a.b", tensor(stored=storage(count=1 << 62)))), data=struct.pack("<q", 1 << 62) + bytes(16))
old_case("short", "expected 4 elements of 4", data=struct.pack("<q", 4) + bytes(15))
old_case("no-data", "expected", data=b"")
old_case("view-outside", "expected a view of 4 elements",
         state=old_tensor(b"(" + text(b"1") + number(2) + number(3) + b"t"))
old_case("view-negative", "expected a view of 4 elements",
         state=old_tensor(b"(" + text(b"1") + number(-1) + number(3) + b"t"))
old_case("view-overflow", "expected a view of 4 elements",
         state=old_tensor(b"(" + text(b"1") + number((1 << 63) - 1) + number((1 << 63) - 1) + b"t"))
old_case("view-beyond", "expected a view inside", state=dictionary(
    (b"a.b", tensor(offset=2, stored=storage(view=b"(" + text(b"1") + number(2) + number(2) + b"t")))))
old_case("module-of-none", "expected a state_dict", state=b"(" + text(b"module") + b"NNNtQ")


@case("pickle-old-magic-alone.pth", "the pickle ends early")
def magic_alone(path):
    path.write_bytes(MAGIC)
