"""The message that asks for a pause, and that stays in its queue until it has ended the pause.

One message for both: as long as the mapping is paused, it is a hidden message of a queue. No process waits, so none can
die and leave the mapping paused. The queue's DLQ takes a message only after a thousand receives; its alarm then says
that nothing will resume the mapping.
"""

from dataclasses import asdict, dataclass
from typing import Any, Self, cast

from functions.common import codec
from functions.common.errors import MalformedJsonError

LATEST = 253_402_300_799
"""The end of the year 9999, in epoch seconds."""


@dataclass(frozen=True)
class ResumeMessage:
    """Which circuit opened, and when it may be tried again (epoch seconds)."""

    circuit: str
    resume_at: int

    def as_text(self) -> str:
        """The message's body."""
        return codec.dumps(asdict(self))

    @classmethod
    def from_text(cls, body: str) -> Self:
        """The message of a body. Raises MalformedJsonError for anything else."""
        document = codec.loads(body)
        given = cast(dict[str, Any], document) if isinstance(document, dict) else {}
        circuit, resume_at = given.get("circuit"), given.get("resume_at")
        if not (isinstance(circuit, str) and type(resume_at) is int and 0 <= resume_at <= LATEST):
            raise MalformedJsonError("this is not a resume message")
        return cls(circuit, resume_at)
