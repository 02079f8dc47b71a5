"""The command's reports as dataclasses. Each report keeps all of its JSON in `json`."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from ._errors import Error
from ._version import __version__

T = TypeVar("T")


@dataclass(frozen=True)
class Norm:
    """A norm of a network, and the convolution that it alone reads, if the graph tells."""

    layer: str
    kind: str
    channels: int
    epsilon: float
    auto_groups: int
    groups: int | None = None
    convolution: str | None = None


@dataclass(frozen=True)
class Inspection:
    """What is in a file."""

    file: str
    layout: str
    architecture: str
    recognized_by: str
    is_complete: bool
    input: str
    preprocess: str
    parameters: int
    tensors: int
    norms: tuple[Norm, ...]
    assumptions: tuple[str, ...]
    unused: tuple[str, ...]
    unknown_norms: tuple[str, ...]
    classes: int | None = None
    converted: str | None = None
    producer: str | None = None
    json: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class ConvertedNorm:
    """A converted norm; `gamma` and `beta` name its parameters."""

    layer: str
    module: str
    channels: int
    groups: int
    epsilon: float
    gamma: str | None = None
    beta: str | None = None


@dataclass(frozen=True)
class ConvertedConvolution:
    """What was done to a convolution: `weights` are standardized, changed or kept, for the reason."""

    layer: str
    kernel: str
    weights: str
    reason: str | None = None
    new_bias: str | None = None


@dataclass(frozen=True)
class CalibrationStep:
    """A step of a calibration, and how often the network then agreed with the old one on held-out images."""

    name: str
    kept: bool
    agreement: float
    output_error: float


@dataclass(frozen=True)
class Calibration:
    """How a network was calibrated."""

    fitted: int
    set_aside: int
    seed: int
    steps: tuple[CalibrationStep, ...]
    ended_early: bool = False


@dataclass(frozen=True)
class Conversion:
    """What a conversion did."""

    input: str
    architecture: str
    norms: tuple[ConvertedNorm, ...]
    convolutions: tuple[ConvertedConvolution, ...]
    warnings: tuple[str, ...]
    assumptions: tuple[str, ...]
    dropped_parameters: tuple[str, ...]
    output: str | None = None
    backup: str | None = None
    calibration: Calibration | None = None
    json: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Interval:
    """A figure and its 95 % confidence interval."""

    low: float
    high: float
    value: float


@dataclass(frozen=True)
class Proportion:
    """A share of images and its 95 % confidence interval."""

    count: int
    low: float
    high: float
    value: float


@dataclass(frozen=True)
class PairedDifference:
    """The difference of two accuracies on the same images."""

    difference: Interval


@dataclass(frozen=True)
class Comparison:
    """A network beside the baseline: how often both give the same class, and the difference of their top-1."""

    agreement: Proportion
    paired: PairedDifference | None = None


@dataclass(frozen=True)
class Score:
    """The score of one network."""

    model: str
    images: int
    preprocess: str
    top1: Proportion
    nll: Interval
    brier: Interval
    images_per_second: float
    top5: Proportion | None = None
    comparison: Comparison | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Evaluation:
    """The scores of networks on one split, in the order in which the networks were given."""

    data: str
    images: int
    models: tuple[Score, ...]
    json: dict[str, Any] = field(default_factory=dict, repr=False)


def from_json(cls: type[T], report: Mapping[str, Any]) -> T:
    """The dataclass of a report: `isComplete` becomes `is_complete`. Keys that it does not have stay in `json`."""
    hints = get_type_hints(cls)
    values: dict[str, Any] = {}
    for each in dataclasses.fields(cls):  # type: ignore[arg-type]
        key = _camel(each.name)
        if each.name == "json":
            values["json"] = dict(report)
        elif key in report:
            values[each.name] = _value(hints[each.name], report[key])
        elif each.default is dataclasses.MISSING:
            raise Error(
                f"the command's report has no '{key}': the command is of another version than this package; install "
                "both anew",
                object=key,
                found="nothing",
                expected=f"what normconv {__version__} reports",
            )
    return cls(**values)


def _value(hint: Any, value: Any) -> Any:
    if get_origin(hint) in (Union, types.UnionType):
        return None if value is None else _value(get_args(hint)[0], value)
    if get_origin(hint) is tuple:
        return tuple(_value(get_args(hint)[0], element) for element in value)
    return from_json(hint, value) if isinstance(hint, type) and dataclasses.is_dataclass(hint) else value


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
