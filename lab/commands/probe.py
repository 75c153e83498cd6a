"""`lab probe`: the engine's answers beside what AWS documents."""

import json
import time
from dataclasses import asdict
from typing import Annotated

import typer

from lab import engines
from lab.commands.options import Port, say
from lab.common.output import joined, styled
from lab.engines import clients
from lab.parity import Answer
from lab.parity import run as ask_all
from lab.parity.page import remember


def probe(
    port: Port = 4566,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answers as JSON.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Write them to docs/parity.md.")] = False,
) -> None:
    """Ask the engine for what the lab relies on and compare with what AWS documents."""

    engine = engines.present(port)
    engine.require_running()
    answers: list[Answer] = []
    for answer in ask_all(clients.local(engine.endpoint), enforces_iam=engine.enforces_iam):
        answers.append(answer)
        if not as_json:
            mark = styled("as AWS", "green") if answer.as_documented else styled("differs", "yellow")
            say(joined(mark, f"  {answer.area}: {answer.name}: {answer.answered}"))
    if as_json:
        print(json.dumps([asdict(answer) for answer in answers], indent=2))  # noqa: T201  for other programs
    if write:
        say(f"written: {remember(engine.packaging, engine.image, time.strftime('%Y-%m-%d'), answers)}")
