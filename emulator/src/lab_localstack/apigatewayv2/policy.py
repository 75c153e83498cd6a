"""The IAM policy that a Lambda authorizer returns. No AWS here."""

from collections.abc import Mapping
from typing import Any

from lab_localstack.iam.policy import Decision, decide, statements_of

ACTION = "execute-api:Invoke"


def allows(document: Mapping[str, Any], route_arn: str) -> bool:
    """Whether the policy allows a request to the route. An explicit Deny wins; nothing said is no.

    Raises KeyError, TypeError or ValueError for what is not such a policy, or says more than actions and resources.
    """
    return decide(statements_of(document), ACTION, route_arn) is Decision.ALLOWED
