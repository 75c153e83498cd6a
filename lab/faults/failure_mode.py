"""The failure mode as people see and set it, whichever parameters it is in; what a puzzle hides of it stays hidden."""

from lab.faults.changes import Changes
from lab.faults.runtime_settings import FAILURE_MODE, PLAIN_FAILURE_MODE, require_readers
from lab.pipeline.observe import Pipeline, mode_in_force


def shown(pipeline: Pipeline) -> str:
    """The mode in force, as it would be without a puzzle."""
    return mode_in_force(pipeline.failure_modes() | _hidden(pipeline))


def put_in_force(pipeline: Pipeline, mode: str) -> None:
    """Write a mode to stay: no change that was made before undoes it. `none` ends every mode but a puzzle's.

    Raises LabError where no function reads it.
    """
    if mode != "none":
        require_readers(pipeline)
    hidden = _hidden(pipeline)
    written = pipeline.parameters_for(mode)
    pipeline.write_failure_modes({name: value for name, value in written.items() if name not in hidden})
    Changes(pipeline).forget(FAILURE_MODE.name)


def _hidden(pipeline: Pipeline) -> dict[str, str]:
    """What the parameters that a puzzle has changed said before."""
    return {
        name: value
        for change in Changes(pipeline).active()
        if change.hidden and change.setting == PLAIN_FAILURE_MODE.name
        for name, value in change.before.items()
    }
