"""The steady state: where every run begins, and the way back to it."""

import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from lab.common.interrupts import undeterred
from lab.common.polling import wait_for
from lab.errors import LabError
from lab.faults import failure_mode, runtime_settings
from lab.faults.changes import MEND, Changes
from lab.pipeline.circuits import CACHE_SECONDS, circuit_states, forget_circuits
from lab.pipeline.observe import Pipeline
from lab.pipeline.queues import purge

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

ALARM_SECONDS = 90
PURGE_SECONDS = 60
RESUME_SECONDS = 60


def departures(pipeline: Pipeline) -> list[str]:
    """What is not as it should be when nothing is wrong, one phrase each."""
    return _lasting(pipeline) + [f"alarm {name} rings" for name in _ringing(pipeline)]


def _lasting(pipeline: Pipeline) -> list[str]:
    """Departures that do not end by themselves."""
    found: list[str] = []
    queue, dlq = pipeline.queue().total, pipeline.dlq().total
    undelivered = pipeline.undelivered_events().total
    if queue:
        found.append(f"{queue} messages queued")
    if dlq:
        found.append(f"{dlq} in the DLQ")
    if undelivered:
        found.append(f"{undelivered} events that reached no topic")
    if (mode := failure_mode.shown(pipeline)) != "none":
        found.append(f"failure mode {mode}")
    found += [f"circuit {name} is {state}" for name, state in _unwell(pipeline).items()]
    found += [change.told for change in Changes(pipeline).active()]
    if pipeline.resume_messages().total:
        found.append("a message to resume the event source mapping is due")
    if not runtime_settings.MAPPING_ENABLED.read(pipeline):
        found.append("the event source mapping is disabled")
    return found


def require(pipeline: Pipeline, say: Callable[[str], None] = lambda _line: None) -> None:
    """Undo what has outlived its maker; raise LabError unless the steady state holds then.

    Where nothing is wrong but an alarm still rings, it tells of what was: it is waited for.
    """
    Changes(pipeline).heal(say)
    if not _lasting(pipeline) and _ringing(pipeline):
        with contextlib.suppress(LabError):
            _await_silence(pipeline, say)
    if found := departures(pipeline):
        raise LabError(f"The lab is not in its steady state: {', '.join(found)}.", "Run: make steady")


def restore(pipeline: Pipeline, say: Callable[[str], None]) -> None:
    """Bring the steady state back: undo every change, empty the queues, close circuits, await silence.

    It does not stop where nobody can read any more what it says. Raises LabError when it does not work within its time,
    or when the engine does not answer.
    """
    try:
        _restore(pipeline, undeterred(say))
    except (BotoCoreError, ClientError) as error:
        raise LabError(f"Not back in the steady state, a fault may be in force: {error}", MEND) from error


def _restore(pipeline: Pipeline, say: Callable[[str], None]) -> None:
    changes = Changes(pipeline)
    changes.undo_all(changes.active(), say)
    if pipeline.failure_mode() != "none":
        say("failure mode none")
        runtime_settings.FAILURE_MODE.write(pipeline, pipeline.parameters_for("none"))
    if pipeline.resume_messages().total:  # purged, it might leave the mapping paused for good
        say("waiting for the pauser to resume the event source mapping")
        wait_for(
            "the pauser's resume messages to be used up",
            lambda: pipeline.resume_messages().total,
            lambda n: n == 0,
            within=RESUME_SECONDS,
        )
    if not runtime_settings.MAPPING_ENABLED.read(pipeline):
        say("event source mapping enabled")
        runtime_settings.MAPPING_ENABLED.write(pipeline, True)
    sqs: SQSClient = pipeline.aws.client("sqs")
    for name, url, depth in (
        ("queue", pipeline.stack.queue_url, pipeline.queue),
        ("DLQ", pipeline.stack.dlq_url, pipeline.dlq),
        (
            "queue of undelivered events",
            pipeline.stack.undelivered_events_queue_url,
            pipeline.undelivered_events,
        ),
    ):
        if total := depth().total:
            say(f"purge: {total} messages of the {name}")
            purge(sqs, url)
            wait_for(
                f"the {name} to be empty", lambda d=depth: d().total, lambda n: n == 0, within=PURGE_SECONDS
            )
    if forget_circuits(pipeline):
        say(f"circuits closed (workers notice within {CACHE_SECONDS} s)")
        time.sleep(CACHE_SECONDS)
    _await_silence(pipeline, say)


def _await_silence(pipeline: Pipeline, say: Callable[[str], None]) -> None:
    if not (ringing := _ringing(pipeline)):
        return
    start = time.monotonic()
    say(f"waiting for {', '.join(ringing)} to fall silent")
    wait_for("alarms to be OK", lambda: _ringing(pipeline), lambda names: not names, within=ALARM_SECONDS)
    say(f"silent after {time.monotonic() - start:.0f} s")


def _ringing(pipeline: Pipeline) -> list[str]:
    return sorted(name for name, state in pipeline.alarm_states().items() if state == "ALARM")


def _unwell(pipeline: Pipeline) -> dict[str, str]:
    return {name: state for name, state in circuit_states(pipeline).items() if state != "CLOSED"}
