"""docs/parity.md: what each packaging answered when it was last asked."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab.common import paths
from lab.common.results import Result, Verdict
from lab.parity.probe import FEATURES

PAGE = paths.ROOT / "docs" / "parity.md"
MEASURED = paths.ROOT / "docs" / "parity.json"
PACKAGINGS = ("host", "docker", "docker-process")
HEAD = """# Parity

What this lab relies on, asked of each packaging of the engine, beside what AWS documents. Made by `lab probe --write`
from the answers themselves: run it on each packaging to measure again. Where an answer is not AWS's, what depends on
it cannot be shown on that packaging.

- `host`: LocalStack 4.14.0 on this machine, functions as processes, DynamoDB on moto
- `docker`: the image of docker-compose.yml, functions in containers, DynamoDB Local
- `docker-process`: the same with `LAMBDA_RUNTIME_EXECUTOR=process`: functions as processes in the engine's container
"""


def differences(packaging: str) -> dict[str, str]:
    """Where a packaging did not answer as AWS does when it was last asked: by the question, in words."""
    asked = _known().get(packaging)
    if asked is None:
        return {}
    return {
        answer["name"]: f"asked for {answer['name']}, this engine answers: {answer['answered']}; "
        f"AWS: {answer['documented']}"
        for answer in asked["answers"]
        if not answer["as_documented"]
    }


def document(answer: Result) -> dict[str, Any]:
    """An answer as docs/parity.json and `lab probe --json` have it."""
    return {
        "area": answer.group,
        "name": answer.name,
        "documented": answer.expected,
        "answered": answer.seen,
        "as_documented": answer.verdict is Verdict.PROVED,
    }


def remember(packaging: str, image: str, date: str, answers: Sequence[Result]) -> Path:
    """Store one packaging's answers and write the page again. Returns the page's path.

    What this engine cannot be asked for keeps its last answer: with and without LAB_IAM=enforce there are two engines.
    So does what it gave no answer to.
    """
    known = _known()
    stored = known.get(packaging, {}).get("answers", [])
    given = [document(answer) for answer in answers if answer.verdict is not Verdict.UNREAD]
    latest = {answer["name"]: answer for answer in [*stored, *given]}
    kept = [latest[feature.name] for feature in FEATURES if feature.name in latest]
    known[packaging] = {"date": date, "image": image, "answers": kept}
    MEASURED.parent.mkdir(exist_ok=True)
    MEASURED.write_text(json.dumps(known, indent=1) + "\n")
    PAGE.write_text(_page(known))
    return PAGE


def _known() -> dict[str, dict[str, Any]]:
    return json.loads(MEASURED.read_text()) if MEASURED.exists() else {}


def _page(known: dict[str, dict[str, Any]]) -> str:
    columns = [name for name in PACKAGINGS if name in known]
    given = {name: known[name]["answers"] for name in columns}
    lines = [HEAD]
    for name in columns:
        image = f", image {known[name]['image']}" if known[name]["image"] else ""
        lines.append(f"- `{name}` was asked on {known[name]['date']}{image}")
    lines += ["", f"| area | asked | AWS documents | {' | '.join(columns)} |"]
    lines.append("| --- " * (3 + len(columns)) + "|")
    for asked in given[columns[0]]:
        cells = [_cell(asked, given[name]) for name in columns]
        lines.append(f"| {asked['area']} | {asked['name']} | {asked['documented']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(asked: dict[str, Any], answers: Sequence[dict[str, Any]]) -> str:
    answer = next((answer for answer in answers if answer["name"] == asked["name"]), None)
    if answer is None:
        return "not asked"
    return "the same" if answer["as_documented"] else f"**{answer['answered']}**"
