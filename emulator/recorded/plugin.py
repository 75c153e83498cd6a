"""A pytest plugin of the suites' own environment: which tests run, against which engine, and what became of each.

It is loaded by name (`-p plugin`) into a suite that knows nothing of it, and reads RECORDED_MARK, RECORDED_RESULTS,
RECORDED_ENDPOINT and RECORDED_LEFT_OUT (names in JSON). Each test is a line of JSON when it is chosen, as one that did
not end, and another when it is over: a run that is cut short says so.
"""

import json
import os
import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

MARK = os.environ["RECORDED_MARK"]
RESULTS = Path(os.environ["RECORDED_RESULTS"])
ENDPOINT = urlsplit(os.environ["RECORDED_ENDPOINT"])
LEFT_OUT = frozenset(json.loads(os.environ["RECORDED_LEFT_OUT"]))
LONGEST_REASON = 700
"""Characters."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests whose answers were recorded."""
    recorded = [item for item in items if item.get_closest_marker(MARK) or _wrapped(item)]
    chosen = [item for item in recorded if LEFT_OUT.isdisjoint((item.nodeid, item.nodeid.split("[", 1)[0]))]
    for item in recorded:
        _write(item.nodeid, *(("failed", "did not end") if item in set(chosen) else ("left out",)))
    config.hook.pytest_deselected(items=[item for item in items if item not in set(chosen)])
    items[:] = chosen


def pytest_sessionstart() -> None:
    """LocalStack's suite sets its client's endpoint to port 4566, over what the environment says."""
    from localstack import config  # noqa: PLC0415  moto's suite does without

    here = config.HostAndPort(host=str(ENDPOINT.hostname), port=ENDPOINT.port or 80)
    config.GATEWAY_LISTEN = config.UniqueHostAndPortList([here])


def _wrapped(item: pytest.Item) -> bool:
    """Whether one of moto's decorators of recorded tests is there without the mark."""
    code = getattr(getattr(item, "function", None), "__code__", None)
    return code is not None and code.co_name == "pagination_wrapper"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """Write a test's outcome: that of its call, or of a setup or teardown that failed."""
    outcome = yield
    report: pytest.TestReport = outcome.get_result()
    if report.when == "call" or not report.passed:
        _write(item.nodeid, _outcome(report), _reason(report, call), round(time.time() - call.start, 1))


def _outcome(report: pytest.TestReport) -> str:
    if hasattr(report, "wasxfail"):  # the suite's own expectation: not ours to judge
        return "skipped"
    return "failed" if report.failed else "skipped" if report.skipped else "passed"


def _reason(report: pytest.TestReport, call: pytest.CallInfo[None]) -> str:
    """One line: where recorded and given answers differ, else the exception's words, their middle left out."""
    if call.excinfo is None:
        return ""
    if differences := getattr(call.excinfo.value, "result", None):
        text = "; ".join(_differences(each) for each in differences if not each)
    else:
        text = str(call.excinfo.value) if report.skipped else call.excinfo.exconly()
    line = " ".join(text.split())
    return (
        line
        if len(line) <= LONGEST_REASON
        else f"{line[: LONGEST_REASON // 2]} ... {line[-LONGEST_REASON // 2 :]}"
    )


def _differences(match: Any) -> str:
    """What a snapshot's report shows, without its colours."""
    from localstack_snapshot.snapshots.report import render_report  # noqa: PLC0415  moto's suite does without

    return f"{match.key}: {re.sub(r'\x1b\[\d+m', '', render_report(match))}"


def _write(test: str, outcome: str, reason: str = "", seconds: float = 0.0) -> None:
    line = {"test": test, "outcome": outcome, "reason": reason, "seconds": seconds}
    with RESULTS.open("a") as file:
        file.write(json.dumps(line) + "\n")
