"""The demo: one fault and its whole recovery, on the deployed pipeline.

Twenty good orders; then poison until the DLQ alarm rings; cure; redrive; alarm silent again; ledger settled.
"""

import statistics
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from lab import report
from lab.api import Accepted, Api
from lab.errors import LabError
from lab.ledger import settle
from lab.observe import Pipeline
from lab.orders import orders
from lab.polling import wait_for
from lab.report import Run, Step
from lab.tap import Tap, tap
from lab.timeline import record

HAPPY = 20
ALONE = 10
POISONED = 5
ALARM = "critical-dlq-depth"
SETTLED = "none"


@dataclass
class Story:
    """The demo under way: what it works on and what it has told so far."""

    pipeline: Pipeline
    api: Api
    alarms: Tap
    run: Run
    console: Console
    accepted: list[Accepted] = field(default_factory=list[Accepted])

    @contextmanager
    def step(self, name: str, expected: str) -> Generator[Callable[[str], None]]:
        """Tell one step; the yielded function takes what was seen. A LabError fails step and story."""
        start = time.monotonic()
        seen: list[str] = []
        passed = False
        try:
            with self.console.status(f"{name}: {expected}"):
                yield seen.append
            passed = True
        except LabError as error:
            seen.append(error.what)
            raise
        finally:
            taken = time.monotonic() - start
            told = "; ".join(seen) or "interrupted"
            self.run.steps.append(Step(name, expected, told, passed, taken))
            mark = "[green]ok[/]  " if passed else "[red]FAIL[/]"
            self.console.print(f"{mark} {name}: {told} [dim]({taken:.1f} s)[/]", highlight=False)


def play(pipeline: Pipeline, engine: str, console: Console) -> tuple[Run, Path]:
    """Tell the whole story and write its report; the failure mode is `none` again however it ends."""
    require_steady(pipeline)
    stack = pipeline.stack
    with (
        Api(pipeline.aws, stack) as api,
        tap(pipeline.aws, stack.alarms_topic_arn) as alarms,
        record(pipeline) as timeline,
    ):
        run = Run("demo", "Demo: poison, alarm, cure, redrive", engine, timeline)
        story = Story(pipeline, api, alarms, run, console)
        try:
            happy_path(story)
            with timeline.span("poison_payload"):
                try:
                    poison(story)
                finally:
                    pipeline.set_failure_mode(SETTLED)
            cure(story)
            redrive(story)
            silence(story)
        except LabError:
            console.print("[red]The story ends here; the report shows how far it got.[/]")
        finally:
            account(story)
    return run, report.write(run, [ALARM])


def require_steady(pipeline: Pipeline) -> None:
    """Raise LabError unless both queues are empty and no failure mode is in force."""
    queue, dlq, mode = pipeline.queue(), pipeline.dlq(), pipeline.failure_mode()
    if queue.total or dlq.total or mode != SETTLED:
        raise LabError(
            f"The lab is not in its steady state: {queue.total} messages queued, {dlq.total} in the DLQ, "
            f"failure mode {mode}.",
            "Start afresh: make down demo",
        )


def happy_path(story: Story) -> None:
    """Good orders go all the way through."""
    with story.step("happy path", f"{HAPPY} orders of different sizes are processed") as saw:
        sent = [story.api.submit(order) for order in orders(HAPPY, label="happy")]
        story.accepted += sent
        _wait_until_processed(story, sent)
        saw(
            f"{HAPPY} of {HAPPY} processed, the slowest in {max(_latencies(story, sent)) / 1000:.1f} s (cold starts)"
        )
    with story.step("one at a time", f"an idle pipeline processes each of {ALONE} orders at once") as saw:
        sent: list[Accepted] = []
        for order in orders(ALONE, label="alone", seed=2):
            sent.append(story.api.submit(order))
            story.accepted.append(sent[-1])
            _wait_until_processed(story, sent)
        median = statistics.median(_latencies(story, sent))
        story.run.figures["POST to processed, p50 on an idle pipeline"] = f"{median:.0f} ms"
        saw(f"p50 {median:.0f} ms from POST to effect")


def poison(story: Story) -> None:
    """Orders the worker cannot read go straight to the DLQ; the alarm rings and its notification arrives."""
    pipeline = story.pipeline
    with story.step("poison", f"{POISONED} orders end in the DLQ") as saw:
        pipeline.set_failure_mode("poison_payload")
        depth = _submit_until(
            story,
            "poison",
            f"{POISONED} messages in the DLQ",
            lambda _sent: pipeline.dlq().visible,
            lambda visible: visible >= POISONED,
        )
        preview = story.api.preview(minAgeSeconds=0, maxMessages=POISONED)
        causes = ", ".join(
            f"{count} x {cause}" for cause, count in preview["statistics"]["byErrorType"].items()
        )
        saw(f"{depth} in the DLQ, causes of death: {causes}")
    with story.step("alarm", "the DLQ alarm goes to ALARM and its SNS notification arrives") as saw:
        wait_for("ALARM", pipeline.alarm_states, lambda states: states.get(ALARM) == "ALARM", within=60)
        name = f"{pipeline.stack.prefix}-{ALARM}"
        wait_for(
            "the notification of ALARM",
            lambda: story.alarms.alarm_transitions(name),
            lambda states: "ALARM" in states,
            within=30,
        )
        saw("ALARM, notified")


def cure(story: Story) -> None:
    """The fault is gone: new orders pass while the DLQ still holds the old ones."""
    with story.step("cure", "a new order is processed") as saw:
        processed = _submit_until(
            story,
            "cured",
            "a new order to be processed",
            lambda sent: len(sent & {effect.order_id for effect in story.pipeline.effects()}),
            lambda processed: processed > 0,
        )
        saw(f"failure mode none, {processed} new processed, {story.pipeline.dlq().visible} still in the DLQ")


def redrive(story: Story) -> None:
    """The DLQ goes back through the queue and every order gets its effect."""
    dead = story.pipeline.dlq().visible
    with story.step("redrive", f"{dead} messages leave the DLQ and are processed") as saw:
        operation = story.api.start_redrive(minAgeSeconds=0, maxMessages=1000)
        result = wait_for(
            "the redrive to finish",
            lambda: story.api.redrive(operation),
            lambda row: row["status"] not in ("PENDING", "RUNNING"),
            within=90,
        )
        _wait_until_processed(story, story.accepted)
        saw(f"{result['status']}, every order processed")
    with story.step("drained", "queue and DLQ are empty") as saw:
        wait_for(
            "both queues to drain",
            lambda: (story.pipeline.queue().total, story.pipeline.dlq().total),
            lambda depths: depths == (0, 0),
            within=60,
        )
        saw("0 queued, 0 in the DLQ")


def silence(story: Story) -> None:
    """With the DLQ empty the alarm returns to OK."""
    with story.step("alarm silent", "the DLQ alarm returns to OK") as saw:
        wait_for("OK", story.pipeline.alarm_states, lambda states: states.get(ALARM) == "OK", within=90)
        saw("OK")


def account(story: Story) -> None:
    """Settle the ledger from what AWS APIs say now."""
    pipeline = story.pipeline
    ids = [accepted.order_id for accepted in story.accepted]
    story.run.ledger = settle(ids, pipeline.effects(), pipeline.queue(), pipeline.dlq(), pipeline.discarded())


def summary(run: Run, page: Path, console: Console) -> None:
    """Print the short table that ends the demo."""
    table = Table(title="Ledger", title_justify="left")
    ledger = run.ledger
    if ledger:
        for name in (
            "accepted",
            "succeeded",
            "in DLQ",
            "in flight",
            "discarded",
            "lost",
            "duplicated",
            "unaccounted",
        ):
            table.add_column(name, justify="right")
        figures = (
            ledger.accepted,
            ledger.succeeded,
            ledger.in_dlq,
            ledger.in_flight,
            ledger.discarded,
            ledger.lost,
            ledger.duplicated,
            ledger.unaccounted,
        )
        table.add_row(*(str(figure) for figure in figures))
        console.print(table)
    verdict = "[green]passed[/]" if run.passed else "[red]FAILED[/]"
    console.print(f"Demo {verdict} in {run.timeline.samples[-1].at if run.timeline.samples else 0:.0f} s")
    console.print(f"Report: {page}", soft_wrap=True, highlight=False)


def _wait_until_processed(story: Story, sent: list[Accepted], within: float = 60) -> None:
    wanted = {accepted.order_id for accepted in sent}
    wait_for(
        f"{len(wanted)} orders to be processed (still missing)",
        lambda: sorted(wanted - {effect.order_id for effect in story.pipeline.effects()}),
        lambda missing: not missing,
        within=within,
        every=0.1,
    )


def _submit_until[T](
    story: Story, label: str, what: str, look: Callable[[set[str]], T], done: Callable[[T], bool]
) -> T:
    """Submit one order after another until `done`: functions notice a new failure mode only after a while.

    `look` is given the ids sent so far. Bounded by a minute and by two orders a second.
    """
    supply = orders(120, label=label, seed=3)
    sent: set[str] = set()

    def submit_and_look() -> T:
        accepted = story.api.submit(next(supply))
        story.accepted.append(accepted)
        sent.add(accepted.order_id)
        return look(sent)

    return wait_for(what, submit_and_look, done, within=60, every=0.5)


def _latencies(story: Story, sent: list[Accepted]) -> list[int]:
    wanted = {accepted.order_id for accepted in sent}
    return [effect.latency_ms for effect in story.pipeline.effects() if effect.order_id in wanted]
