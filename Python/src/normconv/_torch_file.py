"""A PyTorch module as a safetensors file for the command: its tensors, and what names do not tell."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from ._version import __version__

#: Attributes that decide what a layer computes. Others are not read.
_SETTINGS = [
    "stride",
    "padding",
    "dilation",
    "groups",
    "padding_mode",
    "transposed",
    "output_padding",
    "kernel_size",
    "ceil_mode",
    "count_include_pad",
    "divisor_override",
    "output_size",
    "num_groups",
    "eps",
    "negative_slope",
    "alpha",
    "approximate",
    "min_val",
    "max_val",
    "beta",
    "threshold",
    "value",
]
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def write(module: nn.Module, norms: dict[str, nn.Module], path: Path) -> None:
    """Writes all tensors of floating-point numbers under their names, each by itself."""
    parameters = {name for name, _ in module.named_parameters(remove_duplicate=False)}
    tensors = {
        name: tensor.detach().to("cpu", copy=True).contiguous()
        for name, tensor in module.state_dict().items()
        # A mask of infinities is no parameter.
        if isinstance(tensor, torch.Tensor)
        and tensor.dtype in _FLOATS
        and (name in parameters or bool(tensor.isfinite().all()))
    }
    save_file(tensors, path, {"normconv": json.dumps(_note(module, norms))})


def _note(module: nn.Module, norms: dict[str, nn.Module]) -> dict[str, Any]:
    """What a file of the command remembers of a network: epsilons, the settings of other norms, classes."""
    return {
        "schemaVersion": 1,
        "normconv": __version__,
        "to": "none",
        "groups": "-",
        "initialization": "-",
        "weightStandardization": "off",
        "weightStandardizationEpsilon": "bit",
        "addBias": False,
        # Of PyTorch's classifiers; noise and synthetic images get it.
        "preprocess": "torch",
        "family": "torch",
        "batchEpsilons": {name: float(norm.eps) for name, norm in norms.items()},  # type: ignore[arg-type]
        "norms": _other_norms(module),
        "modules": {
            name: _record(each) for name, each in module.named_modules(remove_duplicate=False) if name not in norms
        },
    }


def _other_norms(module: nn.Module) -> dict[str, dict[str, Any]]:
    """Norms without running statistics, which stay as they are."""
    found: dict[str, dict[str, Any]] = {}
    for name, each in module.named_modules(remove_duplicate=False):
        if isinstance(each, nn.GroupNorm):
            found[name] = {"groups": each.num_groups, "epsilon": each.eps}
        elif isinstance(each, nn.modules.instancenorm._InstanceNorm):
            found[name] = {"groups": each.num_features, "epsilon": each.eps}
        elif isinstance(each, nn.LayerNorm):
            found[name] = {"groups": 1, "epsilon": each.eps}
    return found


def _record(module: nn.Module) -> dict[str, Any]:
    settings = {name: _setting(getattr(module, name)) for name in _SETTINGS if hasattr(module, name)}
    holds = [*module.children(), *module.parameters(recurse=False), *module.buffers(recurse=False)]
    return {
        "className": type(module).__name__,
        "library": type(module).__module__,
        "settings": settings,
        "functions": [],
        "isLeaf": not holds,
    }


def _setting(value: Any) -> dict[str, Any]:
    """A value by its kind, as the command's note spells it."""
    if isinstance(value, bool):
        return {"flag": {"_0": value}}
    if isinstance(value, (int, float)) and math.isfinite(value):
        return {"number": {"_0": value}}
    if isinstance(value, str):
        return {"text": {"_0": value}}
    if isinstance(value, (tuple, list)) and all(isinstance(each, (int, float)) for each in value):
        return {"numbers": {"_0": list(value)}}
    return {"none": {}}
