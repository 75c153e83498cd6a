"""The audit never calls passed what it could not check."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lab.deployment import audit
from lab.deployment.audit import Check, Result


def done(stdout: object = "", stderr: str = "", code: int = 0) -> subprocess.CompletedProcess[str]:
    text = stdout if isinstance(stdout, str) else json.dumps(stdout)
    return subprocess.CompletedProcess([], code, text, stderr)


@pytest.fixture
def pip_audit(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A database that answers, and a pip-audit whose outcome the test sets."""
    outcome: dict[str, Any] = {"done": done()}
    monkeypatch.setattr(audit, "answers", lambda _host: True)
    monkeypatch.setattr(audit, "_pip_audit", lambda: Path("pip-audit"))
    monkeypatch.setattr(audit, "_run", lambda _command: outcome["done"])
    return outcome


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([Result.CLEAN, Result.CLEAN], 0),
        ([Result.CLEAN, Result.NOT_CHECKED], 3),
        ([Result.FINDINGS, Result.NOT_CHECKED], 1),
        ([Result.FINDINGS], 1),
    ],
)
def test_the_exit_code_is_0_only_if_everything_was_checked_and_clean(
    results: list[Result], code: int
) -> None:
    assert audit.verdict([Check("x", result, "") for result in results]) == code


def test_a_database_that_does_not_answer_is_named_and_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "VULNERABILITIES", "127.0.0.1")
    monkeypatch.setattr(audit, "_run", lambda _command: pytest.fail("something was run"))
    seen = audit.python()
    assert seen.result is Result.NOT_CHECKED
    assert seen.seen.startswith("no answer from 127.0.0.1")


@pytest.mark.parametrize(
    ("stdout", "result", "seen"),
    [
        ({"dependencies": [{"name": "a", "vulns": []}]}, Result.CLEAN, "1 packages"),
        ({"dependencies": [{"name": "a", "vulns": [{"id": "CVE-1"}]}]}, Result.FINDINGS, "a CVE-1"),
        ({"dependencies": [{"name": "a", "skip_reason": "unknown"}]}, Result.NOT_CHECKED, "skipped: a"),
        ("", Result.NOT_CHECKED, "the service is away"),
        ({"error": 1}, Result.NOT_CHECKED, "the service is away"),
    ],
)
def test_the_findings_of_pip_audit_are_reported(
    pip_audit: dict[str, Any], stdout: object, result: Result, seen: str
) -> None:
    pip_audit["done"] = done(stdout, "trace\nthe service is away\n", 1)
    check = audit.python()
    assert (check.result, seen in check.seen) == (result, True)


@pytest.mark.parametrize(
    ("stdout", "result", "seen"),
    [
        ({"metadata": {"vulnerabilities": {"high": 0, "total": 0}}}, Result.CLEAN, "no known"),
        ({"metadata": {"vulnerabilities": {"high": 2, "total": 2}}}, Result.FINDINGS, "2 high"),
        ({"statusCode": 405, "uri": "https://somewhere/"}, Result.NOT_CHECKED, "npm audit: 405"),
        ("no json", Result.NOT_CHECKED, "no reason given"),
    ],
)
def test_the_findings_of_npm_are_reported_without_the_registrys_address(
    monkeypatch: pytest.MonkeyPatch, stdout: object, result: Result, seen: str
) -> None:
    monkeypatch.setattr(audit, "_run", lambda _command: done(stdout))
    check = audit.node()
    assert (check.result, seen in check.seen) == (result, True)
    assert "somewhere" not in check.seen


def test_a_security_finding_in_our_code_is_told_with_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "_run", lambda _command: done([{"filename": "/x/handler.py"}], code=1))
    assert audit.code() == Check(audit.CODE, Result.FINDINGS, "1 in handler.py")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("x = 1  # noqa: S603  the lab's own command line", "the lab's own command line"),
        ("x = 1  # noqa: S603", None),
        ("x = 1  # noqa: BLE001, S110  asked for", "asked for"),
        ("x = 1  # noqa: S105, S106", None),
    ],
)
def test_a_suppression_has_a_reason_if_words_follow_it(line: str, reason: str | None) -> None:
    found = audit.SUPPRESSION.search(line)
    assert found is not None
    assert found["reason"] == reason


@pytest.mark.parametrize("line", ["x = 1", "x = 1  # noqa: N803  boto3's names", "y = SUM  # noqa: E501"])
def test_other_comments_are_not_suppressions(line: str) -> None:
    assert audit.SUPPRESSION.search(line) is None


def test_every_security_rule_that_is_suppressed_here_has_its_reason() -> None:
    assert audit.suppressions().result is Result.CLEAN
