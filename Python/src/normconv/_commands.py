"""The commands `convert`, `eval` and `inspect` as functions."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from . import _binary
from ._reading import from_json
from ._reports import Conversion, Evaluation, Inspection

#: A file's path.
Path = str | os.PathLike[str]


def convert(input: Path, output: Path | None = None, *, progress: bool = False, **options: Any) -> Conversion:
    """Converts a network: `normconv convert INPUT OUTPUT`.

    Options are the command's, with `_` for `-`: `groups="size:8", ws="off", force=True, calibrate="images.h5"`.
    Without an output, pass `in_place=True`. `dry_run=True` writes nothing.
    """
    files = [input] if output is None else [input, output]
    return from_json(Conversion, _binary.run("convert", files, options, progress))


def evaluate(models: Path | Sequence[Path], data: Path, *, progress: bool = False, **options: Any) -> Evaluation:
    """Scores one or several networks on a split with labels: `normconv eval MODEL... --data DATA`."""
    files = [models] if isinstance(models, (str, os.PathLike)) else list(models)
    options = {"data": os.fspath(data), **options}
    return from_json(Evaluation, _binary.run("eval", files, options, progress))


def inspect(model: Path, **options: Any) -> Inspection:
    """Reads what network is in a file: `normconv inspect MODEL`."""
    return from_json(Inspection, _binary.run("inspect", [model], options))
