"""Changes to the deployed pipeline that are certain to be undone.

What a knob said before is recorded in Parameter Store before it is turned, with the time after which the change
has outlived its maker. Whoever made it undoes it; if that process was killed, the next command of the lab does.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lab.knobs import KNOBS, Knob
from lab.observe import Pipeline

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient


HIDDEN = "lab break"
"""The reason of a change that nobody is to be told of."""


@dataclass(frozen=True)
class Change:
    """A knob and what it is to say, given what it says now and the pipeline it belongs to."""

    knob: Knob
    turned: Callable[[Any, Pipeline], Any]
    meaning: str


@dataclass(frozen=True)
class Standing:
    """A change that has not been undone. `expires_at` is epoch seconds; None stands until undone by name."""

    knob: str
    before: Any
    why: str
    expires_at: float | None

    @property
    def told(self) -> str:
        """What a person is told of it: nothing, if it is to be found out."""
        hidden = self.why == HIDDEN
        return "something broken on purpose (lab repair)" if hidden else f"{self.knob} changed by {self.why}"

    def expired(self, now: float) -> bool:
        """Whether its maker must have undone it by now."""
        return self.expires_at is not None and now >= self.expires_at


class Changes:
    """The changes of one deployment."""

    def __init__(self, pipeline: Pipeline, clock: Callable[[], float] = time.time) -> None:
        self._pipeline = pipeline
        self._clock = clock
        self._ssm: SSMClient = pipeline.aws.client("ssm")
        self._path = f"/ingestion/{pipeline.stack.env_name}/lab/changes"

    def make(self, change: Change, *, why: str, seconds: float | None) -> None:
        """Turn a knob. Of several changes of one knob the first one's `before` is what undoing restores."""
        knob, now = change.knob, change.knob.read(self._pipeline)
        first = next((standing for standing in self.standing() if standing.knob == knob.name), None)
        record = {
            "before": first.before if first else now,
            "why": why,
            "expiresAt": None if seconds is None else self._clock() + seconds,
        }
        self._ssm.put_parameter(
            Name=f"{self._path}/{knob.name}", Value=json.dumps(record), Type="String", Overwrite=True
        )
        knob.write(self._pipeline, change.turned(now, self._pipeline))

    def undo(self, knob: str) -> bool:
        """Write back what the knob said before; False if nothing was changed."""
        standing = next((one for one in self.standing() if one.knob == knob), None)
        if standing is None:
            return False
        KNOBS[knob].write(self._pipeline, standing.before)
        try:
            self._ssm.delete_parameter(Name=f"{self._path}/{knob}")
        except ClientError as error:
            if "ParameterNotFound" not in str(error):
                raise
        return True

    def forget(self, knob: str) -> None:
        """Drop the record of a change that somebody else has put right."""
        self._ssm.delete_parameter(Name=f"{self._path}/{knob}")

    def standing(self) -> list[Standing]:
        """Everything that has been changed and not undone."""
        pages = self._ssm.get_paginator("get_parameters_by_path").paginate(Path=self._path)
        return [
            _standing(parameter.get("Name", ""), parameter.get("Value", "{}"))
            for page in pages
            for parameter in page["Parameters"]
        ]

    def heal(self) -> list[Standing]:
        """Undo what has outlived its maker. Returns what that was."""
        expired = [standing for standing in self.standing() if standing.expired(self._clock())]
        for standing in expired:
            self.undo(standing.knob)
        return expired


def _standing(name: str, text: str) -> Standing:
    record = json.loads(text)
    return Standing(name.rpartition("/")[2], record["before"], record["why"], record["expiresAt"])
