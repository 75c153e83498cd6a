"""The steady state: where every run begins, and the way back to it."""

import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from lab.common.interrupts import undeterred
from lab.common.polling import wait_for
from lab.common.results import Result, Verdict
from lab.deployment import drift
from lab.engines.aws_errors import is_gone
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


type Alarms = Callable[[str], bool]
"""Says by its name whether an alarm matters."""


def every(_alarm: str) -> bool:
    """All alarms matter."""
    return True


def departures(pipeline: Pipeline, alarms: Alarms = every) -> list[Result]:
    """What is not as it should be when nothing is wrong. Where something is gone, nothing else can be trusted.

    Of alarms that ring only those are told that matter: the others tell of what was before.
    """
    if missing := _gone(pipeline):
        return missing
    rung = [_departure("alarm", f"alarm {name} rings") for name in _ringing(pipeline, alarms)]
    return _lasting(pipeline) + rung


def faults(pipeline: Pipeline) -> list[Result]:
    """What was made wrong, as opposed to what came of it: resources deleted by hand, faults in force."""
    return _gone(pipeline) + _faults(pipeline)


def _gone(pipeline: Pipeline) -> list[Result]:
    found = drift.gone(pipeline.aws, pipeline.stack.env_name)
    return [_departure("resource", missing.told, missing.fix) for missing in found]


def _faults(pipeline: Pipeline) -> list[Result]:
    mode = failure_mode.shown(pipeline)
    found = [_departure("failure mode", f"failure mode {mode}")] if mode != "none" else []
    return found + [_departure("fault", change.told) for change in Changes(pipeline).active()]


def _lasting(pipeline: Pipeline) -> list[Result]:
    """Departures that do not end by themselves."""
    depths = {
        "{} messages queued": pipeline.queue(),
        "{} in the DLQ": pipeline.dlq(),
        "{} events that reached no topic": pipeline.undelivered_events(),
        "{} messages to resume the event source mapping are due": pipeline.resume_messages(),
    }
    found = [_departure("queue", told.format(depth.total)) for told, depth in depths.items() if depth.total]
    found += _faults(pipeline)
    found += [
        _departure("circuit", f"circuit {name} is {state}") for name, state in _unwell(pipeline).items()
    ]
    if not runtime_settings.MAPPING_ENABLED.read(pipeline):
        found.append(_departure("mapping", "the event source mapping is disabled"))
    return found


def _departure(name: str, seen: str, fix: str = "make steady") -> Result:
    return Result(name=name, seen=seen, verdict=Verdict.REFUTED, fix=fix)


def require(
    pipeline: Pipeline, say: Callable[[str], None] = lambda _line: None, alarms: Alarms = every
) -> None:
    """Undo what has outlived its maker; raise LabError unless the steady state holds then.

    Where nothing is wrong but an alarm still rings, it tells of what was: it is waited for.
    """
    Changes(pipeline).heal(say)
    found = departures(pipeline, alarms)
    if found and all(departure.name == "alarm" for departure in found):
        with contextlib.suppress(LabError):
            _await_silence(pipeline, say, alarms)
        found = departures(pipeline, alarms)
    if found:
        told = ", ".join(departure.seen for departure in found)
        raise LabError(f"The lab is not in its steady state: {told}.", f"Run: {found[0].fix}")


def restore(pipeline: Pipeline, say: Callable[[str], None], alarms: Alarms = every) -> None:
    """Bring the steady state back: undo every change, empty the queues, close circuits, await silence of the alarms
    that matter.

    It does not stop where nobody can read any more what it says. Raises LabError when it does not work within its time,
    or when the engine does not answer.
    """
    try:
        _restore(pipeline, undeterred(say), alarms)
    except (BotoCoreError, ClientError) as error:
        missing = _gone(pipeline) if isinstance(error, ClientError) and is_gone(error) else []
        told = ", ".join(departure.seen for departure in missing) or str(error)
        mend = f"Run: {missing[0].fix}. Then: make steady" if missing else MEND
        raise LabError(f"Not back in the steady state, a fault may be in force: {told}.", mend) from error


def _restore(pipeline: Pipeline, say: Callable[[str], None], alarms: Alarms) -> None:
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
    _await_silence(pipeline, say, alarms)


def _await_silence(pipeline: Pipeline, say: Callable[[str], None], alarms: Alarms) -> None:
    if not (ringing := _ringing(pipeline, alarms)):
        return
    start = time.monotonic()
    say(f"waiting for {', '.join(ringing)} to fall silent")
    wait_for(
        "alarms to be OK", lambda: _ringing(pipeline, alarms), lambda names: not names, within=ALARM_SECONDS
    )
    say(f"silent after {time.monotonic() - start:.0f} s")


def _ringing(pipeline: Pipeline, alarms: Alarms) -> list[str]:
    states = pipeline.alarm_states()
    return sorted(name for name, state in states.items() if state == "ALARM" and alarms(name))


def _unwell(pipeline: Pipeline) -> dict[str, str]:
    return {name: state for name, state in circuit_states(pipeline).items() if state != "CLOSED"}
