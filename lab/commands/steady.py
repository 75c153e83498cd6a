"""`lab steady`: the way back to the steady state."""

from lab.commands.options import Env, Port, say
from lab.faults import steady_state
from lab.faults.healing import connect


def steady(port: Port = 4566, env: Env = "dev") -> None:
    """Bring the steady state back: undo faults, empty the queues, close circuits, wait for silent alarms."""

    pipeline, _ = connect(port, env)
    steady_state.restore(pipeline, say)
    steady_state.require(pipeline)
    say("steady: queues empty, no fault in force, circuits closed, alarms silent")
