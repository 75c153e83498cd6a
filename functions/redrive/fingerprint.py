r"""What a dead letter died of, without what differs from letter to letter: equal fingerprints are one group.

A message becomes a signature: ids, numbers, times, quoted values, addresses and paths are `*`, and so are the letter's
own ids wherever they stand. A schema violation is its pointers and rules, whichever item of a list it is about.

>>> signature("lines of 12.50 exceed the amount of 9")
'lines of * exceed the amount of *'
>>> signature("order 'o-17' at 2026-11-29T10:00:00Z: cannot read /tmp/orders/17.json")
'order * at *: cannot read *'
>>> schema_signature("/items/3/sku is missing; /items/4/sku is missing; /total/amount must be at least 0.01")
'/items/*/sku is missing; /total/amount must be at least 0.01'

A letter without a cause of death, as SQS's own redrive policy leaves it, has what can be inferred of its body instead,
and says that it is inferred.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from functions.common import codec
from functions.common.errors import MalformedJsonError
from functions.common.problem import Violation
from functions.publish.death import MESSAGE_LENGTH, place_of, short
from functions.publish.envelope import Envelope
from functions.redrive.error_types import error_category, error_type, is_attributed
from functions.validate import violations

FINGERPRINT_LENGTH = 12
SIGNATURE_LENGTH = 160
"""Of a longer signature the rest does not count: a message that was cut ends where its ids happened to be long."""
LONGEST_NAME = 64
SHOWN_VIOLATIONS = 3
"""So many violations a worker's message names (functions.validate.require_order)."""
SHORTEST_ID = 4
"""A letter's own id that is shorter is not looked for in its message: it may be part of any word."""

SCHEMA_VIOLATION = "SchemaViolation"
NOT_JSON = "the body is no JSON"
VALID_BODY = "the body is valid: the worker crashed, timed out, or was throttled at every receive"

_VARIABLE = re.compile(
    r"""
    (?<!\w)(?:'[^']*'|"[^"]*"|`[^`]*`|\u2018[^\u2019]*\u2019|\u201c[^\u201d]*\u201d)(?!\w)  # quoted values
    | \b[a-z][a-z0-9+.-]{1,15}://[^\s,;)\]}]+                                # URLs
    | \barn:[^\s,;)\]}]+                                                     # ARNs
    | \b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[ ]?[+-]\d\d:?\d\d)?)?  # dates and times
    | \b(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,?\s+)?(?:\d{1,2}\s+)?
      (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?\s+\d{1,4}(?:[\s,]+\d[\d:.]*)*(?:\s+(?:GMT|UTC))?\b
    | \b\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?\b
    | \b[\w.+-]+@[\w-]+(?:\.[\w-]+)+                                         # mail addresses
    | (?<![\w*])(?:[A-Za-z]:\\|~/|\.{1,2}/)[\w.@+~\\/-]+                     # paths
    | (?<![\w*.])/[\w.@+~-]+(?:/[\w.@+~-]+)+/?
    | (?<![\w.])[+-]?(?=[\w.-]*\d)\w+(?:[.:,/_-]\w+)*(?:(?<=[eE])[+-]\d+)?%?  # numbers, and ids: what holds a digit
    | \b[0-9a-fA-F]{8,}\b                                                    # hashes that happen to hold none
    """,
    re.VERBOSE | re.ASCII,
)
_ORDER_ID = re.compile(r'"orderId"\s*:\s*"((?:[^"\\]|\\.)*)"')
"""Where a body has one, as it is written there."""
_LIST = re.compile(r"\*(?:(?:\s*[,;|/:]\s*|\s+and\s+|\s+or\s+|\s+)\*)+")
_SPACE = re.compile(r"\s+")
_POINTER = re.compile(r"(?P<pointer>/\S*|\(root\)) (?P<rule>.+)", re.DOTALL)
_INDEX = re.compile(r"/\d+(?=/|\Z)")
_UNKNOWN = "is not known in this schema version"
"""The rule whose pointer ends in a name that the sender made up."""


@dataclass(frozen=True)
class Cause:
    """What a group of letters died of. `place` is where in the code an unexpected error came from, else empty."""

    error_type: str
    error_category: str
    signature: str
    place: str = ""
    inferred: bool = False

    @property
    def fingerprint(self) -> str:
        """The group's name: hexadecimal digits that depend on nothing else."""
        parts = (self.error_type, self.error_category, self.signature, self.place, str(self.inferred))
        text = "\n".join(parts).encode("utf-8", "backslashreplace")
        return hashlib.sha256(text).hexdigest()[:FINGERPRINT_LENGTH]


def cause_of(envelope: Envelope) -> Cause:
    """What a letter died of, by its cause of death; by its body where it has none."""
    if not is_attributed(envelope):
        return Cause(error_type(envelope), error_category(envelope), inferred(envelope), inferred=True)
    kind = short(error_type(envelope), LONGEST_NAME)
    message = (envelope.text("errorMessage") or "")[:MESSAGE_LENGTH]
    told = _schema_signature(envelope, message) if kind == SCHEMA_VIOLATION else _told(envelope, message)
    return Cause(kind, short(error_category(envelope), LONGEST_NAME), told, place_of(envelope))


def fingerprint(envelope: Envelope) -> str:
    """The name of a letter's group."""
    return cause_of(envelope).fingerprint


def signature(message: str) -> str:
    """A message without what differs between letters that died of the same."""
    plain = _SPACE.sub(" ", _VARIABLE.sub("*", message)).strip()
    return _LIST.sub("*", plain)[:SIGNATURE_LENGTH]


def schema_signature(message: str) -> str:
    """The pointers and rules that a message about a schema violation names."""
    found = [match for part in message.split("; ") if (match := _POINTER.fullmatch(part))]
    if not found:
        return signature(message)
    return _rules(Violation(match["pointer"].replace("(root)", ""), match["rule"]) for match in found)


def inferred(envelope: Envelope) -> str:
    """What is wrong with a letter's body, or that nothing is."""
    try:
        found = violations(envelope.document)
    except MalformedJsonError as error:
        return f"{NOT_JSON}: {signature(str(error))}"
    return _rules(found) if found else VALID_BODY


def _schema_signature(envelope: Envelope, message: str) -> str:
    """By the message, which the worker wrote; by the body where there may be more than a message names."""
    if message.count("; ") + 1 >= SHOWN_VIOLATIONS or message.endswith("..."):
        try:
            if found := violations(codec.loads(envelope.body)):
                return _rules(found)
        except MalformedJsonError:
            pass  # it was another body that died: its message is all there is
    return schema_signature(message)


def _told(envelope: Envelope, message: str) -> str:
    """The signature of a message, from which the letter's own ids are taken, whatever they look like."""
    ids = {envelope.correlation_id, envelope.text("idempotencyKey")}
    # Parsing a body takes longer than all the rest here, and hardly any message quotes an order's id.
    if any("\\" in found or found in message for found in _ORDER_ID.findall(envelope.body)):
        ids.add(envelope.order_id)
    for own in sorted((own for own in ids if own and len(own) >= SHORTEST_ID), key=len, reverse=True):
        message = _without(own, message)
    return signature(message)


def _without(own: str, message: str) -> str:
    """A message with `*` for an id wherever that stands as a word. Compiling a pattern for each id takes far longer."""
    before, found, after = message.partition(own)
    if not found:
        return message
    inside = _is_word(before[-1:]) or _is_word(after[:1])
    return f"{before}{own if inside else '*'}{_without(own, after)}"


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _rules(found: Iterable[Violation]) -> str:
    return "; ".join(sorted({f"{_general(violation)} {violation.reason}" for violation in found}))[
        :SIGNATURE_LENGTH
    ]


def _general(violation: Violation) -> str:
    """A pointer without the positions in lists, and without names that no schema knows."""
    pointer = violation.pointer
    if violation.reason == _UNKNOWN:
        pointer = f"{pointer.rpartition('/')[0]}/*"
    return _INDEX.sub("/*", pointer) or "(root)"
