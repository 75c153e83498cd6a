"""Refuses what a function's role does not allow, with AWS's words.

Only sessions of roles that Lambda may assume are checked, by identity-based policies alone: those of the role. All
other callers (operators, the CDK, the engine itself) may do everything.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from localstack.aws.api import RequestContext
from localstack.services.lambda_.invocation.lambda_models import FunctionVersion
from localstack.utils.aws.request_context import extract_access_key_id_from_auth_header
from moto.iam.exceptions import NotFoundException
from moto.iam.models import Role, iam_backends
from moto.sts.models import sts_backends

from lab_localstack.iam.errors import AccessDeniedError
from lab_localstack.iam.permissions import Permission, Place, UnknownOperationError, permissions
from lab_localstack.iam.policy import Context, Decision, Statement, UnservedPolicyError, decide, parse
from lab_localstack.settings import SETTINGS

LOG = logging.getLogger(__name__)
LAMBDA = "lambda.amazonaws.com"


@dataclass(frozen=True)
class Session:
    """A session of a role: what a function is for AWS."""

    role_arn: str
    name: str

    @property
    def account(self) -> str:
        """The role's account."""
        return self.role_arn.split(":")[4]

    @property
    def role_name(self) -> str:
        """The role's name without its path."""
        return self.role_arn.rpartition("/")[2]

    @property
    def arn(self) -> str:
        """The ARN of the caller."""
        return f"arn:aws:sts::{self.account}:assumed-role/{self.role_name}/{self.name}"


def handle(chain: Any, context: RequestContext, response: Any) -> None:  # noqa: ARG001  LocalStack's signature
    """A request handler of LocalStack's gateway. Raises AccessDeniedError."""
    if context.is_internal_call or not (context.service and context.operation):
        return
    service: Any = context.service
    operation: Any = context.operation
    key = extract_access_key_id_from_auth_header(cast("Any", context.request.headers))
    session = _session(key, context.account_id) if key else None
    if session and SETTINGS.checks(session.role_arn) and _is_of_a_function(session):
        require(
            session,
            service.service_name,
            operation.name,
            context.service_request or {},
            Place(context.account_id, context.region),
        )


def require(session: Session, service: str, operation: str, request: Mapping[str, Any], place: Place) -> None:
    """Raise AccessDeniedError, which names the action, unless the session's role allows the call."""
    try:
        wanted = list(permissions(service, operation, request, place))
        statements = _statements(session)
        for permission in wanted:
            _require(session, service, permission, statements, place)
    except UnknownOperationError as error:
        raise AccessDeniedError(
            service,
            f"LAB_IAM does not know which permissions {error} takes, so {session.arn} may not call it.",
        ) from error
    except UnservedPolicyError as error:
        raise AccessDeniedError(
            service, f"LAB_IAM does not evaluate {error} in the policies of {session.role_arn}."
        ) from error


def require_for(
    version: FunctionVersion, service: str, operation: str, request: Mapping[str, Any], place: Place
) -> None:
    """The same for what Lambda itself does in a function's name: poll its queue, write its log."""
    session = Session(version.config.role, version.id.function_name)
    require(session, service, operation, request, place)


def _require(
    session: Session, service: str, permission: Permission, statements: Iterable[Statement], place: Place
) -> None:
    context: Context = {
        "aws:principalaccount": session.account,
        "aws:principalarn": session.role_arn,
        "aws:requestedregion": place.region,
        "kms:viaservice": permission.via,
    }
    decision = decide(statements, permission.action, permission.resource, context)
    if decision is Decision.ALLOWED:
        return
    why = (
        "with an explicit deny in an identity-based policy"
        if decision is Decision.DENIED
        else f"because no identity-based policy allows the {permission.action} action"
    )
    raise AccessDeniedError(
        service,
        f"User: {session.arn} is not authorized to perform: {permission.action} "
        f"on resource: {permission.resource} {why}",
    )


@lru_cache(maxsize=1024)
def _session(access_key_id: str, account: str) -> Session | None:
    """The session of a role that has this access key: keys are random, and a key never changes its session."""
    if access_key_id[1:4] != "SIA":  # LocalStack writes LSIA where AWS writes ASIA
        return None
    for assumed in reversed(sts_backends[account]["aws"].assumed_roles):
        if assumed.access_key_id == access_key_id:
            return Session(assumed.role_arn, assumed.session_name)
    return None


def _role(session: Session) -> Role | None:
    try:
        return iam_backends[session.account]["aws"].get_role(session.role_name)
    except NotFoundException:
        return None


def _is_of_a_function(session: Session) -> bool:
    """Whether Lambda may assume the role. One that does not exist is taken for a function's, and allows nothing."""
    role = _role(session)
    return role is None or LAMBDA in (role.assume_role_policy_document or "")


def _statements(session: Session) -> list[Statement]:
    role = _role(session)
    if role is None:
        return []
    if role.permissions_boundary_arn:
        raise UnservedPolicyError("the permissions boundary")
    managed = [
        version.document
        for policy in role.managed_policies.values()
        for version in policy.versions
        if version.is_default
    ]
    return [each for document in (*role.policies.values(), *managed) for each in parse(document)]
