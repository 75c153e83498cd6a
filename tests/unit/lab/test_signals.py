"""Signals: what is counted late is still counted, and whoever asks never waits for the engine."""

import json
import threading
import time
from dataclasses import replace

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from lab.pipeline.observe import Depth
from lab.pipeline.signals import Counters, Monitor, Percentiles, Rates, Reader, Signals
from support.eventually import eventually

NOTHING = Depth(0, 0, 0)
READING = Signals(
    at=100.0,
    took=0.1,
    queue=Depth(3, 2, 1),
    dlq=NOTHING,
    oldest_seconds=4.0,
    rates=Rates(processed=12.5),
    latency=Percentiles(10.0, 20.0, 30.0),
    circuits={"downstream": "OPEN"},
    alarms={"critical-dlq-depth": "OK"},
)


def test_a_rate_is_the_count_over_the_time_it_took() -> None:
    counters = Counters()
    counters.see(1000.0, {"processed": {960.0: 50.0}}, since=840.0)
    counters.see(1004.0, {"processed": {960.0: 90.0}}, since=840.0)
    assert counters.rates(10) == {"processed": 10.0}


def test_the_first_reading_has_no_rate() -> None:
    counters = Counters()
    counters.see(1000.0, {"processed": {960.0: 50.0}}, since=840.0)
    assert counters.rates(10) == {"processed": 0.0}


def test_a_count_before_the_last_seconds_does_not_raise_the_rate() -> None:
    counters = Counters()
    for second, total in ((0, 0), (5, 500), (10, 500), (15, 500), (20, 500)):
        counters.see(960.0 + second, {"processed": {960.0: float(total)}}, since=840.0)
    assert counters.rates(10) == {"processed": 0.0}


def test_an_engine_that_forgot_its_metrics_gives_no_negative_rate() -> None:
    counters = Counters()
    counters.see(1000.0, {"processed": {960.0: 50.0}}, since=840.0)
    counters.see(1004.0, {"processed": {960.0: 1.0}}, since=840.0)
    assert counters.rates(10) == {"processed": 0.0}


@given(
    st.lists(
        st.tuples(st.floats(0.5, 40), st.integers(0, 100), st.floats(0, 170), st.booleans()),
        min_size=1,
        max_size=40,
    )
)
def test_no_count_is_left_out_however_late_it_arrives(steps: list[tuple[float, int, float, bool]]) -> None:
    """Property: the growth of the total between readings adds up to all that was counted, also if the engine
    leaves periods that it has told before out of some answers."""
    counters, stored, now, rated, counted = Counters(), dict[float, float](), 1_000_000.0, 0.0, 0
    counters.see(now, {"n": {}}, since=now - now % 60 - 180)
    for wait, number, late, forgetful in steps:
        before, now = now, now + wait
        period = (now - late) - (now - late) % 60
        stored[period] = stored.get(period, 0.0) + number
        counted += number
        since = now - now % 60 - 180
        told = {period: stored[period]} if forgetful else stored
        answer = {start: value for start, value in told.items() if start >= since}
        counters.see(now, {"n": answer}, since)
        rated += counters.rates(0)["n"] * (now - before)
    assert rated == pytest.approx(counted)


class Engine:
    """Stands in for a Reader: answers, fails or lets the caller wait."""

    def __init__(self) -> None:
        self.answers, self.closed, self.read_at = threading.Event(), False, 100.0
        self.fails = False

    def read(self) -> Signals:
        self.answers.wait(10)
        if self.fails:
            raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")
        self.read_at += 1
        return replace(READING, at=self.read_at)

    def close(self) -> None:
        self.closed = True


def monitor(engine: Engine, keep: int = 5) -> Monitor:
    reader: Reader = engine  # type: ignore[assignment]
    return Monitor(reader, every=0.01, keep=keep)


def test_a_reader_never_waits_for_an_engine_that_answers_late() -> None:
    engine = Engine()
    with monitor(engine) as watch:
        began = time.monotonic()
        assert watch.latest is None
        assert watch.as_json(0)["readings"] == []
        assert time.monotonic() - began < 1
        engine.answers.set()
        eventually(lambda: watch.latest is not None)
    assert engine.closed


def test_a_reading_that_the_engine_did_not_answer_is_counted_not_invented() -> None:
    engine = Engine()
    engine.fails = True
    engine.answers.set()
    with monitor(engine) as watch:
        eventually(lambda: watch.missed >= 3)
        assert watch.latest is None
        engine.fails = False
        eventually(lambda: watch.latest is not None)


def test_only_the_last_readings_are_kept_and_only_newer_ones_handed_out() -> None:
    engine = Engine()
    engine.answers.set()
    with monitor(engine, keep=3) as watch:
        eventually(lambda: watch.latest is not None and watch.latest.at > 110)
    assert [round(reading.at) for reading in watch.since(0)] == list(
        range(int(engine.read_at) - 2, int(engine.read_at) + 1)
    )
    assert len(watch.since(engine.read_at - 1)) == 1


def test_figures_taken_beside_a_reading_are_handed_out_with_it() -> None:
    engine = Engine()
    engine.answers.set()
    reader: Reader = engine  # type: ignore[assignment]
    with Monitor(reader, every=0.01, beside=lambda: {"users": 7}) as watch:
        eventually(lambda: watch.latest is not None)
    answer = watch.as_json(0, marks=[(101.0, "spike")])
    assert answer["readings"][0]["users"] == 7
    assert answer["marks"] == [{"at": 101.0, "name": "spike"}]


def test_readings_are_json() -> None:
    assert json.loads(json.dumps(READING.as_json()))["queue"] == {
        "visible": 3,
        "in_flight": 2,
        "delayed": 1,
    }
