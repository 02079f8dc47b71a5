"""The command's reports as dataclasses. Each report keeps all of its JSON in `json`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


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
class Proportion(Interval):
    """A share of images, its 95 % confidence interval, and how many they are."""

    count: int


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
