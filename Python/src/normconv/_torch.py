"""Group norms for a live PyTorch module."""

from __future__ import annotations

import copy
import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn.utils import parametrize

from . import _binary, _live, _torch_file
from ._commands import convert
from ._errors import Error
from ._reports import Conversion
from ._torch_graph import convolution_norm_pairs
from ._torch_norms import batch_norms, group_norm

M = TypeVar("M", bound=nn.Module)

#: The largest difference between PyTorch's outputs and the command's, in units of the largest output.
_TOLERANCE = 1e-3


class WeightStandardization(nn.Module):
    """A kernel of which each filter has mean 0 and the deviation `gain`: for `torch.nn.utils.parametrize`.

    `kind` is `bit` (epsilon 1e-10 beside the variance), `timm` (1e-6) or `paper` (1e-5 beside the unbiased deviation).
    `gain` is 1 where it is left out. The command leaves filters whose old variance was near epsilon with less.
    """

    gain: torch.Tensor | None

    def __init__(self, kind: str = "bit", gain: torch.Tensor | None = None) -> None:
        super().__init__()
        self.kind = kind
        self.register_buffer("gain", gain)

    @classmethod
    def of(cls, standardized: torch.Tensor, kind: str) -> WeightStandardization:
        """The one that keeps a kernel which is standardized already as it is."""
        variance, _ = cls._moments(standardized.detach().cpu().double(), kind)
        return cls(kind, variance.sqrt().to(standardized))

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        # In 16 bits means lose digits; in float16 epsilon is 0, and a filter of zeros would be 0/0.
        kernel = weight.float() if weight.dtype in (torch.float16, torch.bfloat16) else weight
        variance, mean = self._moments(kernel, self.kind)
        if self.kind == "paper":
            # A root of 0 has no gradient.
            deviation = variance.clamp(min=1e-30).sqrt() + 1e-5
        else:
            deviation = (variance + (1e-6 if self.kind == "timm" else 1e-10)).sqrt()
        standardized = ((kernel - mean) / deviation).to(weight.dtype)
        return standardized if self.gain is None else standardized * self.gain

    def right_inverse(self, weight: torch.Tensor) -> torch.Tensor:
        """What a kernel is trained as: filters of deviation 1, next to which epsilon is nothing."""
        if self.gain is None:
            return weight
        return torch.where(self.gain > 0, weight / self.gain, weight)

    @staticmethod
    def _moments(weight: torch.Tensor, kind: str) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.var_mean(weight, dim=tuple(range(1, weight.dim())), unbiased=kind == "paper", keepdim=True)


def torch_to_groupnorm(
    module: M, groups: str | int, ws: bool | str, calibrate: Any, ws_mode: str, progress: bool, others: dict[str, Any]
) -> M:
    """`to_groupnorm` for a PyTorch module."""
    norms = batch_norms(module)
    if isinstance(calibrate, torch.Tensor):
        calibrate = calibrate.detach().cpu().float().numpy()
    options = _live.options(groups, ws, others)
    with tempfile.TemporaryDirectory(prefix="normconv-") as folder:
        source, target = Path(folder, "in.safetensors"), Path(folder, "out.safetensors")
        _torch_file.write(module, norms, source)
        pairs = convolution_norm_pairs(module)
        if pairs and "pairs" not in options:
            options["pairs"] = Path(folder, "pairs.json")
            options["pairs"].write_text(json.dumps(pairs))
        options.update(_live.images_options(calibrate, Path(folder), "nchw"))
        with _live.naming(module, source, target):
            if isinstance(calibrate, np.ndarray):
                _check_outputs(module, calibrate[:8], source, Path(folder))
            report = convert(source, target, progress=progress, **options)
        tensors = load_file(target)
    converted = _with_group_norms(module, norms, report)
    _load(converted, tensors, norms)
    if ws_mode == "parametrization":
        _parametrize(converted, report, str(options.get("ws_eps", "bit")))
    _live.warn(report)
    return converted


def _check_outputs(module: nn.Module, images: np.ndarray, source: Path, folder: Path) -> None:
    """Raises `Error` where the command computes other outputs than the module: it would fit another network."""
    # A copy keeps the modes of the module's parts, and computes in single precision as the command does.
    twin = copy.deepcopy(module).float().eval()
    device = next(iter(twin.state_dict().values())).device
    with torch.no_grad():
        expected = twin(torch.as_tensor(images, device=device))
    if not isinstance(expected, torch.Tensor) or expected.dim() != 2:
        return
    np.savez(folder / "few.npz", images=images.astype(np.float32), labels=np.zeros(len(images), np.int64))
    outputs = folder / "outputs.npy"
    _binary.run(
        "eval",
        [source],
        {"data": folder / "few.npz", "layout": "nchw", "preprocess": "raw", "outputs": outputs},
    )
    reference = expected.float().cpu().numpy()
    distance = float(np.abs(np.load(outputs) - reference).max() / np.abs(reference).max())
    if not distance <= _TOLERANCE:
        raise Error(
            f"{type(module).__name__}: the network computes other outputs than one with the names of its layers, so "
            f"it cannot be calibrated: found a difference of {distance:.2g}, expected at most {_TOLERANCE}; leave "
            "calibrate out",
            object="outputs",
            found=f"{distance:.2g}",
            expected=f"at most {_TOLERANCE}",
        )


def _with_group_norms(module: M, norms: dict[str, nn.Module], report: Conversion) -> M:
    """A copy with group norms in the places of its batch norms, and the new biases."""
    reports = {norm.module: norm for norm in report.norms}
    copied = copy.deepcopy(module)
    made: dict[nn.Module, nn.GroupNorm] = {}
    for name in norms:
        if name not in reports:
            raise Error(
                f"module '{name}': the command did not find the batch norm by its name: found "
                f"{len(reports)} norms, expected {len(norms)}",
                object=name,
                found=f"{len(reports)} norms",
                expected=f"{len(norms)}",
            )
        holder, _, last = name.rpartition(".")
        old = copied.get_submodule(name)
        # A shared norm stays shared.
        made[old] = made.get(old) or group_norm(old, reports[name])
        setattr(copied.get_submodule(holder), last, made[old])
    for convolution in report.convolutions:
        if convolution.new_bias is not None:
            layer = copied.get_submodule(convolution.new_bias.rpartition(".")[0])
            weight = layer.weight
            assert isinstance(weight, torch.Tensor)
            layer.register_parameter("bias", nn.Parameter(weight.new_zeros(weight.shape[0])))
    return copied


def _load(module: nn.Module, tensors: dict[str, torch.Tensor], norms: Iterable[str]) -> None:
    """Loads all tensors strictly. Raises `Error` where tied ones have got different values."""
    # Without affine before, a gamma of 1 or a beta of 0 is not in the file.
    affine = {f"{norm}.{parameter}" for norm in norms for parameter in ("weight", "bias")}
    state = module.state_dict(keep_vars=True)
    names: dict[int, str] = {}
    for name, tensor in state.items():
        if not isinstance(tensor, torch.Tensor) or name not in tensors:
            continue
        first = names.setdefault(id(tensor), name)
        if not torch.equal(tensors[first], tensors[name]):
            raise Error(
                f"'{first}' and '{name}' are one tensor (tied weights), but their layers need different values now: "
                "untie them first, or pass ws=False",
                object=name,
                found=f"tied to '{first}'",
                expected="a tensor of its own",
            )
    kept = {
        name: value
        for name, value in state.items()
        if name not in tensors and (name in affine or not _is_float_parameter(value))
    }
    module.load_state_dict({**kept, **tensors}, strict=True)


def _is_float_parameter(value: Any) -> bool:
    return isinstance(value, nn.Parameter) and value.is_floating_point()


def _parametrize(module: nn.Module, report: Conversion, kind: str) -> None:
    """Lets the standardized convolutions standardize in training as well."""
    for convolution in report.convolutions:
        if convolution.weights == "standardized":
            holder, _, name = convolution.kernel.rpartition(".")
            layer = module.get_submodule(holder)
            parametrization = WeightStandardization.of(layer.get_parameter(name), kind)
            parametrize.register_parametrization(layer, name, parametrization)
