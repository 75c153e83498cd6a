"""Dead letters as tables, and as JSON for scripts."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from difflib import unified_diff
from typing import Any

from rich.table import Table

from functions.common import codec
from functions.common.errors import MalformedJsonError
from functions.publish.envelope import Envelope
from functions.redrive.plan import Plan
from functions.redrive.selection import Verdict, error_category, error_type, is_attributed, judge
from functions.redrive.triage import age_seconds, describe, statistics
from lab.common.clock import now_ms
from lab.common.output import joined, shown, styled, utc

ID_LENGTH = 8


def document(envelope: Envelope, plan: Plan) -> dict[str, Any]:
    """Everything that is known about a dead letter, with the whole body and all attributes."""
    now = now_ms()
    return describe(envelope, judge(plan, envelope, now), now) | {
        "receives": envelope.receive_count,
        "body": envelope.body,
        "attributes": {
            name: {kind: value if isinstance(value, str) else repr(value) for kind, value in given.items()}
            for name, given in envelope.attributes.items()
        },
    }


def letters(envelopes: Iterable[Envelope], *, complete: bool) -> Table:
    """One line for each dead letter."""
    table = Table(
        title="Dead letters" if complete else "Dead letters (the queue holds more)", title_justify="left"
    )
    table.add_column("message", no_wrap=True)
    for name in ("order", "category", "died of"):
        table.add_column(name, overflow="fold")
    for name in ("age s", "receives", "redrives"):
        table.add_column(name, justify="right")
    now = now_ms()
    for envelope in envelopes:
        attributed = is_attributed(envelope)
        cause = (
            error_type(envelope)
            if attributed
            else joined(styled("inferred:", "italic"), f" {_inferred(envelope)}")
        )
        table.add_row(
            envelope.message_id[:ID_LENGTH],
            envelope.order_id or "-",
            error_category(envelope),
            cause,
            f"{'' if attributed else '<= '}{age_seconds(envelope, now)}",
            str(envelope.receive_count),
            str(envelope.redrive_count),
        )
    return table


def letter(known: dict[str, Any]) -> Table:
    """One dead letter, a line for each thing that is known about it, and for what senders wrote beside that."""
    table = Table(show_header=False, title=f"Dead letter {known['messageId']}", title_justify="left")
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in known.items():
        match name:
            case "attributes":
                continue
            case "acceptedAt":
                told = f"{utc(value)} UTC"
            case "verdict":
                told = f"a redrive would say: {value}"
            case _:
                told = value if isinstance(value, str) else codec.dumps(value)
        table.add_row(name, told)
    if rest := "\n".join(_not_told(known)):
        table.add_row("also attached", rest)
    return table


def _not_told(known: dict[str, Any]) -> Iterator[str]:
    """Attributes that are not told under their own names already, as they came: `name=value`."""
    for name, given in known["attributes"].items():
        value = given.get("StringValue", given.get("BinaryValue", ""))
        if str(known.get(name)) != value:
            yield shown(f"{name}={value}")


def counts(envelopes: Iterable[Envelope]) -> Table:
    """How many died of what."""
    found = statistics(envelopes)
    table = Table(title=f"{found['total']} dead letters", title_justify="left")
    table.add_column("by")
    table.add_column("cause")
    table.add_column("messages", justify="right")
    for title, key in (("category", "byErrorCategory"), ("error type", "byErrorType")):
        for cause, number in sorted(found[key].items(), key=lambda item: -item[1]):
            table.add_row(title, cause, str(number))
    return table


def plan(given: Plan, preview: dict[str, Any]) -> Table:
    """What a redrive would do, before anybody confirms it."""
    table = Table(show_header=False, title="Plan", title_justify="left")
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in given.as_json().items():
        table.add_row(name, str(value))
    table.add_row("digest", given.digest)
    more = "" if preview["complete"] else "; the queue may hold more"
    table.add_row("match the filters", f"{preview['matching']['total']} of {preview['sampled']} seen{more}")
    table.add_row("would be moved", str(preview["eligible"]))
    for cause, number in preview["matching"]["byErrorType"].items():
        table.add_row(f"  {cause}", str(number))
    return table


def operation(row: dict[str, Any]) -> Table:
    """How far a redrive operation got."""
    table = Table(show_header=False, title=f"Redrive {row['operationId']}", title_justify="left")
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    shown = (
        "status",
        "phase",
        "incompleteReason",
        "haltReason",
        "failure",
        "seen",
        "lettersAtStart",
        "complete",
        "moved",
        "outcome",
        "byCategory",
        "skipped",
        "notSent",
        "unsent",
        "notDeleted",
    )
    for name in (*shown, "invocations", "requestedBy", "planDigest"):
        if row.get(name) not in (None, []):
            value = row[name]
            table.add_row(name, value if isinstance(value, str) else codec.dumps(value))
    return table


def state(row: dict[str, Any]) -> str:
    """What an operation is doing, in a few words."""
    if waiting := row.get("outcome", {}).get("waiting"):
        return f"{row['status']}, {waiting} on their way"
    return f"{row['status']} {row.get('phase', '')}"


def pretty(body: str) -> str:
    """A body for people: indented, if it is JSON."""
    try:
        return codec.pretty(codec.loads(body))
    except MalformedJsonError:
        return body


def difference(old: str, new: str) -> str:
    """The lines in which two bodies differ, without the lines around them."""
    lines = unified_diff(pretty(old).splitlines(), pretty(new).splitlines(), lineterm="", n=0)
    return "\n".join(shown(line) for line in lines if not line.startswith(("---", "+++", "@@")))


def as_json(value: Any) -> str:
    """One line of JSON."""
    return codec.dumps(asdict(value) if hasattr(value, "__dataclass_fields__") else value)


def _inferred(envelope: Envelope) -> str:
    return str(describe(envelope, Verdict.SELECTED, now_ms())["triage"]["inferred"])
