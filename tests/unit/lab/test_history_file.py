"""A history file is read whole or refused with what is wrong with it; no part of it is judged alone."""

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab import cli
from lab.errors import LabError
from lab.history import Account, Event, Kind, read, write
from lab.history.states import STATES, reached
from tests.support.histories import died, event, history, lies, processed, redriven, submitted, told

RUN = history(submitted("a"), processed("a"), submitted("b"), died("b"), lies("b"))

text = st.text(max_size=20)


@given(
    st.lists(
        st.builds(
            Event,
            st.integers(0, 2**53),
            st.sampled_from(Kind),
            st.none() | text,
            st.none() | text,
            st.none() | text,
            st.none() | text,
            st.none() | text,
            st.dictionaries(st.just("errorType"), st.none() | text),
        ),
        max_size=4,
    )
)
def test_a_history_is_read_as_it_was_written_whatever_its_ids_hold(
    tmp_path_factory: pytest.TempPathFactory, events: list[Event]
) -> None:
    file = tmp_path_factory.mktemp("history") / "history.jsonl"
    # JSON has no half of a surrogate pair but its escape, which is what the functions log.
    written = history()
    written = type(written)("run \u2028\ud800", 1, 2, tuple(events), written.sources, alone=False, queued=3)
    write(written, file)
    assert read(file) == written


def cut(lines: list[str]) -> list[str]:
    return lines[:-1]


def cut_in_a_line(lines: list[str]) -> list[str]:
    return [*lines[:-1], lines[-1][:20]]


def added(lines: list[str]) -> list[str]:
    return [*lines, lines[-1]]


def without_header(lines: list[str]) -> list[str]:
    return lines[1:]


def changed(place: int, **fields: Any) -> Callable[[list[str]], list[str]]:
    def change(lines: list[str]) -> list[str]:
        lines[place] = json.dumps(json.loads(lines[place]) | fields)
        return lines

    return change


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda lines: [], "is empty"),
        (cut, "has 12 events and should have 13: it was cut or added to"),
        (added, "has 14 events and should have 13"),
        (cut_in_a_line, "line 14 is not a JSON object"),
        (without_header, "does not say 'lab-history/1'"),
        (lambda lines: ["[]", *lines], "line 1 is not a JSON object"),
        (lambda lines: ["some other log", *lines], "line 1 is not a JSON object"),
        (lambda lines: ["[" * 100_000, *lines], "line 1 is not a JSON object"),
        (changed(0, format="lab-history/2"), "does not say 'lab-history/1'"),
        (changed(0, sources=["hearsay"]), "hearsay"),
        (changed(0, queued="2"), "'2' should be of type int"),
        (changed(1, event="invented"), "invented"),
        (changed(1, time="now"), "'now' should be of type int"),
        (changed(1, orderId=7), "7 should be of type str"),
    ],
)  # fmt: skip
def test_a_damaged_or_foreign_file_is_refused_with_what_is_wrong(
    tmp_path: Path, damage: Callable[[list[str]], list[str]], said: str
) -> None:
    file = tmp_path / "history.jsonl"
    write(RUN, file)
    file.write_text("\n".join(damage(file.read_text().splitlines())))
    with pytest.raises(LabError) as refusal:
        read(file)
    assert said in refusal.value.what
    assert "history.jsonl" in refusal.value.fix


def test_bytes_and_missing_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    for name, said in (("bytes", "not UTF-8"), ("missing", "No such file"), (".", "Is a directory")):
        with pytest.raises(LabError, match=said):
            read(tmp_path / name)


def test_the_command_exits_with_1_for_a_breach_and_tells_the_order_and_its_timeline(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "history.jsonl"
    write(history(submitted("a"), processed("a"), event(Kind.EFFECT, "a", "m-9")), file)
    assert cli.run(lambda **options: cli.app(["history", "check", str(file)], **options)) == 1
    out = capsys.readouterr().out
    assert "broken  one effect" in out
    assert "order a: its effect ran 2 times" in out
    assert out.count(" effect orderId=a") == 2
    assert "messageId=m-9" in out


def test_the_command_exits_with_0_for_a_sound_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "history.jsonl"
    write(RUN, file)
    assert cli.run(lambda **options: cli.app(["history", "check", str(file)], **options)) == 0
    assert "2 accepted, 1 succeeded, 1 in DLQ" in capsys.readouterr().out


def test_ten_thousand_events_are_judged_in_under_two_seconds_of_processor_time(tmp_path: Path) -> None:
    parts = [[*submitted(name), *processed(name)] for name in map(str, range(1500))]
    parts += [[*submitted(name), *died(name), lies(name)] for name in map(str, range(1500, 1750))]
    long = history(*parts)
    assert len(long.events) > 10_000
    write(long, tmp_path / "history.jsonl")
    began = time.process_time()
    assert Account.of(read(tmp_path / "history.jsonl")).sound
    assert time.process_time() - began < 2


REACHED = {
    "a message came again after its effect: its delete was late or failed": history(
        submitted("a"), processed("a"), event(Kind.RECEIVED, None, "m-a")
    ),
    "an order's event was refused after its effect": history(
        processed("a"), event(Kind.FAILED, "a", "m-a", willRetry=True)
    ),
    "a worker vanished between a message's receive and its outcome": history(
        event(Kind.RECEIVED, None, "m-a"), event(Kind.RECEIVED, None, "m-a")
    ),
    "a worker died between an effect and its log line": history(event(Kind.ROW_FOUND, "a", executions=1)),
    "a claim on a key expired while its worker ran": history(event(Kind.FAILED, "a", errorType="LockLost")),
    "a delivery found another one at work on its key": history(
        event(Kind.FAILED, "a", errorType="InProgressElsewhere")
    ),
    "a row changed while it was read": history(event(Kind.FAILED, "a", errorType="Contention")),
    "a worker ran out of time": history(event(Kind.FAILED, "a", errorType="OutOfTime")),
    "a key came again with another payload": history(
        event(Kind.FAILED, "a", errorType="IdempotencyKeyReused")
    ),
    "one order was published twice by one request": history(
        submitted("a"), event(Kind.SENT, "a", "m-copy", invocation="i-ingest")
    ),
    "an order was queued whose client got no answer": history(submitted("a")[1]),
    "a duplicate had no effect": history(event(Kind.DUPLICATE, "a", "m-a")),
    "an event came through the bus more than once": history(
        told("a", "OrderProcessed"), told("a", "OrderProcessed")
    ),
    "a death could not be announced": history(event(Kind.UNANNOUNCED, "a")),
    "a circuit opened": history(event(Kind.CIRCUIT, circuit="price-service", toState="OPEN")),
    "a half-open circuit met a burst": history(
        event(Kind.CIRCUIT, toState="HALF_OPEN"), [event(Kind.RECEIVED, None, f"m-{n}") for n in range(10)]
    ),
    "a message was requeued to spare its receives": history(event(Kind.REQUEUED, "a", "m-2")),
    "SQS moved a message to the DLQ by itself": history(event(Kind.LETTER_FOUND, "a", letter="m-a")),
    "a redriven order was saved": history(redriven("a"), processed("a", "m-2")),
    "a redriven order died again": history(died("a", redriveCount=1)),
    "a redrive was killed between sending a letter and recording it": history(
        redriven("a", "m-2"), redriven("a", "m-3")
    ),
    "an edited order was saved": history(event(Kind.EDITED, "a", "m-3", letter="l-a"), processed("a", "m-3")),
    "a letter was discarded": history(event(Kind.DISCARDED, "a", letter="l-a")),
}


@pytest.mark.parametrize("name", [state.name for state in STATES])
def test_a_state_is_told_where_a_history_has_been_in_it_and_not_of_a_quiet_run(name: str) -> None:
    assert name in reached(REACHED[name])
    assert name not in reached(RUN)


def test_a_stranger_s_order_id_is_shown_as_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "history.jsonl"
    write(history(submitted("a"), processed("a"), lies("[/red]\x1b[31m\u202e\ud800", "l-9")), file)
    assert cli.run(partial(cli.app, ["history", "check", str(file)])) == 1
    out = capsys.readouterr().out
    assert "order [/red]\\x1b[31m\\u202e\\ud800" in out
    assert "\x1b[31m" not in out
