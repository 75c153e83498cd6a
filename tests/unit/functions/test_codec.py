from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.common import codec
from functions.common.errors import MalformedJsonError

money = st.decimals(min_value=0, max_value=10**12, places=2, allow_nan=False)


@given(money)
def test_money_survives_json_digit_by_digit(amount: Decimal) -> None:
    """Property: what is parsed is what was written, trailing zeros included."""
    text = codec.dumps({"amount": amount})
    assert str(codec.loads(text)["amount"]) == str(amount)


def test_a_number_prints_with_the_digits_it_came_with() -> None:
    assert codec.dumps(codec.loads('{"a":12.10,"b":0.1,"c":3}')) == '{"a":12.10,"b":0.1,"c":3}'


@given(money)
def test_trailing_zeros_do_not_change_the_canonical_text(amount: Decimal) -> None:
    """Property: one number has one canonical text."""
    assert codec.canonical([amount]) == codec.canonical([Decimal(f"{amount}00")])


def test_the_order_of_keys_does_not_change_the_canonical_text() -> None:
    assert codec.canonical({"a": 1, "b": [True, None]}) == codec.canonical({"b": [True, None], "a": 1})


@pytest.mark.parametrize(
    "text",
    ["", "{", "NaN", "[Infinity]", b"\xff", "[" * 100_000, "1" * 5_000, "[" * 102 + "]" * 102],
    ids=["empty", "cut off", "NaN", "infinity", "no UTF-8", "much too deep", "too many digits", "too deep"],
)
def test_text_that_is_not_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(MalformedJsonError):
        codec.loads(text)


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
def test_any_parsed_value_can_be_written_and_compared(opening: str) -> None:
    """However deep it is: a value that parses and cannot be written ends the work on all that is beside it."""
    for levels in (1, 50, 101, 102, 1000, 5000):
        closing = "".join("]" if sign == "[" else "}" for sign in reversed(opening) if sign in "[{")
        text = opening * levels + "1" + closing * levels
        try:
            value = codec.loads(text)
        except MalformedJsonError:
            assert levels * len(closing) > codec.MAX_DEPTH
        else:
            assert levels * len(closing) <= codec.MAX_DEPTH + 1
            assert codec.loads(codec.dumps(value)) == value
            assert codec.canonical(value)


def test_brackets_in_text_do_not_count_as_nesting() -> None:
    assert codec.loads(codec.dumps(["[" * 1000])) == ["[" * 1000]


def test_half_a_surrogate_pair_stays_the_same_json_when_it_is_shown() -> None:
    shown = codec.pretty({"orderId": "\ud800é"})
    shown.encode()
    assert "é" in shown
    assert codec.loads(shown) == {"orderId": "\ud800é"}
