"""Asks the engine for one feature after the other and compares the answers with AWS's."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import httpx
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError

from lab.common.results import Result, Verdict
from lab.engines.clients import Aws
from lab.errors import LabError
from lab.parity.workbench import Workbench, workbench

type Ask = Callable[[Workbench], str]


@dataclass(frozen=True)
class Evidence:
    """What AWS's answer rests on: a test or a report that recorded it on AWS, or a document of AWS's."""

    kind: Literal["recorded", "documented"]
    source: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.source}"


def recorded(source: str) -> Evidence:
    """Somebody asked AWS and wrote the answer down."""
    return Evidence("recorded", source)


def documented(source: str) -> Evidence:
    """AWS says so."""
    return Evidence("documented", source)


@dataclass(frozen=True)
class Feature:
    """One feature: what is asked, and AWS's answer with what that rests on.

    `with_iam` says which engines can be asked: those that check the calls of functions (LAB_IAM=enforce), those that
    do not, or, where it is None, all.
    """

    area: str
    name: str
    aws: str
    evidence: Evidence
    ask: Ask
    with_iam: bool | None = None


FEATURES: list[Feature] = []


def run(aws: Aws, *, enforces_iam: bool = False) -> Iterator[Result]:
    """Ask an engine, which checks the calls of functions or does not, for every feature it can be asked for."""
    for feature in FEATURES:
        if feature.with_iam in (None, enforces_iam):
            yield answer(aws, feature)


def answer(aws: Aws, feature: Feature) -> Result:
    """Ask for one feature; an error is an answer, too, but nothing is known of an engine that cannot be reached."""
    unreachable = False
    with workbench(aws) as bench:
        try:
            answered = feature.ask(bench)
        except (ClientError, BotoCoreError, LabError, httpx.HTTPError, ValueError) as error:
            answered = " ".join(str(error).split())[:120]
            unreachable = isinstance(error, EndpointConnectionError | httpx.ConnectError)
    return Result(
        group=feature.area,
        name=feature.name,
        source=str(feature.evidence),
        expected=feature.aws,
        seen=answered,
        verdict=Verdict.UNREAD if unreachable else Verdict.of(answered == feature.aws),
    )


def feature(
    area: str, name: str, aws: str, evidence: Evidence, *, with_iam: bool | None = None
) -> Callable[[Ask], Ask]:
    """Register a question."""

    def register(ask: Ask) -> Ask:
        FEATURES.append(Feature(area, name, aws, evidence, ask, with_iam))
        return ask

    return register
