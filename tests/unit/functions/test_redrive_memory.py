"""What a preview and an operation hold of a DLQ, measured in a process of its own: not the letters."""

import subprocess
import sys

import pytest

LARGE, MANY = (8_000, 50_000), (100_000, 4_000)
"""Letters and bytes of each. Whoever held every letter would need 380 MiB of either."""

MOST_MIB = 250
"""A function has 1,024. The receipt handles of 100,000 letters alone are 60."""

COMMON = """
import re, resource
from dataclasses import replace
from pathlib import Path
from functions.redrive.plan import Plan
from functions.redrive.preview import preview
from tests.unit.functions.test_redrive import FakeDlq, FakeOperations, dead, execute

class Large(FakeDlq):
    # its letters are made when they are received, as those of SQS are
    def __init__(self, letters, size):
        super().__init__([])
        self.letters, self.size, self.made, self.back = letters, size, 0, 0

    def _receive(self):
        numbers = range(self.made, min(self.made + 10, self.letters))
        self.made += len(numbers)
        letters = [dead(f"m-{number}", body=f"{number}" + "x" * self.size) for number in numbers]
        return [replace(letter, receipt_handle=f"{letter.message_id:600}") for letter in letters]

    def depth(self):
        return self.letters

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
plan = Plan(min_age_seconds=0, error_category="TIMEOUT")
dlq = Large(*{of})
preview(dlq, plan, lambda: 100.0)
told(dlq, ({of}[0], {of}[0]))
"""
SEARCH = """
plan = Plan(error_category="TIMEOUT")
dlq = Large(*{of})
execute(dlq, plan, operations=FakeOperations(plan))
told(dlq, ({of}[0], {of}[0]))
"""
READY = """
plan = Plan(max_messages=1000, canary_messages=3)
dlq = Large(*{of})
_, counts, _, _ = execute(dlq, plan, operations=FakeOperations(plan), max_bytes=100_000)
assert counts.moved == 1000, counts.moved
"""


@pytest.mark.parametrize("of", [LARGE, MANY], ids=["large letters", "many letters"])
@pytest.mark.parametrize(
    "what",
    [PREVIEW, SEARCH, READY],
    ids=["a preview", "a search that finds nothing", "a thousand that are moved"],
)
def test_no_more_letters_are_held_than_are_moved_next(what: str, of: tuple[int, int]) -> None:
    assert peak_mib(what.format(of=of)) < MOST_MIB


def peak_mib(what: str) -> int:
    """The most memory that a process held in which this ran."""
    script = f"{COMMON}\n{what}\nprint(peak_mib())"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-1500:]
    return int(done.stdout.split()[-1])
