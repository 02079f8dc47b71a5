"""Least squares problems of a calibration, solved by numpy: what the closed forms are tested against.

calibration.h5 holds inputs and solutions; every solution is a dense solve of the stationarity conditions, or a search
through all possibilities, and uses none of the closed forms of the program.
"""

import itertools
import pathlib
import sys

import h5py
import numpy as np


def single(values):
    """Values that Float32 holds, so that the program starts from the same ones."""
    return np.asarray(values, dtype=np.float32).astype(np.float64)


def reconstruction(file, random):
    """Filters that fit centred data near old ones, without and with the constraint that each adds up to zero."""
    samples, inputs, outputs, ridge = 60, 7, 3, 0.05
    mixing = random.normal(size=(inputs, inputs))
    x = single(random.normal(size=(samples, inputs)) @ mixing + random.normal(size=inputs))
    u = single(random.normal(size=(samples, outputs)) + x[:, :outputs])
    old = single(random.normal(size=(outputs, inputs)))
    xc, uc = x - x.mean(0), u - u.mean(0)
    strength = ridge * np.mean(xc.var(0))
    # min ‖xc·w − uc‖²/n + λ‖w − w₀‖² as one stacked least squares problem, and its Lagrange system.
    rows = np.vstack([xc / np.sqrt(samples), np.sqrt(strength) * np.eye(inputs)])
    free, constrained = [], []
    for output in range(outputs):
        right = np.concatenate([uc[:, output] / np.sqrt(samples), np.sqrt(strength) * old[output]])
        free.append(np.linalg.lstsq(rows, right, rcond=None)[0])
        system = np.block([[2 * rows.T @ rows, np.ones((inputs, 1))], [np.ones((1, inputs)), np.zeros((1, 1))]])
        constrained.append(np.linalg.solve(system, np.concatenate([2 * rows.T @ right, [0]]))[:inputs])
    group = file.create_group("reconstruction")
    group.attrs["ridge"] = ridge
    for name, value in {"x": x, "u": u, "old": old, "free": free, "constrained": constrained}.items():
        group[name] = np.asarray(value)


def affine(file, random):
    """Scale and offset of a normalized value for a target after a ReLU, with and without an offset before it."""
    images, channels, rows, groups, epsilon, leak = 5, 4, 3, 2, 1e-5, 0.1
    shape = (images, rows, rows, channels)
    u = single(random.normal(size=shape) * 2 + 1)
    p = single(random.normal(size=shape))
    s = single(random.normal(size=shape) * 0.3)
    grouped = u.reshape(images, rows * rows, groups, channels // groups)
    centred = grouped - grouped.mean((1, 3), keepdims=True)
    z = (centred / np.sqrt(grouped.var((1, 3), keepdims=True) + epsilon)).reshape(shape)
    gamma, beta = np.zeros(channels), np.zeros(channels)

    def solve(weight, target):
        for channel in range(channels):
            root = np.sqrt(weight[..., channel]).ravel()
            columns = np.stack([z[..., channel].ravel(), np.ones(root.size)], 1) * root[:, None]
            right = target[..., channel].ravel() * root
            gamma[channel], beta[channel] = np.linalg.lstsq(columns, right, rcond=None)[0]

    solve(np.ones(shape), p - s)
    plain = np.stack([gamma, beta])
    for _ in range(2):
        here = gamma * z + beta + s
        passes = (p > 0) | (here > 0)
        solve(np.where(passes, 1, leak), np.where(passes, np.maximum(p, 0), p) - s)
    here, aim = np.maximum(gamma * z + beta + s, 0), np.maximum(p, 0)
    error = np.sum((here - aim) ** 2) / np.sum((aim - aim.mean((0, 1, 2))) ** 2)
    group = file.create_group("affine")
    group.attrs["groups"], group.attrs["epsilon"], group.attrs["leak"] = groups, epsilon, leak
    values = {"u": u, "p": p, "s": s, "plain": plain, "rectified": [gamma, beta], "error": [error]}
    for name, value in values.items():
        group[name] = np.asarray(value)


def signs(file, random):
    """The quietest signs of six channels, found by trying them all."""
    factors = random.normal(size=(6, 3))
    covariance = single(factors @ factors.T + 0.05 * np.eye(6))
    value = min(np.array(s) @ covariance @ np.array(s) for s in itertools.product([1, -1], repeat=6))
    group = file.create_group("signs")
    group["covariance"], group["least"] = covariance, np.array([value])


def main(folder):
    random = np.random.default_rng(20)
    with h5py.File(folder / "calibration.h5", "w", libver=("earliest", "v110")) as file:
        reconstruction(file, random)
        affine(file, random)
        signs(file, random)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
