"""The audit never calls passed what it could not check."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lab.common.results import Verdict
from lab.deployment import audit


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


def test_a_database_that_does_not_answer_is_named_and_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "VULNERABILITIES", "127.0.0.1")
    monkeypatch.setattr(audit, "_run", lambda _command: pytest.fail("something was run"))
    verdict, seen = audit.python()
    assert verdict is Verdict.UNREAD
    assert seen.startswith("no answer from 127.0.0.1")


@pytest.mark.parametrize(
    ("stdout", "verdict", "seen"),
    [
        ({"dependencies": [{"name": "a", "vulns": []}]}, Verdict.PROVED, "1 packages"),
        ({"dependencies": [{"name": "a", "vulns": [{"id": "CVE-1"}]}]}, Verdict.REFUTED, "a CVE-1"),
        ({"dependencies": [{"name": "a", "skip_reason": "unknown"}]}, Verdict.UNREAD, "skipped: a"),
        ("", Verdict.UNREAD, "the service is away"),
        ({"error": 1}, Verdict.UNREAD, "the service is away"),
    ],
)
def test_the_findings_of_pip_audit_are_reported(
    pip_audit: dict[str, Any], stdout: object, verdict: Verdict, seen: str
) -> None:
    pip_audit["done"] = done(stdout, "trace\nthe service is away\n", 1)
    found, told = audit.python()
    assert (found, seen in told) == (verdict, True)


@pytest.mark.parametrize(
    ("stdout", "verdict", "seen"),
    [
        ({"metadata": {"vulnerabilities": {"high": 0, "total": 0}}}, Verdict.PROVED, "no known"),
        ({"metadata": {"vulnerabilities": {"high": 2, "total": 2}}}, Verdict.REFUTED, "2 high"),
        ({"statusCode": 405, "uri": "https://somewhere/"}, Verdict.UNREAD, "npm audit: 405"),
        ("no json", Verdict.UNREAD, "no reason given"),
    ],
)
def test_the_findings_of_npm_are_reported_without_the_registrys_address(
    monkeypatch: pytest.MonkeyPatch, stdout: object, verdict: Verdict, seen: str
) -> None:
    monkeypatch.setattr(audit, "_run", lambda _command: done(stdout))
    found, told = audit.node()
    assert (found, seen in told) == (verdict, True)
    assert "somewhere" not in told


def test_a_security_finding_in_our_code_is_told_with_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "_run", lambda _command: done([{"filename": "/x/handler.py"}], code=1))
    assert audit.code() == (Verdict.REFUTED, "1 in handler.py")


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
    assert audit.suppressions()[0] is Verdict.PROVED
