"""`python -m normconv` and the script `normconv`: this process becomes the command."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from ._binary import find
from ._errors import Error


def main() -> NoReturn:
    try:
        binary = find()
    except Error as error:
        sys.exit(f"Error: {error}")
    os.execv(binary, ["normconv", *sys.argv[1:]])


if __name__ == "__main__":
    main()
