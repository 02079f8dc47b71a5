"""normconv replaces the batch norms of a pretrained network with group norms and keeps its outputs.

`convert`, `evaluate` and `inspect` work on files, `to_groupnorm` on a PyTorch module or a Keras model in memory.
"""

from ._commands import convert, evaluate, inspect
from ._errors import Error
from ._groupnorm import to_groupnorm
from ._reports import (
    Calibration,
    CalibrationStep,
    Comparison,
    Conversion,
    ConvertedConvolution,
    ConvertedNorm,
    Evaluation,
    Inspection,
    Interval,
    Norm,
    PairedDifference,
    Proportion,
    Score,
)
from ._version import __version__

__all__ = [
    "Calibration",
    "CalibrationStep",
    "Comparison",
    "Conversion",
    "ConvertedConvolution",
    "ConvertedNorm",
    "Error",
    "Evaluation",
    "Inspection",
    "Interval",
    "Norm",
    "PairedDifference",
    "Proportion",
    "Score",
    "__version__",
    "convert",
    "evaluate",
    "inspect",
    "to_groupnorm",
]
