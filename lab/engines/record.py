"""What a host engine's supervisor writes down: `state.json` in the engine's folder."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

_TYPES: dict[str, type] = {
    "port": int,
    "iam": str,
    "supervisor": int,
    "engine": int,
    "exit": int,
    "stopped_on_request": bool,
}
MOST = 2**31
"""No process id is as great."""


class UnreadableError(Exception):
    """There is a record, and it is none of the lab's: cut short, of another shape, or not to be opened."""


@dataclass(frozen=True)
class Record:
    """One engine's life, with the ids of its processes once there are some."""

    port: int
    iam: str | None = None
    """The value of LAB_IAM that it was started with."""

    supervisor: int | None = None
    engine: int | None = None
    exit: int | None = None
    """The engine's exit code, once it has ended."""

    stopped_on_request: bool = False

    def write(self, file: Path) -> None:
        """Replace the file in one step: a reader never sees half of it."""
        partial = file.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(self)))
        partial.replace(file)


def read(file: Path) -> Record | None:
    """The record, or None if there is none. Raises UnreadableError."""
    try:
        given = json.loads(file.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise UnreadableError(str(error)) from error
    if not isinstance(given, dict):
        raise UnreadableError("not an object")
    fields = cast("dict[str, Any]", given)
    known = {name: fields[name] for name in _TYPES if fields.get(name) is not None}
    wrong = [name for name, value in known.items() if type(value) is not _TYPES[name]]
    half = ("supervisor" in known) != ("engine" in known)
    if wrong or half or not all(0 < known.get(name, 1) < MOST for name in ("port", "supervisor", "engine")):
        raise UnreadableError(f"not as it was written: {', '.join(wrong) or known}")
    try:
        return Record(**known)
    except TypeError as error:
        raise UnreadableError(str(error)) from error
