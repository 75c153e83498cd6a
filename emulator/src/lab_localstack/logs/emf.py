"""Embedded metric format, version 1: metrics inside a JSON log line.

Source: CloudWatch User Guide, "Specification: Embedded metric format". Nothing is taken from a document that
breaks it in any place: a directive without its targets would otherwise publish half of what was meant.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

from lab_localstack.cloudwatch.metric_data import is_time, is_value
from lab_localstack.logs.line import LogLine

MARKER = '"_aws"'
MAX_DIMENSIONS = 30
MAX_DIMENSION_SETS = 30
"""This engine's own bound: each set publishes every value once more."""
MAX_METRICS = 100
MAX_VALUES = 100
UNITS = frozenset(
    ["None", "Seconds", "Microseconds", "Milliseconds", "Percent", "Count", "Count/Second"]
    + [
        unit + per
        for unit, per in product(
            ["Bytes", "Bits", *map("".join, product(("Kilo", "Mega", "Giga", "Tera"), ("bytes", "bits")))],
            ("", "/Second"),
        )
    ]
)


@dataclass(frozen=True)
class EmbeddedMetric:
    """Values of one metric under one set of dimensions, at a time in epoch seconds."""

    namespace: str
    name: str
    unit: str
    dimensions: dict[str, str]
    values: list[float]
    at: float


class _InvalidError(ValueError):
    """The document is not embedded metric format."""


def embedded_metrics(line: LogLine) -> list[EmbeddedMetric]:
    """The metrics in a log line; none if it holds none or is not valid."""
    if MARKER not in line.message or not isinstance(line.json, dict):
        return []
    try:
        return list(_metrics(line.json))
    except _InvalidError:
        return []


def _metrics(document: dict[str, Any]) -> Iterator[EmbeddedMetric]:
    metadata = _typed(document.get("_aws"), dict)
    timestamp = _typed(metadata.get("Timestamp"), int)
    _require(is_time(timestamp / 1000))
    for entry in _typed(metadata.get("CloudWatchMetrics"), list):
        directive = _typed(entry, dict)
        namespace = _typed(directive.get("Namespace"), str)
        metrics = _typed(directive.get("Metrics"), list)
        _require(0 < len(namespace) <= 1024 and len(metrics) <= MAX_METRICS)
        sets = _typed(directive.get("Dimensions"), list)
        _require(len(sets) <= MAX_DIMENSION_SETS)
        dimension_sets = [_dimensions(document, keys) for keys in sets] or [{}]
        for metric in metrics:
            name = _typed(_typed(metric, dict).get("Name"), str)
            unit = _typed(metric.get("Unit", "None"), str)
            _require(unit in UNITS and metric.get("StorageResolution", 60) in (1, 60))
            values = _values(document.get(name))
            for dimensions in dimension_sets:
                yield EmbeddedMetric(namespace, name, unit, dimensions, values, timestamp / 1000)


def _dimensions(document: dict[str, Any], keys: Any) -> dict[str, str]:
    _require(len(_typed(keys, list)) <= MAX_DIMENSIONS)
    return {_typed(key, str): _typed(document.get(key), str) for key in keys}


def _values(target: Any) -> list[float]:
    values = target if isinstance(target, list) else [target]
    _require(0 < len(values) <= MAX_VALUES)
    _require(all(map(is_value, values)))
    return [float(value) for value in values]


def _typed[T](value: Any, kind: type[T]) -> T:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise _InvalidError
    return value


def _require(holds: bool) -> None:
    if not holds:
        raise _InvalidError
