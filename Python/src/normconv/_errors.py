"""The error that everything in this package raises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Error(Exception):
    """What went wrong, in one line, and its parts as far as they are known."""

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        object: str | None = None,
        found: str | None = None,
        expected: str | None = None,
        exit_code: int = 1,
    ) -> None:
        super().__init__(message)
        self.message = message
        #: The file, by the path that was given.
        self.file = file
        #: What in it: a parameter, a layer, a module, an option.
        self.object = object
        self.found = found
        self.expected = expected
        #: 1 for a failure, 64 for wrong usage, as the command's.
        self.exit_code = exit_code

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Error:
        """The error that the command prints with `--json`."""
        return cls(
            str(told["message"]),
            file=told.get("file"),
            object=told.get("object"),
            found=told.get("found"),
            expected=told.get("expected"),
            exit_code=int(told.get("exitCode", 1)),
        )
