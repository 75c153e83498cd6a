"""Packing things into batch calls: in order, as few calls as that allows, within both limits."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

MAX_ENTRIES = 10
"""The limit of every batch call of SQS and of EventBridge's PutEvents."""


@dataclass(frozen=True)
class Packed[T]:
    """Batches to send, and what is too large for any batch."""

    batches: list[list[T]] = field(default_factory=list[list[T]])
    oversize: list[T] = field(default_factory=list[T])


def pack[T](
    things: Iterable[T], size: Callable[[T], int], *, max_bytes: int, max_entries: int = MAX_ENTRIES
) -> Packed[T]:
    """Fill one batch after the other. `size` is in bytes."""
    packed = Packed[T]()
    room = 0
    for thing in things:
        needed = size(thing)
        if needed > max_bytes:
            packed.oversize.append(thing)
        elif packed.batches and needed <= room and len(packed.batches[-1]) < max_entries:
            packed.batches[-1].append(thing)
            room -= needed
        else:
            packed.batches.append([thing])
            room = max_bytes - needed
    return packed
