"""Faults by name: what a scenario puts in force for an act."""

from lab import knobs
from lab.changes import Change


def failure_mode(mode: str) -> Change:
    """A failure mode of the functions, see functions/common/failure_modes.py."""
    return Change(knobs.FAILURE_MODE, lambda _now: mode, f"failure mode {mode}")


def worker_environment(**variables: str) -> Change:
    """Environment variables of the worker, beside those it has."""
    meaning = ", ".join(f"{name}={value}" for name, value in variables.items())
    return Change(knobs.WORKER_ENVIRONMENT, lambda now: now | variables, f"worker with {meaning}")


def worker_timeout(seconds: int) -> Change:
    """The time after which Lambda kills an invocation of the worker."""
    return Change(knobs.WORKER_TIMEOUT, lambda _now: seconds, f"worker killed after {seconds} s")


def worker_concurrency(reserved: int) -> Change:
    """How many invocations of the worker may run at once; 0 throttles all."""
    return Change(knobs.WORKER_CONCURRENCY, lambda _now: reserved, f"{reserved} concurrent workers")
