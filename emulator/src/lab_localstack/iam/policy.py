"""What identity-based policies allow. No AWS here.

Sources: IAM User Guide, "Policy evaluation logic" and "IAM JSON policy element reference". What is not served raises
UnservedPolicyError, so that no policy is half evaluated.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

from lab_localstack import documents

type Context = Mapping[str, str | None]
"""Condition keys in small letters: their values in this request, None for one that it has not."""
type Condition = tuple[str, str, tuple[str, ...]]
"""An operator, a condition key and the values it is compared with."""

ELEMENTS = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}


class UnservedPolicyError(ValueError):
    """The document is not a policy, or says more than is evaluated here."""


class Decision(Enum):
    """Policies allow a request, say nothing of it, or deny it; the last wins over the first."""

    ALLOWED = "allowed"
    NOT_ALLOWED = "not allowed"
    DENIED = "denied"


@dataclass(frozen=True)
class Statement:
    """One statement. Patterns are those of IAM: `*` for any text and `?` for any character."""

    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: tuple[Condition, ...] = ()
    all_actions_but: bool = False
    all_resources_but: bool = False

    def concerns(self, action: str, resource: str, context: Context) -> bool:
        """Whether the statement is about this request. Raises UnservedPolicyError for an unknown condition key."""
        lower = action.lower()
        named = any(matches(pattern.lower(), lower) for pattern in self.actions)
        meant = any(matches(pattern, resource) for pattern in self.resources)
        if named == self.all_actions_but or meant == self.all_resources_but:
            return False
        return all(_holds(condition, context) for condition in self.conditions)


def decide(
    statements: Iterable[Statement], action: str, resource: str, context: Context | None = None
) -> Decision:
    """What all these statements together say of an action (`sqs:SendMessage`) on a resource (an ARN, or `*`)."""
    effects = {each.effect for each in statements if each.concerns(action, resource, context or {})}
    if "Deny" in effects:
        return Decision.DENIED
    return Decision.ALLOWED if effects else Decision.NOT_ALLOWED


@lru_cache(maxsize=1024)
def parse(document: str) -> tuple[Statement, ...]:
    """The statements of a policy document in JSON. Raises UnservedPolicyError."""
    try:
        return statements_of(documents.loads(document))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, UnservedPolicyError):
            raise
        raise UnservedPolicyError(f"malformed policy: {error!r}") from error


def statements_of(document: Mapping[str, Any]) -> tuple[Statement, ...]:
    """The statements of a policy. Raises KeyError or TypeError for what is none, and UnservedPolicyError."""
    return tuple(_statement(given) for given in _listed(document["Statement"]))


@lru_cache(maxsize=4096)
def matches(pattern: str, text: str) -> bool:
    """Whether a pattern of IAM fits the whole text."""
    return _expression(pattern).fullmatch(text) is not None


@lru_cache(maxsize=1024)
def _expression(pattern: str) -> re.Pattern[str]:
    wild = {"*": ".*", "?": "."}
    return re.compile("".join(wild.get(each) or re.escape(each) for each in pattern), re.DOTALL)


def _statement(given: Mapping[str, Any]) -> Statement:
    if given["Effect"] not in ("Allow", "Deny"):
        raise UnservedPolicyError(f"Effect {given['Effect']!r}")
    if unknown := given.keys() - ELEMENTS:
        raise UnservedPolicyError(f"{', '.join(sorted(unknown))} in a statement")
    actions = given["NotAction"] if "NotAction" in given else given["Action"]
    resources = given["NotResource"] if "NotResource" in given else given["Resource"]
    if variables := [pattern for pattern in _patterns(resources) if "${" in pattern]:
        raise UnservedPolicyError(f"the policy variable in {variables[0]}")
    return Statement(
        effect=given["Effect"],
        actions=_patterns(actions),
        resources=_patterns(resources),
        conditions=tuple(_conditions(given.get("Condition") or {})),
        all_actions_but="NotAction" in given,
        all_resources_but="NotResource" in given,
    )


def _patterns(value: Any) -> tuple[str, ...]:
    found = tuple(_listed(value))
    if not all(isinstance(each, str) for each in found):
        raise UnservedPolicyError(f"malformed policy: {value!r} is no text")
    return found


def _conditions(given: Mapping[str, Mapping[str, Any]]) -> Iterable[Condition]:
    for operator, by_key in given.items():
        if _plain(operator) not in _TESTS:
            raise UnservedPolicyError(f"the condition operator {operator}")
        for key, values in by_key.items():
            yield operator, key.lower(), tuple(str(value) for value in _listed(values))


_TESTS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": str.__eq__,
    "StringLike": matches,
    "ArnEquals": matches,
    "ArnLike": matches,
}


def _plain(operator: str) -> str:
    return operator.removesuffix("IfExists").replace("Not", "", 1)


def _holds(condition: Condition, context: Context) -> bool:
    operator, key, values = condition
    if key not in context:
        raise UnservedPolicyError(f"the condition key {key}")
    actual, negated = context[key], "Not" in operator
    if actual is None:
        return negated or operator.endswith("IfExists")
    test = _TESTS[_plain(operator)]
    return any(test(value, actual) for value in values) != negated


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
