"""A person's own predictions: asked for by what will be sent, and judged by what was seen."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from lab.common.grid import Grid
from lab.common.output import styled
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


def judged(scenario: Scenario, results: Sequence[Result], guesses: Guesses) -> list[Result]:
    """The results with the guesses beside them. Where nothing was seen, a guess is neither right nor wrong."""
    predictions = {(phase.name, prediction.name): prediction for phase, prediction in scenario.predictions}
    return [
        replace(result, guess=guess, guessed_right=_right(predictions[key], guess, result))
        if (guess := guesses.get(key := (result.group, result.name)))
        else result
        for result in results
    ]


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
