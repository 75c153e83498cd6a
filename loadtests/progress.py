"""A load run without its web UI, told while it lasts: a line for each stage, and on a terminal one that moves."""

from lab.common.output import Terminal
from loadtests.run import Run

BAR_CELLS = 10


class Progress:
    """Tells of one run, from its first tick to `stop`."""

    def __init__(self, console: Terminal) -> None:
        self._console = console
        self._status = console.status("load")
        self._told = 0

    def tell(self, run: Run) -> None:
        """What has changed since it was last told."""
        self._status.start()
        for at, name in run.marks[self._told :]:
            self._console.say(f"{at - run.started:.0f} s: {name}")
        self._told = len(run.marks)
        traffic, latest = run.traffic(), run.monitor.latest
        waiting = f", {latest.queue.total} queued" if latest else ""
        if latest and latest.queue.total and latest.drain_seconds is not None:
            waiting += f", empty in {latest.drain_seconds:.0f} s"
        self._status.update(
            f"{_bar(run)} {traffic.users} users, {traffic.requests} answered, {traffic.failures} failed{waiting}"
        )

    def stop(self) -> None:
        """Clear the line that moves."""
        self._status.stop()


def _bar(run: Run) -> str:
    """How far a run is of its stages; what comes after them, the drain, has no length that is known before."""
    share = min(1.0, (run.clock() - run.started) / run.plan.seconds)
    done = round(BAR_CELLS * share)
    return f"[{'=' * done}{' ' * (BAR_CELLS - done)}]"
