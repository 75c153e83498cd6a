"""Many dead letters corrected at once, and taken back: nothing is lost, whenever anything dies."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from functions.common import codec
from functions.redrive.crash import Step
from functions.redrive.fingerprint import fingerprint
from functions.redrive.kinds import EDIT_KIND
from lab.common import paths
from lab.dlq.browser import dead_letters
from lab.dlq.seed import bury
from lab.faults import Fault, FaultProxy, routed
from lab.pipeline.api import Api
from lab.pipeline.observe import Pipeline
from support.eventually import eventually
from tests.integration.test_interrupted_commands import environment
from tests.support.edits import RAISE, RIGHT, WRONG, bury_wrong, edited_and_waiting, worker_away
from tests.support.pages import run
from tests.support.redrives import (
    TAKE_OVER_SECONDS,
    Lab,
    dlq_messages,
    dying_at,
    executions,
    finished,
    receives,
    settled,
    supply,
)


def audit_rows(pipeline: Pipeline, operation: str) -> list[dict[str, Any]]:
    """The originals that an operation has kept."""
    return [
        {name: next(iter(value.values())) for name, value in item.items()}
        for item in pipeline.redrive_rows(EDIT_KIND)
        if item.get("operationId", {}).get("S") == operation
    ]


def test_a_patched_group_is_processed_with_its_originals_kept_and_the_others_stay(
    pipeline: Pipeline,
    lab: Lab,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LAB_USER", "ann")
    ids, group = bury_wrong(pipeline, 25)
    others = bury(pipeline, supply(2))
    assert lab("patch", "--group", group, "--set", "/currency=XX")[0] == 1, "nothing would be valid"
    assert lab("patch", "--group", group, "--set", f"/currency={RIGHT}")[0] == 1, "nobody confirmed"
    assert pipeline.dlq().visible == 27
    code, (row,) = lab("patch", "--group", group, "--set", f"/currency={RIGHT}", "--yes", "--json")
    assert (code, row["status"], row["moved"], row["outcome"]["processed"]) == (0, "SUCCEEDED", 25, 25)
    settled(pipeline, [*ids, *others], succeeded=25, in_dlq=2)
    rows = audit_rows(pipeline, row["operationId"])
    assert sorted(kept["orderId"] for kept in rows) == sorted(ids)
    assert {codec.loads(kept["body"])["currency"] for kept in rows} == {WRONG}
    assert {kept["editedBy"] for kept in rows} == {row["requestedBy"]}


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "step", [Step.CLAIMED, Step.RECEIVED, Step.SENT, Step.RECORDED, Step.DELETED, Step.WATCHING]
)
def test_a_patch_survives_a_kill_at_every_step_with_every_original_kept(
    pipeline: Pipeline, api: Api, step: Step
) -> None:
    ids, group = bury_wrong(pipeline, 60)
    time = 1 if step in (Step.CLAIMED, Step.WATCHING) else 2
    with dying_at(pipeline, f"{step}:{time}"):
        operation = api.start_redrive(fingerprint=group, patch=RAISE, minAgeSeconds=0)
        row = finished(api, operation, within=2 * TAKE_OVER_SECONDS)
    assert (row["status"], row["invocations"] >= 2) == ("SUCCEEDED", True)
    settled(pipeline, ids, within=120, succeeded=60, in_dlq=0)
    assert executions(pipeline, ids) == dict.fromkeys(ids, 1)
    assert {kept["orderId"] for kept in audit_rows(pipeline, operation)} == set(ids)


@pytest.mark.long
def test_a_patch_whose_originals_cannot_be_kept_for_a_while_deletes_nothing_meanwhile(
    pipeline: Pipeline, api: Api
) -> None:
    aws = pipeline.aws
    assert aws.endpoint
    ids, group = bury_wrong(pipeline, 30)
    with (
        FaultProxy(aws.endpoint) as proxy,
        routed(pipeline, [pipeline.stack.redrive_function_name], proxy.endpoint),
    ):
        operation = api.start_redrive(fingerprint=group, patch=RAISE, minAgeSeconds=0, ratePerSecond=10)
        proxy.inject(
            Fault(service="dynamodb", operation="PutItem", error="InternalServerError", status=500, times=8)
        )
        finished(api, operation, within=2 * TAKE_OVER_SECONDS)
        assert proxy.fired("dynamodb", "PutItem")
    settled(pipeline, ids, within=120, succeeded=30, in_dlq=0)
    assert executions(pipeline, ids) == dict.fromkeys(ids, 1)
    assert {kept["orderId"] for kept in audit_rows(pipeline, operation)} == set(ids)


def test_a_patch_is_shown_on_samples_and_dry_run_before_it_is_confirmed(pipeline: Pipeline) -> None:
    _, group = bury_wrong(pipeline, 5)
    done = run(f".lab/bin/lab dlq patch --group {group} --set /currency={RIGHT} < /dev/null", pipeline)
    assert done.returncode == 1, "nobody confirmed"
    assert f'-  "currency": "{WRONG}"' in done.stdout
    assert f'+  "currency": "{RIGHT}"' in done.stdout
    assert "of 5: 5 would pass" in done.stdout, done.stdout + done.stderr
    assert pipeline.dlq().visible == 5


def test_a_patch_that_is_no_cure_halts_at_its_canaries(pipeline: Pipeline, lab: Lab) -> None:
    orders = supply(30, amount=0.01)
    ids = bury(pipeline, orders)
    (group,) = {fingerprint(letter) for letter in dead_letters(pipeline)}
    code, (row,) = lab("patch", "--group", group, "--set", "/amount=0.02", "--yes", "--json")
    assert (code, row["status"], row["moved"]) == (1, "HALTED", 3)
    assert row["haltReason"].startswith("a canary died again")
    settled(pipeline, ids, succeeded=0, in_dlq=30)
    assert json.dumps(row["plan"]["patch"])


def currencies(pipeline: Pipeline) -> set[str]:
    return {letter.document["currency"] for letter in dead_letters(pipeline)}


def test_an_undone_patch_has_its_originals_in_the_dlq_and_they_can_be_patched_again(
    pipeline: Pipeline,
    api: Api,
    lab: Lab,
) -> None:
    with worker_away(pipeline):
        ids, operation = edited_and_waiting(pipeline, api, 25)
        code, (done,) = lab("undo", operation, "--yes", "--json")
        assert (code, sorted(done["undone"]), done["left"]) == (0, sorted(ids), {})
        assert pipeline.queue().total == 0
    assert currencies(pipeline) == {WRONG}
    settled(pipeline, ids, succeeded=0, in_dlq=25)
    (group,) = {fingerprint(letter) for letter in dead_letters(pipeline)}
    code, (row,) = lab("patch", "--group", group, "--set", f"/currency={RIGHT}", "--yes", "--json")
    assert (code, row["moved"]) == (0, 25)
    settled(pipeline, ids, succeeded=25, in_dlq=0)
    code, (late,) = lab("undo", row["operationId"], "--yes", "--json")
    assert (code, late["undone"], sorted(late["left"]["PROCESSED"])) == (1, [], sorted(ids))
    settled(pipeline, ids, succeeded=25, in_dlq=0)


def test_a_single_edit_is_undone_by_the_id_of_its_message_and_what_is_delayed_is_named(
    pipeline: Pipeline,
    api: Api,
    lab: Lab,
    tmp_path: Path,
) -> None:
    ids, group = bury_wrong(
        pipeline, 6
    )  # so many that one at least is still delayed, whatever the jitter draws
    body = tmp_path / "body.json"
    (first,) = (letter for letter in dead_letters(pipeline) if letter.order_id == ids[0])
    body.write_text(codec.dumps(first.document | {"currency": RIGHT}))
    with worker_away(pipeline):
        _, (sent,) = lab("edit", first.message_id, "--body", str(body), "--yes", "--json")
        assert lab("undo", sent["messageId"], "--yes", "--json") == (0, [{"undone": [ids[0]], "left": {}}])
        operation = api.start_redrive(
            fingerprint=group, patch=RAISE, minAgeSeconds=0, canaryMessages=0, perMessageDelayJitter=20
        )
        finished(api, operation)
        eventually(lambda: pipeline.queue().delayed > 0, within=20)
        code, (done,) = lab("undo", operation, "--yes", "--json", "--for", "0")
        assert code == 1
        assert set(done["left"]["UNDER_WAY"]) | set(done["undone"]) == set(ids)
        code, (done,) = lab("undo", operation, "--yes", "--json", "--for", "30")
        assert (code, sorted(done["undone"])) == (0, sorted(ids))
    settled(pipeline, ids, succeeded=0, in_dlq=6)


KILLED = """
import importlib, itertools, os, runpy, signal, sys
from lab.dlq import browser, undo

browser.TAKEN_SECONDS = browser.VISIBILITY_SECONDS = undo.VISIBILITY_SECONDS = 5
place, times, *sys.argv[1:] = sys.argv[1:]
module, _, name = place.partition(":")
owner = importlib.import_module(module)
*path, last = name.split(".")
for part in path:
    owner = getattr(owner, part)
call, calls = getattr(owner, last), itertools.count(1)

def reached(*given, **named):
    number = next(calls)  # a call may be made by many threads at once
    if number == -int(times):
        os.kill(os.getpid(), signal.SIGKILL)
    answer = call(*given, **named)
    if number == int(times):
        os.kill(os.getpid(), signal.SIGKILL)
    return answer

setattr(owner, last, reached)
runpy.run_module("lab", run_name="__main__")
"""
SEND, DELETE = "functions.publish.publisher:Publisher.send", "functions.redrive.dlq:DeadLetterQueue.delete"


def killed(pipeline: Pipeline, place: str, times: int, *arguments: str) -> None:
    """Run `lab dlq` and kill it at the n-th call of a place: after the call, or before it where n is negative."""
    command = [sys.executable, "-c", KILLED, place, str(times), "dlq", *arguments]
    done = subprocess.run(
        command, cwd=paths.ROOT, env=environment(pipeline), timeout=120, check=False, capture_output=True
    )
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr
    eventually(lambda: pipeline.dlq().in_flight == 0, within=20)


@pytest.mark.long
@pytest.mark.parametrize(
    ("place", "times"), [("lab.dlq.repair:_record_discard", 7), (DELETE, -1), (DELETE, 1), (DELETE, 2)]
)
def test_a_discard_that_is_killed_anywhere_is_finished_by_its_repetition(
    pipeline: Pipeline,
    lab: Lab,
    place: str,
    times: int,
) -> None:
    ids, group = bury_wrong(pipeline, 45)
    killed(pipeline, place, times, "discard", "--group", group, "--reason", "test", "--yes")
    lab("discard", "--group", group, "--reason", "test", "--yes")
    settled(pipeline, ids, discarded=45, in_dlq=0)


@pytest.mark.long
@pytest.mark.parametrize(
    ("place", "times"),
    [
        ("functions.redrive.dlq:DeadLetterQueue.receive", 2),
        ("functions.redrive.forecast:DryRunFunction.__call__", -1),
        ("functions.redrive.forecast:DryRunFunction.__call__", 1),
        ("functions.redrive.dlq:DeadLetterQueue.release", -1),
        ("functions.redrive.dlq:DeadLetterQueue.release", 2),
    ],
)
def test_a_dry_run_that_is_killed_anywhere_leaves_every_letter_visible_again_and_nothing_else(
    pipeline: Pipeline, lab: Lab, place: str, times: int
) -> None:
    ids, group = bury_wrong(pipeline, 45)
    killed(pipeline, place, times, "dry-run", "--group", group)
    assert pipeline.dlq().visible == 45
    assert {receives(message) for message in dlq_messages(pipeline)} <= {
        2,
        3,
    }  # bury_wrong's, the kill's, and this
    code, (told,) = lab("dry-run", "--group", group, "--json")
    assert (code, told["letters"], told["forecast"]["wouldDie"]) == (1, 45, 45)
    assert executions(pipeline, ids) == {}
    settled(pipeline, ids, succeeded=0, in_dlq=45)


@pytest.mark.long
@pytest.mark.parametrize(
    ("place", "times"), [(SEND, -1), (SEND, 1), ("lab.dlq.repair:_record", 1), (DELETE, -1), (DELETE, 1)]
)
def test_an_edit_that_is_killed_anywhere_loses_nothing_and_counts_once(
    pipeline: Pipeline,
    lab: Lab,
    tmp_path: Path,
    place: str,
    times: int,
) -> None:
    ids, _ = bury_wrong(pipeline, 1)
    (letter,) = dead_letters(pipeline)
    body = tmp_path / "body.json"
    body.write_text(codec.dumps(letter.document | {"currency": RIGHT}))
    killed(pipeline, place, times, "edit", letter.message_id, "--body", str(body), "--yes")
    if pipeline.dlq().total:
        assert lab("edit", letter.message_id, "--body", str(body), "--yes")[0] == 0
    settled(pipeline, ids, succeeded=1, in_dlq=0)
    assert executions(pipeline, ids) == dict.fromkeys(ids, 1)


@pytest.mark.long
@pytest.mark.parametrize("worker_is_first", [False, True])
@pytest.mark.parametrize(
    "kill",
    [(SEND, -2), (SEND, 2), ("lab.dlq.undo:Undo._record", 2), (DELETE, -2), (DELETE, 2)],
)
def test_an_undo_that_is_killed_anywhere_is_finished_by_its_repetition(
    pipeline: Pipeline,
    api: Api,
    lab: Lab,
    kill: tuple[str, int],
    worker_is_first: bool,
) -> None:
    """Also where the worker has processed meanwhile what the killed undo had in hand: those stay processed."""
    with worker_away(pipeline):
        ids, operation = edited_and_waiting(pipeline, api, 4)
        killed(pipeline, *kill, "undo", operation, "--yes")
        eventually(lambda: pipeline.queue().in_flight == 0, within=20)
        if not worker_is_first:
            assert lab("undo", operation, "--yes")[0] == 0
            settled(pipeline, ids, succeeded=0, in_dlq=4)
            return
    eventually(lambda: pipeline.queue().total == 0, within=30)
    _, (done,) = lab("undo", operation, "--yes", "--json")
    processed = set(done["left"].get("PROCESSED", []))
    assert processed | set(done["undone"]) == set(ids)
    assert processed
    settled(pipeline, ids, succeeded=len(processed), in_dlq=4 - len(processed))


def test_status_names_the_group_that_made_the_alarm_ring(pipeline: Pipeline) -> None:
    _, group = bury_wrong(pipeline, 3)
    eventually(lambda: pipeline.alarm_states()["critical-dlq-depth"] == "ALARM", within=60)
    done = run(".lab/bin/lab status", pipeline)
    assert f"critical-dlq-depth: group {group}: 3 letters, " in done.stdout, done.stdout + done.stderr


@pytest.mark.long
def test_a_group_that_dies_on_halts_its_redrive_and_the_deaths_are_told(pipeline: Pipeline, api: Api) -> None:
    ids = bury(pipeline, supply(60))
    (group,) = {fingerprint(letter) for letter in dead_letters(pipeline)}
    operation = api.start_redrive(
        fingerprint=group, minAgeSeconds=0, ratePerSecond=10, canaryMessages=1, maxMessages=1000
    )
    eventually(lambda: api.redrive(operation)["moved"] >= 11, within=30)
    (new,) = bury(pipeline, supply(1), age_seconds=0)
    row = finished(api, operation)
    assert (row["status"], row["newDeaths"]) == ("HALTED", 1)
    assert row["haltReason"].startswith(f"the group goes on dying: order {new}, ")
    settled(pipeline, [*ids, new], succeeded=row["moved"], in_dlq=61 - row["moved"])
