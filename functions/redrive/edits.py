"""What an operation changes of the letters that it moves: nothing, or what its plan's patch says."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from functions.publish.death import last_edit, redriven
from functions.publish.envelope import Envelope
from functions.publish.message import OutgoingMessage
from functions.redrive.moved import Moved
from functions.redrive.repair import edited, patched


class Originals(Protocol):
    """Keeps letters as they were before they were edited."""

    def record_edit(self, operation_id: str, by: str, letter: Envelope, sent: Moved) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Edits:
    """The edits of one operation, made in the name of whoever asked for it. The clock tells epoch seconds."""

    originals: Originals
    operation_id: str
    by: str
    patch: str | None
    clock: Callable[[], float]

    def of(self, letter: Envelope) -> Envelope:
        """The letter with the body and the key that it is sent with."""
        return letter if self.patch is None else patched(letter, self.patch)

    def message(self, letter: Envelope, delay_seconds: int) -> OutgoingMessage:
        """The letter as it goes back to the queue."""
        if self.patch is None:
            return redriven(letter, delay_seconds)
        return edited(
            letter,
            self.of(letter),
            at=round(self.clock() * 1000),
            by=self.by,
            delay_seconds=delay_seconds,
            operationId=self.operation_id,
        )

    def made(self, letter: Envelope) -> bool:
        """Whether a letter is a message that this operation has edited."""
        return last_edit(letter).get("operationId") == self.operation_id

    def record(self, letter: Envelope, message_id: str) -> None:
        """Keep an edited letter's original, before it is deleted, under the id of the message that replaces it."""
        if self.patch is not None:
            sent = Moved.of(self.of(letter), message_id)
            self.originals.record_edit(self.operation_id, self.by, letter, sent)
