"""`lab history`: judge a run's history again, and show which situations runs have been in."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from lab.commands.options import console, say
from lab.common import paths
from lab.common.grid import Grid
from lab.common.output import Line, joined, styled
from lab.history import Account, read
from lab.history.check import Judgement
from lab.history.rules import Breach, Rule
from lab.report.index import sightings

app = typer.Typer(
    name="history", help="Judge a run by its history; show what runs have met.", no_args_is_help=True
)
SHOWN_BREACHES = 5


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The history.jsonl of a report.")],
    every: Annotated[
        bool, typer.Option("--all", help="Show every breach, not the first five a rule.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, with all breaches.")] = False,
) -> None:
    """Apply the contract's rules to a history. Exit code 1 if one is broken or an order unaccounted for."""
    account = Account.of(read(file))
    if as_json:
        print(json.dumps({"ledger": account.ledger.as_json(), "history": account.judgement.as_json()}))  # noqa: T201  for other programs
    else:
        history = account.history
        say(
            f"{history.run}: {len(history.events)} events in {(history.ended - history.started) / 1000:.1f} s"
        )
        say(account.ledger.text)
        _show(account.judgement, None if every else SHOWN_BREACHES)
    if not account.sound:
        raise typer.Exit(1)


@app.command()
def states() -> None:
    """List the situations worth having been in, and the latest report of each that a run has reached."""
    met = sightings(paths.REPORTS)
    columns: dict[str, list[Line]] = {
        "situation": [str(state) for state in met],
        "runs": [str(len(runs)) for runs in met.values()],
        "latest": [
            runs[0].page.partition("/")[0] if runs else styled("never", "yellow") for runs in met.values()
        ],
    }
    console.print(Grid("Situations that runs of this clone have met", columns, right=("runs",)))


def _show(judgement: Judgement, most: int | None) -> None:
    for rule, breaches in judgement.breaches.items():
        say(joined(styled("broken", "red") if breaches else styled("kept", "green"), f"  {rule.name}"))
        _explain(rule, breaches[:most])
        if left := len(breaches[len(breaches[:most]) :]):
            say(f"        and {left} more: --all")
    for rule, why in judgement.unproved.items():
        say(joined(styled("not provable here", "yellow"), f"  {rule.name}: {why}"))


def _explain(rule: Rule, breaches: Sequence[Breach]) -> None:
    if breaches:
        say(f"        {rule.promise}")
    for breach in breaches:
        say(f"        {f'order {breach.order_id}: ' if breach.order_id else ''}{breach.why}")
        for event in breach.timeline:
            say(f"          {event.text}")
