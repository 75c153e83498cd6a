"""The IAM policy that a Lambda authorizer returns. No AWS here."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

ACTION = "execute-api:Invoke"


def allows(document: Mapping[str, Any], route_arn: str) -> bool:
    """Whether the policy allows a request to the route. An explicit Deny wins; nothing said is no.

    Raises KeyError, TypeError or ValueError for what is no such policy, or says more than actions and resources.
    """
    effects: set[str] = set()
    for statement in _listed(document["Statement"]):
        if statement["Effect"] not in ("Allow", "Deny"):
            raise ValueError(f"Effect {statement['Effect']!r}")
        if unknown := statement.keys() - {"Sid", "Effect", "Action", "Resource"}:
            raise ValueError(f"{', '.join(sorted(unknown))} in a statement")
        actions, resources = _listed(statement["Action"]), _listed(statement["Resource"])
        if any(_matches(action.lower(), ACTION.lower()) for action in actions) and any(
            _matches(resource, route_arn) for resource in resources
        ):
            effects.add(statement["Effect"])
    return effects == {"Allow"}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _matches(pattern: str, text: str) -> bool:
    return _expression(pattern).fullmatch(text) is not None


@lru_cache(maxsize=1024)
def _expression(pattern: str) -> re.Pattern[str]:
    wild = {"*": ".*", "?": "."}
    return re.compile(
        "".join(wild.get(character) or re.escape(character) for character in pattern), re.DOTALL
    )
