"""The harness of recorded suites: what it says no to. The suites themselves are fetched by whoever runs them."""

import json
from pathlib import Path

import pytest

from recorded import expected, results, table
from recorded.expected import Expectation, ExpectedError
from recorded.results import Result
from recorded.verdict import judge

pytestmark = pytest.mark.evidence("ours")

FILE = "localstack:tests/test_sqs.py"
AREA = {"localstack:sqs"}
DIFFERS = Expectation("differs", "AWS counts otherwise")


def result(test: str, outcome: str) -> Result:
    return Result("localstack", "sqs", f"tests/test_sqs.py::{test}", outcome, "why", 1.0)


def test_expected_failure_and_pass_are_green() -> None:
    verdict = judge([result("a", "failed"), result("b", "passed")], {f"{FILE}::a": DIFFERS}, AREA)

    assert verdict.green


def test_failure_that_is_not_listed_is_red() -> None:
    verdict = judge([result("a", "failed"), result("b", "failed")], {f"{FILE}::a": DIFFERS}, AREA)

    assert verdict.new_failures == (f"{FILE}::b",)
    assert not verdict.green


def test_pass_of_a_test_listed_as_failing_is_red() -> None:
    verdict = judge([result("a", "passed")], {f"{FILE}::a": DIFFERS}, AREA)

    assert verdict.new_passes == (f"{FILE}::a",)
    assert not verdict.green


def test_name_without_parameters_expects_each_of_them() -> None:
    both = [result("a[x]", "failed"), result("a[y]", "passed")]

    verdict = judge(both, {f"{FILE}::a": DIFFERS}, AREA)

    assert verdict.new_failures == ()
    assert verdict.new_passes == (f"{FILE}::a[y]",)


def test_listed_name_that_no_test_has_is_red_where_its_file_ran() -> None:
    known = {f"{FILE}::gone": DIFFERS, "localstack:tests/test_other.py::a": DIFFERS}

    verdict = judge([result("a", "passed")], known, AREA)

    assert verdict.unknown == (f"{FILE}::gone",)
    assert not verdict.green


@pytest.mark.parametrize("kind", ["noise", "not served", "differs"])
def test_listed_failure_that_stock_passes_is_red(kind: expected.Kind) -> None:
    known = {f"{FILE}::a": Expectation(kind, "a reason")}

    verdict = judge([result("a", "failed")], known, AREA, stock=[result("a", "passed")])

    assert verdict.worse == (f"{FILE}::a",)
    assert not verdict.green


@pytest.mark.parametrize("stock", ["failed", "skipped"])
def test_listed_failure_that_stock_does_not_pass_is_green(stock: str) -> None:
    known = {f"{FILE}::a": DIFFERS}

    assert judge([result("a", "failed")], known, AREA, stock=[result("a", stock)]).green


def test_failure_for_a_rule_that_stock_lacks_is_green() -> None:
    known = {f"{FILE}::a": Expectation("rule", "60 s between two creations")}

    assert judge([result("a", "failed")], known, AREA, stock=[result("a", "passed")]).green


@pytest.mark.parametrize("outcome", ["passed", "failed"])
def test_unsteady_test_is_not_judged(outcome: str) -> None:
    assert judge([result("a", outcome)], {f"{FILE}::a": Expectation("unsteady", "a race")}, AREA).green


@pytest.mark.parametrize("ran", [[], [result("a", "skipped"), result("b", "left out")]])
def test_area_of_which_nothing_ran_is_red(ran: list[Result]) -> None:
    verdict = judge(ran, {}, AREA)

    assert verdict.empty == ("localstack:sqs",)
    assert not verdict.green


def test_tests_left_out_are_named_as_their_suite_names_them() -> None:
    known = {
        f"{FILE}::a": Expectation("left out", "Kinesis"),
        "moto:x.py::b": Expectation("left out", "Kinesis"),
        f"{FILE}::c": DIFFERS,
    }

    assert expected.left_out(known, "localstack") == ["tests/test_sqs.py::a"]


def written(folder: Path, *lines: tuple[str, str, str]) -> Path:
    file = folder / "results.jsonl"
    entries = [
        {"test": test, "outcome": outcome, "reason": reason, "seconds": 0} for test, outcome, reason in lines
    ]
    file.write_text("".join(f"{json.dumps(entry)}\n" for entry in entries))
    return file


def test_test_that_did_not_end_failed(tmp_path: Path) -> None:
    file = written(
        tmp_path, ("a", "failed", results.UNENDED), ("b", "failed", results.UNENDED), ("a", "passed", "")
    )

    outcomes = {r.test: (r.outcome, r.reason) for r in results.read(file, "localstack", "sqs")}

    assert outcomes == {"a": ("passed", ""), "b": ("failed", "did not end")}


def test_test_that_passed_and_whose_teardown_failed_failed(tmp_path: Path) -> None:
    file = written(
        tmp_path, ("a", "failed", results.UNENDED), ("a", "passed", ""), ("a", "failed", "teardown")
    )

    assert [(r.outcome, r.reason) for r in results.read(file, "localstack", "sqs")] == [
        ("failed", "teardown")
    ]


GROUP = '[[group]]\nkind = "differs"\nreason = "r"\nsuite = "s"\nfile = "f.py"\ntests = ["a"]\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GROUP.replace('"r"', '""'), "bad.toml, group 1: has no reason"),
        (GROUP.replace('"differs"', '"someday"'), "kind 'someday' is none of noise, not served"),
        (GROUP.replace('["a"]', "[]"), "names no test"),
        (GROUP + GROUP, "named twice: s:f.py::a"),
    ],
)
def test_list_that_cannot_be_relied_on_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "bad.toml").write_text(text)

    with pytest.raises(ExpectedError, match=said):
        expected.read(tmp_path)


def test_committed_list_can_be_read() -> None:
    assert expected.read()


def test_table_counts_noise_apart_and_shows_what_stock_does_better() -> None:
    ran = [result("a", "passed"), result("b", "failed"), result("c", "failed"), result("d", "skipped")]
    known = {f"{FILE}::b": Expectation("noise", "another runtime"), f"{FILE}::c": DIFFERS}

    row = table.markdown(ran, known, [result("c", "passed"), result("a", "failed")]).splitlines()[-1]

    assert row == "| sqs | 4 | 1 | 1 | 0 | 0 | 1 | 1 | 50.0 % | 1 | 1 |"
