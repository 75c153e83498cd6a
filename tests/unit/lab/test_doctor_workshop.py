"""`lab doctor --workshop` says what a day in a workshop takes, and in one line whether this machine has it."""

from types import SimpleNamespace

import pytest

from lab.commands import doctor
from lab.common.results import Result, Verdict
from lab.engines.preflight import GIB


@pytest.mark.parametrize(
    ("total", "available", "processors", "missing"),
    [
        (8, 4, 4, []),
        (2, 1, 1, ["memory", "free memory", "processors"]),
        (8, 1, 2, ["free memory"]),
    ],
)
def test_machine_that_is_too_small_is_told_with_the_fix(
    monkeypatch: pytest.MonkeyPatch, total: int, available: int, processors: int, missing: list[str]
) -> None:
    memory = SimpleNamespace(total=total * GIB, available=available * GIB)
    monkeypatch.setattr(doctor.psutil, "virtual_memory", lambda: memory)
    monkeypatch.setattr(doctor.os, "cpu_count", lambda: processors)
    wrong = [found for found in doctor.preparation() if found.name != "console's port" and found.fix]
    assert [found.name for found in wrong] == missing


def test_line_to_mail_back_names_what_is_not_ready() -> None:
    well = Result(name="memory", seen="8 GiB", verdict=Verdict.PROVED)
    wrong = Result(name="processors", seen="1", verdict=Verdict.REFUTED)
    assert "READY · lab " in doctor.verdict([well])
    assert "NOT READY (processors) · lab " in doctor.verdict([well, wrong])
