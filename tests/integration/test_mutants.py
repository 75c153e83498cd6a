"""Predictions fail when what they are about is broken. All of them: LAB_EVERY_MUTANT=1, about half an hour."""

import io
import os
import zipfile
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from importlib.util import cache_from_source

import httpx
import pytest

from lab.common.polling import wait_until_updated
from lab.engines.direct import DIRECT
from lab.engines.kinds import HOST
from lab.faults import steady_state as steady
from lab.pipeline.observe import Pipeline
from lab.scenario import Experiment, Verdict
from lab.scenario.catalog import load
from lab.scenario.runner import Runner
from tests.integration.mutants import MUTANTS, Mutant, Patch
from tests.support.mutation import Mutation

pytestmark = pytest.mark.long

QUICK = (
    "duplicate-submit: the worker remembers no idempotency key",
    "poison-payload: the worker forgets its dead letters",
)
CHOSEN = [mutant for mutant in MUTANTS if str(mutant) in QUICK or os.environ.get("LAB_EVERY_MUTANT")]


@contextmanager
def patched(pipeline: Pipeline, patch: Patch) -> Generator[None]:
    """A deployed function with one place changed; its own code is back at the end."""
    lambda_ = pipeline.aws.client("lambda")
    name = f"{pipeline.stack.prefix}-{patch.function}"
    location = lambda_.get_function(FunctionName=name)["Code"]["Location"]
    original = httpx.get(location, timeout=30, **DIRECT).raise_for_status().content
    try:
        lambda_.update_function_code(FunctionName=name, ZipFile=mutated(original, patch.mutation))
        wait_until_updated(lambda_, name)
        yield
    finally:
        lambda_.update_function_code(FunctionName=name, ZipFile=original)
        wait_until_updated(lambda_, name)


def mutated(package: bytes, mutation: Mutation) -> bytes:
    """A deployment package with one place of one file changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(package)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            if entry.filename == cache_from_source(mutation.file):
                continue  # Python would take this bytecode and not look at the source
            content = old.read(entry)
            if entry.filename == mutation.file:
                content = mutation.applied(content.decode()).encode()
            new.writestr(entry, content)
    return out.getvalue()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mutant", CHOSEN, ids=str)
def test_a_broken_pipeline_refutes_the_prediction(
    pipeline: Pipeline, mutant: Mutant, monkeypatch: pytest.MonkeyPatch
) -> None:
    if mutant.broken == "the lab's own redrive instead of SQS's task":
        monkeypatch.setattr(Experiment, "move_natively", lambda run, to_the_queue: run.redrive())
    steady.restore(pipeline, print)
    entry = load(mutant.scenario)
    runner = Runner(pipeline, HOST, print, mutant.faultless, hasty=not mutant.patient)
    with patched(pipeline, mutant.patch) if mutant.patch else nullcontext():
        run = runner.run(replace(entry, scenario=mutant.of(entry.scenario)))
    seen = {(result.group, result.name): result for result in run.findings}
    expected = [seen[phase, name] for phase, names in mutant.refutes.items() for name in names]
    assert [result for result in expected if result.verdict is not Verdict.REFUTED] == []
    assert not run.passed
