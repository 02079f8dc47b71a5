"""Builds a wheel around the compiled command, and takes the version from the Swift sources."""

from __future__ import annotations

import os
import re
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

#: Names a folder with bin/normconv, as `make dist` writes it.
VARIABLE = "NORMCONV_DIST"


class VersionHook(MetadataHookInterface):
    """The version that `normconv --version` prints."""

    def update(self, metadata: dict[str, Any]) -> None:
        here = Path(self.root)
        places = [here / "Version.swift", here.parent / "Sources" / "NormConvKit" / "Version.swift"]
        text = next(place.read_text() for place in places if place.exists())
        found = re.search(r'normconvVersion = "([^"]+)"', text)
        assert found is not None, "Version.swift has no version"
        metadata["version"] = found.group(1)


class CommandHook(BuildHookInterface[BuilderConfig]):
    """Puts the command into the package. Only a wheel needs it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        folder = os.environ.get(VARIABLE)
        if not folder or not Path(folder, "bin", "normconv").is_file():
            raise RuntimeError(
                f"a wheel of normconv needs the compiled command: expected {VARIABLE} to name a folder with "
                f"bin/normconv, found {folder!r}. Use 'make wheel' in a clone of the project (Swift 6, libhdf5, "
                "oneDNN, libjpeg-turbo and libspng), or a wheel that is built: pip install --only-binary :all: normconv"
            )
        build_data["force_include"][str(Path(folder, "bin", "normconv"))] = "normconv/bin/normconv"
        # Any Python 3, this machine only.
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
