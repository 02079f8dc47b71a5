"""What conversions of live models share: options, images, errors without temporary paths."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ._errors import Error
from ._reports import Conversion


def options(groups: str | int, ws: bool | str, others: dict[str, Any]) -> dict[str, Any]:
    """The command's options. What is left at its default does not override a recipe or `to`."""
    chosen: dict[str, Any] = {}
    if groups != "auto":
        chosen["groups"] = groups
    if ws is not True or "recipe" not in others:
        chosen["ws"] = ws if isinstance(ws, str) else "on" if ws else "off"
    return {**chosen, **others}


def images_options(images: Any, folder: Path, layout: str) -> dict[str, Any]:
    """The options that calibrate on these images: an array as the network takes it, or the path of images."""
    if images is None:
        return {}
    if isinstance(images, (str, os.PathLike)):
        return {"calibrate": os.fspath(images)}
    path = folder / "images.npy"
    np.save(path, np.asarray(images, dtype=np.float32))
    return {"calibrate": path, "image_layout": layout, "preprocess": "raw"}


@contextmanager
def naming(model: object, *paths: Path) -> Iterator[None]:
    """Errors name the model's class in place of temporary files."""
    try:
        yield
    except Error as error:
        name = type(model).__name__
        message = error.message
        for path in paths:
            message = message.replace(str(path), name)
        raise Error(
            message,
            object=error.object,
            found=error.found,
            expected=error.expected,
            exit_code=error.exit_code,
        ) from None


def warn(report: Conversion) -> None:
    """The report's warnings, as from the caller of `to_groupnorm`."""
    for line in report.warnings:
        warnings.warn(line, stacklevel=4)
