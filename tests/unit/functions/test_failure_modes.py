from collections.abc import Iterable, Mapping

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from functions.common import failure_modes
from functions.common.failure_modes import FailureMode, FailureModes, SsmParameters, parse, pick
from functions.processor.downstream import DeliveryId, draw

NAMES = ("/ingestion/dev/failure_mode", "/ingestion/failure_mode")


class Parameters:
    def __init__(self, **values: str) -> None:
        self.current: dict[str, str] = dict(zip(NAMES, values.values(), strict=False))

    def values(self, names: Iterable[str]) -> Mapping[str, str]:
        return {name: self.current[name] for name in names if name in self.current}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "none"),
        ({NAMES[0]: "none", NAMES[1]: "poison_payload"}, "poison_payload"),
        ({NAMES[0]: "slow_downstream", NAMES[1]: "poison_payload"}, "slow_downstream"),
        ({NAMES[1]: " random_fail_p30 "}, "random_fail_p30"),
        ({NAMES[0]: ""}, "none"),
        ({NAMES[0]: "surprise"}, "surprise"),
    ],
)
def test_the_first_parameter_that_is_not_none_wins(values: dict[str, str], expected: str) -> None:
    assert pick(NAMES, values) == expected


def test_an_unknown_value_is_not_a_failure_mode() -> None:
    assert parse("surprise") is None
    assert parse("none") is FailureMode.NONE


def test_a_change_is_logged_once_and_an_unknown_mode_counts_as_none(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = Parameters(first="none")
    modes = FailureModes(NAMES, source)
    seen: list[str] = []
    for value in ("none", "poison_payload", "poison_payload", "surprise", "surprise", "none"):
        source.current[NAMES[0]] = value
        seen.append(modes.current())
    assert seen == ["none", "poison_payload", "poison_payload", "none", "none", "none"]
    events = [record.message for record in caplog.records]
    assert events == ["failure_mode.active", "failure_mode.unknown", "failure_mode.active"]


class Provider:
    """Powertools' provider in front of a Parameter Store that is throttled."""

    def __init__(self) -> None:
        self.asked = 0

    def get_parameters_by_name(self, *_: object, **__: object) -> dict[str, str]:
        self.asked += 1
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "GetParameters")


def test_a_throttled_parameter_store_is_left_in_peace_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    provider, now = Provider(), [0.0]
    monkeypatch.setattr(failure_modes, "_provider", lambda: provider)
    parameters = SsmParameters(1, now=lambda: now[0])
    for second in (0.0, 1.0, 4.9, 5.1, 9.0):
        now[0] = second
        assert parameters.values(NAMES) == {}
    assert provider.asked == 2


def test_without_parameters_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = Provider()
    monkeypatch.setattr(failure_modes, "_provider", lambda: provider)
    assert FailureModes((), SsmParameters(5)).current() is FailureMode.NONE
    assert provider.asked == 0


deliveries = st.builds(
    DeliveryId,
    st.text(min_size=1),
    st.integers(min_value=0, max_value=3),
    st.integers(min_value=1, max_value=9),
)


@given(st.text(), deliveries)
def test_the_same_seed_and_delivery_always_draw_the_same(seed: str, delivery: DeliveryId) -> None:
    """Property: a run can be repeated; and a draw is a number in [0, 1)."""
    assert draw(seed, delivery) == draw(seed, delivery)
    assert 0 <= draw(seed, delivery) < 1


def test_three_in_ten_deliveries_fail_whatever_they_have_in_common() -> None:
    draws = [
        draw("seed", DeliveryId(f"key-{key}", redrives, receives))
        for key in range(500)
        for redrives in range(2)
        for receives in range(1, 6)
    ]
    assert sum(draw < 0.3 for draw in draws) / len(draws) == pytest.approx(0.3, abs=0.03)
