"""The lanes of `make test`: a failure is shown whole, and counted; the times are those that were taken."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab.common import paths
from support.eventually import eventually
from tests import lanes
from tests.lanes import Ended, run, run_one, summary

PROGRAM = """
import sys, time
lane = sys.argv[1]
print("first line of", lane)
if lane == "busy":
    end = time.process_time() + 0.3
    while time.process_time() < end:
        pass
if lane.startswith("waiting"):
    time.sleep(0.5)
print("last line of", lane)
sys.exit(lane == "failing")
"""
COMMAND = (sys.executable, "-c", PROGRAM)


def test_a_lane_that_fails_shows_all_that_it_printed_and_one_that_passes_its_last_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run([["failing"], ["passing"]], COMMAND)
    told = capsys.readouterr().out
    assert re.search(r"=== failing: FAILED after \d+ s\nfirst line of failing\nlast line of failing\n", told)
    assert re.search(r"=== passing: passed after \d+ s\nlast line of passing\n", told)


def test_the_lanes_behind_one_that_fails_run_and_it_is_known_which_failed() -> None:
    ended = run([["failing", "passing"]], COMMAND)
    assert [(one.lane, one.code) for one in ended] == [("failing", 1), ("passing", 0)]


def test_lanes_of_two_tracks_run_at_the_same_time() -> None:
    began = time.monotonic()
    ended = run([["waiting-1"], ["waiting-2"]], COMMAND)
    assert time.monotonic() - began < sum(one.wall for one in ended)


def test_the_processor_time_of_a_lane_is_that_of_what_it_started() -> None:
    shell = ("sh", "-c", '"$0" -c "$1" "$2"; exit 0', *COMMAND[::2])
    assert run_one("busy", shell).processor > 0.3
    assert run_one("waiting", shell).processor < 0.3


def test_what_only_computes_gives_way() -> None:
    asked = (sys.executable, "-c", "import os; print(os.nice(0))")
    assert int(run_one("unit", asked).output) > int(run_one("integration", asked).output)


def test_the_summary_names_each_lane_and_the_least_that_any_order_could_take() -> None:
    ended = [Ended("unit", 0, 70.2, 120.4, ""), Ended("types", 1, 30.0, 40.0, "")]
    assert summary(ended, wall=95.0, processors=2).splitlines() == [
        "lane                   wall   processor",
        "unit         passed    70 s       120 s",
        "types        FAILED    30 s        40 s",
        "all          FAILED    95 s       160 s",
        "On 2 processors no order takes less than 80 s.",
    ]


@pytest.mark.parametrize(("lane", "code"), [("failing", 1), ("passing", 0)])
def test_the_command_fails_if_a_lane_did(lane: str, code: int) -> None:
    assert lanes.main([[lane], ["passing"]], COMMAND) == code


def test_no_lane_begins_after_an_interrupt(tmp_path: Path) -> None:
    """Ctrl-C reaches the command and its lanes, as at a terminal, where they are one process group."""
    lane = ("sh", "-c", f"touch {tmp_path}/$0; exec sleep 60")
    script = f"import sys; from tests import lanes; sys.exit(lanes.main([['one', 'two']], {lane}))"
    process = subprocess.Popen([sys.executable, "-c", script], cwd=paths.ROOT, process_group=0)
    try:
        eventually((tmp_path / "one").exists)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(20) == 130
    finally:
        process.kill()
    assert [each.name for each in tmp_path.iterdir()] == ["one"]


def test_every_lane_is_a_target_of_the_makefile() -> None:
    targets = re.findall(r"^([a-z-]+):", (paths.ROOT / "Makefile").read_text(), re.MULTILINE)
    assert [lane for track in lanes.TRACKS for lane in track if lane not in targets] == []
