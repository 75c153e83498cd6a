"""`lab learn ...` and `lab progress`: the course on a terminal; the console's page Course does the same."""

from collections import Counter
from typing import Annotated

import typer

from lab.commands.options import Env, Port, console, say
from lab.common.grid import Grid
from lab.common.output import joined, styled
from lab.common.progress import Progress, Step
from lab.errors import LabError
from lab.faults.healing import connect
from lab.learn.course import FULL, HINT_COSTS, Course, Standing
from lab.learn.letters import prepare
from lab.learn.module import Module, load, names

app = typer.Typer(
    name="learn", help="The course: modules, checkpoints, questions.", invoke_without_command=True
)
Name = Annotated[str, typer.Argument(help="Which module.", autocompletion=names)]


@app.callback()
def list_(context: typer.Context) -> None:
    """List the modules, and say which comes next."""
    if context.invoked_subcommand:
        return
    course = Course()
    console.print(modules_table(course.standings()))
    if coming := course.next():
        say(f"next: lab learn begin {coming.name}")
    else:
        say("all modules are done; begin one again with: lab learn reset NAME")


@app.command()
def begin(name: Name, port: Port = 4566, env: Env = "dev") -> None:
    """Begin a module, or go on with it: its goal, what to do, what is checked."""
    module, course = load(name), Course()
    pipeline, _ = connect(port, env)
    where = course.begin(module, lambda count: prepare(pipeline, count))
    say(styled(f"{module.number}. {module.title}, about {module.minutes} minutes", "bold"))
    console.print(f"\n{module.goal}\n")
    for number, step in enumerate(module.steps, 1):
        console.print(f"{number}. {step.do}")
        if step.command:
            say(f"   {step.command}")
    say("")
    for checkpoint in module.checkpoints:
        say(f"{'done' if checkpoint.name in where.passed else 'open'}: {checkpoint.told}")
    asks = [f"--type {checkpoint.name}=..." for checkpoint in module.checkpoints if checkpoint.asks]
    say(f"then: {' '.join(['lab learn check', module.name, *asks])}")


@app.command()
def check(
    name: Name,
    typed: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="CHECKPOINT=TEXT", help="What a checkpoint asks for, such as an id."),
    ] = None,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """Look whether a module's checkpoints are reached. Exit code 1 while one is not."""
    module, course = load(name), Course()
    pipeline, _ = connect(port, env)
    given = dict(_pair(module, text) for text in typed or ())
    found = course.check(module, pipeline, given)
    for checkpoint in module.checkpoints:
        looked = found[checkpoint.name]
        mark = styled("yes", "green") if looked.passed else styled("NO ", "red")
        say(joined(mark, f" {checkpoint.told}: {looked.seen}"))
    _told(module, course.of(module))
    if not all(looked.passed for looked in found.values()):
        raise typer.Exit(1)


@app.command()
def answer(name: Name, choice: Annotated[int, typer.Argument(min=1, help="The number of a choice.")]) -> None:
    """Answer a module's question. A wrong answer costs points. Exit code 1 if it is wrong."""
    module, course = load(name), Course()
    right = course.answer(module, choice)
    console.print(f"{'Right' if right else 'No'}. {module.question.why if right else 'Think again.'}")
    _told(module, course.of(module))
    if not right:
        raise typer.Exit(1)


@app.command()
def hint(name: Name) -> None:
    """Give the next hint of a module, which costs points."""
    console.print(Course().hint(load(name)))


@app.command()
def reset(name: Name) -> None:
    """Begin again with a module: what was done of it counts no more."""
    Course().reset(load(name))
    say(f"begin again: lab learn begin {name}")


def progress() -> None:
    """Show what you have done: modules with their points, predictions, puzzles, GameDays."""
    course, steps = Course(), Progress().steps()
    standings = course.standings()
    console.print(modules_table(standings))
    finished = [where for _, where in standings if where.finished]
    say(
        f"{len(finished)} of {len(standings)} modules, {sum(where.score for where in finished)} of "
        f"{FULL * len(standings)} points; a hint costs {HINT_COSTS}"
    )
    console.print(others_table([step for step in steps if step.area != "module"]))


def modules_table(standings: list[tuple[Module, Standing]]) -> Grid:
    """The modules with where somebody stands in them."""
    columns = {
        "": [str(module.number) for module, _ in standings],
        "name": [module.name for module, _ in standings],
        "module": [module.title for module, _ in standings],
        "minutes": [str(module.minutes) for module, _ in standings],
        "state": [where.state for _, where in standings],
        "took": [f"{where.seconds / 60:.0f} min" if where.seconds else "" for _, where in standings],
        "hints": [str(where.hints or "") for _, where in standings],
        "points": [str(where.score) if where.finished else "" for _, where in standings],
    }
    return Grid("course", columns, right=("", "minutes", "took", "hints", "points"))


def others_table(steps: list[Step]) -> Grid:
    """What else was done, how often."""
    counted = Counter((step.area, step.name, step.did) for step in steps)
    columns = {
        "what": [area for area, _, _ in counted],
        "name": [name for _, name, _ in counted],
        "done": [did for _, _, did in counted],
        "times": [str(times) for times in counted.values()],
    }
    return Grid("beside the course", columns, right=("times",))


def _pair(module: Module, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise LabError(f"--type {text} names no checkpoint.", "Write: --type CHECKPOINT=TEXT")
    return module.checkpoint(name).name, value


def _told(module: Module, where: Standing) -> None:
    if where.finished is not None:
        say(f"{module.title}: done, {where.score} of {FULL} points")
    elif {checkpoint.name for checkpoint in module.checkpoints} <= set(where.passed) and not where.right:
        say("")
        console.print(module.question.asks)
        for number, choice in enumerate(module.question.choices, 1):
            console.print(f"  {number}. {choice}")
        say(f"answer: lab learn answer {module.name} NUMBER")
