"""Load runs on the deployed pipeline: whatever they meet, every accepted order is accounted for."""

import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from lab.engines import HostEngine
from lab.pipeline.observe import Pipeline
from support.eventually import eventually
from tests.support.loads import PATIENT, ended, run, started


def known(pipeline: Pipeline) -> set[str]:
    return {effect.order_id for effect in pipeline.effects()}


def test_a_short_run_ends_by_itself_with_a_settled_ledger(pipeline: Pipeline) -> None:
    before = known(pipeline)
    run_ = run(pipeline, "steady", "--seconds", "4", *PATIENT)
    assert run_.code == 0, run_.output
    assert run_.broken() == []
    assert "Load passed" in run_.output
    ledger = run_.ledger
    assert ledger["accepted"] == ledger["succeeded"] + ledger["in_dlq"] > 0
    assert ledger["lost"] == ledger["duplicated"] == 0
    assert len(known(pipeline) - before) == ledger["succeeded"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers notice after a minute")
def test_the_workers_of_a_killed_run_end_with_it(pipeline: Pipeline) -> None:
    before = known(pipeline)
    with started(pipeline, "steady", "--headless", "--seconds", "60", "--processes", "2", *PATIENT) as load:
        leader = psutil.Process(load.pid)
        workers = eventually(lambda: len(leader.children()) == 2 and leader.children(), within=30)
        eventually(lambda: known(pipeline) - before, within=30)
        load.kill()
        assert psutil.wait_procs(workers or [], timeout=5)[1] == []


STALL_SECONDS = 6.0


@contextmanager
def stalled(pipeline: Pipeline, after: float) -> Iterator[None]:
    """During the block the engine stands still for STALL_SECONDS, beginning so many seconds after the first order."""
    engine = HostEngine(urlsplit(pipeline.aws.endpoint or "").port or 0).process()
    before = known(pipeline)

    def stall() -> None:
        eventually(lambda: known(pipeline) - before, within=60)
        time.sleep(after)  # not for luck: the load before the stall is what its percentiles are compared with
        engine.suspend()
        try:
            time.sleep(STALL_SECONDS)
        finally:
            engine.resume()

    with ThreadPoolExecutor() as pool:
        stalling = pool.submit(stall)
        yield
        stalling.result()


@pytest.mark.skipif("LAB_TEST_ENDPOINT" in os.environ, reason="stops a process of the host engine")
@pytest.mark.parametrize("processes", [(), ("--processes", "2")], ids=["one process", "two workers"])
def test_an_engine_that_stalls_shows_in_the_percentiles_of_arrivals_that_do_not_wait_for_it(
    pipeline: Pipeline, processes: tuple[str, ...]
) -> None:
    with stalled(pipeline, after=3):
        run_ = run(pipeline, "models", "--seconds", "20", *processes, *PATIENT)
    assert run_.broken() == [], run_.output
    within = {row["name"]: row["within"] for row in run_.report["percentiles"]}
    opened, closed = within["answers to /events open model"], within["answers to /events"]
    assert opened["99"] >= (STALL_SECONDS - 1) * 1000
    assert closed["90"] + 1000 < opened["90"], "who waits for answers meets the stall once"
    assert within["orders, from due to processed"]["99"] >= (STALL_SECONDS - 1) * 1000
    sent, dropped = run_.figure("orders sent"), run_.figure("orders dropped: too many without an answer")
    assert run_.figure("orders due") == sent + dropped > 100


@pytest.mark.long
def test_a_run_that_misses_a_threshold_says_which_and_fails(pipeline: Pipeline) -> None:
    run_ = run(pipeline, "steady", "--seconds", "4", "--max-accept-p99-ms", "1")
    assert run_.code == 1
    assert run_.broken() == ["accept p99, ms"]
    assert "Load FAILED" in run_.output


@contextmanager
def limited(pipeline: Pipeline, rate: int, burst: int) -> Iterator[None]:
    """The API lets that many requests a second through for the duration of a `with` block."""
    gateway, api = pipeline.aws.client("apigatewayv2"), pipeline.stack.api_id
    before: Any = gateway.get_stage(ApiId=api, StageName="$default")["DefaultRouteSettings"]
    limits = {"ThrottlingRateLimit": rate, "ThrottlingBurstLimit": burst}
    gateway.update_stage(ApiId=api, StageName="$default", DefaultRouteSettings=before | limits)
    try:
        yield
    finally:
        gateway.update_stage(ApiId=api, StageName="$default", DefaultRouteSettings=before)


@pytest.mark.long
def test_a_spike_beyond_the_api_limit_is_pressed_back_and_nothing_is_lost(pipeline: Pipeline) -> None:
    with limited(pipeline, rate=8, burst=8):
        run_ = run(pipeline, "spike", "--seconds", "8", *PATIENT, within=280)
    assert run_.broken() == [], run_.output
    assert run_.code == 0
    assert run_.figure("requests throttled (429)") > 20
    assert "/events throttled (429)" in run_.output
    assert run_.ledger["lost"] == run_.ledger["duplicated"] == 0
    assert pipeline.queue().total == 0


@pytest.mark.long
def test_several_processes_drive_one_run_and_their_orders_are_merged(pipeline: Pipeline) -> None:
    before = known(pipeline)
    run_ = run(pipeline, "steady", "--seconds", "8", "--processes", "2", *PATIENT)
    assert run_.broken() == [], run_.output
    assert run_.code == 0
    assert len(re.findall(r"worker process \w+ is ready", run_.output)) == 2
    new = known(pipeline) - before
    assert len(new) == run_.ledger["succeeded"] > 0
    assert run_.figure("orders accepted") >= run_.ledger["accepted"]


@pytest.mark.long
@pytest.mark.parametrize("processes", [(), ("--processes", "2")], ids=["one process", "two workers"])
def test_an_interrupted_run_accounts_for_its_orders(pipeline: Pipeline, processes: tuple[str, ...]) -> None:
    before = len(known(pipeline))
    with started(
        pipeline, "steady", "--seconds", "120", *processes, *PATIENT, "--headless", start_new_session=True
    ) as process:
        eventually(lambda: len(known(pipeline)) > before + 20, within=60, every=0.5)
        os.killpg(process.pid, signal.SIGINT)
        run_ = ended(process, within=120)
    assert run_.code == 130, run_.output
    assert run_.broken() == ["run"]
    assert run_.ledger["lost"] == run_.ledger["duplicated"] == 0
    assert "Traceback" not in run_.output
