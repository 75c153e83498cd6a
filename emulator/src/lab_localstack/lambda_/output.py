"""What a function's process writes, taken apart into log events.

Two things arrive in one pipe: plain text, whose lines are one event each, and records framed by awslambdaric's
telemetry log sink, which are one event each however many lines they have:

    type (4 bytes, 0xa55a00xx) | length (4 bytes) | time in microseconds (8 bytes) | message, all big-endian
"""

import time
from collections.abc import Iterable
from typing import NamedTuple

MARK = b"\xa5\x5a\x00"
"""Cannot occur in UTF-8 text without a NUL character."""
HEADER = 16


class LogEvent(NamedTuple):
    """One event of CloudWatch Logs: its time in epoch milliseconds, and a message that ends with a newline."""

    timestamp: int
    message: str

    @classmethod
    def now(cls, message: str) -> "LogEvent":
        """An event of this moment."""
        return cls(time.time_ns() // 1_000_000, message if message.endswith("\n") else message + "\n")


class OutputParser:
    """Collects the log events of one process."""

    def __init__(self) -> None:
        self._raw = b""
        self._line = b""
        self._events: list[LogEvent] = []
        self._last = 0

    def feed(self, data: bytes) -> None:
        """Take in what the process wrote up to now."""
        self._raw += data
        while self._raw:
            mark = self._raw.find(MARK)
            if mark == 0:
                if not self._take_frame():
                    return
            elif mark > 0:
                self._take_text(self._raw[:mark])
                self._raw = self._raw[mark:]
            else:
                # the last bytes may be the beginning of a mark
                kept = next((n for n in (2, 1) if self._raw.endswith(MARK[:n])), 0)
                self._take_text(self._raw[: len(self._raw) - kept])
                self._raw = self._raw[len(self._raw) - kept :]
                return

    def add(self, messages: Iterable[str]) -> None:
        """Add messages of this moment that the process did not write itself."""
        for message in messages:
            self._append(LogEvent.now(message))

    def take(self) -> list[LogEvent]:
        """The events since the last call; a line without an end counts as one."""
        if self._line:
            self._add(self._line)
            self._line = b""
        events, self._events = self._events, []
        return events

    def _take_frame(self) -> bool:
        if len(self._raw) < HEADER:
            return False
        end = HEADER + int.from_bytes(self._raw[4:8])
        if len(self._raw) < end:
            return False
        self._add(self._raw[HEADER:end], int.from_bytes(self._raw[8:HEADER]) // 1000)
        self._raw = self._raw[end:]
        return True

    def _take_text(self, text: bytes) -> None:
        *lines, self._line = (self._line + text).split(b"\n")
        for line in lines:
            self._add(line)

    def _add(self, message: bytes, timestamp: int | None = None) -> None:
        text = message.decode("utf-8", "replace")
        if text.strip():
            event = LogEvent.now(text)
            self._append(event if timestamp is None else event._replace(timestamp=timestamp))

    def _append(self, event: LogEvent) -> None:
        # a framed record has the time it was written, a line the time it was read: their order is what counts
        self._last = max(self._last, event.timestamp)
        self._events.append(event._replace(timestamp=self._last))
