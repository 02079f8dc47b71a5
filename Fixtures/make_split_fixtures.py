"""Images with labels as strings of every kind that h5py writes, in texts.h5.

Attribute `offset` of `variable` is where its references to the heap begin in the file.
"""

import sys
from pathlib import Path

import h5py
import numpy as np

NAMES = ["dog", "cat", "ünit", "cat", "dog", "eel"]


def main(output: Path) -> None:
    random = np.random.default_rng(0)
    encoded = np.array([name.encode() for name in NAMES])
    spaced = h5py.h5t.C_S1.copy()
    spaced.set_size(8)
    spaced.set_strpad(h5py.h5t.STR_SPACEPAD)
    with h5py.File(output / "texts.h5", "w") as file:
        file["images"] = random.integers(0, 256, (len(NAMES), 2, 2, 3), "u1")
        file["fixed"] = encoded
        file["column"] = encoded[:, None]
        space = h5py.h5s.create_simple((len(NAMES),))
        padded = h5py.h5d.create(file.id, b"spaced", spaced, space)
        padded.write(h5py.h5s.ALL, h5py.h5s.ALL, np.array([name.ljust(8) for name in encoded.astype("S8")], "S8"), spaced)
        variable = file.create_dataset("variable", data=NAMES, dtype=h5py.string_dtype())
        variable.attrs["offset"] = variable.id.get_offset()
        file.create_dataset("chunked", data=NAMES, dtype=h5py.string_dtype(), chunks=(4,), compression=9)
        file["digits"] = np.array([b"2", b"0", b"1", b"0", b"2", b"10"])
        file["booleans"] = np.array([True, False, False, True, False, True])
        file["numbers"] = np.arange(6)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
