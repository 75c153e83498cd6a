"""The command line `lab`: the Makefile's targets are thin names for these commands."""

import os
import sys
from collections.abc import Callable, Iterator
from functools import cache, partial
from importlib import import_module, metadata
from typing import Annotated, Any, NamedTuple, NoReturn, override

import typer
from typer import core
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from lab.commands.examples import EXAMPLES
from lab.common.interrupts import unwind_when_ended
from lab.common.output import (
    PLAIN,
    Terminal,
    escape_what_cannot_be_encoded,
    joined,
    plain_is_wanted,
    shown,
    styled,
)
from lab.engines import disk, remembered
from lab.errors import LabError

INTERRUPTED = 130  # what a shell reports for a program ended by Ctrl-C
MISUSED = 2
EXAMPLE = "Example: "

UsageError: type[Exception] = typer.BadParameter.__mro__[1]  # typer does not export it by name
NoCommandError: Any = vars(sys.modules[UsageError.__module__])["NoArgsIsHelpError"]


class Command(NamedTuple):
    """A command's name, where its function or its group of commands is, and its line in the help."""

    name: str
    place: str
    help: str


COMMANDS = {
    "Start": (
        Command(
            "doctor", "lab.commands.doctor:doctor", "Show what the lab finds on this machine, and the fixes."
        ),
        Command("up", "lab.commands.up:up", "Start the engine and wait until it serves."),
        Command("deploy", "lab.commands.deploy:deploy", "Deploy the four stacks and run the smoke checks."),
        Command("demo", "lab.commands.demo:demo", "From nothing to a finished story."),
        Command("status", "lab.commands.status:status", "Show the engine, the stacks, and what they hold."),
        Command("env", "lab.commands.env:env", "Print a shell's variables for the deployed pipeline."),
        Command("support", "lab.commands.support:support", "Write a zip for a bug report, without secrets."),
        Command("down", "lab.commands.down:down", "Stop the engine and remove its files."),
    ),
    "Learn": (
        Command("learn", "lab.commands.learn:app", "The course: modules, checkpoints, questions."),
        Command("progress", "lab.commands.learn:progress", "Show what you have done, and your points."),
    ),
    "Break": (
        Command("mode", "lab.commands.mode:mode", "Show the failure mode, or put one in force."),
        Command("scenario", "lab.commands.scenario:app", "Break it, predict it, prove it."),
        Command("break", "lab.commands.breakfix:break_", "Break one thing, hidden."),
        Command("puzzles", "lab.commands.breakfix:puzzles", "List the puzzles, and what was solved."),
        Command("hint", "lab.commands.breakfix:hint", "Give a hint about what is broken."),
        Command("check", "lab.commands.breakfix:check", "Judge the pipeline by what it does."),
        Command("repair", "lab.commands.breakfix:repair", "Mend what lab break has broken."),
        Command("challenge", "lab.commands.challenge:app", "Bring your own worker: judged under faults."),
        Command(
            "chaos", "lab.commands.chaos:chaos", "Search for a schedule of faults that breaks a handler."
        ),
        Command("handin", "lab.commands.workshop:handin", "Write what you have done, signed for a room."),
        Command("scoreboard", "lab.commands.workshop:scoreboard", "Rank what a room has handed in."),
        Command("gameday", "lab.commands.gameday:app", "Scripted incidents with injects on a clock."),
    ),
    "Watch": (
        Command(
            "console", "lab.commands.console:console", "Serve a web page that shows, breaks and repairs."
        ),
        Command("look", "lab.commands.look:app", "What runbooks look at."),
        Command("logs", "lab.commands.logs:logs", "Show what the functions and the engine have logged."),
        Command("history", "lab.commands.history:app", "Judge a run by its history."),
        Command("trace", "lab.commands.trace:trace", "Show one order's whole way."),
    ),
    "Repair": (
        Command("dlq", "lab.commands.dlq:dlq", "The dead-letter queue: look, redrive, repair, discard."),
        Command("steady", "lab.commands.steady:steady", "Bring the steady state back."),
    ),
    "Load and cost": (
        Command("load", "loadtests.command:load", "Drive load on the deployed pipeline with Locust."),
        Command("cost", "lab.commands.cost:app", "What a workload would cost on AWS."),
    ),
    "AWS": (Command("aws", "lab.commands.aws:app", "The AWS target: a real account, never without asking."),),
    "Develop": (
        Command("settings", "lab.deployment.context:settings", "List the stacks' settings."),
        Command("probe", "lab.commands.probe:probe", "Compare the engine's answers with what AWS documents."),
        Command(
            "openapi", "functions.openapi:openapi", "Write the API's OpenAPI document again from the routes."
        ),
        Command("audit", "lab.deployment.audit:audit", "Check code and dependencies for known weaknesses."),
    ),
}
"""All commands, by the panel of the help they stand in. A module is loaded when one of its commands is wanted."""


class Deferred(TyperCommand):
    """A command whose module is not loaded yet."""

    def __init__(self, command: Command, panel: str) -> None:
        super().__init__(command.name, help=command.help, rich_help_panel=panel)
        self._place = command.place

    @property
    def loaded(self) -> Any:
        """The command itself."""
        return _loaded(self.name or "", self._place)

    @property
    def commands(self) -> dict[str, Any]:
        """Its subcommands, if it is a group."""
        return getattr(self.loaded, "commands", {})

    @override
    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        return self.loaded.make_context(*args, **kwargs)


@cache
def _loaded(name: str, place: str) -> Any:
    """The command of that name, made once for all command lines of a process."""
    module, _, attribute = place.partition(":")
    found = getattr(import_module(module), attribute)
    if isinstance(found, typer.Typer):
        group = get_group(found)
        for subcommand, command in group.commands.items():
            command.epilog = _example(f"{name} {subcommand}")
            group.epilog = group.epilog or command.epilog
        return group
    alone = typer.Typer(add_completion=False)
    alone.command(name=name, epilog=_example(name))(found)
    return get_command(alone)


def _example(command: str) -> str | None:
    return f"{EXAMPLE}{EXAMPLES[command]}" if command in EXAMPLES else None


class Lab(TyperGroup):
    """The group of all commands."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for command in _deferred():
            self.add_command(command)


def _deferred() -> Iterator[Deferred]:
    for panel, commands in COMMANDS.items():
        for command in commands:
            yield Deferred(command, panel)


app = typer.Typer(
    name="lab",
    cls=Lab,
    help="Run the pipeline on this machine, break it, watch it and repair it. Begin with: lab demo",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lab {metadata.version('event-driven-ingestion-lab')}, LocalStack 4.14.0")
        raise typer.Exit


def _show_plainly(wanted: bool) -> None:
    if wanted:
        os.environ[PLAIN] = "1"
        core.HAS_RICH = False  # whose panels the help would be drawn in


@app.callback()
def lab(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version.")
    ] = False,
    plain: Annotated[
        bool,
        typer.Option(
            "--plain",
            is_eager=True,
            callback=_show_plainly,
            help=f"For screen readers: no colour, no boxes, no spinner, one fact a line. Or {PLAIN}=1.",
        ),
    ] = False,
) -> None:
    """The event-driven ingestion and DLQ reliability lab."""


def main() -> NoReturn:
    """Run a command; show a LabError as what is wrong and how to fix it."""
    unwind_when_ended()
    remembered.use()
    _show_plainly(plain_is_wanted())
    sys.exit(run(partial(app, prog_name="lab")))


def run(command: Callable[..., object]) -> int:
    """Run a command and return its exit code; errors go to standard error."""
    escape_what_cannot_be_encoded()
    try:
        # Outside its standalone mode typer hands the code of typer.Exit back as the result.
        code = _with_errors_told(command)
    except LabError as error:
        _tell(error)
        return 1
    except (KeyboardInterrupt, typer.Abort):
        Terminal(stderr=True).say("interrupted")
        return INTERRUPTED
    except typer.Exit as leave:
        return leave.exit_code
    except NoCommandError as error:
        if told := error.format_message():  # the help, unless rich has printed it already
            Terminal().print(told, soft_wrap=True)
        return MISUSED
    except UsageError as error:
        _tell(LabError(*_misuse(error)))
        return MISUSED
    return code if isinstance(code, int) else 0


def _tell(error: LabError) -> None:
    errors = Terminal(stderr=True)
    if error.details:
        errors.print(error.details, style="dim")
    errors.say(joined(styled("error:", "red"), f" {shown(error.what)}"))
    errors.say(f"  fix: {shown(error.fix)}")


def _misuse(error: Any) -> tuple[str, str]:
    """What is wrong with a command line, with the name and value of whatever it is, and what would be right."""
    context = error.ctx
    what = error.format_message()
    if context is None:
        return what, "See: lab --help"
    wrong: list[dict[str, Any]] = getattr(error.__cause__, "errors", list)()
    if wrong:
        of_environment = context.get_parameter_source(error.param.name).name == "ENVIRONMENT"
        name = error.param.envvar if of_environment else error.param.opts[0]
        what = f"{name}={wrong[0]['input']}: {error.message.partition(', unable')[0]}."
        if of_environment:
            return what, f"Give it another value, or none: unset {name}"
    command = " ".join(["lab", *context.command_path.split()[1:]])  # by whatever name the program was called
    return what, f"See: {command} --help. {context.command.epilog or ''}".rstrip()


def _with_errors_told(command: Callable[..., object]) -> object:
    """Run a command. Raises LabError where it could not write, and where AWS or the engine did not do as asked."""
    try:
        return command(standalone_mode=False)
    except OSError as error:
        raise disk.explained(error) or error from error
    except Exception as error:
        from lab.engines import aws_errors  # noqa: PLC0415  brings AWS's SDK, which `lab --help` does not need

        if isinstance(error, aws_errors.AWS_ERRORS):
            raise aws_errors.explained(error) from error
        raise
