"""Every test says what its expected answer rests on; one that does not is not even collected."""

import pytest

from support.evidence import fault

pytestmark = pytest.mark.evidence("ours")


@pytest.mark.parametrize("mark", [("recorded", "a snapshot"), ("documented", "a guide"), ("ours",)])
def test_a_mark_with_its_source_is_complete(mark: tuple[str, ...]) -> None:
    assert fault(*mark) is None


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ((), "not ''"),
        (("guessed", "a guide"), "not 'guessed'"),
        (("recorded",), "names its source"),
        (("documented", ""), "names its source"),
    ],
)
def test_a_mark_without_a_kind_or_a_source_is_a_fault(mark: tuple[str, ...], said: str) -> None:
    assert said in str(fault(*mark))
