"""Every test says what its expected answer rests on; one that does not is not even collected."""

from typing import Any

import pytest

from support.evidence import fault

pytestmark = pytest.mark.evidence("ours")


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        (("recorded",), {"source": "a snapshot"}),
        (("documented",), {"source": "a guide"}),
        (("ours",), {}),
    ],
)
def test_a_mark_with_its_source_is_complete(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    assert fault(args, kwargs) is None


@pytest.mark.parametrize(
    ("args", "kwargs", "said"),
    [
        ((), {}, "not None"),
        (("guessed",), {"source": "x"}, "not 'guessed'"),
        (("recorded",), {}, "names its source"),
        (("documented",), {"source": ""}, "names its source"),
    ],
)
def test_a_mark_without_a_kind_or_a_source_is_a_fault(
    args: tuple[Any, ...], kwargs: dict[str, Any], said: str
) -> None:
    assert said in str(fault(args, kwargs))
