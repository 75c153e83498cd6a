"""The commands of `lab dlq`."""

import os
import shlex
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory, mkdtemp
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from functions.redrive.plan import PARAMETERS, Plan
from lab.commands.options import Env, Port, console
from lab.common.output import Terminal, shown
from lab.common.person import person
from lab.dlq import DIGEST_SHOWN
from lab.errors import LabError
from lab.faults.healing import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from functions.publish.envelope import Envelope
    from lab.dlq.browser import DlqBrowser
    from lab.pipeline.api import Api
    from lab.pipeline.observe import Pipeline

dlq = typer.Typer(
    help="The dead-letter queue: look, redrive, repair, discard. Nothing is changed without a confirmation.",
    no_args_is_help=True,
)

POLL_SECONDS = 0.5
SYSTEM_EDITORS = ("editor", "sensible-editor", "nano", "vi")
"""What opens a body where neither VISUAL nor EDITOR is set, the first that there is."""
FOLLOW_SECONDS = 30
"""The default of lab/dlq/follow.py, which is imported when it is needed."""


def _option(parameter: str, flag: str) -> Any:
    """An option with the bounds and the meaning that the schema of a redrive plan gives a parameter."""
    schema = PARAMETERS[parameter]
    return typer.Option(
        flag, min=schema.get("minimum"), max=schema.get("maximum"), help=schema["description"]
    )


DEFAULTS = Plan()


AsJson = Annotated[bool, typer.Option("--json", help="JSON for scripts instead of tables.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask; for scripts.")]
MANY = 100_000
Limit = Annotated[int, typer.Option(min=1, max=MANY, help="See this many messages at most.")]
Name = Annotated[
    str, typer.Argument(help="Message id (6 characters are enough), order id or correlation id.")
]
Type = Annotated[str | None, _option("errorType", "--error-type")]
Category = Annotated[str | None, _option("errorCategory", "--category")]
Group = Annotated[str | None, _option("fingerprint", "--group")]
MinAge = Annotated[int, _option("minAgeSeconds", "--min-age")]
Correlation = Annotated[str | None, _option("correlationId", "--correlation-id")]
Follow = Annotated[
    int,
    typer.Option(
        min=0, max=3600, help="Follow what was moved for this many seconds; 0 does not wait for it."
    ),
]
Contains = Annotated[str | None, _option("bodyContains", "--contains")]


@dlq.command()
def ls(
    *,
    error_type: Type = None,
    category: Category = None,
    group: Group = None,
    min_age: MinAge = 0,
    correlation_id: Correlation = None,
    contains: Contains = None,
    limit: Limit = 1000,
    json: AsJson = False,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """List dead letters and what they died of.

    SQS has no read without a trace: each letter is received once, and hidden from others while the list is made.
    """
    from lab.dlq import show  # noqa: PLC0415
    from lab.dlq.plan import matching  # noqa: PLC0415

    plan = _plan(error_type, category, min_age, correlation_id, contains, fingerprint=group, force=True)
    seen = _browser(_pipeline(port, env)).browse(limit)
    found = matching(plan, seen)
    if json:
        for envelope in found:
            _write(show.document(envelope, plan))
    elif not found:
        _say("no dead letter matches" if seen.envelopes else "the DLQ is empty")
    else:
        console.print(show.letters(found, complete=seen.complete))


@dlq.command()
def show(name: Name, json: AsJson = False, port: Port = 4566, env: Env = "dev") -> None:
    """Show all that is known about one dead letter."""
    from lab.dlq import show as view  # noqa: PLC0415

    with _browser(_pipeline(port, env)).take(name) as envelope:
        known = view.document(envelope, _plan(min_age=0))
    if json:
        _write(known)
    else:
        console.print(view.letter(known))


@dlq.command()
def stats(limit: Limit = MANY, json: AsJson = False, port: Port = 4566, env: Env = "dev") -> None:
    """Count dead letters by category and error type."""
    from functions.redrive.triage import Statistics  # noqa: PLC0415
    from lab.dlq import show as view  # noqa: PLC0415

    found = Statistics()
    complete = _each(_browser(_pipeline(port, env)), limit, found.add_all, quiet=json)
    if json:
        _write(found.as_json() | {"complete": complete})
    elif not found.total:
        _say("the DLQ is empty")
    else:
        console.print(view.counts(found.as_json()))


@dlq.command()
def groups(limit: Limit = MANY, json: AsJson = False, port: Port = 4566, env: Env = "dev") -> None:
    """Group dead letters by what they died of, whatever ids, numbers, dates, quoted values and paths they name.

    A group's name goes to the other commands: `lab dlq ls --group NAME`, `lab dlq redrive --group NAME`.
    """
    from lab.dlq import show as view  # noqa: PLC0415
    from lab.dlq.grouped import grouped  # noqa: PLC0415

    pipeline = _pipeline(port, env)
    found = grouped(
        pipeline, _browser(pipeline), lambda browser, heard: _each(browser, limit, heard, quiet=json)
    )
    if json:
        _write(found)
    elif not found["groups"]:
        _say("the DLQ is empty")
    else:
        console.print(view.groups(found["groups"], found["letters"], complete=found["complete"]))


@dlq.command()
def note(
    group: Annotated[str, typer.Argument(help="The group's name, as `lab dlq groups` tells it.")],
    *,
    status: Annotated[
        str, typer.Option(help="Where it stands: new, known, being worked on, mended.", show_default=False)
    ],
    note: Annotated[str, typer.Option(help="What is known of it; without one the earlier note stays.")] = "",
    json: AsJson = False,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """Say where a group of dead letters stands: who works on it, what is known. `lab dlq groups` shows it."""
    from lab.dlq.notes import SETTABLE, Notes, Status  # noqa: PLC0415

    if status not in SETTABLE:
        known = ", ".join(SETTABLE)
        raise LabError(f"There is no status {status}.", f"It is one of: {known}")
    name = _plan(fingerprint=group).fingerprint or ""
    written = Notes(_pipeline(port, env)).write(name, Status(status), note.strip())
    if json:
        _write({"fingerprint": name, "status": written.status, "note": written.note, "by": written.by})
    else:
        _say(
            shown(
                f"{name} is {written.status}, says {written.by}{f': {written.note}' if written.note else ''}"
            )
        )


@dlq.command("dry-run")
def dry_run(
    *,
    error_type: Type = None,
    category: Category = None,
    group: Group = None,
    min_age: MinAge = 0,
    correlation_id: Correlation = None,
    contains: Contains = None,
    force: Annotated[bool, _option("force", "--force")] = False,
    limit: Limit = MANY,
    json: AsJson = False,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """Tell what a redrive would come to: each letter goes through the worker's deployed code, without its effects.

    Nothing is moved or written. Exit code 0: all would pass, or are done already. 1: some would die again. 3: none
    would, but some depend on chance or on a dependency, and it is said on which.
    """
    from functions.redrive.groups import Groups  # noqa: PLC0415
    from lab.common.clock import now_ms  # noqa: PLC0415
    from lab.dlq import show as view  # noqa: PLC0415
    from lab.dlq.forecast import exit_code, forecasts  # noqa: PLC0415

    plan = _plan(error_type, category, min_age, correlation_id, contains, fingerprint=group, force=force)
    pipeline = _pipeline(port, env)
    browser, found, grouped = _browser(pipeline), forecasts(pipeline), Groups(now_ms())

    def heard(letters: "Sequence[Envelope]") -> None:
        grouped.add(letters)
        for letter in letters:
            found.add(letter)

    complete = _selected(plan, browser, limit, heard, quiet=json)
    told = found.on(grouped.as_json(browser.retention_seconds()))
    forecast = found.as_json()
    if json:
        _write({"letters": grouped.letters, "complete": complete, "groups": told, **forecast})
    elif not told:
        _say("nothing would be moved: no dead letter matches")
    else:
        console.print(view.forecast(told, forecast["forecast"], complete=complete))
    if code := exit_code(forecast["forecast"]):
        raise typer.Exit(code)


@dlq.command()
def redrive(
    *,
    error_type: Type = None,
    category: Category = None,
    group: Group = None,
    min_age: MinAge = DEFAULTS.min_age_seconds,
    correlation_id: Correlation = None,
    contains: Contains = None,
    max_messages: Annotated[int, _option("maxMessages", "--max")] = DEFAULTS.max_messages,
    jitter: Annotated[int, _option("perMessageDelayJitter", "--jitter")] = DEFAULTS.per_message_delay_jitter,
    rate: Annotated[int | None, _option("ratePerSecond", "--rate")] = None,
    canaries: Annotated[int, _option("canaryMessages", "--canaries")] = DEFAULTS.canary_messages,
    force: Annotated[bool, _option("force", "--force")] = False,
    follow: Follow = FOLLOW_SECONDS,
    yes: Yes = False,
    json: AsJson = False,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """Move dead letters back to the queue: plan, dry run, confirmation, canaries, ramp; and follow what was moved.

    Exit code 0: all that was moved is processed. 1: it halted or failed, could not see every letter, or what it moved
    died again. 3: what it moved is still on its way. Ctrl-C leaves the operation running; see `watch` and `cancel`.
    """
    from lab.dlq import show as view  # noqa: PLC0415
    from lab.dlq.plan import as_query, nothing_to_move  # noqa: PLC0415

    plan = _plan(
        error_type,
        category,
        min_age,
        correlation_id,
        contains,
        fingerprint=group,
        force=force,
        max_messages=max_messages,
        per_message_delay_jitter=jitter,
        rate_per_second=rate,
        canary_messages=canaries,
    )
    with _api(_pipeline(port, env)) as api:
        seen = api.dry_run(**as_query(plan))
        if not json:
            console.print(view.plan(plan, seen))
        if not yes:
            if seen["complete"] and not seen["eligible"]:
                _say(f"nothing would be moved: {nothing_to_move(plan, seen)}", quiet=json)
                return
            _confirm(plan.digest[:DIGEST_SHOWN], "the first 8 characters of the plan's digest")
        operation = api.start_redrive(**plan.as_json(), planDigest=plan.digest, requestedBy=person())
        _say(f"operation {operation}", quiet=json)
        _follow(api, operation, follow, json=json, total=seen["eligible"])


@dlq.command()
def watch(
    operation: Annotated[str, typer.Argument(help="The operation's id.")],
    follow: Follow = FOLLOW_SECONDS,
    json: AsJson = False,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """Follow a redrive operation to its end, and what it moved; exit codes as those of `redrive`.

    One whose invocation died is taken up again by being watched.
    """
    with _api(_pipeline(port, env)) as api:
        _follow(api, operation, follow, json=json)


@dlq.command()
def cancel(
    operation: Annotated[str, typer.Argument(help="The operation's id.")],
    json: AsJson = False,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """Ask a redrive operation to stop. What it has not moved stays in the DLQ."""
    with _api(_pipeline(port, env)) as api:
        row = api.cancel_redrive(operation)
    if json:
        _write(row)
    else:
        _say(f"asked to stop; it stops after the messages at hand: lab dlq watch {operation}")


@dlq.command()
def export(
    file: Annotated[
        Path | None, typer.Argument(help="Where to; - is standard output. Or --pytest.", allow_dash=True)
    ] = None,
    *,
    pytest: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A folder for regression tests, one for each letter.")
    ] = None,
    group: Group = None,
    limit: Limit = 10_000,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """Write dead letters as JSON lines, whole bodies and all attributes; nothing is removed.

    With --pytest each becomes a small test against the worker's code instead, which fails for the reason that the order
    is refused for today and passes when that is mended; texts that may be personal are replaced.
    """
    from lab.dlq import show as view  # noqa: PLC0415
    from lab.dlq.plan import matching  # noqa: PLC0415

    if (file is None) == (pytest is None):
        raise LabError("There is one place to write to.", "Name a file, or a folder with --pytest.")
    plan = _plan(fingerprint=group, force=True)
    seen = _browser(_pipeline(port, env)).browse(limit)
    letters = matching(plan, seen)
    if pytest is not None:
        _export_tests(letters, pytest)
    elif file is not None:
        lines = [view.as_json(view.document(envelope, _plan(min_age=0))) for envelope in letters]
        _export_lines(lines, file)
    if not seen.complete:
        raise LabError("The queue holds more than was exported.", "Raise --limit.")


def _export_lines(lines: "Sequence[str]", file: Path) -> None:
    text = "".join(f"{line}\n" for line in lines)
    if str(file) == "-":
        typer.echo(text, nl=False)
        return
    unfinished = file.with_name(f".{file.name}.unfinished")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(file)
    except OSError as error:
        raise LabError(f"{file} cannot be written: {error.strerror}.", "Name another file.") from error
    _say(f"{len(lines)} dead letters written to {file}")


def _export_tests(letters: "Sequence[Envelope]", folder: Path) -> None:
    """Write a test for each letter that fails by itself, and say of the others why they have none."""
    from lab.dlq.regression import Regression, regression  # noqa: PLC0415

    made = [regression(letter) for letter in letters]
    tests = [test for test in made if isinstance(test, Regression)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for test in tests:
            (folder / test.file).write_text(test.text, encoding="utf-8")
    except OSError as error:
        raise LabError(f"{folder} cannot be written to: {error.strerror}.", "Name another folder.") from error
    _say(f"{len(tests)} tests written to {folder}")
    for why, number in Counter(reason for reason in made if isinstance(reason, str)).items():
        _say(f"{number} dead letters have no test: {why}")


@dlq.command()
def edit(
    name: Name,
    *,
    body: Annotated[Path | None, typer.Option(help="A file with the new body, instead of an editor.")] = None,
    yes: Yes = False,
    json: AsJson = False,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """Fix a dead letter's body, validate it, send it back to the queue, and delete the original.

    The message is hidden while you edit, for 15 minutes at most, and back as it was if you give up.
    """
    from lab.dlq import show as view  # noqa: PLC0415
    from lab.dlq.repair import repaired, send_repaired  # noqa: PLC0415

    pipeline = _pipeline(port, env)
    browser = _browser(pipeline)
    with browser.take(name) as envelope:
        new = _read(body) if body else _edited(envelope.body)
        with nullcontext() if body else _kept(new, envelope.message_id):
            repaired(envelope, new, at=0, by="")  # refuses before anybody has to confirm
            if not yes:
                _say(view.difference(envelope.body, new))
                _confirm(envelope.message_id[:DIGEST_SHOWN], "the first 8 characters of the message id")
            sent = send_repaired(pipeline, browser, envelope, new)
    if json:
        _write({"orderId": sent.order_id, "messageId": sent.message_id, "replaced": sent.replaced_message_id})
    else:
        _say(f"sent as {sent.message_id}; the dead letter {sent.replaced_message_id} is deleted")


@dlq.command()
def patch(
    *,
    group: Annotated[str, _option("fingerprint", "--group")],
    file: Annotated[
        Path | None,
        typer.Option("--patch", metavar="FILE", help="A JSON Patch (RFC 6902); - is standard input."),
    ] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="/POINTER=VALUE", help="Set one member of each body; may be repeated."),
    ] = None,
    max_messages: Annotated[int, _option("maxMessages", "--max")] = PARAMETERS["maxMessages"]["maximum"],
    rate: Annotated[int | None, _option("ratePerSecond", "--rate")] = None,
    canaries: Annotated[int, _option("canaryMessages", "--canaries")] = DEFAULTS.canary_messages,
    follow: Follow = FOLLOW_SECONDS,
    yes: Yes = False,
    json: AsJson = False,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """Correct a whole group's bodies and send them back: samples, dry run, confirmation, canaries, ramp.

    It is a redrive that edits: what the patch makes no valid order of stays, with the reason; each original is kept in
    an audit row, and `lab dlq undo OPERATION` takes back what was not processed yet. Exit codes as those of `redrive`.
    """
    from lab.dlq import patch as patching  # noqa: PLC0415
    from lab.dlq import show as view  # noqa: PLC0415
    from lab.dlq.forecast import forecasts  # noqa: PLC0415

    text = patching.text_of(file, sets or [])
    plan = _plan(
        fingerprint=group,
        patch=text,
        force=True,
        max_messages=max_messages,
        rate_per_second=rate,
        canary_messages=canaries,
    )
    pipeline = _pipeline(port, env)
    forecast = patching.Forecast(plan, forecasts(pipeline))
    complete = _each(_browser(pipeline), MANY, forecast.add, quiet=json)
    if not json:
        for sample in forecast.samples:
            _say(view.unified(sample.letter.body, sample.new.body, sample.letter.message_id))
        console.print(view.patching(plan, forecast, complete=complete))
    if not forecast.corrected:
        _say("nothing would be sent: the patch makes no letter of the group a valid order", quiet=json)
        raise typer.Exit(1 if forecast.refused else 0)
    if not yes:
        _confirm(plan.digest[:DIGEST_SHOWN], "the first 8 characters of the plan's digest")
    with _api(pipeline) as api:
        operation = api.start_redrive(**plan.as_json(), planDigest=plan.digest, requestedBy=person())
        _say(f"operation {operation}", quiet=json)
        _follow(api, operation, follow, json=json, total=min(forecast.corrected, max_messages))


@dlq.command()
def undo(
    operation: Annotated[
        str, typer.Argument(help="The operation's id, or the message id that `lab dlq edit` has printed.")
    ],
    *,
    seconds: Annotated[
        int, typer.Option("--for", min=0, max=3600, help="Look again for so long at what is on its way.")
    ] = 10,
    yes: Yes = False,
    json: AsJson = False,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """Take back what a patch or an edit has sent, while it is not processed: the originals are in the DLQ again.

    What has died again is replaced by its original, too. Each edit that cannot be undone is named with the reason, and
    makes the exit code 1. Every message that waits in the queue is received once for it.
    """
    from lab.dlq.undo import Undo, reasons  # noqa: PLC0415

    undoing = Undo(_pipeline(port, env), operation)
    _say(f"{len(undoing.edits)} letters were edited", quiet=json)
    if not yes:
        _confirm(operation[:DIGEST_SHOWN], "the first 8 characters of the id")
    done = undoing.carry_out(seconds)
    if json:
        _write(
            {"undone": done.orders, "left": {why.name: orders for why, orders in done.left.items() if orders}}
        )
    else:
        _say(f"{len(done.orders)} undone: their originals are in the DLQ")
        for line in reasons(done):
            _say(shown(line))
    if any(done.left.values()):
        raise typer.Exit(1)


@dlq.command()
def discard(
    name: Annotated[
        str | None,
        typer.Argument(help="Message id (6 characters are enough), order id or correlation id; or filters."),
    ] = None,
    *,
    error_type: Type = None,
    category: Category = None,
    group: Group = None,
    min_age: MinAge = 0,
    correlation_id: Correlation = None,
    contains: Contains = None,
    reason: Annotated[str, typer.Option(help="Why; kept in the audit row.")],
    yes: Yes = False,
    json: AsJson = False,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """Give a dead letter, or all that match filters, up: an audit row keeps body and reason, then it is deleted.

    Of many those are discarded that were seen before you confirm; what dies meanwhile stays. Nothing is deleted
    before its row is written, so that whatever ends it in between loses nothing: the same command goes on.
    """
    from lab.dlq.repair import discard as give_up  # noqa: PLC0415

    if not reason.strip():
        raise LabError("The reason is empty.", "Say why it is given up: --reason 'test data'")
    filters = (error_type, category, min_age, correlation_id, contains)
    if (name is None) != any((group, *filters)):
        raise LabError(
            "One letter, or those that filters match, are discarded.",
            "Name a letter, or give filters such as --group, --error-type, --contains, --min-age.",
        )
    plan = _plan(*filters, fingerprint=group, force=True)
    pipeline = _pipeline(port, env)
    if name is None:
        _discard_many(pipeline, plan, reason, yes=yes, json=json)
        return
    browser = _browser(pipeline)
    with browser.take(name) as envelope:
        _say(shown(f"order {envelope.order_id or '(none)'}, message {envelope.message_id}"), quiet=json)
        if not yes:
            _confirm(envelope.message_id[:DIGEST_SHOWN], "the first 8 characters of the message id")
        row = give_up(pipeline, browser, envelope, reason)
    if json:
        _write(row)
    else:
        _say(f"discarded; audit row {row['id']} in {pipeline.stack.redrive_table_name}")


def _discard_many(pipeline: "Pipeline", plan: "Plan", reason: str, *, yes: bool, json: bool) -> None:
    """Show what a plan takes, have it confirmed, and give it up. Raises LabError if something is still there."""
    from lab.dlq import show as view  # noqa: PLC0415
    from lab.dlq.grouped import grouped  # noqa: PLC0415
    from lab.dlq.repair import Discarding  # noqa: PLC0415

    browser, ids = _browser(pipeline), set[str]()

    def chosen(browser: "DlqBrowser", heard: "Callable[[Iterable[Envelope]], None]") -> bool:
        def named(letters: "Sequence[Envelope]") -> None:
            ids.update(letter.message_id for letter in letters)
            heard(letters)

        return _selected(plan, browser, MANY, named, quiet=json)

    found = grouped(pipeline, browser, chosen)
    discarding = Discarding(frozenset(ids), reason)
    if not ids:
        _say("no dead letter matches", quiet=json)
        return
    if not json:
        console.print(view.groups(found["groups"], found["letters"], complete=found["complete"]))
    if not yes:
        _confirm(
            discarding.digest[:DIGEST_SHOWN], "the first 8 characters of the digest of these and the reason"
        )
    with _bar(1, quiet=json or not console.is_terminal) as advance:
        done, left = discarding.carry_out(
            pipeline, browser, lambda seen, of: advance(seen, "discarding", total=of)
        )
    gone = ids - done - {letter.message_id for letter in left}
    takers = _takers(pipeline, gone)
    if json:
        counts = {"discarded": len(done), "notDeleted": len(left), "gone": len(gone)}
        _write(counts | {"takenBy": takers, "digest": discarding.digest})
    else:
        _say(f"discarded {len(done)}; their audit rows are in {pipeline.stack.redrive_table_name}")
        for taker, number in takers.items():
            _say(shown(f"{number} were gone: {taker}"))
    if left:
        raise LabError(f"SQS did not delete {len(left)} letters; each has its audit row.", "Run it again.")


def _takers(pipeline: "Pipeline", gone: set[str]) -> dict[str, int]:
    """Who took letters that somebody else wanted, and how many."""
    from lab.dlq.fates import UNTOLD, fates  # noqa: PLC0415

    found = fates(pipeline, gone) if gone else {}
    return dict(Counter(found.get(name, UNTOLD) for name in gone))


@dlq.command("move-native")
def move_native(
    rate: Annotated[int | None, typer.Option(min=1, max=500, help="Messages a second at most.")] = None,
    yes: Yes = False,
    json: AsJson = False,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """Move everything with SQS's own move task, for comparison: no filter, no canary. Ctrl-C cancels it."""
    from lab.dlq.native import FINAL as ENDED  # noqa: PLC0415
    from lab.dlq.native import MoveTask  # noqa: PLC0415

    pipeline = _pipeline(port, env)
    depth = pipeline.dlq().visible
    if not yes:
        if not depth:
            _say("the DLQ is empty", quiet=json)
            return
        _confirm(str(depth), "the number of messages, all of which will be moved")
    started = time.monotonic()
    task, moved = MoveTask(pipeline, rate), 0
    try:
        with _bar(depth, quiet=json) as advance:
            status, moved = task.progress()
            while status not in ENDED:
                advance(moved, status)
                time.sleep(POLL_SECONDS)
                status, moved = task.progress()
            advance(moved, status)
    except KeyboardInterrupt:
        task.cancel()
        Terminal(stderr=True).say(f"cancelled; what has moved stays moved: some {moved} of {depth}")
        raise
    seconds = time.monotonic() - started
    if json:
        _write({"status": status, "moved": moved, "seconds": round(seconds, 3)})
    else:
        _say(f"{status}: {moved} moved in {seconds:.1f} s")
    if status != "COMPLETED":
        raise typer.Exit(1)


def _pipeline(port: int, env: str) -> "Pipeline":
    return connect(port, env)[0]


def _browser(pipeline: "Pipeline") -> "DlqBrowser":
    from lab.dlq.browser import DlqBrowser  # noqa: PLC0415

    return DlqBrowser(pipeline)


def _each(
    browser: "DlqBrowser", limit: int, heard: "Callable[[Sequence[Envelope]], None]", *, quiet: bool
) -> bool:
    """Hand every dead letter to `heard`, with a progress bar. Returns whether those were all."""
    with _bar(1, quiet=quiet or not console.is_terminal) as advance:
        return browser.each(limit, heard, lambda seen, of: advance(seen, "looking", total=of))


def _selected(
    plan: "Plan",
    browser: "DlqBrowser",
    limit: int,
    heard: "Callable[[Sequence[Envelope]], None]",
    *,
    quiet: bool,
) -> bool:
    """Hand every dead letter that a plan selects to `heard`. Returns whether those were all.

    Raises LabError, once all were seen, for an error type that no letter has and the code does not know.
    """
    from functions.redrive.error_types import error_type  # noqa: PLC0415
    from functions.redrive.selection import Verdict, judge  # noqa: PLC0415
    from lab.common.clock import now_ms  # noqa: PLC0415
    from lab.dlq.plan import require_error_type  # noqa: PLC0415

    now, types = now_ms(), set[str]()

    def judged(letters: "Sequence[Envelope]") -> None:
        types.update(error_type(letter) for letter in letters)
        heard([letter for letter in letters if judge(plan, letter, now) is Verdict.SELECTED])

    complete = _each(browser, limit, judged, quiet=quiet)
    if complete:
        require_error_type(plan, types)
    return complete


def _api(pipeline: "Pipeline") -> "Api":
    from lab.pipeline.api import Api  # noqa: PLC0415

    return Api(pipeline.aws, pipeline.stack)


def _plan(
    error_type: str | None = None,
    error_category: str | None = None,
    min_age: int = 0,
    correlation_id: str | None = None,
    body_contains: str | None = None,
    **more: Any,
) -> "Plan":
    """A plan, checked by the rules of the API. Raises LabError."""
    from functions.redrive.plan import Plan  # noqa: PLC0415
    from lab.dlq.plan import checked  # noqa: PLC0415

    plan = Plan(
        error_type=error_type,
        error_category=error_category,
        min_age_seconds=min_age,
        correlation_id=correlation_id,
        body_contains=body_contains,
        **more,
    )
    return checked(plan.as_json())


def _confirm(expected: str, what: str) -> None:
    """Have a person type something on purpose. Raises LabError where nobody can, or typed something else."""
    if not sys.stdin.isatty():
        raise LabError("This needs a confirmation and nobody is there to give it.", "Add --yes in scripts.")
    try:
        typed = typer.prompt(f"To confirm, type {what} ({expected})")
    except typer.Abort:
        typer.echo(err=True)  # the cursor is still in the line of the question
        raise
    if typed.strip() != expected:
        raise LabError("That was something else: nothing was done.", "Run the command again.")


def _follow(api: "Api", operation: str, seconds: int, *, json: bool, total: int | None = None) -> None:
    """Show an operation's progress until it and what it moved have ended. Raises typer.Exit unless all is well."""
    from lab.dlq import show as view  # noqa: PLC0415
    from lab.dlq.follow import exit_code, followed, verdict  # noqa: PLC0415

    try:
        with _bar(total or DEFAULTS.max_messages, quiet=json) as advance:
            row = followed(api, operation, seconds, lambda row: advance(row["moved"], view.state(row)))
            advance(row["moved"], row["status"], ended=row["status"] == "SUCCEEDED")
    except KeyboardInterrupt:
        hint = f"it goes on without you:\n  lab dlq watch {operation}\n  lab dlq cancel {operation}"
        Terminal(stderr=True).say(hint)
        raise
    if json:
        _write(row)
    else:
        console.print(view.operation(row))
        for line in verdict(row):
            _say(shown(line))
    if code := exit_code(row, follows=seconds > 0):
        raise typer.Exit(code)


@contextmanager
def _bar(total: int, *, quiet: bool) -> Generator[Any]:
    """A progress bar; the block is given a function that takes the count so far and a word for the state."""
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=quiet,
    )
    task = bar.add_task("starting", total=total)

    def advance(moved: int, state: str, *, ended: bool = False, total: int = total) -> None:
        bar.update(task, completed=moved, description=shown(state), total=moved if ended else total)

    with bar:
        yield advance


def _edited(body: str) -> str:
    """The body after a person changed it in their editor. Raises LabError if it was left as it is."""
    from lab.dlq.show import pretty  # noqa: PLC0415

    editor = _editor()
    before = pretty(body)
    with TemporaryDirectory(prefix="dlq-") as folder:
        file = Path(folder) / "body.json"
        file.write_text(before, encoding="utf-8")
        try:
            subprocess.run([*shlex.split(editor), str(file)], check=True)  # noqa: S603  the user's own editor
        except (OSError, subprocess.CalledProcessError) as error:
            how = (
                f"exit code {error.returncode}" if isinstance(error, subprocess.CalledProcessError) else error
            )
            raise LabError(
                f"The editor failed: {editor}: {how}.", "Give the new body in a file: --body FILE"
            ) from error
        new = _read(file)
    if new.strip() == before.strip():
        raise LabError("The body was not changed: nothing was done.", "Change it, or use: lab dlq redrive")
    return new


def _editor() -> str:
    """The person's editor, or else the system's. Raises LabError where there is none."""
    chosen = os.environ.get("VISUAL") or os.environ.get("EDITOR") or next(filter(which, SYSTEM_EDITORS), "")
    if not chosen:
        raise LabError("There is no editor: EDITOR is not set.", "Set it, or give the new body: --body FILE")
    return chosen


@contextmanager
def _kept(text: str, message_id: str) -> Generator[None]:
    """Keep what a person has written, in a file, should a `with` block fail."""
    try:
        yield
    except BaseException:
        file = Path(mkdtemp(prefix="dlq-")) / "body.json"
        file.write_text(text, encoding="utf-8")
        hint = f"what you wrote is kept:\n  lab dlq edit {message_id} --body {file}"
        Terminal(stderr=True).say(hint)
        raise


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LabError(f"{file} cannot be read: {error}.", "Name a file with the new body.") from error


def _write(value: Any) -> None:
    from lab.dlq.show import as_json  # noqa: PLC0415

    typer.echo(as_json(value))


def _say(line: str, *, quiet: bool = False) -> None:
    if not quiet:
        console.say(line)
