"""Redrive plans as people give them: checked by the rules of the API, and asked of it."""

from collections.abc import Mapping
from typing import Any

from functions.common.problem import ProblemError
from functions.redrive.plan import Plan, plan_from
from lab.errors import LabError


def checked(document: Mapping[str, Any]) -> Plan:
    """The plan of a document in the API's names. Raises LabError, which names everything that is wrong."""
    try:
        return plan_from(document)
    except ProblemError as error:
        wrong = "; ".join(f"{violation.pointer[1:]} {violation.reason}" for violation in error.violations)
        raise LabError(f"The plan is not valid: {wrong}.", "See the command's --help.") from error


def as_query(plan: Plan) -> dict[str, Any]:
    """The parameters by which GET /redrive/preview previews a plan."""
    values = {name: str(value).lower() if value is True else value for name, value in plan.as_json().items()}
    return {name: value for name, value in values.items() if value is not False}
