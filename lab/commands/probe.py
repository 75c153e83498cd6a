"""`lab probe`: the engine's answers beside AWS's."""

import json
import time
from typing import Annotated

import typer

from lab import engines
from lab.commands.options import Port, console, say
from lab.common.output import Terminal
from lab.common.results import Result, result_table
from lab.engines import clients
from lab.parity import refusals
from lab.parity import run as ask_all
from lab.parity.page import document, remember


def probe(
    port: Port = 4566,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answers as JSON.")] = False,
    write: Annotated[
        bool, typer.Option("--write", help="Write docs/parity.md and docs/refusals.md.")
    ] = False,
) -> None:
    """Ask the engine for what the lab relies on and compare with AWS's answers."""

    engine = engines.present(port)
    engine.require_running()
    answers: list[Result] = []
    aws = clients.local(engine.endpoint)
    with Terminal(stderr=True).status("asking") as status:
        for answer in ask_all(aws, enforces_iam=engine.enforces_iam):
            answers.append(answer)
            status.update(f"asked for {answer.name}")
        refused = {refusal.asked: words for refusal, words in refusals.ask_all(aws)} if write else {}
    if as_json:
        print(json.dumps([document(answer) for answer in answers], indent=2))  # noqa: T201  for other programs
    else:
        console.print(result_table("The engine's answers beside AWS's", "asked for", answers))
    if write:
        today = time.strftime("%Y-%m-%d")
        say(f"written: {remember(engine.packaging, engine.image, today, answers, refused)}")
