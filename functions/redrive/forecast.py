"""What a redrive would come to, asked of the code that is deployed now: letters go through the dry-run function.

Each is sent as the worker would get it, redriven and at its first receive; what comes back is counted, for all letters
and for each group of them.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ReadTimeoutError

from functions.common import codec
from functions.common.aws import ANSWER_SECONDS
from functions.common.errors import AWS_ERRORS, type_of
from functions.common.fate import Fate
from functions.common.observability import log_problem
from functions.publish.attributes import LINEAGE, own
from functions.publish.death import PLACE, redriven
from functions.publish.envelope import Envelope
from functions.publish.message import text
from functions.redrive.fingerprint import cause_of, fingerprint

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

MAX_EVENT_BYTES = 3 * 1024 * 1024
"""Lambda takes events of 6 MB; a record of one letter alone may have as many as this again."""

type Record = Mapping[str, Any]
"""One of an SQS event, as Lambda hands it to a function."""
type Answer = Mapping[str, Any]
type Ask = Callable[[Sequence[Record]], Answer]
"""Asks the dry-run function. Raises UnansweredError."""


MOST_UNANSWERED = 32
"""After so many questions without an answer it is not single letters that end the function: the rest is not asked."""


class UnansweredError(Exception):
    """The dry-run function has not answered; the text says why. `ended`: it may be a letter that has ended it."""

    def __init__(self, reason: str, *, ended: bool) -> None:
        super().__init__(reason)
        self.ended = ended


@dataclass(frozen=True)
class DryRunFunction:
    """The deployed function."""

    client: "LambdaClient"
    name: str

    def __call__(self, records: Sequence[Record]) -> Answer:
        """Its answer. Raises UnansweredError."""
        event = json.dumps({"Records": records}).encode()
        try:
            answer = self.client.invoke(FunctionName=self.name, Payload=event)
        except AWS_ERRORS as error:
            raise UnansweredError(type_of(error), ended=isinstance(error, ReadTimeoutError)) from error
        found = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            reason = found.get("errorType") or found.get("errorMessage") or "no reason given"
            # What the worker's code raises is a letter's outcome: a stack is of what stands around it, such as a table
            # that cannot be read, and asking about fewer letters would not help.
            raise UnansweredError(reason, ended="stackTrace" not in found)
        return found


@dataclass
class Tally:
    """The forecasts of some letters, counted: by fate, by what they would die of, by why nobody can know."""

    fates: Counter[str] = field(default_factory=Counter[str])
    deaths: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    reasons: Counter[str] = field(default_factory=Counter[str])

    def add(self, told: Mapping[str, Any]) -> None:
        """Count one letter's forecast."""
        self.fates[told["forecast"]] += 1
        if "reason" in told:
            self.reasons[told["reason"]] += 1
        if "fingerprint" in told:
            death = {name: told[name] for name in ("fingerprint", "errorType", "errorCategory", "signature")}
            self.deaths.setdefault(told["fingerprint"], {**death, "count": 0})["count"] += 1

    def as_json(self) -> dict[str, Any]:
        """The counts in the API's names, the most frequent death first."""
        deaths = sorted(self.deaths.values(), key=lambda death: (-death["count"], death["fingerprint"]))
        return {**{fate: self.fates[fate] for fate in Fate}, "deaths": deaths, "reasons": self.reasons}


class Forecasts:
    """Letters on their way through the dry-run function, as many at once as an event holds; none is kept.

    `seconds_left` is for all of it: a question is begun only if there is time for the longest answer, and letters for
    which there is none are uncertain.
    """

    def __init__(self, ask: Ask, seconds_left: Callable[[], float]) -> None:
        self._ask, self._seconds_left = ask, seconds_left
        self._waiting: list[tuple[Envelope, Record]] = []
        self._bytes = 0
        self._told: list[dict[str, Any]] = []
        self._all, self._groups = Tally(), dict[str, Tally]()
        self._code_versions = set[str]()
        self._unanswered = 0

    def add(self, letter: Envelope) -> None:
        """Have a letter forecast."""
        record = _record(letter)
        size = len(json.dumps(record))
        if self._waiting and self._bytes + size > MAX_EVENT_BYTES:
            self._flush()
        self._waiting.append((letter, record))
        self._bytes += size

    def as_json(self) -> dict[str, Any]:
        """All forecasts, and what they come to, in the API's names."""
        self._flush()
        return {
            "forecast": self._all.as_json(),
            "forecasts": self._told,
            "codeVersion": ", ".join(sorted(self._code_versions)) or None,
        }

    def on(self, groups: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Groups as the API tells them, each with what the forecasts of its letters come to."""
        self._flush()
        return [
            {**group, "forecast": self._groups.get(group["fingerprint"], Tally()).as_json()}
            for group in groups
        ]

    def _flush(self) -> None:
        letters, self._waiting, self._bytes = self._waiting, [], 0
        for letter, told in self._forecast(letters):
            death = _death(letter, told) if "errorType" in told else {}
            known = {**told, **death}
            self._told.append(known)
            self._all.add(known)
            self._groups.setdefault(fingerprint(letter), Tally()).add(known)

    def _forecast(self, letters: Sequence[tuple[Envelope, Record]]) -> Iterator[tuple[Envelope, Answer]]:
        """Each letter with what the function says. One that ends it takes no other letter's answer with it."""
        if not letters:
            return
        if self._seconds_left() < ANSWER_SECONDS:
            yield from _unknown(letters, "there was no time left to ask about it")
            return
        try:
            answer = self._ask([record for _, record in letters])
        except UnansweredError as error:
            log_problem("dry_run.unanswered", messages=len(letters), reason=str(error))
            self._unanswered += 1
            if len(letters) == 1 or not error.ended or self._unanswered > MOST_UNANSWERED:
                yield from _unknown(letters, f"the dry run ended without an answer: {error}")
                return
            middle = len(letters) // 2
            yield from self._forecast(letters[:middle])
            yield from self._forecast(letters[middle:])
            return
        self._code_versions.add(str(answer["codeVersion"]))
        by_id = {told["messageId"]: told for told in answer["forecasts"]}
        yield from ((letter, by_id[letter.message_id]) for letter, _ in letters)


def _unknown(letters: Iterable[tuple[Envelope, Record]], reason: str) -> Iterator[tuple[Envelope, Answer]]:
    for letter, _ in letters:
        yield letter, {"messageId": letter.message_id, "forecast": Fate.UNCERTAIN, "reason": reason}


def _record(letter: Envelope) -> dict[str, Any]:
    """The record by which Lambda would hand a redriven letter to the worker, at its first receive; its id stays."""
    message = redriven(letter, 0)
    return {
        "messageId": letter.message_id,
        "receiptHandle": "",
        "body": message.body,
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": str(letter.sent_at)},
        "messageAttributes": {
            name: {"dataType": value["DataType"], "stringValue": value["StringValue"]}
            for name, value in message.attributes.items()
            if "StringValue" in value
        },
    }


def _death(letter: Envelope, told: Mapping[str, Any]) -> dict[str, str]:
    """The group in which a letter would be that died of this."""
    attributes = {name: text(told[name]) for name in ("errorType", "errorCategory", "errorMessage")}
    lineage = {LINEAGE: text(codec.dumps({PLACE: told.get("place", "")}))}
    dead = Envelope(letter.message_id, "", letter.body, own(letter) | lineage | attributes, 1, letter.sent_at)
    cause = cause_of(dead)
    return {"fingerprint": cause.fingerprint, "signature": cause.signature}
