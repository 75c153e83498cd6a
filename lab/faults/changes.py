"""Changes to the deployed pipeline that are certain to be undone.

What a setting said before is recorded in Parameter Store before it is changed, with the time after which the change
has outlived its maker. Whoever made it undoes it; if that process was killed, the next command of the lab does.
"""

import json
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeIs

from botocore.exceptions import BotoCoreError, ClientError

from lab.common.interrupts import undoing
from lab.errors import LabError
from lab.faults.runtime_settings import RuntimeSetting, setting_of
from lab.pipeline.observe import Pipeline

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_ssm.type_defs import ParameterTypeDef


HIDDEN = "lab break"
"""The reason of a change that nobody is to be told of."""

GAMEDAY = "gameday"
"""What the reason of a change begins with that a team is to find out."""

MEND = "See whether the engine runs: make status. Then: make steady"


def _quietly(_line: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Change:
    """A runtime setting and what it is to say, given what it says now and the pipeline it belongs to."""

    setting: RuntimeSetting
    turned: Callable[[Any, Pipeline], Any]
    meaning: str


@dataclass(frozen=True)
class ActiveChange:
    """A change that has not been undone: made at `since`, in epoch seconds.

    Without `expires_at` it stands until undone by name.
    """

    setting: str
    before: Any
    why: str
    expires_at: float | None
    since: float = 0.0

    @property
    def hidden(self) -> bool:
        """Whether it is to be found out, so that nobody is told what it is."""
        return self.why == HIDDEN

    @property
    def is_sought(self) -> bool:
        """Whether somebody is to find out what it is: a puzzle or a GameDay has made it."""
        return self.hidden or self.why.startswith(GAMEDAY)

    @property
    def told(self) -> str:
        """What a person is told of it."""
        if self.hidden:
            return "something broken on purpose (lab repair)"
        if self.is_sought:
            return f"something broken on purpose ({self.why})"
        return f"{self.setting} changed by {self.why}"

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
        """Change a setting. Of several changes of one setting the first one's `before` is what undoing restores."""
        setting, now = change.setting, change.setting.read(self._pipeline)
        turned = change.turned(now, self._pipeline)
        first = next((active for active in self.active() if active.setting == setting.name), None)
        record = {
            "before": _before(now, turned, first),
            "why": why,
            "expiresAt": None if seconds is None else self._clock() + seconds,
        }
        self._ssm.put_parameter(
            Name=f"{self._path}/{setting.name}", Value=json.dumps(record), Type="String", Overwrite=True
        )
        setting.write(self._pipeline, turned)

    @contextmanager
    def temporarily(self, change: Change, *, why: str, seconds: float) -> Generator[None]:
        """Change a setting for a `with` block, which takes no longer than `seconds`. Raises LabError as `undo`."""
        with undoing(lambda: self.undo(change.setting.name)):
            self.make(change, why=why, seconds=seconds)
            yield

    def undo(self, setting: str) -> bool:
        """Write back what the setting said before; False if nothing was changed. Raises LabError as `undo_all`."""
        try:
            found = [active for active in self.active() if active.setting == setting]
        except (BotoCoreError, ClientError) as error:
            raise LabError(f"Not undone: what was changed of {setting} ({error}).", MEND) from error
        self.undo_all(found)
        return bool(found)

    def undo_all(
        self, changed: Iterable[ActiveChange], say: Callable[[str], None] = _quietly, how: str = "undone"
    ) -> None:
        """Undo changes, each of them although another cannot be, and say which.

        Raises LabError with those that are left: their records stay until somebody has undone them.
        """
        left: list[str] = []
        for active in changed:
            try:
                self._put_back(active)
                self.forget(active.setting)
            except (LabError, BotoCoreError, ClientError) as error:
                left.append(f"{active.told} ({error})")
            else:
                say(f"{how}: {active.told}")
        if left:
            raise LabError(f"Not undone: {'; '.join(left)}.", MEND)

    def _put_back(self, active: ActiveChange) -> None:
        """Write a setting back, if what it belongs to still exists."""
        setting, before = setting_of(active.setting), active.before
        try:
            if _are_variables(before):
                # Those that the change did not touch stay: a deployment may have set them since.
                variables: dict[str, Any] = setting.read(self._pipeline) | before
                before = {name: value for name, value in variables.items() if value is not None}
            setting.write(self._pipeline, before)
        except ClientError as error:
            if "ResourceNotFound" not in str(error):
                raise

    def forget(self, setting: str) -> None:
        """Drop the record of a change that somebody has put right, if it is still there."""
        try:
            self._ssm.delete_parameter(Name=f"{self._path}/{setting}")
        except ClientError as error:
            if "ParameterNotFound" not in str(error):
                raise

    def active(self) -> list[ActiveChange]:
        """Everything that has been changed and not undone. Raises LabError for a record that cannot be read."""
        pages = self._ssm.get_paginator("get_parameters_by_path").paginate(Path=self._path)
        return [_active_change(parameter) for page in pages for parameter in page["Parameters"]]

    def heal(self, say: Callable[[str], None] = _quietly) -> list[ActiveChange]:
        """Undo what has outlived its maker, and say so. Returns what that was. Raises LabError as `undo_all`."""
        expired = [active for active in self.active() if active.expired(self._clock())]
        self.undo_all(expired, say, "undone, as its time was up")
        return expired


def _before(now: Any, turned: Any, first: ActiveChange | None) -> Any:
    """What undoing restores: of variables those that a change touches, None for one that was not there."""
    if not _are_variables(turned):
        return first.before if first else now
    touched: dict[str, Any] = {
        name: now.get(name) for name in now | turned if now.get(name) != turned.get(name)
    }
    return touched | first.before if first else touched


def _are_variables(value: Any) -> TypeIs[dict[str, Any]]:
    return isinstance(value, dict)


def _active_change(parameter: "ParameterTypeDef") -> ActiveChange:
    name, made = parameter.get("Name", ""), parameter.get("LastModifiedDate")
    try:
        record = json.loads(parameter.get("Value", "{}"))
        return ActiveChange(
            name.rpartition("/")[2],
            record["before"],
            record["why"],
            record["expiresAt"],
            since=made.timestamp() if made else 0.0,
        )
    except (ValueError, TypeError, KeyError) as error:
        raise LabError(
            f"The parameter {name} is not a record of a change.", "Delete it, then run: make steady"
        ) from error
