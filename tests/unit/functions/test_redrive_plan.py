"""The schema of a redrive plan, and the check that reads it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from functions.common.errors import Category
from functions.common.problem import ProblemError
from functions.redrive.error_types import UNATTRIBUTED
from functions.redrive.plan import PARAMETERS, SCHEMA, Plan, plan_from

PATCH = '[{"op":"replace","path":"/amount","value":1}]'

VALUES = st.one_of(
    st.booleans(),
    st.integers(-2, 2_000_000),
    st.sampled_from([0, 1, 10, 11, 500, 501, 900, 901, 1000, 1001, 1_209_600, 1_209_601]),
    st.floats(allow_nan=False),
    st.text(max_size=3),
    st.sampled_from([*PARAMETERS["errorCategory"]["enum"], "x" * 256, "x" * 257, "x" * 1024, "x" * 1025]),
    st.sampled_from(["0123456789ab", "0123456789a", "0123456789abc", "0123456789aB"]),
    st.lists(st.integers(), max_size=2),
)


def test_the_schema_names_every_category_there_is() -> None:
    assert PARAMETERS["errorCategory"]["enum"] == [*Category, UNATTRIBUTED]


def test_a_plan_has_every_parameter_of_the_schema_and_its_default() -> None:
    defaults = {name: schema["default"] for name, schema in PARAMETERS.items() if "default" in schema}
    assert Plan().as_json() == defaults
    whole = {
        name: schema.get("default", schema.get("maximum", "PERMANENT")) for name, schema in PARAMETERS.items()
    } | {"fingerprint": "0123456789ab", "patch": PATCH}
    assert plan_from(whole).as_json() == whole


@given(
    st.dictionaries(st.sampled_from([*(PARAMETERS.keys() - {"patch"}), "maxmessages"]), VALUES, max_size=3)
)
def test_the_check_agrees_with_a_json_schema_validator(document: dict[str, object]) -> None:
    """With two differences: 1.0 is not a whole number here, as no client writes it; and a patch is read."""
    whole = any(isinstance(value, float) and value.is_integer() for value in document.values())
    if Draft202012Validator(dict(SCHEMA)).is_valid(document) and not whole:
        plan_from(document)
    else:
        with pytest.raises(ProblemError):
            plan_from(document)


@pytest.mark.parametrize(
    ("patch", "complaint"),
    [
        ("", "text of 1 to 4096 characters"),
        ("x" * 4097, "text of 1 to 4096 characters"),
        ("{", "Expecting property name"),
        ("[]", "array of operations"),
        ('{"op":"remove","path":"/x"}', "array of operations"),
        ("[1]", "JSON Patch"),
        ('[{"op":"mend","path":"/x"}]', "mend"),
        ('[{"op":"add","path":"/x"}]', "value"),
        ('[{"op":"remove","path":"x"}]', "JSON Patch"),
    ],
)
def test_a_patch_that_is_none_is_refused_with_what_is_wrong(patch: str, complaint: str) -> None:
    with pytest.raises(ProblemError) as raised:
        plan_from({"patch": patch})
    (violation,) = raised.value.violations
    assert violation.pointer == "/patch"
    assert complaint in violation.reason


def test_another_patch_is_another_plan() -> None:
    assert len({plan_from({"patch": patch}).digest for patch in (PATCH, PATCH.replace("1", "2"))}) == 2
