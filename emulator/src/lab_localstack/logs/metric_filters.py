"""Metric filters: what they ask for is checked once, and every log line of their group afterwards."""

import time
from dataclasses import dataclass, field
from typing import Any

from localstack.aws.api.logs import InvalidParameterException

from lab_localstack.cloudwatch.metric_data import is_value
from lab_localstack.logs.line import LogLine
from lab_localstack.logs.patterns import InvalidPatternError, Pattern, compile_pattern
from lab_localstack.metrics import publish

MAX_DIMENSIONS = 3


@dataclass(frozen=True)
class MetricFilter:
    """A metric filter of one log group; `transformation` is its single metric transformation."""

    name: str
    group: str
    text: str
    transformation: dict[str, Any]
    created: int = field(default_factory=lambda: int(time.time() * 1000))

    @property
    def pattern(self) -> Pattern:
        return compile_pattern(self.text)

    def described(self) -> dict[str, Any]:
        """The filter as DescribeMetricFilters shows it."""
        return {
            "filterName": self.name,
            "filterPattern": self.text,
            "metricTransformations": [self.transformation],
            "creationTime": self.created,
            "logGroupName": self.group,
        }

    def apply(self, lines: list[tuple[LogLine, float]], account: str, region: str) -> None:
        """Publish the metric of all lines that match; each line comes with its time in epoch seconds."""
        pattern, transformation = self.pattern, self.transformation
        unit = transformation.get("unit") or "None"
        namespace, name = transformation["metricNamespace"], transformation["metricName"]
        matched = False
        for line, at in lines:
            if not pattern.matches(line):
                continue
            matched = True
            value = _value(pattern, line, transformation["metricValue"])
            dimensions = {
                key: pattern.value(line, reference)
                for key, reference in (transformation.get("dimensions") or {}).items()
            }
            if value is None or any(
                not isinstance(found, str | int | float) for found in dimensions.values()
            ):
                continue
            labelled = {key: str(found) for key, found in dimensions.items()}
            publish(namespace, name, value, unit, labelled, account, region, at=at)
        default = transformation.get("defaultValue")
        if not matched and default is not None and lines:
            publish(namespace, name, default, unit, None, account, region, at=lines[-1][1])


def checked(name: str, group: str, text: str, transformations: list[dict[str, Any]]) -> MetricFilter:
    """The filter that was asked for. Raises InvalidParameterException."""
    require_pattern(text)
    if len(transformations) != 1:
        raise InvalidParameterException("A metric filter needs exactly one metric transformation.")
    transformation = dict(transformations[0])
    value = transformation["metricValue"]
    if not value.startswith("$") and _number(value) is None:
        raise InvalidParameterException(
            f"Invalid metric value {value}: it must be a number or a $ reference."
        )
    dimensions = transformation.get("dimensions") or {}
    if len(dimensions) > MAX_DIMENSIONS:
        raise InvalidParameterException(f"A metric filter has at most {MAX_DIMENSIONS} dimensions.")
    if dimensions and transformation.get("defaultValue") is not None:
        raise InvalidParameterException("A metric filter with dimensions cannot have a default value.")
    if dimensions and text.strip()[:1] not in ("{", "["):
        raise InvalidParameterException("Dimensions need a JSON or a space-delimited filter pattern.")
    if any(not reference.startswith("$") for reference in dimensions.values()):
        raise InvalidParameterException("A dimension of a metric filter must be a $ reference.")
    return MetricFilter(name, group, text, transformation)


def require_pattern(text: str) -> Pattern:
    """The compiled pattern. Raises InvalidParameterException."""
    try:
        return compile_pattern(text)
    except InvalidPatternError as error:
        raise InvalidParameterException(str(error)) from error


def _value(pattern: Pattern, line: LogLine, reference: str) -> float | None:
    if not reference.startswith("$"):
        return _number(reference)
    found = pattern.value(line, reference)
    return None if isinstance(found, bool) else _number(found)


def _number(value: Any) -> float | None:
    """A value that a metric can have; text such as "NaN" is none."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if is_value(number) else None
