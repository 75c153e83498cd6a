"""A person's own predictions: asked for by what will be sent, and judged by what was seen."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from lab.common.grid import Grid
from lab.common.output import styled
from lab.common.progress import Progress
from lab.common.results import Result, Verdict
from lab.errors import LabError
from lab.scenario.catalog import Entry
from lab.scenario.model import Phase, Prediction, Scenario

COLOURS = {"right": "green", "wrong": "red", "not judged": "yellow"}
FACTOR = 2
"""A number that differs from run to run is guessed right from half to double of what was seen."""

type Guesses = Mapping[tuple[str, str], str]
"""What a person predicts, by phase and prediction, as values are shown."""


def questions(scenario: Scenario) -> Iterator[tuple[Phase, Prediction, str]]:
    """Every prediction with the words that ask for it."""
    for phase, prediction in scenario.predictions:
        varies = "" if prediction.expected.exact else ", right from half to double"
        yield phase, prediction, f"{prediction.name} ({prediction.probe.answer.hint}{varies})"


def ask(entry: Entry, read: Callable[[str], str], say: Callable[[str], None]) -> Guesses:
    """Ask at a terminal. An answer of another kind is asked again, with the reason; the end of input ends it."""
    say(f"\n{entry.scenario.title}\nWhat do you predict? Enter skips a question, Ctrl-D all that are left.")
    guesses: dict[tuple[str, str], str] = {}
    before = None
    for phase, prediction, question in questions(entry.scenario):
        if phase is not before:
            say(f"\n{phase.setting}")
        before = phase
        while True:
            try:
                typed = read(f"  {question}: ").strip()
            except EOFError:
                say("")
                return guesses
            try:
                if typed:
                    guesses[phase.name, prediction.name] = prediction.probe.answer.read(typed)
                break
            except ValueError as error:
                say(f"  {error}")
    return guesses


def read(entries: Sequence[Entry], lines: Sequence[str]) -> dict[str, Guesses]:
    """Answers from a file or a pipe, by scenario: a line each in the order of the questions, an empty one for none.

    Lines that begin with # are comments. Raises LabError for an answer of another kind, as nobody can be asked again,
    and for answers that no question is left for.
    """
    answers = [line.strip() for line in lines if not line.lstrip().startswith("#")]
    asked = [(entry, *question) for entry in entries for question in questions(entry.scenario)]
    if left := [answer for answer in answers[len(asked) :] if answer]:
        raise LabError(
            f"{len(asked)} predictions are asked for, and {left[0]!r} comes after them.",
            "Give one answer a line, an empty line for none: lab scenario show NAME",
        )
    guesses: dict[str, dict[tuple[str, str], str]] = {entry.name: {} for entry in entries}
    for (entry, phase, prediction, question), typed in zip(asked, answers, strict=False):
        try:
            if typed:
                guesses[entry.name][phase.name, prediction.name] = prediction.probe.answer.read(typed)
        except ValueError as error:
            raise LabError(
                f"{entry.name}, {phase.name}: {error}.", f"Answer the question: {question}"
            ) from error
    return dict(guesses)


def numbered(entry: Entry, answers: Mapping[str, object]) -> Guesses:
    """Answers by the number of their question, from "0", as a page sends them; an empty one is none.

    Raises LabError, naming the question, for an answer of another kind.
    """
    asked = {str(number): question for number, question in enumerate(questions(entry.scenario))}
    guesses: dict[tuple[str, str], str] = {}
    for number, typed in answers.items():
        if number not in asked:
            raise LabError(f"{entry.name} has no question {number}.", f"It has 0 to {len(asked) - 1}.")
        phase, prediction, question = asked[number]
        try:
            if text := str(typed).strip():
                guesses[phase.name, prediction.name] = prediction.probe.answer.read(text)
        except ValueError as error:
            raise LabError(
                f"{phase.name}, {prediction.name}: {error}.", f"Answer the question: {question}"
            ) from error
    return guesses


def judged(scenario: Scenario, results: Sequence[Result], guesses: Guesses) -> list[Result]:
    """The results with the guesses beside them. Where nothing was seen, a guess is neither right nor wrong."""
    predictions = {(phase.name, prediction.name): prediction for phase, prediction in scenario.predictions}
    return [
        replace(result, guess=guess, guessed_right=_right(predictions[key], guess, result))
        if (guess := guesses.get(key := (result.group, result.name)))
        else result
        for result in results
    ]


def remembered(name: str, results: Sequence[Result]) -> None:
    """Note for the person's progress how many of their predictions of a scenario were right, and which were not."""
    judged_ones = [result for result in results if result.guess and result.guessed_right is not None]
    right = sum(bool(result.guessed_right) for result in judged_ones)
    missed = [f"{result.group}, {result.name}" for result in judged_ones if not result.guessed_right]
    if judged_ones:
        Progress().note("prediction", name, "judged", right=right, of=len(judged_ones), missed=missed)


def _right(prediction: Prediction, guess: str, result: Result) -> bool | None:
    if result.verdict not in (Verdict.PROVED, Verdict.REFUTED):
        return None
    if prediction.expected.exact:
        return guess == result.seen
    try:
        seen = float(result.seen)
    except ValueError:  # it never came to a number
        return False
    return seen / FACTOR <= float(guess) <= seen * FACTOR


def guess_table(results: Sequence[Result]) -> Grid:
    """What a person predicted, beside what was seen."""
    guessed = [result for result in results if result.guess]
    return Grid(
        "your predictions",
        {
            "prediction": [result.name for result in guessed],
            "you": [result.guess or "" for result in guessed],
            "seen": [result.seen for result in guessed],
            "judged": [styled(result.judged, COLOURS[result.judged]) for result in guessed],
        },
        [result.group for result in guessed],
    )
