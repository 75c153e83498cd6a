"""Sampling in the background: one thread that looks again and again, and keeps what it saw last."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Self

from botocore.exceptions import BotoCoreError, ClientError


class Sampler[T]:
    """Takes a sample at once and then every `every` seconds while a `with` block lasts, and one more at its end.

    Whoever asks gets what is kept, the last `keep` samples or all, and never waits for the engine. A sample that the
    engine did not answer is counted in `missed`, not invented.
    """

    def __init__(self, sample: Callable[[], T], *, every: float, keep: int | None = None) -> None:
        self._sample = sample
        self._every = every
        self._samples: deque[T] = deque(maxlen=keep)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)
        self.missed = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(timeout=10)

    @property
    def samples(self) -> list[T]:
        """What is kept, oldest first."""
        return list(self._samples)

    @property
    def latest(self) -> T | None:
        """The last sample; None before there is one."""
        return self._samples[-1] if self._samples else None

    def _run(self) -> None:
        last = False
        while True:
            try:
                self._samples.append(self._sample())
            except (BotoCoreError, ClientError):
                self.missed += 1
            if last:
                return
            last = self._ended.wait(self._every)  # the end is seen, too
