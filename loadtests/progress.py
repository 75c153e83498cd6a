"""A load run without its web UI, told while it lasts: a line for each stage, and on a terminal one that moves."""

from lab.common.output import Terminal
from loadtests.run import Run


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
        waiting = f", {latest.queue.total} in the queue" if latest else ""
        self._status.update(
            f"{traffic.users} users, {traffic.requests} requests, {traffic.failures} failed{waiting}"
        )

    def stop(self) -> None:
        """Clear the line that moves."""
        self._status.stop()
