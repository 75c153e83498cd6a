"""Failure modes: faults an operator switches on through SSM parameters to see the pipeline fail."""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from functions.common import aws
from functions.common.errors import AWS_ERRORS, type_of
from functions.common.observability import log_event, log_problem

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.parameters import SSMProvider


LEAST_SILENCE_SECONDS = 5
"""For so long at least a Parameter Store that could not be read is not asked again: it may be throttled, and an account
has 40 calls a second for all of its environments (Systems Manager quotas)."""


class FailureMode(StrEnum):
    """The faults, by the parameter value that switches them on."""

    NONE = "none"
    POISON_PAYLOAD = "poison_payload"
    SCHEMA_MISMATCH = "schema_mismatch"
    SLOW_DOWNSTREAM = "slow_downstream"
    RANDOM_FAIL_P30 = "random_fail_p30"
    DUPLICATE_SUBMIT = "duplicate_submit"


class ParameterSource(Protocol):
    """Where parameter values come from. A parameter that does not exist is absent from the answer."""

    def values(self, names: Iterable[str]) -> Mapping[str, str]: ...


def pick(names: Iterable[str], values: Mapping[str, str]) -> str:
    """The value in force: of the parameters in order the first that is not `none`, else `none`."""
    given = (values.get(name, FailureMode.NONE).strip() for name in names)
    return next((value for value in given if value and value != FailureMode.NONE), FailureMode.NONE)


def parse(value: str) -> FailureMode | None:
    """The mode of a parameter value, or None if there is no such mode."""
    return FailureMode(value) if value in FailureMode else None


class FailureModes:
    """The mode in force, which is logged whenever it changes. For the thread of the handler alone."""

    def __init__(self, names: tuple[str, ...], source: ParameterSource) -> None:
        self._names = names
        self._source = source
        self._last: str = FailureMode.NONE

    def current(self) -> FailureMode:
        """The mode in force; an unknown one, and one that cannot be read, count as none."""
        value = pick(self._names, self._source.values(self._names))
        mode = parse(value)
        if value != self._last:
            self._last = value
            if mode is None:
                log_problem("failure_mode.unknown", failureMode=value)
            else:
                log_event("failure_mode.active", failureMode=mode)
        return mode or FailureMode.NONE


class SsmParameters:
    """Parameters through Powertools, cached for `max_age` seconds, all of them read by one GetParameters."""

    def __init__(self, max_age: int, now: Callable[[], float] = time.monotonic) -> None:
        self._max_age = max_age
        self._now = now
        self._silent_until = -math.inf

    def values(self, names: Iterable[str]) -> Mapping[str, str]:
        """Values by name. A failing Parameter Store must not stop the pipeline: it counts as empty for a while."""
        wanted = {name: dict[str, object]() for name in names}
        if not wanted or self._now() < self._silent_until:
            return {}
        provider: Any = _provider()
        try:
            found: dict[str, object] = provider.get_parameters_by_name(
                wanted, max_age=self._max_age, raise_on_error=False
            )
        except AWS_ERRORS as error:
            self._silent_until = self._now() + max(self._max_age, LEAST_SILENCE_SECONDS)
            log_problem("failure_mode.unreadable", errorType=type_of(error), errorMessage=str(error))
            return {}
        return {name: value for name, value in found.items() if isinstance(value, str)}


@cache
def _provider() -> "SSMProvider":
    from aws_lambda_powertools.utilities.parameters import SSMProvider  # noqa: PLC0415  costs start-up time

    return SSMProvider(boto3_client=aws.ssm_once())
