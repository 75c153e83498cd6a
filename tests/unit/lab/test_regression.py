"""Dead letters as regression tests: they fail for today's reason, pass when mended, and tell nothing of anybody."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from functions.common import codec
from functions.publish.envelope import Envelope
from lab.common import paths
from lab.dlq.regression import Regression, failure_of, impersonal, regression
from tests.unit.functions.builders import envelope, order, order_v2

ADA = "ada.lovelace-1815"


def letter(body: str, message_id: str = "0198c0de-7abc", kind: str = "SchemaViolation") -> Envelope:
    return envelope(message_id, body, errorType=kind, errorCategory="VALIDATION", errorMessage=f"of {ADA}")


def written(found: Regression | str, folder: Path) -> Path:
    assert isinstance(found, Regression)
    file = folder / found.file
    file.write_text(found.text)
    return file


def outcome(file: Path, with_plugin: str = "") -> tuple[int, str]:
    """Exit code and output of pytest on a file."""
    plugin = ["-p", with_plugin] if with_plugin else []
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir"]
    done = subprocess.run(
        [*command, str(file.parent), *plugin, str(file)],
        cwd=paths.ROOT,
        env={
            "PYTHONPATH": f"{paths.ROOT}:{file.parent}",
            "POWERTOOLS_METRICS_NAMESPACE": "t",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # a second a run
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout


LENIENT = """
from functions.worker.process import MessageProcessor
from functions.publish.envelope import Envelope
from dataclasses import replace
process = MessageProcessor.process
def mended(self, given):
    return process(self, replace(given, body=given.body.replace('"00,00"', "12.50")))
MessageProcessor.process = mended
"""


def test_a_written_test_fails_for_todays_reason_and_passes_when_the_worker_is_mended(tmp_path: Path) -> None:
    body = codec.dumps(order(orderId="order-1", amount="12,50", customerId=ADA))
    file = written(regression(letter(body)), tmp_path)
    code, said = outcome(file)
    assert code == 1
    assert "SchemaViolation: /amount must be of type number" in said
    (tmp_path / "mended.py").write_text(LENIENT)
    assert outcome(file, with_plugin="mended")[0] == 0


def test_a_written_test_holds_no_text_of_the_order(tmp_path: Path) -> None:
    body = codec.dumps(order(orderId="order-ada", amount=-1, customerId=ADA))
    text = written(regression(letter(body)), tmp_path).read_text()
    assert not any(personal in text for personal in ("ada", "lovelace", "1815"))
    assert '"customerId":"xxx.xxxxxxxx-0000"' in text


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (codec.dumps(order()), "what killed it was not the order"),
        ('{"orderId": "ada', "no JSON"),
        (codec.dumps(order(orderId="\u00e4")), "it fails for what a personal text holds"),
    ],
)
def test_a_letter_whose_failure_cannot_be_shown_by_its_order_has_no_test_and_says_why(
    body: str, why: str
) -> None:
    found = regression(letter(body))
    assert isinstance(found, str)
    assert why in found


def test_text_of_strangers_stays_text_in_a_written_test(tmp_path: Path) -> None:
    hostile = '"""\nraise SystemExit(7)\n"""'
    body = codec.dumps(order(amount=-1, currency=hostile) | {hostile: 1})
    file = written(regression(letter(body, message_id='"""; 1/0', kind=hostile)), tmp_path)
    compile(file.read_text(), str(file), "exec")
    code, said = outcome(file)
    assert (code, "1 failed" in said) == (
        1,
        True,
    )  # by its assertion: what raises SystemExit ends with another code


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (
            {"customerId": "A1-b", "currency": "EUR"},
            {"customerId": "x0-x", "currency": "EUR"},
        ),
        ({"items": [{"sku": "K\u00f6ln 7"}]}, {"items": [{"sku": "xxxx 0"}]}),
        ([True, None], [True, None]),
    ],
)
def test_texts_keep_their_shape_and_numbers_their_value(document: Any, told: Any) -> None:
    assert impersonal(document) == told


def test_the_workers_code_is_what_judges() -> None:
    assert failure_of(codec.dumps(order())) is None
    dear = order_v2(items=[{"sku": "s", "quantity": 1, "unitPrice": 1_000}])
    assert (failure_of(codec.dumps(dear)) or "").startswith("LinesExceedAmount: ")
