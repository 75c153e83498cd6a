"""One rule for verdicts: what was not proved is never taken for a pass, and a table keeps its words whole."""

import io

import pytest

from lab.common.grid import broken, fitted
from lab.common.output import Terminal
from lab.common.results import Result, Verdict, exit_code, result_table, tally
from tests.support.results import result

PROVED, REFUTED, ELSEWHERE, UNREAD = Verdict
RESULTS = [
    result("fault", "critical-dlq-depth", "5 x SchemaViolation", "5 x SchemaViolation", PROVED, seconds=30),
    result("fault", "category of death", "5 x VALIDATION", "4 x VALIDATION, 1 x PERMANENT", REFUTED),
    result("recovery", "why it failed", "CouldNotDetermineMessageSource", "no move task here", ELSEWHERE),
    result("recovery", "OrderProcessed events", "36", "ThrottlingException", UNREAD, fix="make status"),
]


def judged(verdict: Verdict) -> Result:
    return result("", "x", "1", "1", verdict)


def printed(width: int, results: list[Result] = RESULTS) -> list[str]:
    terminal = Terminal(file=io.StringIO(), width=width)
    terminal.print(result_table("predictions", "prediction", results))
    return terminal.file.getvalue().splitlines()  # pyright: ignore


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ([PROVED], 0),
        ([PROVED, ELSEWHERE], 0),
        ([ELSEWHERE], 0),
        ([PROVED, UNREAD], 3),
        ([UNREAD, ELSEWHERE], 3),
        ([PROVED, REFUTED], 1),
        ([REFUTED, UNREAD], 1),
        ([UNREAD, REFUTED], 1),
        ([], 1),
    ],
    ids=str,
)
def test_the_exit_code_is_0_only_if_all_was_read_and_nothing_refuted(
    verdicts: list[Verdict], code: int
) -> None:
    assert exit_code([judged(verdict) for verdict in verdicts]) == code


def test_a_tally_counts_each_verdict_on_its_own() -> None:
    assert tally([judged(verdict) for verdict in (PROVED, PROVED, REFUTED, ELSEWHERE)]) == (
        "2 proved, 1 refuted, 1 not provable here"
    )
    assert tally([judged(UNREAD)]) == "0 proved, 0 refuted, 0 not provable here, 1 not read"


def test_a_table_of_80_columns_keeps_names_whole_and_breaks_longer_ones_at_a_hump() -> None:
    lines = printed(80)
    text = "\n".join(lines)
    assert max(map(len, lines)) <= 80
    for word in ("critical-dlq-depth", "SchemaViolation", "OrderProcessed", "VALIDATION", "REFUTED"):
        assert word in text
    assert "CouldNotDetermine" in text


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120, 200])
def test_a_table_is_never_wider_than_its_terminal_and_loses_no_character(width: int) -> None:
    lines = printed(width)
    assert max(map(len, lines)) <= width
    shown = "".join(sorted("".join(lines).replace(" ", "")))
    for letter in "CouldNotDetermineMessageSource":
        assert letter in shown


def test_a_wide_table_breaks_nothing() -> None:
    assert any(
        "CouldNotDetermineMessageSource" in line and "no move task here" in line for line in printed(140)
    )


def test_a_table_leaves_out_columns_in_which_nothing_stands() -> None:
    alone = "\n".join(printed(80, [Result(name="docker", seen="none", verdict=REFUTED, fix="start it")]))
    assert "expected" not in alone
    assert "fix: start it" in alone
    assert "REFUTED" in alone


def test_columns_share_what_room_there_is_and_none_gets_more_than_it_wants() -> None:
    assert fitted([["a" * 10], ["b" * 10]], 30) == [10, 10]
    assert sum(fitted([["a " * 40], ["b " * 40], ["c"]], 70)) == 64
    assert fitted([["a " * 40], ["b"]], 40)[1] == 1


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("critical-dlq-depth", 18, ["critical-dlq-depth"]),
        ("critical-dlq-depth", 12, ["critical-", "dlq-depth"]),
        ("CouldNotDetermineMessageSource", 18, ["CouldNotDetermine", "MessageSource"]),
        ("a b", 1, ["a b"]),
    ],
    ids=str,
)
def test_a_word_is_broken_only_if_it_does_not_fit_and_then_at_a_seam(
    text: str, width: int, lines: list[str]
) -> None:
    assert broken(text, width).split("\n") == lines
