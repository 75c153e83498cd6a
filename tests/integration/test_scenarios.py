"""Scenarios on the deployed pipeline: they pass, they can fail, and they leave nothing behind."""

import json
import os
import signal
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from lab import report
from lab.common import paths
from lab.engines.kinds import HOST
from lab.errors import LabError
from lab.faults import catalogue as faults
from lab.faults import steady_state as steady
from lab.faults.changes import Changes
from lab.pipeline.observe import Pipeline
from lab.pipeline.orders import orders
from lab.scenario import Scenario, Verdict, model
from lab.scenario.catalog import Entry, load
from lab.scenario.experiment import Experiment
from lab.scenario.guesses import judged
from lab.scenario.runner import Runner
from support.eventually import eventually

pytestmark = pytest.mark.long


def runner(pipeline: Pipeline, *, faultless: bool = False) -> Runner:
    return Runner(pipeline, HOST, print, faultless)


@pytest.mark.parametrize("name", ["happy-path", "schema-evolution", "duplicate-submit"])
def test_a_scenario_passes_and_leaves_the_steady_state_behind(pipeline: Pipeline, name: str) -> None:
    steady.restore(pipeline, print)
    run = runner(pipeline).run(load(name))
    assert [finding for finding in run.findings if finding.verdict is not Verdict.PROVED] == []
    assert run.passed
    assert steady.departures(pipeline) == []


def test_without_its_fault_a_scenario_is_refuted(pipeline: Pipeline) -> None:
    steady.restore(pipeline, print)
    run = runner(pipeline, faultless=True).run(load("duplicate-submit"))
    refuted = {finding.name for finding in run.findings if finding.verdict is Verdict.REFUTED}
    assert "messages sent to the queue" in refuted
    assert not run.passed


def test_an_order_that_comes_late_does_not_meet_the_fault(pipeline: Pipeline) -> None:
    steady.restore(pipeline, print)
    depths: list[int] = []
    late = json.dumps(next(orders(1, label="late")))

    def enqueue(_run: Experiment) -> None:
        sqs = pipeline.aws.client("sqs")
        sqs.send_message(QueueUrl=pipeline.stack.queue_url, MessageBody=late, DelaySeconds=3)

    def look(_run: Experiment) -> None:
        depths.append(pipeline.queue().total)

    phases = (
        model.steady(enqueue),
        model.under(faults.failure_mode("duplicate_submit"), do=look, predict=()),
    )
    runner(pipeline).run(Entry("late", "", Scenario("Late", "It comes before the fault.", phases)))
    assert depths == [0]


def test_a_dirty_lab_is_refused_with_the_command_that_cleans_it(pipeline: Pipeline) -> None:
    steady.restore(pipeline, print)
    Changes(pipeline).make(faults.failure_mode("poison_payload"), why="a test", seconds=60)
    with pytest.raises(LabError, match="failure mode poison_payload") as raised:
        runner(pipeline).run(load("happy-path"))
    assert raised.value.fix == "Run: make steady"
    steady.restore(pipeline, print)
    assert steady.departures(pipeline) == []


def test_a_fault_whose_maker_was_killed_is_healed_by_the_next_run(pipeline: Pipeline) -> None:
    steady.restore(pipeline, print)
    Changes(pipeline).make(faults.failure_mode("poison_payload"), why="a killed run", seconds=0)
    steady.require(pipeline)
    assert pipeline.failure_mode() == "none"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "termination"])
def test_an_interrupted_scenario_is_rolled_back(pipeline: Pipeline, how: signal.Signals) -> None:
    steady.restore(pipeline, print)
    command = [sys.executable, "-m", "lab", "scenario", "run", "poison-payload"]
    port = str(urlsplit(pipeline.aws.endpoint or "").port)
    process = subprocess.Popen(command, cwd=paths.ROOT, env=os.environ | {"LAB_PORT": port})
    try:
        eventually(lambda: pipeline.failure_mode() == "poison_payload", within=40)
        process.send_signal(how)
        assert process.wait(timeout=120) == 130
    finally:
        process.kill()
    assert pipeline.failure_mode() == "none"
    assert Changes(pipeline).active() == []
    assert pipeline.queue().total == pipeline.dlq().total == 0


def test_a_report_has_a_page_a_json_file_a_junit_file_and_a_line_in_the_index(pipeline: Pipeline) -> None:
    steady.restore(pipeline, print)
    entry = load("happy-path")
    finished = runner(pipeline).run(entry)
    guesses = {(entry.scenario.phases[0].name, "orders processed"): "11"}
    finished.findings = judged(entry.scenario, finished.findings, guesses)
    page = report.write(finished, [])
    text = page.read_text()
    assert "Prediction beside result" in text
    assert f'<b class="good">{finished.count(Verdict.PROVED)}</b><span>proved</span>' in text
    assert "<td>11</td>" in text
    assert "order.processed" in text
    written = {"report.html", "report.json", "junit.xml", "history.jsonl", "flight.html"}
    assert {file.name for file in page.parent.iterdir()} == written
    assert f"{page.parent.name}/report.html" in (paths.REPORTS / "index.html").read_text()
