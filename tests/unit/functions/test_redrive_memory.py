"""What a preview and an operation hold of a DLQ, measured in a process of its own: not the letters."""

import subprocess
import sys

import pytest

LETTERS, BODY_BYTES, MOST_MIB = 8_000, 50_000, 200
"""Whoever held every letter would need 380 MiB."""

COMMON = f"""
import re, resource
from pathlib import Path
from functions.redrive.plan import Plan
from functions.redrive.preview import preview
from tests.unit.functions.test_redrive import FakeDlq, FakeOperations, dead, execute

class Large(FakeDlq):
    # its letters are made when they are received, as those of SQS are
    def __init__(self):
        super().__init__([])
        self.made, self.back = 0, 0

    def _receive(self):
        numbers = range(self.made, min(self.made + 10, {LETTERS}))
        self.made += len(numbers)
        return [dead(f"m-{{number}}", body=f"{{number}}" + "x" * {BODY_BYTES}) for number in numbers]

    def depth(self):
        return {LETTERS}

    def release(self, envelopes):
        with self._lock:
            self.back += len(envelopes)

def peak_mib():
    # on Linux what getrusage tells begins with what the process that started this one held
    try:
        return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024 // 1024

def told(dlq, expected):
    assert (dlq.made, dlq.back) == expected, (dlq.made, dlq.back)
"""

PREVIEW = """
dlq = Large()
preview(dlq, Plan(min_age_seconds=0, error_category="TIMEOUT"), lambda: 100.0)
"""
SEARCH = """
dlq = Large()
execute(dlq, Plan(error_category="TIMEOUT"), operations=FakeOperations(Plan()))
"""
READY = """
dlq = Large()
plan = Plan(max_messages=1000, canary_messages=3)
execute(dlq, plan, operations=FakeOperations(plan))
"""


@pytest.mark.parametrize(
    "what", [SEARCH, READY], ids=["a search that finds nothing", "a thousand that are moved"]
)
def test_an_operation_holds_no_more_letters_than_it_moves_next(what: str) -> None:
    assert peak_mib(what) < MOST_MIB


def test_a_preview_holds_no_letter_that_it_does_not_show() -> None:
    assert peak_mib(f"{PREVIEW}\ntold(dlq, ({LETTERS}, {LETTERS}))") < MOST_MIB


def peak_mib(what: str) -> int:
    """The most memory that a process held in which this ran."""
    script = f"{COMMON}\n{what}\nprint(peak_mib())"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-1500:]
    return int(done.stdout.split()[-1])
