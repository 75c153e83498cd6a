"""`lab status`: what runs, what is deployed, what it holds."""

import typer

from lab import engines
from lab.commands.options import Env, Port, say
from lab.deployment import drift
from lab.engines import clients
from lab.faults import failure_mode
from lab.faults.healing import deployed

DLQ_ALARM = "critical-dlq-depth"


def status(port: Port = 4566, env: Env = "dev") -> None:
    """Show the engine, what is deployed and what the pipeline holds. Exit code 1 unless all of it is there.

    Where the DLQ's alarm rings, the groups that grew are named, which costs each letter one receive.
    """
    from lab.dlq.growth import growth  # noqa: PLC0415

    engine = engines.present(port)
    engine.require_running()
    say(f"engine: running at {engine.endpoint} ({engine.kind}, {engine.status().detail})")
    aws = clients.local(engine.endpoint)
    pipeline = deployed(aws, env)
    missing = drift.gone(aws, env)
    for each in missing:
        say(f"deleted: {each.told}. fix: {each.fix}")
    queue, dlq = pipeline.queue(), pipeline.dlq()
    ringing = sorted(name for name, state in pipeline.alarm_states().items() if state == "ALARM")
    say(f"API: {pipeline.stack.api_url}")
    say(f"queue: {queue.visible} visible, {queue.in_flight} in flight, {queue.delayed} delayed")
    say(f"DLQ: {dlq.visible} visible, {dlq.in_flight} in flight")
    say(f"failure mode: {failure_mode.shown(pipeline)}")
    say(f"alarms: {', '.join(ringing) if ringing else 'none in ALARM'}")
    if DLQ_ALARM in ringing and dlq.visible:
        for line in growth(pipeline):
            say(f"  {DLQ_ALARM}: {line}")
    if missing:
        raise typer.Exit(1)
