"""What a redrive is to move: filters, limits and pace, checked before anything happens."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any

from functions.common import codec
from functions.common.errors import Category
from functions.common.problem import ProblemError, Violation

MAX_MESSAGES = 1000
MAX_JITTER_SECONDS = 900
"""SQS delays a message by 15 minutes at most."""
MAX_AGE_SECONDS = 14 * 86_400
DEFAULT_MESSAGES = 100
DEFAULT_MIN_AGE_SECONDS = 300
MAX_RATE = 500
"""Messages a second; SQS's own move task has the same limit."""
MAX_CANARIES = 10
DEFAULT_CANARIES = 3

UNATTRIBUTED = "UNATTRIBUTED"
"""The category, and the error type, of a message that SQS itself moved: it has no cause of death."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Which dead letters to take, and how. Filters that are None let everything pass. Times in seconds.

    `canary_messages` are moved first, and the others when these were seen to be processed; 0 moves all at once.
    """

    max_messages: int = DEFAULT_MESSAGES
    error_type: str | None = None
    error_category: str | None = None
    min_age_seconds: int = DEFAULT_MIN_AGE_SECONDS
    correlation_id: str | None = None
    body_contains: str | None = None
    per_message_delay_jitter: int = 0
    force: bool = False
    rate_per_second: int | None = None
    canary_messages: int = DEFAULT_CANARIES

    def as_json(self) -> dict[str, Any]:
        """The plan in the API's names."""
        return {_API_NAMES[name]: value for name, value in asdict(self).items() if value is not None}

    @property
    def digest(self) -> str:
        """What tells two plans apart."""
        return hashlib.sha256(codec.canonical(self.as_json()).encode()).hexdigest()


_API_NAMES = {
    "max_messages": "maxMessages",
    "error_type": "errorType",
    "error_category": "errorCategory",
    "min_age_seconds": "minAgeSeconds",
    "correlation_id": "correlationId",
    "body_contains": "bodyContains",
    "per_message_delay_jitter": "perMessageDelayJitter",
    "force": "force",
    "rate_per_second": "ratePerSecond",
    "canary_messages": "canaryMessages",
}


@dataclass(frozen=True)
class _Rule:
    text: str
    accepts: Callable[[Any], bool]


def _whole(low: int, high: int) -> _Rule:
    return _Rule(
        f"must be a whole number from {low} to {high}",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high,
    )


def _text(length: int) -> _Rule:
    return _Rule(
        f"must be text of 1 to {length} characters",
        lambda value: isinstance(value, str) and 1 <= len(value) <= length and is_unicode(value),
    )


def is_unicode(text: str) -> bool:
    """Whether it can be sent: JSON's escapes can also spell half a surrogate pair, which is not a character."""
    return not any("\ud800" <= one <= "\udfff" for one in text)


_CATEGORIES = (*Category, UNATTRIBUTED)
_RULES: Mapping[str, _Rule] = {
    "max_messages": _whole(1, MAX_MESSAGES),
    "error_type": _text(256),
    "error_category": _Rule(f"must be one of {', '.join(_CATEGORIES)}", lambda value: value in _CATEGORIES),
    "min_age_seconds": _whole(0, MAX_AGE_SECONDS),
    "correlation_id": _text(256),
    "body_contains": _text(1024),
    "per_message_delay_jitter": _whole(0, MAX_JITTER_SECONDS),
    "rate_per_second": _whole(1, MAX_RATE),
    "canary_messages": _whole(0, MAX_CANARIES),
    "force": _Rule("must be true or false", lambda value: isinstance(value, bool)),
}
_FIELDS = {api: field for field, api in _API_NAMES.items()}


def plan_from(document: Mapping[str, Any]) -> Plan:
    """The plan of a request. Raises ProblemError 422, which names everything that is wrong."""
    found: list[Violation] = []
    values: dict[str, Any] = {}
    for name, value in document.items():
        field = _FIELDS.get(name)
        if field is None:
            found.append(Violation(f"/{name}", "is not known"))
        elif value is not None and not _RULES[field].accepts(value):
            found.append(Violation(f"/{name}", _RULES[field].text))
        elif value is not None:
            values[field] = value
    if found:
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "The parameters are not valid.", found)
    return Plan(**values)


def typed(query: Mapping[str, str]) -> dict[str, Any]:
    """Query parameters, which are all text, with numbers and truth values where they look like it."""
    numbers = {"maxMessages", "minAgeSeconds", "perMessageDelayJitter", "ratePerSecond", "canaryMessages"}
    return {
        name: int(value)
        if name in numbers and value.isascii() and value.isdigit() and len(value) < 10
        else {"true": True, "false": False}.get(value, value)
        if name == "force"
        else value
        for name, value in query.items()
    }
