"""Brings what functions log to CloudWatch Logs: one thread for all functions, many invocations a call."""

import contextlib
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from localstack.aws.api.logs import ResourceNotFoundException
from localstack.aws.connect import connect_to

from lab_localstack.internal import call
from lab_localstack.lambda_.output import LogEvent

LOG = logging.getLogger(__name__)
GATHER_SECONDS = 0.1
"""How long events may wait for more of them."""
CALL_EVENTS = 10_000
CALL_BYTES = 1_000_000
EVENT_OVERHEAD = 26
"""Limits of PutLogEvents: events and bytes a call, and bytes counted for an event besides its message."""


class Stream(NamedTuple):
    """A log stream."""

    account: str
    region: str
    group: str
    name: str


class LogShipper:
    """Takes log events from any thread and puts them into their streams, in order."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[tuple[Stream, list[LogEvent]]] = SimpleQueue()
        self._start = threading.Lock()
        self._thread: threading.Thread | None = None

    def ship(self, stream: Stream, events: list[LogEvent]) -> None:
        """Put the events into the stream within a fraction of a second; group and stream are made if need be."""
        self._queue.put((stream, events))
        if self._thread is None:
            with self._start:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="lambda-logs", daemon=True)
                    self._thread.start()

    def _run(self) -> None:
        while True:
            gathered: defaultdict[Stream, list[LogEvent]] = defaultdict(list)
            stream, events = self._queue.get()
            gathered[stream] += events
            until = time.monotonic() + GATHER_SECONDS
            while (left := until - time.monotonic()) > 0:
                try:
                    stream, events = self._queue.get(timeout=left)
                except Empty:
                    break
                gathered[stream] += events
            for stream, events in gathered.items():
                try:
                    put(stream, events)
                except Exception as error:
                    LOG.warning("Log events of %s were lost: %s", stream.group, error)


def put(stream: Stream, events: list[LogEvent]) -> None:
    """PutLogEvents, in as many calls as its limits ask for."""
    place = {"logGroupName": stream.group, "logStreamName": stream.name}
    for part in _calls(events):
        parameters = place | {"logEvents": [event._asdict() for event in part]}
        try:
            call("logs", "PutLogEvents", parameters, stream.account, stream.region)
        except ResourceNotFoundException:
            _create(stream)
            call("logs", "PutLogEvents", parameters, stream.account, stream.region)


def _create(stream: Stream) -> None:
    logs: Any = connect_to(aws_access_key_id=stream.account, region_name=stream.region).logs
    with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_group(logGroupName=stream.group)
    with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_stream(logGroupName=stream.group, logStreamName=stream.name)


def _calls(events: list[LogEvent]) -> Iterator[list[LogEvent]]:
    part: list[LogEvent] = []
    size = 0
    for event in chain.from_iterable(map(_pieces, events)):
        cost = len(event.message.encode()) + EVENT_OVERHEAD
        if part and (len(part) == CALL_EVENTS or size + cost > CALL_BYTES):
            yield part
            part, size = [], 0
        part.append(event)
        size += cost
    if part:
        yield part


def _pieces(event: LogEvent) -> Iterator[LogEvent]:
    """The event, or several where one would be more than a call takes."""
    limit = CALL_BYTES - EVENT_OVERHEAD
    if len(event.message) * 4 <= limit:
        yield event
        return
    raw = event.message.encode()
    for start in range(0, len(raw), limit):
        yield event._replace(message=raw[start : start + limit].decode("utf-8", "ignore"))


SHIPPER = LogShipper()
