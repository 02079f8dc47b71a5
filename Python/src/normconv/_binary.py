"""The command `normconv`: where it is, and how it is called."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ._errors import Error

#: Names the command for developers, before all other places.
VARIABLE = "NORMCONV_BINARY"
_BUNDLED = Path(__file__).parent / "bin" / "normconv"


def find() -> str:
    """The command's path: what NORMCONV_BINARY names, else this package's own, else the first on PATH."""
    named = os.environ.get(VARIABLE)
    if named:
        if not os.access(named, os.X_OK):
            raise Error(
                f"{named}: not a program, though {VARIABLE} names it: correct or unset the variable",
                file=named,
                object=VARIABLE,
                expected="a program",
            )
        return named
    if os.access(_BUNDLED, os.X_OK):
        return str(_BUNDLED)
    for folder in os.get_exec_path():
        found = shutil.which("normconv", path=folder)
        # The script of this package would call itself for ever.
        if found and not _is_script(found):
            return found
    raise Error(
        "the command normconv is missing: install a wheel (pip install normconv), or build it with 'make build' in a "
        f"clone and set {VARIABLE}=.build/release/normconv",
        object="normconv",
        expected="a program in this package or on PATH",
    )


def _is_script(path: str) -> bool:
    with open(path, "rb") as file:
        return file.read(2) == b"#!"


def arguments(options: Mapping[str, Any]) -> list[str]:
    """`batch_epsilon=0.001, force=True` as `--batch-epsilon=0.001 --force`. False and None are left out."""
    result = []
    for name, value in options.items():
        option = "--" + name.replace("_", "-")
        if value is True:
            result.append(option)
        elif value is not None and value is not False:
            text = ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
            result.append(f"{option}={text}")
    return result


def run(
    command: str,
    files: Sequence[str | os.PathLike[str]],
    options: Mapping[str, Any],
    progress: bool = False,
) -> dict[str, Any]:
    """Runs a command with `--json` and returns its report. Raises `Error` where it fails.

    `progress` lets it write its progress and its remarks to standard error.
    """
    line = [find(), command, *arguments(options), "--json"]
    line += [] if progress else ["--quiet"]
    line += ["--", *[os.fspath(file) for file in files]]
    done = subprocess.run(
        line,
        stdout=subprocess.PIPE,
        stderr=None if progress else subprocess.PIPE,
        encoding="utf-8",
        check=False,
    )
    report = _parsed(done.stdout)
    if report is not None and "error" in report:
        raise Error.from_json(report["error"])
    if done.returncode != 0 or report is None:
        raise Error(_ending(done), exit_code=done.returncode)
    return report


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        report = json.loads(text)
    except json.JSONDecodeError:
        return None
    return report if isinstance(report, dict) else None


def _ending(done: subprocess.CompletedProcess[str]) -> str:
    """What is known of a run that printed no report."""
    if done.returncode < 0:
        return f"normconv was ended by signal {-done.returncode}"
    lines = (done.stderr or "").strip().splitlines()
    if lines:
        return lines[-1].removeprefix("Error: ")
    return f"normconv printed no report and ended with exit code {done.returncode}"
