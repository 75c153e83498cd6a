"""Processes of the engine and of its functions, told by what they were started with."""

from collections.abc import Iterable

import psutil


def having(variable: str, beginning: str, processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """The living processes in whose environment a variable begins so."""
    found: list[psutil.Process] = []
    for process in processes:
        try:
            if process.environ().get(variable, "").startswith(beginning):
                found.append(process)
        except psutil.Error:  # ended meanwhile, or somebody else's
            continue
    return found
