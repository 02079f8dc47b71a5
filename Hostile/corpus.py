"""What the makers of hostile files share: the register of cases, and small helpers."""

import pathlib
import shutil
import struct
import zlib
from dataclasses import dataclass
from typing import Callable

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "Fixtures"


@dataclass
class Case:
    """One hostile file: how it is made, how it is given to normconv, and a part of the error that it must give, or
    several where another version of a library finds the damage first: one of them."""

    name: str
    expected: tuple[str, ...]
    make: Callable[[pathlib.Path], None]
    # network | computed | split | image | classes | architecture
    use: str
    # Only the values are hurt: `inspect`, which reads none, may pass.
    values: bool


CASES: list[Case] = []


def case(name, expected, use="network", values=False):
    """Registers a function that makes the file of a case at a path."""

    def register(make):
        assert all(name != other.name for other in CASES), name
        one_of = (expected,) if isinstance(expected, str) else expected
        CASES.append(Case(name, one_of, make, use, values))
        return make

    return register


def fixture(name, path):
    """A copy of a good file, which is then damaged."""
    shutil.copyfile(FIXTURES / name, path)
    return path


def replace(path, old, new, count=1):
    """Exchanges bytes that must be there, for others of the same length."""
    content = path.read_bytes()
    assert old in content, (path, old)
    assert len(old) == len(new)
    path.write_bytes(content.replace(old, new, count))


def deflated_zeros(megabytes):
    """A raw deflate stream of zeros, a thousandth of their size, made without compressing them all."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = stream.compress(bytes(1 << 20)) + stream.flush(zlib.Z_FULL_FLUSH)
    return block * megabytes + b"\3\0"


def zlib_zeros(megabytes):
    """The same in zlib's wrapping: the checksum's halves are 1 and the number of zeros."""
    adler = ((megabytes << 20) % 65521) << 16 | 1
    return b"\x78\xda" + deflated_zeros(megabytes) + struct.pack(">I", adler)


def gzip_zeros(start, megabytes):
    """Some bytes and then zeros, as a gzip file."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = stream.compress(start) + stream.flush(zlib.Z_FULL_FLUSH)
    crc, zeros = zlib.crc32(start), bytes(1 << 20)
    for _ in range(megabytes):
        crc = zlib.crc32(zeros, crc)
    size = (len(start) + (megabytes << 20)) & 0xFFFFFFFF
    return (b"\x1f\x8b\x08\0\0\0\0\0\2\xff" + first + deflated_zeros(megabytes)
            + struct.pack("<II", crc, size))
