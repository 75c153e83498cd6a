"""The Lambda authorizer of the /redrive routes: payload format 2.0, simple response."""

import hmac
from functools import cache
from typing import Any, cast

from aws_lambda_powertools.utilities.parameters import SecretsProvider
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.common import aws
from functions.common.observability import log_problem, logger
from functions.common.settings import authorizer_settings

TOKEN_MAX_AGE_SECONDS = 300
"""How long a token may be used after it was changed in Secrets Manager."""

_SCHEME = "bearer "


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, bool]:
    """Let a request pass if it carries the bearer token."""
    headers: dict[str, str] = event.get("headers") or {}
    given = next((value for name, value in headers.items() if name.lower() == "authorization"), "")
    allowed = is_bearer(given, _token())
    if not allowed:
        log_problem("redrive.refused", routeKey=event.get("routeKey"))
    return {"isAuthorized": allowed}


def is_bearer(authorization: str, token: str) -> bool:
    """Whether an Authorization header carries the token; takes the same time for every wrong token."""
    if not authorization.lower().startswith(_SCHEME) or not token:
        return False
    return hmac.compare_digest(authorization[len(_SCHEME) :].strip().encode(), token.encode())


def _token() -> str:
    provider: Any = _provider()
    return cast(str, provider.get(authorizer_settings().redrive_token_secret, max_age=TOKEN_MAX_AGE_SECONDS))


@cache
def _provider() -> SecretsProvider:
    return SecretsProvider(boto3_client=aws.secretsmanager_once())
