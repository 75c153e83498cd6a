"""A look into the DLQ that changes nothing but the receive counts, each by one."""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from functions.common import codec
from functions.publish.envelope import Envelope
from functions.redrive.control import MARGIN_SECONDS, RESERVE_SECONDS
from functions.redrive.dlq import CONCURRENCY, Queue, Walk
from functions.redrive.error_types import require_known
from functions.redrive.forecast import Forecasts
from functions.redrive.groups import Groups
from functions.redrive.plan import Plan
from functions.redrive.repair import patched
from functions.redrive.selection import Verdict, judge
from functions.redrive.triage import Statistics, age_seconds, describe

MOST = 100_000
"""Letters that a preview looks at, if its time suffices."""

RELEASES_PER_SECOND = 2_000
"""So many letters are surely made visible again in a second, ten a call."""

MAX_MESSAGES_BYTES = 4 * 1024 * 1024
"""Lambda answers with 6 MB at most, in which the body's quotes are escaped."""

_MATCHING = (Verdict.SELECTED, Verdict.SECOND_DEATH)


def preview(
    dlq: Queue, plan: Plan, seconds_left: Callable[[], float], forecasts: Forecasts | None = None
) -> dict[str, Any]:
    """Sample the DLQ: up to `plan.max_messages` that match the filters, described and counted.

    Messages stay hidden until the sample is complete, so that none is received twice, and are all visible
    again at the end. `complete` says whether the whole queue was seen. `statistics` are of every letter that was
    seen, `matching` of those that the filters let pass; `groups` are the latter by what they died of. `skipped` counts
    the others by reason, and `tooYoung` tells of those that lack nothing but age. With `forecasts` those that would be
    moved are forecast as well, which takes no second look. Raises ProblemError 400 for an error
    type that nothing has.
    """
    sample = _Sample(plan, time.time_ns() // 1_000_000, forecasts)
    with ThreadPoolExecutor(CONCURRENCY) as threads:
        visibility = lambda: round(seconds_left()) + MARGIN_SECONDS  # noqa: E731
        with Walk(dlq, visibility, dlq.depth(), lambda: sample.room, threads) as walk:
            for letters in walk:
                sample.add(letters)
                if sample.full or walk.seen >= MOST or seconds_left() < _reserve(walk.seen):
                    break
    if walk.complete:
        require_known(plan.error_type, sample.seen.by_error_type.keys())
    return {"sampled": walk.seen, "complete": walk.complete, **sample.as_json(dlq.retention_seconds())}


def _reserve(letters: int) -> float:
    """Seconds to keep for making so many letters visible again."""
    return RESERVE_SECONDS + letters / RELEASES_PER_SECOND


class _Sample:
    """What a preview has counted of the letters that it saw, and the matching ones, described, as many as fit."""

    def __init__(self, plan: Plan, now_ms: int, forecasts: Forecasts | None) -> None:
        self.seen = Statistics()
        self._plan, self._now_ms, self._forecasts = plan, now_ms, forecasts
        self._matching, self._groups = Statistics(), Groups(now_ms)
        self._verdicts = Counter[Verdict]()
        self._eligible = 0
        self._young: tuple[int, int] | None = None
        self._described: list[dict[str, Any]] = []
        self._room = MAX_MESSAGES_BYTES

    @property
    def room(self) -> int:
        """How many more that match the plan asks for."""
        return self._plan.max_messages - self._matching.total

    @property
    def full(self) -> bool:
        """Whether it asks for no more."""
        return self.room <= 0

    def add(self, letters: Iterable[Envelope]) -> None:
        """Judge letters, and count them."""
        for envelope in letters:
            verdict = judge(self._plan, envelope, self._now_ms)
            self.seen.add(envelope)
            self._verdicts[verdict] += 1
            if verdict is Verdict.TOO_YOUNG:
                self._add_young(age_seconds(envelope, self._now_ms))
            if verdict in _MATCHING and not self.full:
                self._add_matching(envelope, verdict)

    def _add_young(self, age: int) -> None:
        youngest, oldest = self._young or (age, age)
        self._young = (min(youngest, age), max(oldest, age))

    def _add_matching(self, envelope: Envelope, verdict: Verdict) -> None:
        self._matching.add(envelope)
        self._groups.add([envelope])
        if verdict is Verdict.SELECTED:
            self._eligible += 1
            if self._forecasts:
                patch = self._plan.patch
                self._forecasts.add(patched(envelope, patch) if patch else envelope)
        described = describe(envelope, verdict, self._now_ms)
        self._room -= len(codec.dumps(described))
        if self._room >= 0:  # long histories make an answer large
            self._described.append(described)

    def as_json(self, retention_seconds: int) -> dict[str, Any]:
        """The sample in the API's names."""
        young = dict(zip(("youngestSeconds", "oldestSeconds"), self._young or (), strict=False))
        groups = self._groups.as_json(retention_seconds)
        if self._forecasts:
            groups = self._forecasts.on(groups)
        return {
            "plan": self._plan.as_json(),
            "statistics": self.seen.as_json(),
            "matching": self._matching.as_json(),
            "groups": groups,
            "skipped": {
                verdict: count for verdict, count in self._verdicts.items() if verdict is not Verdict.SELECTED
            },
            **({"tooYoung": young} if young else {}),
            "eligible": self._eligible,
            "messages": self._described,
            **(self._forecasts.as_json() if self._forecasts else {}),
        }
