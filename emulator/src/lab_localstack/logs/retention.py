"""How much of a log group the engine remembers: a size, where AWS keeps by time and has no limit."""

from collections.abc import Iterator

from moto.logs.models import LogGroup, LogStream

from lab_localstack.settings import SETTINGS


def forget_oldest(group: LogGroup) -> None:
    """Once the group's messages are longer than the limit, drop its oldest events until half of that is left.

    So a busy group is cut seldom. Streams stay, also when all their events are gone.
    """
    limit = SETTINGS.log_group_bytes
    streams = list(group.streams.values())
    if sum(stream.stored_bytes for stream in streams) <= limit:
        return
    left = 0
    kept: dict[str, int] = {}
    for size, stream in _newest_first(streams):
        left += size
        if left > limit // 2:
            break
        kept[stream.log_stream_name] = kept.get(stream.log_stream_name, 0) + 1
    for stream in streams:
        count = kept.get(stream.log_stream_name, 0)
        stream.events = stream.events[-count:] if count else []
        stream.stored_bytes = sum(len(event.message) for event in stream.events)


def _newest_first(streams: list[LogStream]) -> Iterator[tuple[int, LogStream]]:
    """Length and stream of every event, in the opposite order of their arrival."""
    events = [(event, stream) for stream in streams for event in stream.events]
    for event, stream in sorted(events, key=lambda one: one[0].event_id, reverse=True):
        yield len(event.message), stream
