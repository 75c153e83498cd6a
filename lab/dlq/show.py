"""Dead letters as tables, and as JSON for scripts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from difflib import unified_diff
from typing import TYPE_CHECKING, Any

from functions.common import codec
from functions.common.errors import MalformedJsonError
from functions.publish.envelope import Envelope
from functions.redrive.error_types import error_category, error_type, is_attributed
from functions.redrive.plan import Plan
from functions.redrive.selection import Verdict, judge
from functions.redrive.triage import age_seconds, describe
from lab.common.clock import now_ms
from lab.common.grid import Facts, Grid
from lab.common.output import Line, joined, several, shown, styled, utc
from lab.dlq.forecast import WORDS, details, summary

if TYPE_CHECKING:
    from lab.dlq.patch import Forecast

ID_LENGTH = 8
SHOWN_REASONS = 10
_BARS = "\u00b7\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"


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


def letters(envelopes: Sequence[Envelope], *, complete: bool) -> Grid:
    """One line for each dead letter."""
    now = now_ms()
    numbers = {
        "age s": [
            f"{'' if is_attributed(envelope) else '<= '}{age_seconds(envelope, now)}"
            for envelope in envelopes
        ],
        "receives": [str(envelope.receive_count) for envelope in envelopes],
        "redrives": [str(envelope.redrive_count) for envelope in envelopes],
    }
    columns: dict[str, list[Line]] = {
        "message": [envelope.message_id[:ID_LENGTH] for envelope in envelopes],
        "order": [envelope.order_id or "-" for envelope in envelopes],
        "category": [error_category(envelope) for envelope in envelopes],
        "died of": [_cause(envelope) for envelope in envelopes],
    }
    title = "Dead letters" if complete else "Dead letters (the queue holds more)"
    return Grid(title, columns | numbers, right=tuple(numbers))


def _cause(envelope: Envelope) -> Line:
    if is_attributed(envelope):
        return error_type(envelope)
    return joined(styled("inferred:", "italic"), f" {_inferred(envelope)}")


def letter(known: dict[str, Any]) -> Facts:
    """One dead letter, a line for each thing that is known about it, and for what senders wrote beside that."""
    facts: dict[str, str] = {}
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
        facts[name] = told
    return Facts(f"Dead letter {known['messageId']}", facts | {"also attached": "\n".join(_not_told(known))})


def _not_told(known: dict[str, Any]) -> Iterator[str]:
    """Attributes that are not told under their own names already, as they came: `name=value`."""
    for name, given in known["attributes"].items():
        value = given.get("StringValue", given.get("BinaryValue", ""))
        if str(known.get(name)) != value:
            yield shown(f"{name}={value}")


def counts(found: Mapping[str, Any]) -> Grid:
    """How many died of what."""
    rows = [
        (title, cause, str(number))
        for title, key in (("by category", "byErrorCategory"), ("by error type", "byErrorType"))
        for cause, number in sorted(found[key].items(), key=lambda item: -item[1])
    ]
    columns = {"cause": [cause for _, cause, _ in rows], "messages": [number for *_, number in rows]}
    groups = [title for title, *_ in rows]
    return Grid(f"{found['total']} dead letters", columns, groups, right=("messages",))


def groups(told: Sequence[Mapping[str, Any]], seen: int, *, complete: bool) -> Grid:
    """One line for each thing that letters died of, the most frequent first."""
    now = now_ms()
    columns: dict[str, list[Line]] = {
        "group": [group["fingerprint"] for group in told],
        "letters": [str(group["count"]) for group in told],
        "category": [group["errorCategory"] for group in told],
        "died of": [died_of(group) for group in told],
        "last death": [f"{span((now - group['lastDeathAt']) / 1000)} ago" for group in told],
        "trend": [f"{spark(group['deaths'])} {group['trend']}" for group in told],
        "redriven": [str(group["redriven"] or "") for group in told],
        "status": [_standing(group) for group in told],
        "note": [group.get("note", "") for group in told],
        "oldest expires in": [span(group["oldestExpiresInSeconds"]) for group in told],
    }
    more = "" if complete else ", and the queue holds more"
    title = f"{several(seen, 'dead letter')}, {several(len(told), 'group')}{more}"
    return Grid(title, columns, right=("letters", "last death", "redriven", "oldest expires in"))


def _standing(group: Mapping[str, Any]) -> str:
    by = f", {group['by']}" if group.get("by") else ""
    return f"{group['status']}{by}" if "status" in group else ""


def died_of(group: Mapping[str, Any]) -> Line:
    """What the letters of a group died of, on one line."""
    if group["inferred"]:
        return joined(styled("inferred:", "italic"), f" {group['signature']}")
    place = f" ({group['place']})" if group.get("place") else ""
    return f"{group['errorType']}: {group['signature']}{place}"


def span(seconds: float) -> str:
    """A time for people, in its two largest units."""
    minutes, days = round(max(0.0, seconds)) // 60, round(max(0.0, seconds)) // 86_400
    if not minutes:
        return f"{round(max(0.0, seconds))} s"
    if days:
        return f"{days} d {minutes // 60 % 24} h"
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def spark(counts: Sequence[int]) -> str:
    """Counts as a row of bars."""
    most = max(counts, default=0)
    return "".join(_BARS[-(-count * (len(_BARS) - 1) // most)] if most else _BARS[0] for count in counts)


def plan(given: Plan, preview: dict[str, Any]) -> Facts:
    """What a redrive would do, before anybody confirms it."""
    more = "" if preview["complete"] else "; the queue may hold more"
    facts = {name: str(value) for name, value in given.as_json().items()} | {
        "digest": given.digest,
        "match the filters": f"{preview['matching']['total']} of {preview['sampled']} seen{more}",
        "would be moved": str(preview["eligible"]),
    }
    causes = {f"  {cause}": str(number) for cause, number in preview["matching"]["byErrorType"].items()}
    forecast = {"dry run": "\n".join([summary(preview["forecast"]), *details(preview["forecast"])])}
    return Facts("Plan", facts | causes | forecast)


def forecast(told: Sequence[Mapping[str, Any]], tally: Mapping[str, Any], *, complete: bool) -> Grid:
    """One line for each group: what would become of its letters, and why."""
    numbers: dict[str, list[Line]] = {
        words: [str(group["forecast"][fate] or "") for group in told] for fate, words in WORDS.items()
    }
    columns: dict[str, list[Line]] = {
        "group": [group["fingerprint"] for group in told],
        "died of": [died_of(group) for group in told],
        **numbers,
        "because": ["; ".join(details(group["forecast"])) for group in told],
    }
    more = "" if complete else ", and the queue holds more"
    return Grid(f"Dry run {summary(tally)}{more}", columns, right=tuple(numbers))


def operation(row: dict[str, Any]) -> Facts:
    """How far a redrive operation got."""
    told = (
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
        "newDeaths",
        "notSent",
        "unsent",
        "notDeleted",
    )
    facts: dict[str, str] = {}
    for name in (*told, "invocations", "requestedBy", "requestedFrom", "planDigest"):
        if row.get(name) not in (None, []):
            value = row[name]
            facts[name] = value if isinstance(value, str) else codec.dumps(value)
    return Facts(f"Redrive {row['operationId']}", facts)


def state(row: dict[str, Any]) -> str:
    """What an operation is doing, in a few words."""
    if waiting := row.get("outcome", {}).get("waiting"):
        return f"{row['status']}, {waiting} on their way"
    deaths = f", {row['newDeaths']} new deaths" if row.get("newDeaths") else ""
    return f"{row['status']} {row.get('phase', '')}{deaths}"


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


def unified(old: str, new: str, name: str) -> str:
    """Two bodies as a unified diff, with three lines around each change."""
    before, after = f"{name} as it died", f"{name} as it would be sent"
    lines = unified_diff(pretty(old).splitlines(), pretty(new).splitlines(), before, after, lineterm="")
    return "\n".join(map(shown, lines))


def patching(given: Plan, forecast: "Forecast", *, complete: bool) -> Facts:
    """What a patch would do to a group, before anybody confirms it."""
    more = "" if complete else "; the queue holds more"
    facts = {
        "patch": given.patch or "",
        "digest": given.digest,
        "would be sent": f"{min(forecast.corrected, given.max_messages)} of {forecast.corrected}{more}",
    }
    stay = {f"  {why}": str(number) for why, number in forecast.refused.most_common(SHOWN_REASONS)}
    return Facts(
        f"Patch of group {given.fingerprint}",
        facts | ({"would stay": str(forecast.refused.total())} if stay else {}) | stay | _dry_run(forecast),
    )


def _dry_run(forecast: "Forecast") -> dict[str, str]:
    if forecast.dry_run is None or not forecast.corrected:
        return {}
    tally = forecast.dry_run.as_json()["forecast"]
    return {"dry run": "\n".join([summary(tally), *details(tally)])}


def as_json(value: Any) -> str:
    """One line of JSON."""
    return codec.dumps(asdict(value) if hasattr(value, "__dataclass_fields__") else value)


def _inferred(envelope: Envelope) -> str:
    return str(describe(envelope, Verdict.SELECTED, now_ms())["triage"]["inferred"])
