"""Event patterns and filter policies, matched as AWS's own event-ruler does.

A field matches if one of its values meets one of its conditions; a pattern matches if all its fields do, with values
that can stand together: two that come from an array come from the same element of it.
https://github.com/aws/event-ruler#json-array-matching
"""

import ipaddress
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from lab_localstack import documents, globs

type Pattern = Mapping[str, Any]
"""Conditions by dotted path."""
type Membership = frozenset[tuple[int, int]]
"""The elements that a value is in: the numbers of arrays with the index in each."""
type Fields = dict[str, list[tuple[Any, Membership]]]
"""The values of each path."""

NOWHERE: Membership = frozenset()
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def matches(patterns: Sequence[Pattern], fields: Fields) -> bool:
    """Whether any of the patterns matches the fields."""
    return any(_Match(pattern, fields).from_field(0, NOWHERE) for pattern in patterns)


def fields_of(document: Mapping[str, Any], patterns: Iterable[Pattern]) -> Fields:
    """The values of a document, as far as any of the patterns asks for them."""
    wanted = {path for pattern in patterns for path in pattern}
    fields: Fields = {}
    arrays = 0

    def gather(value: Any, path: str, membership: Membership) -> None:
        nonlocal arrays
        if isinstance(value, Mapping):
            for name, child in value.items():
                below = f"{path}.{name}" if path else name
                if any(one == below or one.startswith(f"{below}.") or not below for one in wanted):
                    gather(child, below, membership)
        elif isinstance(value, list):
            arrays, array = arrays + 1, arrays
            for index, element in enumerate(value):
                inside = isinstance(element, Mapping | list)
                gather(element, path, membership | {(array, index)} if inside else membership)
        else:
            fields.setdefault(path, []).append((value, membership))

    gather(document, "", NOWHERE)
    return fields


def fields_of_attributes(attributes: Mapping[str, Mapping[str, Any]]) -> Fields:
    """The values of a message's attributes; those that are binary, or no array although they should be, have none.

    https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html
    """
    return {name: [(value, NOWHERE) for value in _values(given)] for name, given in attributes.items()}


def _values(attribute: Mapping[str, Any]) -> list[Any]:
    kind = attribute.get("DataType") or attribute.get("Type") or ""
    text = attribute.get("StringValue") or attribute.get("Value")
    if kind.startswith("Binary") or text is None:
        return []
    if kind.startswith("Number") or kind == "String.Array":
        try:
            value = documents.loads(str(text))
        except ValueError:
            return []
        return value if isinstance(value, list) else [value] if kind.startswith("Number") else []
    return [text]


def fits(condition: Any, value: Any) -> bool:
    """Whether a value that is there meets a condition. A condition for another type of value is not met."""
    if not isinstance(condition, Mapping):
        return _equal(condition, value)
    name: str
    wanted: Any
    name, wanted = next(iter(condition.items()))
    match name:
        case "exists":
            return bool(wanted)
        case "anything-but":
            return not any(fits(excluded, value) for excluded in _excluded(wanted))
        case "numeric":
            return _is_number(value) and all(
                COMPARISONS[comparison](value, bound)
                for comparison, bound in zip(wanted[::2], wanted[1::2], strict=True)
            )
    return isinstance(value, str) and _fits_text(name, wanted, value)


def _fits_text(name: str, wanted: Any, text: str) -> bool:
    if isinstance(wanted, Mapping):  # of prefix and suffix
        wanted, text = str(wanted.get("equals-ignore-case")).lower(), text.lower()
    match name:
        case "prefix":
            return text.startswith(wanted)
        case "suffix":
            return text.endswith(wanted)
        case "equals-ignore-case":
            return text.lower() == wanted.lower()
        case "wildcard":
            return globs.fits(wanted, text, escape="\\")
        case "cidr":
            try:
                return ipaddress.ip_address(text) in ipaddress.ip_network(wanted, strict=False)
            except ValueError:
                return False
    return False


def _excluded(wanted: Any) -> Iterator[Any]:
    """What `anything-but` names, each as a condition."""
    if isinstance(wanted, Mapping):
        for name, texts in wanted.items():
            yield from ({name: text} for text in (texts if isinstance(texts, list) else [texts]))
    else:
        yield from wanted if isinstance(wanted, list) else [wanted]


def _equal(wanted: Any, value: Any) -> bool:
    """Equal as JSON: numbers by their value, and true is not 1."""
    return wanted == value and _is_number(wanted) == _is_number(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class _Match:
    """The search for values that meet a pattern and can stand together; in the order of the paths, as event-ruler's."""

    def __init__(self, pattern: Pattern, fields: Fields) -> None:
        self._paths = sorted(pattern)
        self._present = {path: {place for _, place in fields.get(path, ())} for path in self._paths}
        self._absent = {path for path in self._paths if {"exists": False} in _conditions(pattern[path])}
        self._met = {
            path: _Places(place for value, place in fields.get(path, ()) if _meets(pattern[path], value))
            for path in self._paths
        }
        self._tried: set[tuple[int, Membership]] = set()

    def from_field(self, number: int, so_far: Membership) -> bool:
        """Whether the fields from this one on can be met beside what has been chosen so far."""
        if number == len(self._paths):
            return True
        if (number, so_far) in self._tried:
            return False
        self._tried.add((number, so_far))
        path = self._paths[number]
        if path in self._absent and all(_beside(so_far, place) is None for place in self._present[path]):
            return self.from_field(number + 1, so_far)
        together = (_beside(so_far, place) for place in self._met[path].near(so_far))
        return any(self.from_field(number + 1, place) for place in together if place is not None)


class _Places:
    """Where values are, found by an element that they are in."""

    def __init__(self, places: Iterable[Membership]) -> None:
        self._all = dict.fromkeys(places)
        self._inside: dict[int, dict[int, list[Membership]]] = {}
        for place in self._all:
            for array, index in place:
                self._inside.setdefault(array, {}).setdefault(index, []).append(place)
        self._outside = {
            array: [place for place in self._all if array not in dict(place)] for array in self._inside
        }

    def near(self, so_far: Membership) -> Iterable[Membership]:
        """All places that can stand beside what was chosen so far, and few others."""
        for array, index in so_far:
            if array in self._inside:
                return [*self._inside[array].get(index, ()), *self._outside[array]]
        return self._all


def _beside(so_far: Membership, place: Membership) -> Membership | None:
    """Both together; None where they are in different elements of an array."""
    chosen = dict(so_far)
    if any(chosen.get(array, index) != index for array, index in place):
        return None
    return so_far | place


def _conditions(wanted: Any) -> list[Any]:
    return wanted if isinstance(wanted, list) else [wanted]


def _meets(conditions: Any, value: Any) -> bool:
    """Whether a value meets one of the conditions; one that says nothing, such as a prefix of 5, is not met."""
    try:
        return any(fits(condition, value) for condition in _conditions(conditions))
    except (AttributeError, KeyError, StopIteration, TypeError, ValueError):
        return False
