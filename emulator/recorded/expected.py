"""The tests that are expected to fail, each with its reason, as they are committed in `expected/`."""

import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

FOLDER = Path(__file__).parent / "expected"

type Kind = Literal["noise", "not served", "differs", "rule", "unsteady", "left out"]
"""What a failure says; README.md has what each kind means."""


@dataclass(frozen=True)
class Expectation:
    """Why a test is expected to fail."""

    kind: Kind
    reason: str


class ExpectedError(Exception):
    """The list cannot be read: which file, which group, and what is wrong with it."""


def read(folder: Path = FOLDER) -> dict[str, Expectation]:
    """The expected failures by name (`suite:file::test`); a name without parameters stands for all of them.

    Raises ExpectedError for a group without a reason, an unknown kind, or a test that is named twice.
    """
    named = [pair for file in sorted(folder.glob("*.toml")) for pair in _of_file(file)]
    twice = [name for name, count in Counter(name for name, _ in named).items() if count > 1]
    if twice:
        raise ExpectedError(f"named twice: {', '.join(twice)}")
    return dict(named)


def of(expected: Mapping[str, Expectation], name: str) -> Expectation | None:
    """What is expected of a test: by its own name, else by the name without its parameters."""
    return expected.get(name) or expected.get(without_parameters(name))


def left_out(expected: Mapping[str, Expectation], suite: str) -> list[str]:
    """The tests of a suite, in its own names, that are not run at all."""
    names = [name for name, expectation in expected.items() if expectation.kind == "left out"]
    return [name.removeprefix(f"{suite}:") for name in names if name.startswith(f"{suite}:")]


def without_parameters(name: str) -> str:
    """`suite:file::test[parameters]` without the parameters."""
    return name.split("[", 1)[0]


def _of_file(file: Path) -> Iterable[tuple[str, Expectation]]:
    for number, group in enumerate(tomllib.loads(file.read_text())["group"], 1):
        where = f"{file.name}, group {number}"
        if not group.get("reason"):
            raise ExpectedError(f"{where}: has no reason")
        if group.get("kind") not in get_args(Kind.__value__):
            raise ExpectedError(
                f"{where}: kind {group.get('kind')!r} is none of {', '.join(get_args(Kind.__value__))}"
            )
        if not group.get("tests"):
            raise ExpectedError(f"{where}: names no test")
        for test in group["tests"]:
            yield (
                f"{group['suite']}:{group['file']}::{test}",
                Expectation(group["kind"], group["reason"]),
            )
