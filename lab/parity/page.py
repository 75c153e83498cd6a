"""docs/parity.md and docs/refusals.md: what each packaging answered when it was last asked."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lab.common import paths
from lab.common.results import Result, Verdict
from lab.parity.probe import FEATURES, Feature
from lab.parity.refusals import REFUSALS

PAGE = paths.ROOT / "docs" / "parity.md"
REFUSED = paths.ROOT / "docs" / "refusals.md"
MEASURED = paths.ROOT / "docs" / "parity.json"
PACKAGINGS = ("host", "docker", "docker-process")
HEAD = """# Parity

What this lab relies on, asked of each packaging of the engine, beside AWS's answer. Three kinds of evidence stand in
each row: whether AWS's answer was **recorded** by somebody who asked AWS or is **documented** by AWS, with the source,
and what was **measured** here. Made by `lab probe --write` from the answers themselves: run it on each packaging to
measure again. Where an answer is not AWS's, what depends on it cannot be shown on that packaging. What the engine
refuses is in [refusals.md](refusals.md).

- `host`: LocalStack 4.14.0 on this machine, functions as processes, DynamoDB on moto
- `docker`: the image of docker-compose.yml, functions in containers, DynamoDB Local
- `docker-process`: the same with `LAMBDA_RUNTIME_EXECUTOR=process`: functions as processes in the engine's container
"""
REFUSALS_HEAD = """# What this engine does not do

## Refused

What AWS serves and the `host` packaging does not, with the engine's own words. Made by `lab probe --write`; a test asks
again. Every other operation that is not served is answered with status 501 and `OPERATION of SERVICE is not served by
this engine.`

"""
OTHERWISE_HEAD = """
## Answered otherwise

Taken from [parity.md](parity.md): what the `host` packaging answers otherwise than AWS.

"""
ABSENT = """
## Not there

Nothing of this is refused, because no request asks for it.

- State is gone with the engine: `make down` forgets everything.
- Policies of queues, topics, buses and functions, service control policies and permissions boundaries are kept and not
  evaluated; what roles allow is, with `LAB_IAM=enforce` or by a role's path, for functions alone
  ([README](../emulator/README.md#iam)).
- Encryption is declared, not done. Use of a customer managed key is checked with `LAB_IAM=enforce`; whether CloudWatch
  may use the key of a topic that an alarm notifies is checked always.
- No recursive loop is detected, so `RecursiveInvocationsDropped` is never written.
- A group of messages is noisy by its share of what is in flight, and not by its share of the consumers' time.
- Requests are not throttled but by an HTTP API's stage, and by reserved concurrency. A function's MemorySize bounds its
  memory, and not its share of a processor; in a container the memory of its process's children is not counted.
- Services beside those of the table in the [README](../emulator/README.md#what-it-adds) are LocalStack's own. Some
  start with a download: without a network, a subscription filter to Kinesis waits for its answer until the client
  gives up.
"""


def differences(packaging: str) -> dict[str, str]:
    """Where a packaging did not answer as AWS does when it was last asked: by the question, in words."""
    answers = _answers(_known().get(packaging, {}))
    return {
        feature.name: f"asked for {feature.name}, this engine answers: {answers[feature.name]}; AWS: {feature.aws}"
        for feature in FEATURES
        if answers.get(feature.name, feature.aws) != feature.aws
    }


def document(answer: Result) -> dict[str, Any]:
    """An answer as docs/parity.json and `lab probe --json` have it."""
    return {
        "area": answer.group,
        "name": answer.name,
        "documented": answer.expected,
        "evidence": answer.source,
        "answered": answer.seen,
        "as_documented": answer.verdict is Verdict.PROVED,
    }


def remember(
    packaging: str, image: str, date: str, answers: Sequence[Result], refused: Mapping[str, str]
) -> Path:
    """Store one packaging's answers and its words for what it refuses, and write the pages again. Returns the first.

    What this engine cannot be asked for keeps its last answer: with and without LAB_IAM=enforce there are two engines.
    So does what it gave no answer to.
    """
    known = _known()
    stored = known.get(packaging, {}).get("answers", [])
    given = [document(answer) for answer in answers if answer.verdict is not Verdict.UNREAD]
    latest = {answer["name"]: answer for answer in [*stored, *given]}
    kept = [latest[feature.name] for feature in FEATURES if feature.name in latest]
    known[packaging] = {"date": date, "image": image, "answers": kept, "refused": dict(refused)}
    MEASURED.parent.mkdir(exist_ok=True)
    MEASURED.write_text(json.dumps(known, indent=1) + "\n")
    PAGE.write_text(page())
    REFUSED.write_text(refusals_page())
    return PAGE


def page() -> str:
    """docs/parity.md, of the questions and what was measured."""
    known = _known()
    columns = [name for name in PACKAGINGS if name in known]
    lines = [HEAD]
    for name in columns:
        image = f", image {known[name]['image']}" if known[name]["image"] else ""
        lines.append(f"- `{name}` was asked on {known[name]['date']}{image}")
    lines += ["", *_row("area", "asked", "AWS answers", "evidence", *columns)]
    lines += _row(*["---"] * (4 + len(columns)))
    answers = {name: _answers(known[name]) for name in columns}
    for feature in FEATURES:
        cells = [_cell(feature, answers[name]) for name in columns]
        lines += _row(feature.area, feature.name, feature.aws, str(feature.evidence), *cells)
    return "\n".join(lines) + "\n"


def refusals_page() -> str:
    """docs/refusals.md, of the host packaging."""
    host = _known()["host"]
    answers = _answers(host)
    refused = [*_row("area", "asked", "the engine's words"), *_row("---", "---", "---")]
    for refusal in REFUSALS:
        refused += _row(refusal.area, refusal.asked, host["refused"][refusal.asked])
    otherwise = [*_row("area", "asked", "AWS", "here"), *_row("---", "---", "---", "---")]
    for feature in FEATURES:
        if answers.get(feature.name, feature.aws) != feature.aws:
            otherwise += _row(feature.area, feature.name, feature.aws, answers[feature.name])
    tables = ("\n".join(table) + "\n" for table in (refused, otherwise))
    return REFUSALS_HEAD + next(tables) + OTHERWISE_HEAD + next(tables) + ABSENT


def _known() -> dict[str, dict[str, Any]]:
    return json.loads(MEASURED.read_text()) if MEASURED.exists() else {}


def _answers(packaging: dict[str, Any]) -> dict[str, str]:
    """What a packaging answered, by question."""
    return {answer["name"]: answer["answered"] for answer in packaging.get("answers", [])}


def _row(*cells: str) -> list[str]:
    return [f"| {' | '.join(cells)} |"]


def _cell(feature: Feature, answers: Mapping[str, str]) -> str:
    if feature.name not in answers:
        return "not asked"
    answered = answers[feature.name]
    return "the same" if answered == feature.aws else f"**{answered}**"
