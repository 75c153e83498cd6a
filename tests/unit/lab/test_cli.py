"""The command line reports errors as what is wrong and how to fix it."""

import shlex
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import typer
from typer.main import get_command

from lab import cli
from lab.commands import mode
from lab.commands.examples import EXAMPLES
from lab.deployment import context
from lab.errors import LabError
from lab.faults.catalogue import FAULTS


def test_an_error_is_one_line_with_its_fix_and_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    def command(**_: object) -> None:
        raise LabError("The tea is cold.", "Boil water.", details="last log line")

    assert cli.run(command) == 1
    assert capsys.readouterr().err.splitlines() == [
        "last log line",
        "error: The tea is cold.",
        "  fix: Boil water.",
    ]


def test_ctrl_c_ends_with_the_code_shells_use(capsys: pytest.CaptureFixture[str]) -> None:
    def command(**_: object) -> None:
        raise KeyboardInterrupt

    assert cli.run(command) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_command_that_leaves_with_a_code_ends_with_it() -> None:
    app = typer.Typer()

    @app.command()
    def failing() -> None:
        raise typer.Exit(1)

    assert cli.run(lambda **options: app([], **options)) == 1


@pytest.mark.parametrize("given", ["batchSize", "=5", ""])
def test_a_setting_that_is_not_key_value_is_refused(given: str) -> None:
    with pytest.raises(LabError, match="is not key=value") as raised:
        context.settings_of([given])
    assert "-c batchSize=5" in raised.value.fix


def test_settings_keep_everything_behind_the_first_equals_sign() -> None:
    assert context.settings_of(["alarmEmail=a=b@example.com"]) == {"alarmEmail": "a=b@example.com"}


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["up", "--nonsense"], ["up", "--port", "abc"], ["up", "--port", "1"]]
)
def test_misuse_is_one_line_without_a_traceback_and_exit_code_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(lambda **options: cli.app(arguments, **options)) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_the_exit_code_of_a_command_is_the_programs() -> None:
    program = typer.Typer()

    @program.command()
    def _fails() -> None:
        raise typer.Exit(3)

    assert cli.run(lambda **options: program([], **options)) == 3


def test_an_unknown_failure_mode_is_refused_with_those_there_are() -> None:
    with pytest.raises(LabError, match="There is no failure mode poison") as raised:
        mode.mode("poison")
    assert "poison_payload" in raised.value.fix


@pytest.mark.parametrize(
    ("command", "port", "said"),
    [
        ("status", "abc", ("LAB_PORT=abc: ", "Give it another value, or none: unset LAB_PORT")),
        ("status", "80", ("LAB_PORT=80: ", "Give it another value, or none: unset LAB_PORT")),
        ("status --port 80", "4566", ("--port=80: ", "See: lab status --help")),
        ("trace", "", ("Missing argument 'ORDER_ID'", "See: lab trace --help")),
        ("dlq discard X", "", ("Missing option '--reason'", "See: lab dlq discard --help")),
        (
            "history check",
            "",
            ("Missing argument 'FILE'", "See: lab history check --help. Example: lab history check "),
        ),
        ("nonsense", "", ("No such command 'nonsense'", "See: lab --help")),
    ],
)
def test_misuse_names_the_option_or_variable_with_its_value_and_the_help_or_an_example(
    command: str,
    port: str,
    said: tuple[str, str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LAB_PORT", port)
    assert cli.run(partial(cli.app, command.split(), prog_name="lab")) == cli.MISUSED
    what, fix = capsys.readouterr().err.splitlines()
    assert what.startswith(f"error: {said[0]}")
    assert fix.startswith(f"  fix: {said[1]}")


def leaves(command: Any, *path: str) -> Iterator[tuple[str, Any]]:
    """Every command that does something, with its words."""
    found = getattr(command, "loaded", command)
    below = getattr(found, "commands", None)
    if below is None:
        yield " ".join(path), found
        return
    for name, member in below.items():
        yield from leaves(member, *path, name)


COMMANDS = dict(leaves(get_command(cli.app)))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_ends_its_help_with_an_example_that_it_takes(name: str) -> None:
    command = COMMANDS[name]
    assert command.epilog == f"{cli.EXAMPLE}{EXAMPLES[name]}"
    if name != "env":  # whose example is more than one command
        words = shlex.split(EXAMPLES[name])
        words = words[words.index("lab") + 1 + len(name.split()) :]
        command.make_context(name, words)  # raises what a misuse raises


def test_no_example_is_of_a_command_that_is_not_there() -> None:
    assert set(EXAMPLES) == set(COMMANDS)


def test_every_fault_of_the_catalogue_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(partial(cli.app, ["look", "faults"])) == 0
    told = capsys.readouterr().out
    assert [name for name in FAULTS if name not in told] == []
