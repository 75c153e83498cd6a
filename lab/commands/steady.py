"""`lab clean`: the way back to the steady state."""

from lab.commands.options import Env, Port, say
from lab.faults import steady_state as steady
from lab.faults.healing import connect


def clean(port: Port = 4566, env: Env = "dev") -> None:
    """Bring the steady state back: undo faults, empty the queues, close circuits, wait for silent alarms."""

    pipeline, _ = connect(port, env)
    steady.restore(pipeline, say)
    steady.require(pipeline)
    say("steady: queues empty, no fault in force, circuits closed, alarms silent")
