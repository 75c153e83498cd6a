"""The first signal unwinds a block, and none cuts its rollback short."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.common.interrupts import undeterred, undoing, unwind_when_ended
from support.eventually import eventually
from tests.support.terminals import (
    Terminal,
    at_a_terminal,
    hang_up,
    interrupt_then_hang_up,
    press_ctrl_c_again_and_again,
    terminate_thrice,
)

ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in ENDS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", ENDS)
def test_a_signal_in_the_block_is_followed_by_its_rollback(number: signal.Signals) -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt), undoing(lambda: done.append("undone")):
        done.extend(["not reached"] if signal.raise_signal(number) is None else [])
    assert done == ["undone"]


@pytest.mark.parametrize("number", ENDS)
def test_signals_while_a_block_is_unwound_wait_until_all_is_undone(
    number: signal.Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    done: list[str] = []

    def undo() -> None:
        signal.raise_signal(number)
        done.append("undone")

    def interrupted() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            signal.raise_signal(number)
            done.append("unwound")

    with pytest.raises(KeyboardInterrupt), undoing(undo):
        interrupted()
    assert done == ["unwound", "undone"]
    assert "rolling back: wait" in capfd.readouterr().err


@pytest.mark.parametrize("number", ENDS)
def test_a_signal_while_a_finished_block_is_undone_interrupts_after_it(number: signal.Signals) -> None:
    done: list[str] = []

    def undo() -> None:
        signal.raise_signal(number)
        done.append("undone")

    with pytest.raises(KeyboardInterrupt), undoing(undo):
        pass
    assert done == ["undone"]


def test_signals_are_handled_as_before_once_all_is_undone() -> None:
    before = [signal.getsignal(number) for number in ENDS]
    with undoing(lambda: None):
        assert [signal.getsignal(number) for number in ENDS] != before
    assert [signal.getsignal(number) for number in ENDS] == before


def test_a_signal_ignored_by_the_caller_stays_ignored() -> None:
    """As under nohup, whose program outlives its terminal."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    unwind_when_ended()
    with undoing(lambda: None):
        signal.raise_signal(signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_termination_and_a_closed_terminal_unwind_every_command(number: signal.Signals) -> None:
    unwind_when_ended()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)


PROGRAM = """
import sys, time
from pathlib import Path
from rich.console import Console
from lab.common.interrupts import undeterred, undoing, unwind_when_ended

def undo():
    for part in range(5):
        say(f"undone: part {part}")
        time.sleep(0.2)
    Path(sys.argv[1]).write_text("undone")

unwind_when_ended()
say = undeterred(Console().print)
with undoing(undo):
    print("in force", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize(
    "end",
    [hang_up, press_ctrl_c_again_and_again, terminate_thrice, interrupt_then_hang_up],
    ids=lambda end: end.__name__,
)
def test_a_program_at_a_terminal_is_rolled_back_however_it_is_ended(
    end: Callable[[Terminal], None], tmp_path: Path
) -> None:
    file = tmp_path / "undone"
    with at_a_terminal(PROGRAM, str(file), environment=os.environ) as terminal:
        eventually(lambda: "in force" in terminal.output)
        end(terminal)
        terminal.process.wait(timeout=20)
    assert file.read_text() == "undone"


@pytest.mark.parametrize("trouble", [OSError(5, "Input/output error"), BrokenPipeError(), SystemExit(1)])
def test_a_line_that_cannot_be_written_does_not_stop_a_rollback(trouble: BaseException) -> None:
    def say(_line: str) -> None:
        raise trouble

    undeterred(say)("undone")
