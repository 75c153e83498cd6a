"""Filters as people give them: names of error types, and texts as they read them."""

import doctest

import pytest

import functions.redrive
from functions.common.errors import PipelineError, SchemaViolationError, own_types, type_of
from functions.common.problem import ProblemError
from functions.redrive.error_types import ALIASES, UNATTRIBUTED, known, require_known
from functions.redrive.plan import Plan, plan_from
from functions.redrive.preview import preview
from functions.redrive.selection import contains
from tests.unit.functions.test_redrive import FakeDlq, dead, many


def test_the_example_of_the_package_is_true() -> None:
    assert doctest.testmod(functions.redrive) == doctest.TestResults(failed=0, attempted=8)


def test_the_types_are_those_that_the_codes_own_errors_have() -> None:
    assert type_of(SchemaViolationError()) in own_types()
    assert {"LinesExceedAmount", "CircuitRecovered", "DependencyTimeout"} < own_types()
    assert type_of(PipelineError()) not in own_types()
    assert all(not name.endswith("Error") and not name.startswith("_") for name in own_types())


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("SchemaViolation", "SchemaViolation"),
        ("SchemaViolationError", "SchemaViolation"),
        ("SchemaValidationError", "SchemaViolation"),
        ("KeyError", "KeyError"),
        (UNATTRIBUTED, UNATTRIBUTED),
    ],
)
def test_an_alias_and_the_name_of_a_class_stand_for_the_type(given: str, meant: str) -> None:
    assert plan_from({"errorType": given}).error_type == meant


def test_every_alias_is_of_a_type_that_exists_and_hides_none() -> None:
    assert set(ALIASES.values()) <= own_types()
    assert not ALIASES.keys() & known()


def test_a_type_that_nothing_has_is_an_error_with_the_nearest_one() -> None:
    with pytest.raises(ProblemError) as refused:
        require_known("schemaviolaton", {"KeyError"})
    assert refused.value.status == 400
    assert refused.value.detail == "There is no error type schemaviolaton; did you mean SchemaViolation?"
    (violation,) = refused.value.violations
    assert violation.pointer == "/errorType"
    assert "KeyError, " in violation.reason
    with pytest.raises(ProblemError, match=r"There is no error type Zebra\.$"):
        require_known("Zebra", ())


def test_a_type_that_a_letter_has_is_known() -> None:
    require_known("ThrottledByStranger", {"ThrottledByStranger"})
    require_known(None, ())


def test_a_preview_objects_to_a_type_that_no_letter_has_if_it_has_seen_them_all() -> None:
    plan = Plan(error_type="Nothing", min_age_seconds=0)
    letters = [*many(30), dead("other", errorType="Something")]
    with pytest.raises(ProblemError, match="no error type Nothing"):
        preview(FakeDlq(letters), plan, lambda: 100.0)
    assert not preview(FakeDlq(letters), plan, lambda: 1.0)["complete"]
    known_to_a_letter = Plan(error_type="Something", min_age_seconds=0)
    assert preview(FakeDlq(letters), known_to_a_letter, lambda: 100.0)["eligible"] == 1


def test_a_category_that_does_not_exist_is_an_error_with_the_nearest_one() -> None:
    with pytest.raises(ProblemError) as refused:
        plan_from({"errorCategory": "validaton"})
    assert refused.value.violations[0].reason.endswith("UNATTRIBUTED; did you mean VALIDATION?")


ESCAPED = r'{"sku":"Z\u00fcrich","note":"say \"hi\"","x":{"caf\u0065":["\ud83d\ude00"]},"amount":1.50}'


@pytest.mark.parametrize(
    "text",
    [
        "Zürich",
        "Zu\u0308rich",
        r"Z\u00fcrich",
        "rich",
        '"sku":"Zürich"',
        'say "hi"',
        "cafe",
        "😀",
        "1.50",
    ],
)
def test_a_text_is_found_as_a_person_reads_it_and_as_it_is_stored(text: str) -> None:
    assert contains(ESCAPED, text)


@pytest.mark.parametrize("text", ["Zurich", "ZÜRICH", "sku Zürich", "note1"])
def test_a_text_that_is_not_there_is_not_found(text: str) -> None:
    assert not contains(ESCAPED, text)


def test_a_body_that_is_not_json_is_searched_as_it_is() -> None:
    assert contains("no json: Zürich", "Zürich")
    assert not contains(r"no json: Z\u00fcrich", "Zürich")


def test_a_previews_numbers_are_of_what_their_names_say() -> None:
    letters = [
        *many(4),
        dead("twice", redriveCount=1),
        dead("other", errorType="KeyError"),
        *(dead(f"young-{number}", sent_at=10**15, failedAt="9999-01-01T00:00:00Z") for number in range(2)),
    ]
    shown = preview(FakeDlq(letters), Plan(error_type="SchemaViolation"), lambda: 100.0)
    assert shown["sampled"] == shown["statistics"]["total"] == 8
    assert shown["statistics"]["byErrorType"] == {"SchemaViolation": 7, "KeyError": 1}
    assert (shown["matching"]["total"], shown["eligible"]) == (5, 4)
    assert shown["matching"]["byErrorType"] == {"SchemaViolation": 5}
    assert shown["skipped"] == {"secondDeath": 1, "filtered": 1, "tooYoung": 2}
    assert shown["tooYoung"] == {"youngestSeconds": 0, "oldestSeconds": 0}
