"""Where the command is found, and the script that becomes it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import normconv
from normconv import _binary


def script(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_python_m_normconv_is_the_command() -> None:
    run = subprocess.run([sys.executable, "-m", "normconv", "--version"], capture_output=True, text=True, check=True)
    direct = subprocess.run([_binary.find(), "--version"], capture_output=True, text=True, check=True)
    assert run.stdout == direct.stdout and run.stdout.count(".") == 2


def test_the_exit_code_is_the_commands() -> None:
    run = subprocess.run([sys.executable, "-m", "normconv", "inspect"], capture_output=True, text=True)
    assert run.returncode == 64 and "Missing expected argument" in run.stderr


def test_a_variable_that_names_no_program_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NORMCONV_BINARY", str(tmp_path / "missing"))
    with pytest.raises(normconv.Error, match="not a program") as caught:
        normconv.inspect("x.h5")
    assert caught.value.object == "NORMCONV_BINARY" and caught.value.file == str(tmp_path / "missing")


def test_scripts_on_the_path_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NORMCONV_BINARY")
    monkeypatch.setattr(_binary, "_BUNDLED", tmp_path / "none")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    script(tmp_path / "a" / "normconv", "#!/usr/bin/env python3\n")
    monkeypatch.setenv("PATH", f"{tmp_path}/a{os.pathsep}{tmp_path}/b")
    with pytest.raises(normconv.Error, match="pip install normconv"):
        _binary.find()
    program = tmp_path / "b" / "normconv"
    program.write_bytes(b"\x7fELF")
    program.chmod(0o755)
    assert _binary.find() == str(program)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("#!/bin/sh\nkill -9 $$\n", "ended by signal 9"),
        ("#!/bin/sh\necho 'Error: no room' >&2\nexit 3\n", "^no room$"),
        ("#!/bin/sh\nexit 5\n", "exit code 5"),
    ],
)
def test_an_end_without_a_report_is_an_error(
    text: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NORMCONV_BINARY", str(script(tmp_path / "fake", text)))
    with pytest.raises(normconv.Error, match=message):
        normconv.inspect("x.h5")


def test_a_command_of_another_version_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NORMCONV_BINARY", str(script(tmp_path / "old", '#!/bin/sh\necho \'{"input": "x.h5"}\'\n')))
    with pytest.raises(normconv.Error, match="another version") as caught:
        normconv.convert("x.h5", "y.h5")
    assert caught.value.object == "architecture"


def test_options_are_spelled_as_the_command_spells_them() -> None:
    options = {"ws_eps": "timm", "add_bias": True, "force": False, "seed": None, "batch_sizes": [1, 2], "steady": 0}
    assert _binary.arguments(options) == ["--ws-eps=timm", "--add-bias", "--batch-sizes=1,2", "--steady=0"]
