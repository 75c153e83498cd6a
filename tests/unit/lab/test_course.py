"""The course's rules: its files, what steps come to, what hints and wrong answers cost."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from lab.common.progress import Progress
from lab.console.routes.pages import PAGES
from lab.errors import LabError
from lab.learn import checkpoints, course
from lab.learn.checkpoints import Looked, Since, require_known
from lab.learn.course import Course
from lab.learn.module import Checkpoint, Module, Question, load, modules, read
from lab.pipeline.observe import Pipeline

NO_PIPELINE = cast("Pipeline", None)
"""Checkpoints of these tests look at nothing."""


@pytest.fixture
def mine(tmp_path: Path) -> Course:
    return Course(Progress(tmp_path))


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Module:
    """A module whose checkpoints `a` and `b` are reached when somebody types yes."""

    def typed(since: Since) -> Looked:
        return Looked(since.typed == "yes", f"typed {since.typed}")

    monkeypatch.setattr(checkpoints, "KINDS", {"typed": typed})
    question = Question("Which?", ("one", "two"), 2, "Because.")
    points = tuple(Checkpoint(name, name, "typed", asks="yes?") for name in "ab")
    return Module("made-up", 1, "Made up", "To see", 1, (), points, question, ("first", "second"), prepares=7)


def begun(mine: Course, module: Module) -> list[int]:
    prepared: list[int] = []
    mine.begin(module, prepared.append)
    return prepared


def test_every_module_of_the_course_can_be_read_and_asks_for_checkpoints_there_are() -> None:
    found = modules()
    assert [module.number for module in found] == list(range(1, len(found) + 1))
    for module in found:
        assert 1 <= module.question.right <= len(module.question.choices)
        assert module.hints
        assert {step.page for step in module.steps} - {""} <= {path for path, _, _ in PAGES}, module.name
        named: set[str] = {""}
        for checkpoint in module.checkpoints:
            require_known(checkpoint)
            assert checkpoint.after in named, module.name
            named.add(checkpoint.name)


def test_module_is_done_when_all_is_seen_and_the_question_answered(mine: Course, module: Module) -> None:
    assert begun(mine, module) == [7]
    found = mine.check(module, NO_PIPELINE, {"a": "yes"})
    assert {name: looked.passed for name, looked in found.items()} == {"a": True, "b": False}
    assert mine.answer(module, 2)
    assert mine.of(module).state == "under way"
    mine.check(module, NO_PIPELINE, {"b": "yes"})
    assert (mine.of(module).state, mine.of(module).score) == ("done", 100)


def test_checkpoint_that_was_passed_is_not_looked_at_again(mine: Course, module: Module) -> None:
    begun(mine, module)
    mine.check(module, NO_PIPELINE, {"a": "yes"})
    assert mine.check(module, NO_PIPELINE, {"a": "no"})["a"].passed


def test_checkpoint_that_is_true_before_anything_was_done_waits_for_the_one_it_names(
    mine: Course, module: Module
) -> None:
    first, second = module.checkpoints
    module = replace(module, checkpoints=(first, replace(second, after="a")))
    begun(mine, module)
    assert mine.check(module, NO_PIPELINE, {"a": "no", "b": "yes"})["b"] == Looked(
        False, "looked at after: a"
    )
    assert mine.check(module, NO_PIPELINE, {"a": "yes", "b": "yes"})["b"].passed


def test_hints_and_wrong_answers_cost_and_the_last_hint_is_free_again(mine: Course, module: Module) -> None:
    begun(mine, module)
    assert [mine.hint(module) for _ in range(3)] == ["first", "second", "second"]
    assert not mine.answer(module, 1)
    assert mine.answer(module, 2)
    assert not mine.answer(module, 1), "what is said after the right answer costs nothing"
    assert (mine.of(module).hints, mine.of(module).score) == (2, 60)


def test_module_is_begun_once_and_again_after_a_reset(mine: Course, module: Module) -> None:
    begun(mine, module)
    mine.check(module, NO_PIPELINE, {"a": "yes"})
    first = mine.of(module).begun
    assert begun(mine, module) == []
    assert mine.of(module).begun == first
    mine.reset(module)
    assert (mine.of(module).state, mine.of(module).passed) == ("not begun", ())
    assert begun(mine, module) == [7]


def test_what_was_done_is_there_for_another_process(tmp_path: Path, module: Module) -> None:
    begun(Course(Progress(tmp_path)), module)
    Course(Progress(tmp_path)).hint(module)
    assert Course(Progress(tmp_path)).of(module).hints == 1


@pytest.mark.parametrize("asked", ["check", "answer", "hint"])
def test_nothing_counts_before_a_module_is_begun(mine: Course, module: Module, asked: str) -> None:
    more: dict[str, tuple[Any, ...]] = {"check": (NO_PIPELINE, {}), "answer": (2,)}
    with pytest.raises(LabError) as refused:
        getattr(mine, asked)(module, *more.get(asked, ()))
    assert "lab learn begin made-up" in refused.value.fix


def test_choice_there_is_not_is_refused_and_costs_nothing(mine: Course, module: Module) -> None:
    begun(mine, module)
    with pytest.raises(LabError, match="no choice 3"):
        mine.answer(module, 3)
    assert mine.of(module).score == course.FULL


def test_unknown_module_is_answered_with_the_nearest() -> None:
    with pytest.raises(LabError) as refused:
        load("first-ordr")
    assert "first-order" in refused.value.fix


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("title = 'x'", "question"),
        ("title = ", "Invalid value"),
    ],
)
def test_file_that_is_no_module_is_named_with_the_reason(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "01-broken.toml"
    file.write_text(text)
    with pytest.raises(LabError, match=r"01-broken\.toml") as refused:
        read(file)
    assert why in refused.value.what


def test_checkpoint_of_no_kind_or_with_other_arguments_is_refused() -> None:
    with pytest.raises(LabError, match="no kind"):
        require_known(Checkpoint("x", "x", "oders"))
    with pytest.raises(LabError, match="lest"):
        require_known(Checkpoint("x", "x", "orders", given={"least": 5, "lest": 5}))
