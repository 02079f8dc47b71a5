"""Solutions of symmetric positive definite systems by numpy: systems.json, for the tests of `Calibration`.

    python make_system_fixtures.py [--output FOLDER]

Of order n: Hilbert's matrix 1/(i + j + 1) plus 0.1 on the diagonal, and the right-hand side cos(i).
"""

import argparse
import json
from pathlib import Path

import numpy as np

ORDERS = [1, 2, 7, 8, 47, 48, 49, 63, 64, 65, 145, 200]


def solution(order):
    index = np.arange(order)
    matrix = 1 / (index[:, None] + index + 1) + 0.1 * np.eye(order)
    return np.linalg.solve(matrix, np.cos(index)).tolist()


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--output", type=Path, default=Path(__file__).parent)
folder = parser.parse_args().output
(folder / "systems.json").write_text(json.dumps([solution(order) for order in ORDERS], separators=(",", ":")) + "\n")
