"""Group norms for a live Keras model."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import keras

from . import _live
from ._commands import convert
from ._errors import Error


@keras.saving.register_keras_serializable("normconv")
class StandardizedConv2D(keras.layers.Conv2D):  # type: ignore[misc]
    """A convolution that standardizes its kernel at every step, as in Big Transfer."""

    def __init__(self, *args: Any, ws_epsilon: float = 1e-10, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ws_epsilon = ws_epsilon

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        kernel = keras.ops.convert_to_tensor(kernel)
        mean, variance = keras.ops.moments(kernel, axes=[0, 1, 2], keepdims=True)
        kernel = (kernel - mean) * keras.ops.rsqrt(variance + self.ws_epsilon)
        return super().convolution_op(inputs, kernel)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "ws_epsilon": self.ws_epsilon}


def keras_to_groupnorm(
    model: Any,
    groups: str | int,
    ws: bool | str,
    calibrate: Any,
    ws_mode: str,
    progress: bool,
    custom_objects: dict[str, Any] | None,
    others: dict[str, Any],
) -> Any:
    """`to_groupnorm` for a Keras model. The new model is not compiled."""
    options = _live.options(groups, ws, others)
    if ws_mode == "parametrization" and options.get("ws") == "on":
        options["ws"] = "layer"
    elif ws_mode == "parametrization" and options.get("ws", "on") not in ("off", "layer"):
        raise Error(
            f"ws={options.get('ws')!r} gives no layers that standardize themselves: use ws=True, or ws_mode='baked'",
            object="ws",
            found=repr(options.get("ws")),
            expected="True, or ws_mode='baked'",
            exit_code=64,
        )
    if calibrate is not None and not hasattr(calibrate, "__fspath__") and not isinstance(calibrate, str):
        calibrate = keras.ops.convert_to_numpy(calibrate)
    with tempfile.TemporaryDirectory(prefix="normconv-") as folder:
        source, target = Path(folder, "in.keras"), Path(folder, "out.keras")
        model.save(source)
        layout = "nchw" if _has_channels_first(model) else "nhwc"
        options.update(_live.images_options(calibrate, Path(folder), layout))
        with _live.naming(model, source, target):
            report = convert(source, target, progress=progress, **options)
        converted = keras.models.load_model(target, custom_objects=custom_objects, compile=False)
    _live.warn(report)
    return converted


def _has_channels_first(model: Any) -> bool:
    orders = [getattr(layer, "data_format", None) for layer in model.layers]
    return next((order for order in orders if order), "channels_last") == "channels_first"
