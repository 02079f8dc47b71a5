"""The batch norms of a PyTorch module, and the group norms that take their places."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from ._errors import Error
from ._reports import ConvertedNorm

#: Classes whose `forward` is batch normalization alone.
_PLAIN = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
#: Classes of torchvision, Detectron2 and others with constants in place of parameters.
_FROZEN = {"FrozenBatchNorm2d"}
#: timm's classes, which hold an activation.
_ACTIVATED = {"BatchNormAct2d", "SyncBatchNormAct", "FrozenBatchNormAct2d"}


class GroupNormAct(nn.GroupNorm):
    """A group norm and the activation that timm keeps in its norms."""

    def __init__(self, *args: Any, drop: nn.Module, act: nn.Module, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.drop = drop
        self.act = act

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = self.act(self.drop(super().forward(input)))
        return output


def is_batch_norm(module: nn.Module) -> bool:
    """Whether it is batch normalization of a kind that is converted."""
    return type(module).forward in [kind.forward for kind in _PLAIN] or type(module).__name__ in _FROZEN | _ACTIVATED


def batch_norms(module: nn.Module) -> dict[str, nn.Module]:
    """The batch norms by name, a shared one under each of its names. Raises `Error` for one that is not converted."""
    norms = {}
    for name, each in module.named_modules(remove_duplicate=False):
        if is_batch_norm(each):
            _check(name, each)
            norms[name] = each
        elif isinstance(each, _NormBase) and not type(each).__name__.removeprefix("Lazy").startswith("InstanceNorm"):
            raise Error(
                f"module '{name}': its class {type(each).__name__} computes more than batch normalization, or "
                "something else: replace it by torch.nn.BatchNorm2d first",
                object=name,
                found=type(each).__name__,
                expected="a batch norm of torch.nn, torchvision or timm",
            )
    if not norms:
        raise Error(
            f"{type(module).__name__}: the network has no batch normalization: nothing to convert",
            found="no batch normalization",
            expected="at least one batch norm",
        )
    return norms


def _check(name: str, norm: nn.Module) -> None:
    statistics = getattr(norm, "running_mean", None)
    if statistics is None:
        raise Error(
            f"module '{name}': the batch norm has no running statistics, which the conversion starts from: train it "
            "with track_running_stats=True",
            object=name,
            found="running_mean is None",
            expected="running statistics",
        )
    if isinstance(statistics, nn.UninitializedBuffer):
        raise Error(
            f"module '{name}': the batch norm is not initialized: run the network once",
            object=name,
            found=type(norm).__name__,
            expected="running statistics",
        )


def group_norm(old: nn.Module, report: ConvertedNorm) -> nn.GroupNorm:
    """A group norm in the place of a batch norm, on its device and with its mode and hooks; without its values yet."""
    statistics = old.running_mean
    assert isinstance(statistics, torch.Tensor)
    options: dict[str, Any] = {"eps": report.epsilon, "device": statistics.device, "dtype": statistics.dtype}
    weight = getattr(old, "weight", None)
    if isinstance(weight, torch.Tensor):
        options["dtype"] = weight.dtype
    new: nn.GroupNorm
    if type(old).__name__ in _ACTIVATED:
        drop, act = getattr(old, "drop", nn.Identity()), getattr(old, "act", nn.Identity())
        new = GroupNormAct(report.groups, report.channels, drop=drop, act=act, **options)
    else:
        new = nn.GroupNorm(report.groups, report.channels, **options)
    for name, parameter in new.named_parameters(recurse=False):
        before = getattr(old, name, None)
        # Buffers are constants. What was not there before is trained.
        if isinstance(before, torch.Tensor):
            parameter.requires_grad_(before.requires_grad)
    for name, hooks in vars(old).items():
        if name.endswith(("_hooks", "_hooks_with_kwargs", "_hooks_always_called")) and isinstance(hooks, dict):
            getattr(new, name).update(hooks)
    return new.train(old.training)
