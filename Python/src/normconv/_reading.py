"""Makes the dataclasses of `_reports` from the command's JSON."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from ._errors import Error
from ._version import __version__

T = TypeVar("T")


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
