"""Whatever is typed wrong, wherever: two lines that name it and its fix, the documented exit code, and no traceback."""

import shlex
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from typer import core

from lab import cli
from lab.commands.examples import EXAMPLES
from lab.common.output import PLAIN
from lab.engines import ports
from lab.games.gameday import GAMEDAYS
from tests.support.printing import run
from tests.unit.lab.test_cli import COMMANDS

WITHOUT_AN_ENGINE = {
    "doctor": "looks for one",
    "up": "starts one",
    "demo": "starts one",
    "down": "is content with none",
    "support": "tells of a machine without one, too",
    "console": "waits for one",
    "probe": "asks any engine by its port; see test_a_command_that_needs_an_engine",
}
"""Commands with a port that do not need an engine to be running, and why."""


def arguments(name: str) -> list[str]:
    """The words of a command's example behind its name."""
    if name == "env":  # whose example is more than one command
        return []
    words = shlex.split(EXAMPLES[name].partition(" --port")[0])
    return words[words.index("lab") + 1 + len(name.split()) :]


def told(*words: str) -> tuple[int, list[str]]:
    code, printed = run(*words)
    assert "Traceback" not in printed
    return code, printed.splitlines()


def misused(*words: str) -> tuple[str, str]:
    """What is wrong and its fix, as they are told of a command line that is wrong in itself."""
    code, lines = told(*words)
    assert code == cli.MISUSED
    what, fix = lines
    assert what.startswith("error: ")
    assert fix.startswith("  fix: ")
    return what, fix


def is_number(option: Any) -> bool:
    annotation = option.type_descriptor.annotation
    return bool({int, float} & {annotation, *get_args(annotation)})


def wrong_numbers() -> Iterator[tuple[str, str, str]]:
    """Every option of a number, with what is none and what is out of its range."""
    for name, command in COMMANDS.items():
        for option in command.params:
            if option.param_type_name == "option" and is_number(option):
                yield name, option.opts[0], "abc"
                if option.min is not None:
                    yield name, option.opts[0], str(option.min - 1)
                if option.max is not None:
                    yield name, option.opts[0], str(option.max + 1)


def takes_many(command: Any) -> bool:
    return any(each.nargs == -1 for each in command.params)


def required(command: Any) -> list[str]:
    return [
        each.metavar or each.name
        for each in command.params
        if each.required and each.param_type_name == "argument"
    ]


def with_a_port() -> list[str]:
    return [
        name for name, command in COMMANDS.items() if any("--port" in each.opts for each in command.params)
    ]


GROUPS = sorted({name.partition(" ")[0] for name in COMMANDS if " " in name} - {"cost", "learn"})
"""Groups that do nothing by themselves; `lab cost` tells of the last run, `lab learn` of the course."""


@pytest.mark.parametrize("words", ["", *GROUPS, *(f"--plain {name}" for name in GROUPS)])
def test_a_group_without_a_command_shows_its_help_and_no_error(
    words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core, "HAS_RICH", core.HAS_RICH)  # which --plain changes
    monkeypatch.setenv(PLAIN, "")
    name = words.removeprefix("--plain ")
    code, lines = told(*words.split())
    assert code == cli.MISUSED
    assert any(line.lstrip().startswith("Usage:") for line in lines)
    assert not any("error:" in line or "fix:" in line for line in lines)
    assert all(len(line) <= 80 for line in lines)
    assert not name or any(f"{cli.EXAMPLE}lab {name} " in line for line in lines)


@pytest.mark.parametrize("name", COMMANDS)
def test_an_unknown_option_is_named_with_an_example_of_the_command(name: str) -> None:
    what, fix = misused(*name.split(), "--nonsense")
    assert "--nonsense" in what
    assert f"See: lab {name} --help. Example: {EXAMPLES[name]}" in fix


@pytest.mark.parametrize("name", [name for name, command in COMMANDS.items() if not takes_many(command)])
def test_a_word_too_many_is_named(name: str) -> None:
    what, _ = misused(*name.split(), *arguments(name), *["superfluous"] * 3)
    assert "superfluous" in what


@pytest.mark.parametrize("name", [name for name, command in COMMANDS.items() if required(command)])
def test_a_missing_argument_is_named_with_an_example(name: str) -> None:
    what, fix = misused(*name.split())
    assert what == f"error: Missing argument '{required(COMMANDS[name])[0]}'."
    assert f"Example: {EXAMPLES[name]}" in fix


@pytest.mark.parametrize(("name", "option", "value"), wrong_numbers())
def test_a_number_that_is_none_or_out_of_range_is_named_with_its_option(
    name: str, option: str, value: str
) -> None:
    what, _ = misused(*name.split(), option, value)
    assert f"{option}={value}: " in what


@pytest.mark.parametrize("value", ["abc", "80", "99999"])
@pytest.mark.parametrize("name", with_a_port())
def test_a_wrong_port_in_the_environment_is_named_by_its_variable(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_PORT", value)
    what, _ = misused(*name.split(), *arguments(name))
    assert f"LAB_PORT={value}: " in what


@pytest.mark.parametrize("name", [name for name in with_a_port() if name not in WITHOUT_AN_ENGINE])
def test_a_command_that_needs_an_engine_says_that_none_runs_and_how_to_start_one(name: str) -> None:
    code, lines = told(*name.split(), *arguments(name), "--port", str(ports.free()))
    assert code == 1
    assert lines[-2].startswith("error: ")
    assert "make up" in lines[-1]


@pytest.mark.parametrize(
    ("typed", "wrong", "meant"),
    [
        ("scenario run posion-payload", "There is no scenario posion-payload.", "poison-payload"),
        ("scenario show happy_path", "There is no scenario happy_path.", "happy-path"),
        ("mode slow-downstream", "There is no failure mode slow-downstream.", "slow_downstream"),
        ("mode posion_payload", "There is no failure mode posion_payload.", "poison_payload"),
        ("gameday run downstream_outage", "There is no GameDay downstream_outage.", "downstream-outage"),
        ("break silent-nihgt", "There is no puzzle silent-nihgt.", "silent-night"),
        ("load spiky", "There is no shape spiky.", "spike"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest_one(typed: str, wrong: str, meant: str) -> None:
    code, (what, fix) = told(*typed.split())
    assert code == 1
    assert what == f"error: {wrong}"
    assert fix.startswith(f"  fix: Did you mean {meant}? Choose one of: ")


def test_a_name_that_is_near_to_none_is_answered_with_all_of_them() -> None:
    _, (_, fix) = told("gameday", "run", "xyz")
    assert fix == f"  fix: Choose one of: {', '.join(GAMEDAYS)}"
