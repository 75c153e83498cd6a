"""Results as tests write them: one line each."""

from typing import Any

from lab.common.results import Result, Verdict


def result(group: str, name: str, expected: str, seen: str, verdict: Verdict, **more: Any) -> Result:
    return Result(group=group, name=name, expected=expected, seen=seen, verdict=verdict, **more)
