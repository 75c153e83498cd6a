"""Processor time of the engine and of the functions' processes, which says more than a clock on a busy machine."""

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import psutil

CLIENT, ENGINE = "client", "engine"


@dataclass(frozen=True)
class Spent:
    """Seconds of processor time by component: the engine, each function by its short name, and the client."""

    by_component: Mapping[str, float]

    def since(self, earlier: "Spent") -> dict[str, float]:
        """What was spent after an earlier look."""
        return {
            name: seconds - earlier.by_component.get(name, 0)
            for name, seconds in self.by_component.items()
            if seconds - earlier.by_component.get(name, 0) >= 0.005
        }


class Meter:
    """Looks at one host engine and its children; a process that has ended keeps what it was last seen with."""

    def __init__(self, engine: psutil.Process, prefix: str) -> None:
        self._engine = engine
        self._prefix = f"{prefix}-"
        self._names: dict[tuple[int, float], str] = {}
        self._seconds: dict[tuple[int, float], float] = {}

    def look(self) -> Spent:
        """Everything spent so far."""
        for process in self._engine.children(recursive=True):
            try:
                self._note(process)
            except psutil.Error:
                continue
        total: defaultdict[str, float] = defaultdict(float)
        for key, seconds in self._seconds.items():
            total[self._names[key]] += seconds
        times = self._engine.cpu_times()
        return Spent(total | {ENGINE: times.user + times.system, CLIENT: time.process_time()})

    def _note(self, process: psutil.Process) -> None:
        key = process.pid, process.create_time()
        if key not in self._names:
            function = process.environ().get("AWS_LAMBDA_FUNCTION_NAME", "other")
            self._names[key] = function.removeprefix(self._prefix)
        times = process.cpu_times()
        self._seconds[key] = times.user + times.system
