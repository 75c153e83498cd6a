"""What event patterns and filter policies look at in a document."""

from collections.abc import Iterable, Mapping
from typing import Any

type Flat = dict[str, Any]


def flattened(document: Mapping[str, Any], patterns: Iterable[Mapping[str, Any]]) -> list[Flat]:
    """The document's values by dotted path, as far as any pattern asks for them; members of lists in several dicts.

    LocalStack's rule engines ask each condition of all the dicts, so which values share a dict does not matter: only
    which values a path has, and whether some dict lacks it. Both are the same as in the product of all lists, which
    LocalStack makes.
    """
    paths = {path for pattern in patterns for path in pattern}

    def flat(value: Any, path: str) -> list[Flat]:
        if isinstance(value, Mapping):
            found: list[Flat] = [{}]
            for name, child in value.items():
                below = f"{path}.{name}" if path else name
                if any(wanted.startswith(below) for wanted in paths):
                    found = _beside(found, flat(child, below))
            return found
        if isinstance(value, list):
            return [one for member in value for one in flat(member, path)] or [{}]
        return [{path: value}]

    return flat(document, "")


def _beside(first: list[Flat], second: list[Flat]) -> list[Flat]:
    """Every dict of both lists at least once; the last one of the shorter list stands beside the rest."""
    length = max(len(first), len(second))
    return [first[min(n, len(first) - 1)] | second[min(n, len(second) - 1)] for n in range(length)]
