"""The DLQ: look, plan, redrive, repair, discard. Looking is a POST, since it costs each message a receive."""

from typing import Any

from functions.redrive.triage import statistics
from lab.console.console_state import ConsoleState
from lab.console.fields import Fields, InputError
from lab.console.job_kinds import Redrive
from lab.console.routes.endpoints import post
from lab.dlq import DIGEST_SHOWN, show
from lab.dlq.browser import MANY, DlqBrowser
from lab.dlq.forecast import details, summary
from lab.dlq.grouped import grouped
from lab.dlq.notes import SETTABLE, Notes, Status
from lab.dlq.plan import as_query, checked, matching
from lab.dlq.repair import discard as give_up
from lab.dlq.repair import send_repaired
from lab.pipeline.api import Api

MOST_LETTERS = 1000
"""So many are shown, and moved by one redrive; the page says how many more match."""
MOST_BODY = 1_048_576


def groups(state: ConsoleState, _fields: Fields) -> dict[str, Any]:
    """What letters died of, with the team's notes: every letter is received once."""
    state.require_idle("redrive", "scenario", "steady")
    with state.browsing:
        return grouped(state.pipeline, DlqBrowser(state.pipeline))


def note(state: ConsoleState, fields: Fields) -> dict[str, Any]:
    """Say where a group stands. An empty note leaves the earlier one."""
    name = checked({"fingerprint": fields.text("fingerprint")}).fingerprint or ""
    status = fields.text("status")
    if status not in SETTABLE:
        raise InputError(f"There is no status {status}.", f"It is one of: {', '.join(SETTABLE)}")
    written = Notes(state.pipeline).write(name, Status(status), fields.text("note", least=0).strip())
    return {"status": written.status, "note": written.note, "by": written.by}


def look(state: ConsoleState, fields: Fields) -> dict[str, Any]:
    """The first dead letters that match the filters, how many do, and what they died of."""
    state.require_idle("redrive", "scenario", "steady")
    plan = checked(fields.object("plan"))
    limit = fields.whole("limit", 1, MANY)
    with state.browsing:
        seen = DlqBrowser(state.pipeline).browse(limit)
    found = matching(plan, seen)
    return {
        "letters": [show.document(envelope, plan) for envelope in found[:MOST_LETTERS]],
        "matching": len(found),
        "statistics": statistics(found),
        "seen": len(seen.envelopes),
        "complete": seen.complete,
    }


def plan(state: ConsoleState, fields: Fields) -> dict[str, Any]:
    """What a redrive by this plan would move, what a dry run says of it, and what has to be typed to confirm it."""
    state.require_idle("redrive", "scenario", "steady")
    wanted = checked(fields.object("plan"))
    pipeline = state.pipeline
    with state.browsing, Api(pipeline.aws, pipeline.stack) as api:
        preview = api.dry_run(**as_query(wanted))
    return {
        "plan": wanted.as_json(),
        "digest": wanted.digest,
        "confirmation": wanted.digest[:DIGEST_SHOWN],
        "preview": preview,
        "dryRun": {"summary": summary(preview["forecast"]), "details": list(details(preview["forecast"]))},
    }


def redrive(state: ConsoleState, fields: Fields) -> dict[str, Any]:
    """Begin the redrive of a plan that somebody has seen and confirmed."""
    wanted = checked(fields.object("plan"))
    if fields.text("digest") != wanted.digest:
        raise InputError("This is not the plan that was shown.", "Make the plan again.")
    _require_confirmed(fields, wanted.digest)
    return state.start(Redrive(state.pipeline, wanted, fields.whole("eligible", 0, MOST_LETTERS)))


def repair(state: ConsoleState, fields: Fields) -> dict[str, Any]:
    """Send a dead letter with a new body, and delete the original."""
    state.require_idle("redrive", "scenario", "steady")
    message, body = fields.text("messageId"), fields.text("body", most=MOST_BODY)
    _require_confirmed(fields, message)
    browser = DlqBrowser(state.pipeline)
    with state.browsing, browser.take(message) as envelope:
        sent = send_repaired(state.pipeline, browser, envelope, body)
    state.live.look_soon()
    return {"orderId": sent.order_id, "messageId": sent.message_id}


def discard(state: ConsoleState, fields: Fields) -> dict[str, Any]:
    """Give a dead letter up; the audit row keeps its body and the reason."""
    state.require_idle("redrive", "scenario", "steady")
    message, reason = fields.text("messageId"), fields.text("reason")
    _require_confirmed(fields, message)
    browser = DlqBrowser(state.pipeline)
    with state.browsing, browser.take(message) as envelope:
        row = give_up(state.pipeline, browser, envelope, reason)
    state.live.look_soon()
    return row


def _require_confirmed(fields: Fields, secret: str) -> None:
    """Something was typed on purpose: as in the terminal, the first characters of what is meant."""
    if fields.text("confirmation").strip() != secret[:DIGEST_SHOWN]:
        raise InputError(
            "That is not what was to be typed: nothing was done.", f"Type {secret[:DIGEST_SHOWN]}."
        )


ROUTES = [
    post("/api/dlq/groups", groups),
    post("/api/dlq/note", note),
    post("/api/dlq/look", look),
    post("/api/dlq/plan", plan),
    post("/api/dlq/redrive", redrive),
    post("/api/dlq/repair", repair),
    post("/api/dlq/discard", discard),
]
