"""`to_groupnorm`: the conversion of a model in memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from ._errors import Error

Model = TypeVar("Model")


def to_groupnorm(
    model: Model,
    groups: str | int = "auto",
    ws: bool | str = True,
    calibrate: Any = None,
    *,
    ws_mode: str = "parametrization",
    progress: bool = False,
    custom_objects: dict[str, Any] | None = None,
    **options: Any,
) -> Model:
    """A copy of a PyTorch module or a Keras model with group norms in place of its batch norms.

    - `groups`: as the command's `--groups`: `"auto"`, a number, `"size:8"`, `"near:16"`, `"gcd"`.
    - `ws`: standardizes the weights of convolutions before norms; `"auto"` and `"all"` as for `--ws`.
    - `calibrate`: images without labels, as the model takes them: [N, C, H, W] for PyTorch, the model's own order
      for Keras. Or the path of images, in any format that the command reads.
    - `ws_mode`: `"parametrization"` standardizes in training as well; `"baked"` leaves plain convolutions, whose
      weights are standardized now.
    - `options`: others of `normconv convert`: `to="ln"`, `min_agreement=0`, `add_bias=True`, `calibration_images=256`.

    The model itself stays as it is. Modes, devices, number types, hooks and `requires_grad` are kept. What the user
    should know comes as warnings. Raises `normconv.Error`.
    """
    if ws_mode not in ("parametrization", "baked"):
        raise _usage("ws_mode", f"'{ws_mode}'", "'parametrization' or 'baked'")
    # A model's framework is imported already; the other one need not be installed.
    torch, keras = sys.modules.get("torch"), sys.modules.get("keras")
    converted: Model
    # With PyTorch as its backend, a Keras model is a module as well.
    if keras is not None and isinstance(model, keras.Model):
        with _needing("keras"):
            from ._keras import keras_to_groupnorm
        converted = keras_to_groupnorm(model, groups, ws, calibrate, ws_mode, progress, custom_objects, options)
    elif torch is not None and isinstance(model, torch.nn.Module):
        with _needing("torch"):
            from ._torch import torch_to_groupnorm
        converted = torch_to_groupnorm(model, groups, ws, calibrate, ws_mode, progress, options)
    else:
        raise _usage("model", f"an object of class {type(model).__name__}", "a torch.nn.Module or a keras.Model")
    return converted


def _usage(argument: str, found: str, expected: str) -> Error:
    message = f"{argument}: found {found}, expected {expected}"
    return Error(message, object=argument, found=found, expected=expected, exit_code=64)


@contextmanager
def _needing(extra: str) -> Iterator[None]:
    try:
        yield
    except ImportError as missing:
        raise Error(
            f"to_groupnorm needs {missing.name}, which is not installed: pip install 'normconv[{extra}]'",
            object=missing.name,
            found="not installed",
            expected=f"the packages of normconv[{extra}]",
        ) from missing
