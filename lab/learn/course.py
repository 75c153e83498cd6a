"""Where a person stands in the course: what was begun, checked, answered, hinted at, and what that is worth.

All of it is read from the steps that lab/common/progress.py keeps: it survives engines, `make down` and `make clean`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lab.common.progress import Progress, Step
from lab.errors import LabError
from lab.learn.checkpoints import Looked, Since, look
from lab.learn.module import Module, modules
from lab.pipeline.observe import Pipeline

FULL = 100
HINT_COSTS = 10
WRONG_COSTS = 20

BEGUN, HINT, PASSED, ANSWERED, FINISHED = "begun", "hint", "passed", "answered", "finished"


@dataclass(frozen=True)
class Standing:
    """Where somebody stands in one module. Times are epoch milliseconds; `answer` is the last choice, from 1."""

    begun: int | None = None
    finished: int | None = None
    passed: tuple[str, ...] = ()
    hints: int = 0
    wrong: int = 0
    answer: int | None = None
    right: bool = False

    @property
    def score(self) -> int:
        """What the module is worth as it stands: hints and wrong answers cost."""
        return max(0, FULL - HINT_COSTS * self.hints - WRONG_COSTS * self.wrong)

    @property
    def seconds(self) -> float | None:
        """How long it took from its beginning to its end."""
        if self.begun is None or self.finished is None:
            return None
        return (self.finished - self.begun) / 1000

    @property
    def state(self) -> str:
        """In a word or two."""
        if self.finished is not None:
            return "done"
        return "not begun" if self.begun is None else "under way"


def standing(steps: list[Step]) -> Standing:
    """What the steps of one module come to."""
    answers = [step.facts for step in steps if step.did == ANSWERED]
    return Standing(
        begun=next((step.at for step in steps if step.did == BEGUN), None),
        finished=next((step.at for step in steps if step.did == FINISHED), None),
        passed=tuple(dict.fromkeys(str(step.facts["checkpoint"]) for step in steps if step.did == PASSED)),
        hints=len({step.facts["number"] for step in steps if step.did == HINT}),
        wrong=sum(not facts["right"] for facts in answers),
        answer=answers[-1]["choice"] if answers else None,
        right=any(facts["right"] for facts in answers),
    )


class Course:
    """One person's course."""

    def __init__(self, progress: Progress | None = None) -> None:
        self._progress = progress or Progress()

    def of(self, module: Module) -> Standing:
        """Where they stand in a module."""
        return standing(self._progress.of("module", module.name))

    def standings(self) -> list[tuple[Module, Standing]]:
        """Every module with where they stand in it."""
        steps = self._progress.steps("module")
        return [
            (module, standing([step for step in steps if step.name == module.name])) for module in modules()
        ]

    def next(self) -> Module | None:
        """The module to go on with: the first that is not done."""
        return next((module for module, where in self.standings() if where.finished is None), None)

    def begin(self, module: Module, prepare: Callable[[int], Any]) -> Standing:
        """Begin a module unless it is begun; `prepare` makes the dead letters that it needs."""
        if self.of(module).begun is None:
            if module.prepares:
                prepare(module.prepares)
            self._progress.note("module", module.name, BEGUN)
        return self.of(module)

    def check(self, module: Module, pipeline: Pipeline, typed: dict[str, str]) -> dict[str, Looked]:
        """Look at every checkpoint; `typed` is what was typed for those that ask for something.

        What was passed once stays passed. Raises LabError for a module that was not begun.
        """
        before = self._require_begun(module)
        found: dict[str, Looked] = {}
        for checkpoint in module.checkpoints:
            if checkpoint.name in before.passed:
                found[checkpoint.name] = Looked(passed=True, seen="seen before")
                continue
            if checkpoint.after and not found[checkpoint.after].passed:
                first = module.checkpoint(checkpoint.after).told
                found[checkpoint.name] = Looked(passed=False, seen=f"looked at after: {first}")
                continue
            since = Since(pipeline, before.begun or 0, self._progress, typed.get(checkpoint.name, "").strip())
            found[checkpoint.name] = look(checkpoint, since)
            if found[checkpoint.name].passed:
                self._progress.note("module", module.name, PASSED, checkpoint=checkpoint.name)
        self._finish(module)
        return found

    def answer(self, module: Module, choice: int) -> bool:
        """Answer the question by a choice's number, from 1. A wrong answer costs, and may be followed by another."""
        before = self._require_begun(module)
        if not 1 <= choice <= len(module.question.choices):
            raise LabError(f"There is no choice {choice}.", f"Choose 1 to {len(module.question.choices)}.")
        right = choice == module.question.right
        if not before.right:
            self._progress.note("module", module.name, ANSWERED, choice=choice, right=right)
            self._finish(module)
        return right

    def hint(self, module: Module) -> str:
        """The next hint, which costs; the last one again, for nothing, where there is no other."""
        given = self._require_begun(module).hints
        if given < len(module.hints):
            self._progress.note("module", module.name, HINT, number=given + 1)
        return module.hints[min(given, len(module.hints) - 1)]

    def reset(self, module: Module) -> None:
        """Begin again with a module: what was done of it counts no more."""
        self._progress.reset("module", module.name)

    def _require_begun(self, module: Module) -> Standing:
        where = self.of(module)
        if where.begun is None:
            raise LabError(f"The module {module.name} is not begun.", f"Run: lab learn begin {module.name}")
        return where

    def _finish(self, module: Module) -> None:
        where = self.of(module)
        everything = {checkpoint.name for checkpoint in module.checkpoints}
        if where.finished is None and where.right and everything <= set(where.passed):
            self._progress.note(
                "module", module.name, FINISHED, score=where.score, hints=where.hints, number=module.number
            )
