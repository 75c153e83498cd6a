"""What is sent with a bug report helps, and holds no secret."""

import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from lab import engines
from lab.commands import support
from lab.common import paths
from lab.common.redact import REMOVED, redacted, secrets_of
from lab.engines import HostEngine

ACCESS_KEY = "AKIA" + "QWERTYUIOPASDFGH"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
SESSION = "IQoJb3JpZ2luX2VjEJr" + "Aa1" * 30
TOKEN = "nT7-hq_2Vb0ZxYcR4mKpLwEs9uGdJfA1iOoQtUyXeWr"  # as secrets.token_urlsafe(32) makes them
GITHUB = "ghp_" + "a1B2c3D4e5F6g7H8i9J0" * 2
WORD = "correct-horse"  # as people choose them
PLANTED = (ACCESS_KEY, SECRET_KEY, SESSION, TOKEN, GITHUB, WORD)

ENGINES_LOG = f"""\
2026-11-29T10:00:00.000 INFO --- [MainThread] l.aws.handler : AWS sqs.SendMessage => 200
Authorization: AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20261129/us-east-1/sqs/aws4_request, Signature=0123abcd
POST /redrive/start {{"headers": {{"authorization": "Bearer {TOKEN}", "cookie": "lab-console-8090={TOKEN}"}}}}
GetSecretValue => {{"SecretString": "{WORD}", "Name": "ingestion-dev/redrive-token"}}
nested {{\\"secretAccessKey\\": \\"{SECRET_KEY}\\", \\"sessionToken\\": \\"{SESSION}\\"}}
a stray {SECRET_KEY} and {TOKEN}
"""
SETUP_LOG = f"Looking in indexes: https://ann:{WORD}@index.example/simple\nInstalled 3 packages\n"
REPORT = json.dumps(
    {"title": "poison-payload", "passed": True, "env": {"REDRIVE_TOKEN": TOKEN, "GITHUB_TOKEN": GITHUB}}
)
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "AWS_SESSION_TOKEN": SESSION,
    "LOCALSTACK_AUTH_TOKEN": TOKEN,
    "LAB_CONSOLE_HOSTS": "https://lab.example",
    "PIP_INDEX_URL": f"https://ann:{WORD}@index.example/simple/",
    "HTTPS_PROXY": f"http://ann:{WORD}@127.0.0.1:9",
    "UV_PUBLISH_TOKEN": GITHUB,
    "UNRELATED": "of no concern",
}


@pytest.fixture(params=[{}, ENVIRONMENT], ids=["told by their looks", "known from the environment"])
def written(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Mapping[str, str]:
    """The texts in the zip of a machine where secrets lie wherever they may."""
    monkeypatch.setattr(paths, "ENGINES", tmp_path / "engine")
    monkeypatch.setattr(paths, "ENVIRONMENTS", tmp_path / "env")
    monkeypatch.setattr(paths, "REPORTS", tmp_path / "reports")
    for name, value in request.param.items():
        monkeypatch.setenv(name, value)
    engine = HostEngine(4599)
    monkeypatch.setattr(engines, "present", lambda _port: engine)
    for path, text in (
        (engine.log, ENGINES_LOG),
        (engine.log_before, ENGINES_LOG),
        (tmp_path / "env" / "setup.log", SETUP_LOG),
        (tmp_path / "env" / "setup-node.log", SETUP_LOG),
        (tmp_path / "reports" / "poison-payload-1" / "report.json", REPORT),
        (tmp_path / "env" / "redrive-token", TOKEN),  # nobody asks for it
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    target = tmp_path / "support.zip"
    support.support(target, port=4599, env="dev")
    with zipfile.ZipFile(target) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_no_planted_secret_is_in_any_file(written: Mapping[str, str]) -> None:
    leaks = {(name, secret) for name, text in written.items() for secret in PLANTED if secret in name + text}
    assert leaks == set()


def test_what_helps_is_there(written: Mapping[str, str]) -> None:
    assert set(written) == {
        "versions.json",
        "settings.json",
        "doctor.json",
        "engine.txt",
        "engine.log",
        "engine-before.log",
        "setup.log",
        "setup-node.log",
        "report/poison-payload-1/report.json",
    }
    assert {"lab", "commit", "python", "node", "system"} <= set(json.loads(written["versions.json"]))
    assert {"python", "free disk", "clock", "proxy"} & {
        found["name"] for found in json.loads(written["doctor.json"])
    }
    assert "AWS sqs.SendMessage => 200" in written["engine.log"]
    assert "Installed 3 packages" in written["setup.log"]
    assert '"passed": true' in written["report/poison-payload-1/report.json"]


def test_of_the_environment_only_what_matters_to_the_lab_is_shown() -> None:
    shown = support.settings(ENVIRONMENT)
    assert "UNRELATED" not in shown
    assert shown["LAB_CONSOLE_HOSTS"] == "https://lab.example"
    assert redacted(shown["HTTPS_PROXY"]) == f"http://{REMOVED}@127.0.0.1:9"


@pytest.mark.parametrize(
    "text",
    [
        "commit 3f786850e387550fdab836ed7e6dc881de23001b",
        "receives 3, order 7b2c9c1e-3c58-4d0f-9d7c-2a6f1f2e9b10 in /srv/lab/.lab/engine/4566/engine.log",
        '{"orderId": "o-1", "currency": "EUR", "key": "value"}',
        "arn:aws:sqs:us-east-1:000000000000:ingestion-dev-orders-dlq",
        "https://index.example/simple/ @ noon",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("curl -H 'X: Bearer pony'", f"curl -H 'X: Bearer {REMOVED}'"),
        ("dbPassword=pony, next", f"dbPassword={REMOVED}, next"),
        (f"as {ACCESS_KEY} did", f"as {REMOVED} did"),
        ("push with ghp_abcdefghijklmnopqrstu", f"push with {REMOVED}"),
        ("ls-AbCdEfGh-1234-xyz", REMOVED),
        (f"token {TOKEN}", f"token {REMOVED}"),
        (f"stray {SECRET_KEY}.", f"stray {REMOVED}."),
    ],
)
def test_each_kind_of_secret_is_told_by_its_looks(text: str, left: str) -> None:
    assert redacted(text) == left


def test_a_private_key_is_taken_out_whole() -> None:
    assert (
        redacted("a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----\nb")
        == f"a\n{REMOVED}\nb"
    )


def test_the_home_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    assert redacted("/home/ann/lab/.lab/env") == "~/lab/.lab/env"


def test_a_short_or_harmless_value_is_not_hunted_for_everywhere() -> None:
    assert secrets_of({"AWS_SECRET_ACCESS_KEY": "test", "SOME_KEY": "abc", "PATH": "/bin"}) == []


def test_a_run_before_the_last_is_left_out(tmp_path: Path) -> None:
    for age, name in ((100, "old"), (0, "new")):
        report = tmp_path / name / "report.json"
        report.parent.mkdir()
        report.write_text("{}")
        os.utime(report.parent, (1_000_000 - age, 1_000_000 - age))
    assert support.last_report(tmp_path) == [tmp_path / "new" / "report.json"]
    assert support.last_report(tmp_path / "none") == []
