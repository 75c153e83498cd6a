"""A person's predictions: typed, asked for by what is sent, judged by what was seen and by nothing else."""

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.common.output import Terminal
from lab.common.progress import FOLDER, Progress
from lab.common.results import Result, Verdict, misses, score, shown
from lab.errors import LabError
from lab.scenario import Prediction, Probe, Scenario, at_least, exactly, recovery, steady
from lab.scenario.answers import NUMBER, Answer, Choice, Counts
from lab.scenario.catalog import Entry, load, names
from lab.scenario.guesses import ask, guess_table, judged, numbered, questions, read, remembered
from tests.support.results import result

STATES = Choice(("CLOSED", "OPEN", "HALF_OPEN"))
CATEGORIES = Counts("5 x VALIDATION", ("VALIDATION", "PERMANENT"))


def asked(name: str, answer: Answer, expected: object, why: str = "") -> Prediction:
    return Prediction(name, Probe("SQS", lambda _run: None, answer=answer), exactly(expected), why)


DEAD = asked("in the DLQ", NUMBER, 5, "A poisoned order dies at once.")
CAUSE = asked("cause of death", CATEGORIES, {"VALIDATION": 5})
CIRCUIT = asked("circuit", STATES, "CLOSED")
LATENCY = replace(asked("slowest order, ms", NUMBER, 0), expected=at_least(0))
ENTRY = Entry(
    "poison",
    "A story that gives all away.",
    Scenario(
        title="Poison",
        hypothesis="It dies.",
        phases=(
            steady(lambda _run: None, DEAD, CAUSE, premise="5 orders are sent."),
            recovery(lambda _run: None, CIRCUIT, LATENCY),
        ),
    ),
)
SEEN = [
    result("steady state", "in the DLQ", "5", "5", Verdict.PROVED, why="A poisoned order dies at once."),
    result("steady state", "cause of death", "5 x VALIDATION", "5 x VALIDATION", Verdict.PROVED),
    result("recovery", "circuit", "CLOSED", "OPEN", Verdict.REFUTED),
    result("recovery", "slowest order, ms", "at least 0", "800", Verdict.PROVED),
    result("ledger", "orders lost", "0", "0", Verdict.PROVED),
]


class Person:
    """Types one line after the other; the last is the end of input."""

    def __init__(self, *typed: str) -> None:
        self._typed = iter(typed)
        self.read_from: list[str] = []
        self.told: list[str] = []

    def read(self, prompt: str) -> str:
        self.read_from.append(prompt)
        try:
            return next(self._typed)
        except StopIteration:
            raise EOFError from None

    def answer(self) -> dict[tuple[str, str], str]:
        return dict(ask(ENTRY, self.read, self.told.append))


def verdicts(guesses: dict[tuple[str, str], str], results: list[Result] = SEEN) -> dict[str, bool | None]:
    found = judged(ENTRY.scenario, results, guesses)
    return {result.name: result.guessed_right for result in found if result.guess is not None}


@pytest.mark.parametrize(
    ("answer", "typed", "value"),
    [
        (NUMBER, "5", "5"),
        (NUMBER, "5.0", "5"),
        (NUMBER, "0.5", "0.5"),
        (NUMBER, "20000000", "20000000"),
        (STATES, "half_open", "HALF_OPEN"),
        (CATEGORIES, "5 x validation", "5 x VALIDATION"),
        (CATEGORIES, "2xVALIDATION, 1 x PERMANENT", "1 x PERMANENT, 2 x VALIDATION"),
        (CATEGORIES, "0 x VALIDATION", "none"),
        (CATEGORIES, "None", "none"),
        (Counts("5 x SchemaViolation"), "5 x LinesExceedAmount", "5 x LinesExceedAmount"),
    ],
    ids=str,
)
def test_an_answer_of_the_wanted_kind_is_read_as_the_value_it_means(
    answer: Answer, typed: str, value: str
) -> None:
    assert answer.read(typed) == value


@pytest.mark.parametrize(
    ("answer", "typed", "reason"),
    [
        (NUMBER, "zero", "'zero' is not a number"),
        (NUMBER, "-1", "'-1' is not a number from 0"),
        (NUMBER, "nan", "'nan' is not a number"),
        (NUMBER, "inf", "'inf' is not a number"),
        (NUMBER, "OPEN", "such as 5"),
        (STATES, "7", "not one of CLOSED, OPEN, HALF_OPEN"),
        (STATES, "CLOSD", "the closest is CLOSED"),
        (CATEGORIES, "5", "'5' is not a count of something, such as 5 x VALIDATION"),
        (CATEGORIES, "5 x VALIDATOIN", "the closest is VALIDATION"),
        (CATEGORIES, "1 x VALIDATION, 2 x validation", "VALIDATION is counted twice"),
        (CATEGORIES, "5 x VALIDATION,", "'' is not a count of something"),
    ],
    ids=str,
)
def test_an_answer_of_another_kind_is_refused_with_the_reason(
    answer: Answer, typed: str, reason: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        answer.read(typed)


@given(st.dictionaries(st.sampled_from(["VALIDATION", "PERMANENT"]), st.integers(1, 99)))
def test_what_is_seen_reads_as_an_answer_that_equals_it(counts: dict[str, int]) -> None:
    assert CATEGORIES.read(shown(counts)) == shown(counts)


@pytest.mark.parametrize("name", names())
def test_every_prediction_says_why_and_how_to_answer_and_every_phase_what_is_sent(name: str) -> None:
    for phase, prediction, question in questions(load(name).scenario):
        assert prediction.why.endswith("."), question
        assert phase.premise, phase.name
        assert f"({prediction.probe.answer.hint}" in question


@pytest.mark.parametrize("name", names())
def test_what_a_scenario_expects_exactly_can_be_typed(name: str) -> None:
    for _, prediction in load(name).scenario.predictions:
        if prediction.expected.exact:
            assert prediction.probe.answer.read(prediction.expected.text) == prediction.expected.text


def test_questions_come_after_their_premise_and_do_not_tell_the_story() -> None:
    person = Person("5", "", "open", "700")
    assert person.answer() == {
        ("steady state", "in the DLQ"): "5",
        ("recovery", "circuit"): "OPEN",
        ("recovery", "slowest order, ms"): "700",
    }
    assert "steady state: 5 orders are sent." in "".join(person.told)
    assert ENTRY.story not in "".join(person.told)
    assert person.read_from[2] == "  circuit (one of CLOSED, OPEN, HALF_OPEN): "
    assert person.read_from[3] == "  slowest order, ms (a number, right from half to double): "


def test_an_answer_of_another_kind_is_asked_again_with_the_reason() -> None:
    person = Person("seven", "7")
    assert person.answer() == {("steady state", "in the DLQ"): "7"}
    assert any("'seven' is not a number" in line for line in person.told)
    assert person.read_from[0] == person.read_from[1]


def test_the_end_of_input_skips_the_questions_that_are_left() -> None:
    assert Person().answer() == {}
    assert Person("5").answer() == {("steady state", "in the DLQ"): "5"}


def test_an_interrupt_while_asked_is_not_taken_for_an_answer() -> None:
    def interrupt(_prompt: str) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask(ENTRY, interrupt, print)


def test_answers_from_a_file_go_by_the_order_of_the_questions() -> None:
    lines = ["# my predictions", "5", "", "  # still mine", "open", "700", ""]
    assert read([ENTRY], lines) == {
        "poison": {
            ("steady state", "in the DLQ"): "5",
            ("recovery", "circuit"): "OPEN",
            ("recovery", "slowest order, ms"): "700",
        }
    }
    assert read([ENTRY], []) == {"poison": {}}


def test_a_file_answers_several_scenarios_one_after_the_other() -> None:
    other = replace(ENTRY, name="other")
    found = read([ENTRY, other], ["1", "", "", "", "2"])
    assert found["other"] == {("steady state", "in the DLQ"): "2"}


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        (["seven"], "poison, steady state: 'seven' is not a number"),
        (["5", "5"], "poison, steady state: '5' is not a count"),
        (["", "", "", "", "5"], "4 predictions are asked for, and '5' comes after them"),
    ],
    ids=str,
)
def test_a_file_with_an_answer_of_another_kind_or_too_many_is_an_error(lines: list[str], what: str) -> None:
    with pytest.raises(LabError) as error:
        read([ENTRY], lines)
    assert what in error.value.what
    assert error.value.fix


def test_a_guess_is_judged_by_what_was_seen_and_not_by_what_was_expected() -> None:
    assert verdicts({("recovery", "circuit"): "OPEN"}) == {"circuit": True}
    assert verdicts({("recovery", "circuit"): "CLOSED"}) == {"circuit": False}


@pytest.mark.parametrize(
    ("guess", "right"), [("5", True), ("4", False), ("6", False), ("7", False), ("0", False)]
)
def test_a_number_that_is_always_the_same_is_right_only_if_it_is_that(guess: str, right: bool) -> None:
    assert verdicts({("steady state", "in the DLQ"): guess}) == {"in the DLQ": right}


@pytest.mark.parametrize(
    ("guess", "right"), [("399", False), ("400", True), ("800", True), ("1600", True), ("1601", False)]
)
def test_a_number_that_varies_is_right_from_half_to_double(guess: str, right: bool) -> None:
    assert verdicts({("recovery", "slowest order, ms"): guess}) == {"slowest order, ms": right}


def test_a_number_that_was_never_reached_makes_every_guess_wrong() -> None:
    never = [result("recovery", "slowest order, ms", "at least 0", "None", Verdict.REFUTED)]
    assert verdicts({("recovery", "slowest order, ms"): "5"}, never) == {"slowest order, ms": False}


@pytest.mark.parametrize("verdict", [Verdict.NOT_PROVABLE, Verdict.UNREAD])
def test_a_guess_about_what_was_not_seen_is_neither_right_nor_wrong(verdict: Verdict) -> None:
    unseen = [replace(SEEN[0], verdict=verdict, seen="could not be read: 503")]
    assert verdicts({("steady state", "in the DLQ"): "5"}, unseen) == {"in the DLQ": None}


@pytest.fixture
def sevens() -> list[Result]:
    """Somebody who answers 7 as far as that is taken."""
    return judged(
        ENTRY.scenario,
        SEEN,
        {
            ("steady state", "in the DLQ"): "7",
            ("steady state", "cause of death"): "7 x VALIDATION",
            ("recovery", "slowest order, ms"): "700",
        },
    )


def test_who_answers_seven_to_everything_is_told_what_was_wrong_and_why(sevens: list[Result]) -> None:
    assert score(sevens) == "1 of 3"
    assert misses(sevens) == {
        "steady state, in the DLQ: you said 7, seen 5": "A poisoned order dies at once.",
        "steady state, cause of death: you said 7 x VALIDATION, seen 5 x VALIDATION": "",
    }


def test_guesses_stand_beside_what_was_seen_as_right_or_wrong(sevens: list[Result]) -> None:
    terminal = Terminal(file=io.StringIO(), width=80)
    terminal.print(guess_table(sevens))
    text: str = terminal.file.getvalue()  # pyright: ignore
    assert [line.split()[-1] for line in text.splitlines() if "VALIDATION" in line] == ["wrong"]
    assert "right" in text
    assert "orders lost" not in text


def test_guesses_that_could_not_be_judged_are_told_apart() -> None:
    unread = [replace(SEEN[0], verdict=Verdict.UNREAD), SEEN[1]]
    found = judged(
        ENTRY.scenario,
        unread,
        {("steady state", "in the DLQ"): "5", ("steady state", "cause of death"): "5 x VALIDATION"},
    )
    assert score(found) == "1 of 1, 1 not judged"
    assert misses(found) == {}
    assert score(SEEN) == ""


def test_json_has_the_guess_and_whether_it_was_right(sevens: list[Result]) -> None:
    document = sevens[0].document
    assert (document["guess"], document["guessedRight"], document["act"]) == ("7", False, "steady state")
    assert document["why"] == "A poisoned order dies at once."
    assert SEEN[0].document["guess"] is None


def test_answers_of_a_page_are_read_by_the_number_of_their_question() -> None:
    given = {"0": " 5 ", "1": "", "2": "open"}
    assert numbered(ENTRY, given) == {("steady state", "in the DLQ"): "5", ("recovery", "circuit"): "OPEN"}


@pytest.mark.parametrize(
    ("answers", "told"), [({"0": "lots"}, "'lots' is not"), ({"4": "5"}, "no question 4")]
)
def test_answer_of_another_kind_or_to_no_question_is_refused(answers: dict[str, str], told: str) -> None:
    with pytest.raises(LabError, match=told):
        numbered(ENTRY, answers)


def test_what_was_predicted_is_remembered_with_what_was_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    results = [
        result("fault", "deaths", "5", "5", Verdict.PROVED, guess="5", guessed_right=True),
        result("fault", "alarm", "ALARM", "ALARM", Verdict.PROVED, guess="OK", guessed_right=False),
        result("fault", "events", "5", "?", Verdict.NOT_PROVABLE, guess="5"),
    ]
    remembered("poison-payload", results)
    (step,) = Progress().of("prediction", "poison-payload", "judged")
    assert step.facts == {"right": 1, "of": 2, "missed": ["fault, alarm"]}
    remembered("happy-path", results[2:])
    assert Progress().of("prediction", "happy-path") == []
