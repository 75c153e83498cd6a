"""What a redrive is to move: filters, limits and pace, checked before anything happens.

`plan.schema.json` says what each parameter may be. The API's check and its OpenAPI document, the bounds of
`lab dlq` and the console's form all read it there.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from http import HTTPStatus
from pathlib import Path
from typing import Any

from functions.common import codec
from functions.common.problem import ProblemError, Violation
from functions.redrive.error_types import resolved
from functions.redrive.patch import patch_objection

SCHEMA: Mapping[str, Any] = json.loads(Path(__file__).with_name("plan.schema.json").read_bytes())
PARAMETERS: Mapping[str, Mapping[str, Any]] = SCHEMA["properties"]
"""The schema of each parameter, by its name in the API."""

MAX_MESSAGES: int = PARAMETERS["maxMessages"]["maximum"]
MAX_AGE_SECONDS: int = PARAMETERS["minAgeSeconds"]["maximum"]
"""SQS keeps no message longer."""


def _default(name: str) -> Any:
    return PARAMETERS[name]["default"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Which dead letters to take, and how. Filters that are None let everything pass. Times in seconds."""

    max_messages: int = _default("maxMessages")
    error_type: str | None = None
    error_category: str | None = None
    min_age_seconds: int = _default("minAgeSeconds")
    fingerprint: str | None = None
    correlation_id: str | None = None
    body_contains: str | None = None
    per_message_delay_jitter: int = _default("perMessageDelayJitter")
    force: bool = _default("force")
    rate_per_second: int | None = None
    canary_messages: int = _default("canaryMessages")
    patch: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The plan in the API's names."""
        return {_camel(name): value for name, value in asdict(self).items() if value is not None}

    @property
    def names_what_dies(self) -> bool:
        """Whether a death can be told to be of what it is about: one group, or what it has edited."""
        return self.fingerprint is not None or self.patch is not None

    @property
    def digest(self) -> str:
        """What tells two plans apart."""
        return hashlib.sha256(codec.canonical(self.as_json()).encode()).hexdigest()


def plan_from(document: Mapping[str, Any]) -> Plan:
    """The plan of a request. Raises ProblemError 422, which names everything that is wrong."""
    given = {name: value for name, value in document.items() if value is not None}
    if found := [
        Violation(f"/{name}", text) for name, value in given.items() if (text := _objection(name, value))
    ] or _wrong_patch(given.get("patch")):
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "The parameters are not valid.", found)
    plan = Plan(**{_snake(name): value for name, value in given.items()})
    return replace(plan, error_type=plan.error_type and resolved(plan.error_type))


def _wrong_patch(patch: str | None) -> list[Violation]:
    text = patch and patch_objection(patch)
    return [Violation("/patch", text)] if text else []


def typed(query: Mapping[str, str]) -> dict[str, Any]:
    """Query parameters, which are all text, with numbers and truth values where they look like it."""
    return {name: _typed(PARAMETERS.get(name, {}).get("type"), value) for name, value in query.items()}


def _typed(kind: str | None, text: str) -> int | bool | str:
    if kind == "integer" and text.isascii() and text.isdigit() and len(text) < 10:
        return int(text)
    return {"true": True, "false": False}.get(text, text) if kind == "boolean" else text


def is_unicode(text: str) -> bool:
    """Whether it can be sent: JSON's escapes can also spell half a surrogate pair, which is not a character."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _objection(name: str, value: Any) -> str | None:
    """What is wrong with a parameter. Of JSON Schema it knows what the schema uses, and its words are a person's."""
    match PARAMETERS.get(name):
        case None:
            return "is not known"
        case {"type": "integer", "minimum": int(low), "maximum": int(high)}:
            fits = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
            return None if fits else f"must be a whole number from {low} to {high}"
        case {"enum": [*choices]}:
            return (
                None if value in choices else f"must be one of {', '.join(choices)}{_meant(value, choices)}"
            )
        case {"pattern": str(pattern)}:
            fits = isinstance(value, str) and re.fullmatch(pattern.strip("^$"), value)
            return None if fits else "must be a group's fingerprint, twelve hexadecimal digits"
        case {"maxLength": int(longest)}:
            fits = isinstance(value, str) and 1 <= len(value) <= longest and is_unicode(value)
            return None if fits else f"must be text of 1 to {longest} characters"
        case _:
            return None if isinstance(value, bool) else "must be true or false"


def _meant(value: Any, choices: Sequence[str]) -> str:
    nearest = get_close_matches(str(value).upper(), choices, n=1)
    return f"; did you mean {nearest[0]}?" if nearest else ""


def _camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name)


def _snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", name)
