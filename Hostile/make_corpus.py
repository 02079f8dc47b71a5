#!/usr/bin/env python3
"""Writes hostile files, one a case, and `manifest.json`: how each is given to normconv and what it must say.

    make_corpus.py FOLDER
"""

import argparse
import json
import pathlib

import archives  # noqa: F401
import hdf5_links  # noqa: F401
import hdf5_storage  # noqa: F401
import images  # noqa: F401
import pickles  # noqa: F401
import pickles_of_networks  # noqa: F401
import texts  # noqa: F401
from corpus import CASES


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    chosen = [case for case in CASES if options.only in case.name]
    for case in chosen:
        case.make(options.folder / case.name)
    manifest = [
        {"file": case.name, "use": case.use, "expected": case.expected, "values": case.values} for case in chosen]
    (options.folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    print(f"{len(chosen)} hostile files in {options.folder}")


if __name__ == "__main__":
    main()
