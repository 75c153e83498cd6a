"""Input transformers: what a target gets of an event.

LocalStack makes texts of false, 0 and [], and loses the events whose values have a quotation mark or a line break.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
"""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from jsonpath_rw import parse
from localstack.services.events.utils import event_time_to_time_string, to_json_str

from lab_localstack import documents

PLACEHOLDER = re.compile(r"<(.*?)>")
QUOTE = re.compile(r'(?<!\\)"')

type Values = Mapping[str, Any]
"""What stands for the placeholders of a template, by their names."""

expression = lru_cache(maxsize=512)(parse)


class InvalidInputError(ValueError):
    """A template for JSON that is not JSON with an event's values in it. AWS counts it as a failed invocation."""


def values_of(transformer: Mapping[str, Any], event: Any) -> dict[str, Any]:
    """The values at a transformer's paths: an empty text where the event has none, a list where it has several."""
    return {name: _at(event, path) for name, path in (transformer.get("InputPathsMap") or {}).items()}


def _at(event: Any, path: str) -> Any:
    try:
        found = [match.value for match in expression(path).find(event)]
    except (TypeError, KeyError, AttributeError):  # such as the first element of a number
        found = []
    return found[0] if len(found) == 1 else found or ""


def rendered(template: str, values: Values) -> Any:
    """The template with its values. Raises InvalidInputError."""
    if not template.strip().startswith("{"):
        lines = template.replace("\\n", "\n")
        return PLACEHOLDER.sub(lambda found: _plain(values.get(found[1], "")), lines)[1:-1]

    def value(found: re.Match[str]) -> str:
        inside = len(QUOTE.findall(template, 0, found.start())) % 2
        return _as_json(values.get(found[1], ""), inside=bool(inside))

    text = PLACEHOLDER.sub(value, template)
    try:
        return documents.loads(text)
    except ValueError as error:
        raise InvalidInputError(f"The input is not valid JSON: {text}") from error


def _as_json(value: Any, *, inside: bool) -> str:
    """A value in JSON; text that stands inside quotation marks, without its own."""
    value = _text(value)
    written = to_json_str(value)
    return written[1:-1] if inside and isinstance(value, str) else written


def _plain(value: Any) -> str:
    value = _text(value)
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return f"[{','.join(map(_plain, value))}]"
    return to_json_str(value).replace('"', "")


def _text(value: Any) -> Any:
    return event_time_to_time_string(value) if isinstance(value, datetime) else value
