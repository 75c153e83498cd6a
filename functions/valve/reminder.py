"""The message that asks for a pause, and that stays in its queue as the reminder to end it.

One message for both: as long as the mapping is paused, its reminder is a hidden message of a queue without a
DLQ. No process waits, so none can die and leave the mapping paused.
"""

import json
from dataclasses import asdict, dataclass
from typing import Self


@dataclass(frozen=True)
class Reminder:
    """Which circuit opened, and when it may be tried again (epoch seconds)."""

    circuit: str
    resume_at: int

    def as_text(self) -> str:
        """The message's body."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, body: str) -> Self:
        """The reminder of a body. Raises ValueError, KeyError or TypeError for anything else."""
        document = json.loads(body)
        return cls(circuit=str(document["circuit"]), resume_at=int(document["resume_at"]))
