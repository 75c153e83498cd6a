"""A patch as it is typed, and what it would make of a group, before anybody confirms it."""

from pathlib import Path

import pytest

from functions.common import codec
from functions.redrive.plan import Plan
from lab.dlq import show
from lab.dlq.patch import Forecast, text_of
from lab.errors import LabError
from tests.unit.functions.test_redrive import dead

BAD = '{"orderId":"o-1","amount":-12.50}'
RAISE = '[{"op":"replace","path":"/amount","value":1}]'


@pytest.mark.parametrize(
    ("expression", "operation"),
    [
        ("/amount=12.50", '{"op":"add","path":"/amount","value":12.50}'),
        ("/currency=EUR", '{"op":"add","path":"/currency","value":"EUR"}'),
        ('/orderId="7"', '{"op":"add","path":"/orderId","value":"7"}'),
        ("/note=a=b", '{"op":"add","path":"/note","value":"a=b"}'),
        ("/note=", '{"op":"add","path":"/note","value":""}'),
        ("/items/0/quantity=2", '{"op":"add","path":"/items/0/quantity","value":2}'),
        ("/tags/1=x", '{"op":"replace","path":"/tags/1","value":"x"}'),
    ],
)
def test_an_expression_sets_a_member_or_replaces_an_element(expression: str, operation: str) -> None:
    assert text_of(None, [expression]) == f"[{operation}]"


@pytest.mark.parametrize("expression", ["amount=1", "/amount", "=1", ""])
def test_an_expression_that_names_no_place_or_no_value_is_refused(expression: str) -> None:
    with pytest.raises(LabError, match="sets nothing"):
        text_of(None, [expression])


def test_a_patch_is_a_file_or_expressions_and_not_both(tmp_path: Path) -> None:
    file = tmp_path / "patch.json"
    with pytest.raises(LabError, match="cannot be read"):
        text_of(file, [])
    file.write_text(RAISE)
    assert text_of(file, []) == RAISE
    for wrong in ((file, ["/a=1"]), (None, [])):
        with pytest.raises(LabError, match="a file or expressions"):
            text_of(*wrong)


def test_a_forecast_counts_what_is_corrected_and_says_why_the_others_stay() -> None:
    forecast = Forecast(Plan(patch=RAISE, min_age_seconds=0, error_type="SchemaViolation"))
    forecast.add([dead(f"m-{number}", body=BAD) for number in range(5)])
    forecast.add([dead("m-x", body="{"), dead("m-y", body=BAD, errorType="Other")])
    assert forecast.corrected == 5
    assert [(why.split(":")[0], number) for why, number in forecast.refused.items()] == [
        ("The body is no JSON", 1)
    ]
    assert [sample.letter.message_id for sample in forecast.samples] == ["m-0", "m-1", "m-2"]


def test_a_sample_is_a_unified_diff_without_control_characters() -> None:
    new = codec.dumps({"orderId": "o-1", "amount": 1})
    told = show.unified(BAD.replace("o-1", "\u202e"), new, "m-1").splitlines()
    assert told[:2] == ["--- m-1 as it died", "+++ m-1 as it would be sent"]
    assert '-  "amount": -12.50' in told
    assert '+  "amount": 1' in told
    assert not any("\u202e" in line for line in told)
