"""`lab dlq` against the deployed pipeline, as a script uses it."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from functions.common import codec
from functions.common.errors import LinesExceedAmountError, SchemaViolationError
from functions.redrive.kinds import DISCARD_KIND
from lab.common import paths
from lab.dlq.seed import bury
from lab.pipeline.observe import Pipeline
from lab.pipeline.orders import orders
from support.eventually import eventually
from tests.support.mutation import Mutation
from tests.support.redrives import Lab, ledger_of


def supply(count: int, **changes: Any) -> list[dict[str, Any]]:
    return [order | changes for order in orders(count, label="tool")]


def processed(pipeline: Pipeline, ids: list[str]) -> bool:
    found = ledger_of(pipeline, ids)
    return found.balanced and len(found.done) + len(found.discarded) == len(ids)


def test_looking_costs_one_receive_each_and_hides_nothing(
    pipeline: Pipeline, lab: Lab, tmp_path: Path
) -> None:
    ids = bury(pipeline, supply(23))
    for look, (code, lines) in enumerate([lab("ls", "--json"), lab("ls", "--json")], start=1):
        assert code == 0
        assert sorted(line["orderId"] for line in lines) == sorted(ids)
        assert {line["receives"] for line in lines} == {look}
        assert pipeline.dlq().visible == 23
    file = tmp_path / "letters.jsonl"
    assert lab("export", str(file))[0] == 0
    exported = [codec.loads(line) for line in file.read_text().splitlines()]
    assert sorted(letter["orderId"] for letter in exported) == sorted(ids)
    assert all(len(letter["attributes"]) == 10 for letter in exported)
    _, (counted,) = lab("stats", "--json")
    assert counted["byErrorType"] == {"LinesExceedAmount": 23}
    assert pipeline.dlq().visible == 23


def test_groups_hold_the_letters_of_one_cause_each_with_their_note_and_name_them_to_the_other_commands(
    pipeline: Pipeline, lab: Lab
) -> None:
    causes = [LinesExceedAmountError(f"lines of {lines} exceed {lines - 1}") for lines in (7, 88)]
    exceeding = [name for cause in causes for name in bury(pipeline, supply(1), error=cause)]
    missing = bury(pipeline, supply(3), error=SchemaViolationError("/items/4/sku is missing"))
    code, (told,) = lab("groups", "--json")
    assert (code, told["letters"], told["complete"]) == (0, 5, True)
    assert [(group["count"], group["signature"]) for group in told["groups"]] == [
        (3, "/items/*/sku is missing"),
        (2, "lines of * exceed *"),
    ]
    assert pipeline.dlq().visible == 5
    for group, ids in zip(told["groups"], (missing, exceeding), strict=True):
        _, lines = lab("ls", "--group", group["fingerprint"], "--json")
        assert sorted(line["orderId"] for line in lines) == sorted(ids)
        assert {line["receives"] for line in lines} <= {2, 3}
    assert {group["status"] for group in told["groups"]} == {"new"}
    noted = told["groups"][1]["fingerprint"]
    assert lab("note", noted, "--status", "known", "--note", "too dear", "--json")[0] == 0
    assert lab("redrive", "--group", told["groups"][0]["fingerprint"], "--min-age", "0", "--yes")[0] == 0
    assert processed(pipeline, missing)
    _, (left,) = lab("groups", "--json")
    found = [(group["fingerprint"], group["status"], group["note"]) for group in left["groups"]]
    assert found == [(noted, "known", "too dear")]


def test_a_dry_run_says_of_each_group_what_a_redrive_would_come_to_and_moves_nothing(
    pipeline: Pipeline, lab: Lab
) -> None:
    saved = bury(pipeline, supply(4), error=SchemaViolationError("/items/4/sku is missing"))
    bury(pipeline, supply(2, amount=0.01), error=LinesExceedAmountError("lines of 9 exceed 8"))
    code, (told,) = lab("dry-run", "--json")
    assert (code, told["letters"], told["complete"]) == (1, 6, True)
    assert [(g["forecast"]["wouldPass"], g["forecast"]["wouldDie"]) for g in told["groups"]] == [
        (4, 0),
        (0, 2),
    ]
    group = told["groups"][0]["fingerprint"]
    code, (of_group,) = lab("dry-run", "--group", group, "--json")
    assert (code, of_group["forecast"]["wouldPass"], of_group["forecast"]["wouldDie"]) == (0, 4, 0)
    _, lines = lab("ls", "--group", group, "--json")
    assert sorted(line["orderId"] for line in lines) == sorted(saved)
    assert {line["receives"] for line in lines} == {3}
    assert pipeline.dlq().visible == 6


def test_a_discarded_group_is_accounted_for_and_the_others_stay(pipeline: Pipeline, lab: Lab) -> None:
    given_up = bury(pipeline, supply(25), error=LinesExceedAmountError("lines of 9 exceed 8"))
    kept = bury(pipeline, supply(2), error=SchemaViolationError("/items/4/sku is missing"))
    _, (told,) = lab("groups", "--json")
    group = told["groups"][0]["fingerprint"]
    assert lab("discard", "--group", group, "--reason", "test data")[0] == 1  # nobody is there to confirm it
    assert pipeline.dlq().visible == 27
    code, (done,) = lab("discard", "--group", group, "--reason", "test data", "--yes", "--json")
    assert (code, done["discarded"], done["notDeleted"], done["gone"]) == (0, 25, 0, 0)
    _, left = lab("ls", "--json")
    assert sorted(line["orderId"] for line in left) == sorted(kept)
    found = ledger_of(pipeline, [*given_up, *kept])
    assert found.balanced
    assert sorted(found.discarded) == sorted(given_up)


def test_what_filters_match_is_discarded_under_one_digest_that_every_audit_row_has(
    pipeline: Pipeline, lab: Lab
) -> None:
    given_up = bury(
        pipeline, supply(3, customerId="load-test"), error=LinesExceedAmountError("lines of 9 exceed 8")
    )
    given_up += bury(
        pipeline, supply(2, customerId="load-test"), error=SchemaViolationError("/items is missing")
    )
    kept = bury(pipeline, supply(2), error=LinesExceedAmountError("lines of 9 exceed 8"))
    code, (done,) = lab("discard", "--contains", "load-test", "--reason", "a load test's", "--yes", "--json")
    assert (code, done["discarded"]) == (0, 5)
    _, left = lab("ls", "--json")
    assert sorted(line["orderId"] for line in left) == sorted(kept)
    rows = list(pipeline.redrive_rows(DISCARD_KIND))
    mine = [row for row in rows if row.get("planDigest") == {"S": done["digest"]}]
    assert sorted(row["orderId"]["S"] for row in mine) == sorted(given_up)
    assert {row["reason"]["S"] for row in mine} == {"a load test's"}
    assert lab("discard", "--reason", "everything", "--yes")[0] == 1
    assert lab("discard", kept[0], "--category", "PERMANENT", "--reason", "both", "--yes")[0] == 1
    assert pipeline.dlq().visible == 2


def test_an_exported_test_fails_for_what_the_letter_died_of(
    pipeline: Pipeline, lab: Lab, tmp_path: Path
) -> None:
    (good,) = supply(1)
    bury(pipeline, [good | {"amount": -1}], error=SchemaViolationError("/amount must be greater than 0"))
    assert lab("export", "--pytest", str(tmp_path))[0] == 0
    assert pipeline.dlq().visible == 1
    (file,) = tmp_path.iterdir()
    text = file.read_text()
    assert "/amount must be greater than 0" in text
    assert good["orderId"] not in text
    assert good["customerId"] not in text


def test_exported_tests_fail_for_the_stated_reason_and_pass_where_the_code_is_mended(
    pipeline: Pipeline, lab: Lab, tmp_path: Path
) -> None:
    bury(pipeline, supply(2, amount=0.01), error=LinesExceedAmountError("lines of 2.00 exceed 0.01"))
    exported, mended = tmp_path / "exported", tmp_path / "mended"
    assert lab("export", "--pytest", str(exported))[0] == 0
    files = sorted(exported.iterdir())
    assert len(files) == 2
    failing = exported_tests(exported, paths.ROOT)
    assert failing.returncode == 1, failing.stdout
    for file in files:
        (reason,) = re.findall(r"^It fails with (.+)$", file.read_text(), re.MULTILINE)
        assert reason == "LinesExceedAmount: lines of * exceed the amount of *"
        assert f"FAILED {os.path.relpath(file, paths.ROOT)}" in failing.stdout
    assert (
        len(
            re.findall(
                r"^E .*'LinesExceedAmount: lines of .* exceed the amount of 0.01'", failing.stdout, re.M
            )
        )
        >= 2
    )

    mended.mkdir()
    (mended / "lab").symlink_to(paths.ROOT / "lab")
    shutil.copytree(paths.ROOT / "functions", mended / "functions")
    rule = Mutation("functions/processor/pricing.py", "price", "lines > order.amount", "False")
    pricing = mended / rule.file
    pricing.write_text(rule.applied(pricing.read_text()))
    passing = exported_tests(exported, mended)
    assert passing.returncode == 0, passing.stdout
    assert "2 passed" in passing.stdout


def exported_tests(folder: Path, code: Path) -> "subprocess.CompletedProcess[str]":
    """Run exported tests as their new owner does, against the functions in this folder."""
    command = [sys.executable, "-m", "pytest", "-rf", "-p", "no:cacheprovider", str(folder)]
    return subprocess.run(command, cwd=code, capture_output=True, text=True, check=False)


def test_a_repaired_order_is_processed_and_leaves_the_dlq(
    pipeline: Pipeline, lab: Lab, tmp_path: Path
) -> None:
    (good,) = supply(1)
    ids = bury(pipeline, [good | {"amount": 0.01}])
    body = tmp_path / "body.json"
    body.write_text(json.dumps(good | {"amount": -1}))
    assert lab("edit", ids[0], "--body", str(body), "--yes")[0] == 1
    assert pipeline.dlq().visible == 1
    body.write_text(json.dumps(good))
    code, (sent,) = lab("edit", ids[0], "--body", str(body), "--yes", "--json")
    assert (code, sent["orderId"]) == (0, ids[0])
    eventually(lambda: processed(pipeline, ids), within=20)


def test_an_edited_order_that_is_refused_is_kept(
    pipeline: Pipeline, lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (order,) = supply(1)
    bury(pipeline, [order])
    editor = tmp_path / "editor"
    editor.write_text(f"#!/bin/sh\necho '{json.dumps(order | {'amount': -1})}' > $1\n")
    editor.chmod(0o700)
    monkeypatch.setenv("VISUAL", str(editor))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert lab("edit", order["orderId"], "--yes")[0] == 1
    (kept,) = tmp_path.glob("dlq-*/body.json")
    assert json.loads(kept.read_text())["amount"] == -1
    assert pipeline.dlq().visible == 1


def test_a_discarded_order_has_an_audit_row_and_the_ledger_stays_whole(pipeline: Pipeline, lab: Lab) -> None:
    ids = bury(pipeline, supply(2))
    assert lab("discard", ids[0], "--reason", "test")[0] == 1, "nobody confirmed"
    assert lab("discard", ids[0], "--reason", " ", "--yes")[0] == 1, "no reason given"
    assert pipeline.dlq().visible == 2
    code, (row,) = lab("discard", ids[0], "--reason", "test", "--yes", "--json")
    assert (code, row["orderId"], row["reason"]) == (0, ids[0], "test")
    assert row["idempotencyKey"]
    code, (operation,) = lab("redrive", "--yes", "--json")
    assert (code, operation["status"], operation["moved"]) == (0, "SUCCEEDED", 1)
    eventually(lambda: processed(pipeline, ids), within=20)


def test_an_empty_name_names_no_letter_although_the_order_id_of_one_is_empty(
    pipeline: Pipeline, lab: Lab
) -> None:
    bury(pipeline, supply(1, orderId=""))
    assert lab("show", "", "--json") == (1, [])
    assert lab("discard", "", "--reason", "test", "--yes", "--json") == (1, [])
    assert pipeline.dlq().visible == 1


def test_a_halted_redrive_is_a_failure_for_scripts(pipeline: Pipeline, lab: Lab) -> None:
    bury(pipeline, supply(2, amount=0.01))
    code, (operation,) = lab("redrive", "--yes", "--json")
    assert (code, operation["status"]) == (1, "HALTED")


def test_a_redrive_whose_letters_all_die_again_is_a_failure_for_scripts(pipeline: Pipeline, lab: Lab) -> None:
    ids = bury(pipeline, supply(12, amount=0.01)) + bury(pipeline, supply(3))
    code, (operation,) = lab("redrive", "--yes", "--json", "--canaries", "0")
    assert (code, operation["status"], operation["moved"]) == (1, "SUCCEEDED", 15)
    outcome = operation["outcome"]
    assert (outcome["processed"], outcome["diedAgain"], outcome["waiting"]) == (3, 12, 0)
    assert set(outcome["diedAgainOrders"]) < set(ids[:12])
    assert (operation["complete"], operation["seen"]) == (True, 15)
    assert pipeline.dlq().visible == 12
    code, (again,) = lab("watch", operation["operationId"], "--json")
    assert (code, again["outcome"]) == (1, outcome), "what was found out is remembered"


def test_a_type_that_nothing_has_is_refused_by_every_command_and_an_alias_is_not(
    pipeline: Pipeline, lab: Lab
) -> None:
    (broken,) = bury(pipeline, supply(1), error=SchemaViolationError("/amount"))
    bury(pipeline, supply(1))
    for command in (["redrive", "--yes"], ["ls"], ["dry-run"], ["discard", "--yes", "--reason", "test"]):
        assert lab(*command, "--json", "--error-type", "SchemaViolaton") == (1, []), command
    assert pipeline.dlq().visible == 2
    code, (operation,) = lab("redrive", "--yes", "--json", "--error-type", "SchemaValidationError")
    assert (code, operation["moved"], operation["plan"]["errorType"]) == (0, 1, "SchemaViolation")
    eventually(lambda: processed(pipeline, [broken]) or pipeline.dlq().visible == 1, within=20)


def test_a_letter_is_found_by_a_text_that_its_body_has_escaped(pipeline: Pipeline, lab: Lab) -> None:
    found, _ = bury(
        pipeline, [*supply(1, items=[{"sku": "Zürich", "quantity": 1, "unitPrice": 0.5}]), *supply(1)]
    )
    code, lines = lab("ls", "--json", "--contains", "Zürich")
    assert (code, [line["orderId"] for line in lines]) == (0, [found])
    assert "\\u00fc" in lines[0]["body"]
    _, (operation,) = lab("redrive", "--yes", "--json", "--contains", "Zürich")
    assert (operation["moved"], operation["skipped"]) == (1, {"filtered": 1})


def test_an_edited_letter_has_an_audit_row_with_every_id(
    pipeline: Pipeline, lab: Lab, tmp_path: Path
) -> None:
    (good,) = supply(1)
    bury(pipeline, [good | {"amount": 0.01}])
    (letter,) = lab("ls", "--json")[1]
    body = tmp_path / "body.json"
    body.write_text(json.dumps(good))
    _, (sent,) = lab("edit", good["orderId"], "--body", str(body), "--yes", "--json")
    item = pipeline.aws.client("dynamodb").get_item(
        TableName=pipeline.stack.redrive_table_name,
        Key={"id": {"S": f"edit#{letter['messageId']}#{sent['messageId']}"}},
    )["Item"]
    told = {name: next(iter(value.values())) for name, value in item.items()}
    assert (told["messageId"], told["newMessageId"]) == (letter["messageId"], sent["messageId"])
    assert (told["orderId"], told["idempotencyKey"]) == (good["orderId"], letter["idempotencyKey"])
    assert told["newIdempotencyKey"] != told["idempotencyKey"]
    assert codec.loads(told["body"])["amount"] == codec.loads("0.01")


def test_the_native_move_task_moves_everything(pipeline: Pipeline, lab: Lab) -> None:
    ids = bury(pipeline, supply(12))
    code, (task,) = lab("move-native", "--yes", "--json")
    assert (code, task["status"], task["moved"]) == (0, "COMPLETED", 12)
    eventually(lambda: processed(pipeline, ids), within=20)
