"""Redrive plans as people give them: checked by the rules of the API, and asked of it."""

from collections.abc import Collection, Mapping
from typing import Any

from functions.common.problem import ProblemError
from functions.publish.envelope import Envelope
from functions.redrive.error_types import error_type, require_known
from functions.redrive.plan import Plan, plan_from
from functions.redrive.selection import Verdict, judge
from lab.common.clock import now_ms
from lab.dlq.browser import Browsed
from lab.dlq.follow import skipped
from lab.errors import LabError


def checked(document: Mapping[str, Any]) -> Plan:
    """The plan of a document in the API's names. Raises LabError, which names everything that is wrong."""
    try:
        return plan_from(document)
    except ProblemError as error:
        wrong = "; ".join(f"{violation.pointer[1:]} {violation.reason}" for violation in error.violations)
        raise LabError(f"The plan is not valid: {wrong}.", "See the command's --help.") from error


def matching(plan: Plan, seen: Browsed) -> list[Envelope]:
    """The letters that a plan's filters let pass. Raises LabError for an error type that nothing has."""
    if seen.complete:
        require_error_type(plan, {error_type(envelope) for envelope in seen.envelopes})
    now = now_ms()
    taking = (Verdict.SELECTED, Verdict.SECOND_DEATH)
    return [envelope for envelope in seen.envelopes if judge(plan, envelope, now) in taking]


def require_error_type(plan: Plan, seen: Collection[str]) -> None:
    """Raises LabError, which names those there are, where a plan's error type is neither the code's nor a letter's."""
    try:
        require_known(plan.error_type, seen)
    except ProblemError as error:
        raise LabError(error.detail, f"It {error.violations[0].reason}.") from error


def nothing_to_move(plan: Plan, preview: Mapping[str, Any]) -> str:
    """Why a plan would move nothing, and what would change that."""
    if not preview["sampled"]:
        return "the DLQ is empty"
    told = skipped(preview["skipped"])
    if young := preview.get("tooYoung"):
        told += f"; the youngest died {young['youngestSeconds']} s ago, --min-age is {plan.min_age_seconds}"
    return told


def as_query(plan: Plan) -> dict[str, Any]:
    """The parameters by which GET /redrive/preview previews a plan."""
    values = {name: str(value).lower() if value is True else value for name, value in plan.as_json().items()}
    return {name: value for name, value in values.items() if value is not False}
