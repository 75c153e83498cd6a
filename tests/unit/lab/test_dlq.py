"""The DLQ tool changes nothing by accident."""

import io
from pathlib import Path
from typing import Any

import pytest

from functions.common import codec
from functions.publish.key import payload_digest
from functions.redrive.audit import digest
from lab import cli
from lab.commands import dlq as dlq_cli
from lab.dlq.browser import is_named
from lab.dlq.repair import repaired
from lab.errors import LabError
from tests.unit.functions.builders import envelope, order

BAD = '{"orderId":"order-1","amount":-1}'
GOOD = codec.dumps(order())


def dead(body: str = BAD, **attributes: Any) -> Any:
    return envelope(
        "message-1", body, correlationId="correlation-1", errorType="SchemaViolation", **attributes
    )


def test_a_repaired_message_carries_its_history_and_its_edits() -> None:
    message = repaired(dead(redriveCount=1), GOOD, at=7, by="ann")
    lineage = codec.loads(message.attributes["lineage"].get("StringValue", ""))
    assert lineage["edited"] == [
        {"at": 7, "by": "ann", "replacedMessageId": "message-1", "oldBodySha256": digest(BAD)}
    ]
    assert lineage["history"] == [{"errorType": "SchemaViolation", "redriveCount": 1}]
    assert message.attributes["redriveCount"].get("StringValue") == "2"
    assert message.attributes["correlationId"].get("StringValue") == "correlation-1"
    assert "errorType" not in message.attributes
    assert codec.loads(message.body) == order()


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("{", "no JSON"),
        ('{"orderId":"order-1","amount":0}', "/amount"),
        ('{"orderId":"another","amount":1}', "of order another"),
    ],
)
def test_a_body_that_is_not_a_better_version_of_the_order_is_refused(body: str, complaint: str) -> None:
    with pytest.raises(LabError, match=complaint):
        repaired(dead(), body, at=0, by="ann")


def test_a_key_made_from_the_content_is_made_again_and_a_clients_key_stays() -> None:
    derived = repaired(dead(idempotencyKey=payload_digest(codec.loads(BAD))), GOOD, at=0, by="ann")
    assert derived.attributes["idempotencyKey"].get("StringValue") == payload_digest(order())
    chosen = repaired(dead(idempotencyKey="client-chose-this"), GOOD, at=0, by="ann")
    assert chosen.attributes["idempotencyKey"].get("StringValue") == "client-chose-this"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("message-1", True),
        ("messag", True),
        ("messa", False),
        ("order-1", True),
        ("correlation-1", True),
        ("correlation", False),
        ("", False),
    ],
)
def test_a_message_is_named_by_its_ids_and_by_the_beginning_of_its_message_id(name: str, meant: bool) -> None:
    assert is_named(dead(), name) is meant


def test_a_confirmation_without_a_terminal_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("abcd1234\n"))
    with pytest.raises(LabError, match="nobody is there"):
        dlq_cli._confirm("abcd1234", "the id")  # pyright: ignore[reportPrivateUsage]


def test_only_the_expected_text_confirms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", type("Terminal", (io.StringIO,), {"isatty": lambda _self: True})())
    typed = iter(["y", "abcd1234"])
    monkeypatch.setattr("typer.prompt", lambda _text: next(typed))
    with pytest.raises(LabError, match="nothing was done"):
        dlq_cli._confirm("abcd1234", "the id")  # pyright: ignore[reportPrivateUsage]
    dlq_cli._confirm("abcd1234", "the id")  # pyright: ignore[reportPrivateUsage]


def test_an_editor_that_changes_nothing_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", "true")
    with pytest.raises(LabError, match="not changed"):
        dlq_cli._edited(BAD)  # pyright: ignore[reportPrivateUsage]
    script = tmp_path / "editor"
    script.write_text("#!/bin/sh\nsed -i s/-1/5/ $1\n")
    script.chmod(0o700)
    monkeypatch.setenv("EDITOR", str(script))
    assert codec.loads(dlq_cli._edited('{"amount":-1}')) == {"amount": 5}  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize(
    ("chosen", "installed", "expected"),
    [
        ({"VISUAL": "code -w", "EDITOR": "ed"}, {"nano"}, "code -w"),
        ({"EDITOR": "ed"}, {"nano"}, "ed"),
        ({"EDITOR": ""}, {"nano", "vi"}, "nano"),
        ({}, {"vi", "editor"}, "editor"),
    ],
)
def test_a_body_is_opened_in_the_persons_editor_or_else_in_the_systems(
    monkeypatch: pytest.MonkeyPatch, chosen: dict[str, str], installed: set[str], expected: str
) -> None:
    monkeypatch.setattr(dlq_cli, "which", lambda name: name if name in installed else None)
    for name in ("VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    assert dlq_cli._editor() == expected  # pyright: ignore[reportPrivateUsage]


def test_without_any_editor_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dlq_cli, "which", lambda _name: None)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)
    with pytest.raises(LabError) as refused:
        dlq_cli._editor()  # pyright: ignore[reportPrivateUsage]
    assert "--body FILE" in str(refused.value.fix)


@pytest.mark.parametrize(
    "command",
    [
        "ls",
        "show",
        "stats",
        "dry-run",
        "redrive",
        "watch",
        "cancel",
        "export",
        "edit",
        "patch",
        "undo",
        "discard",
        "move-native",
    ],
)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(lambda **options: cli.app(["dlq", command, "--help"], **options)) == 0
    assert "Usage" in capsys.readouterr().out
