"""The error of a call that a role does not allow."""

from localstack.aws.api import CommonServiceException

CODES = {
    "cloudwatch": "AccessDenied",
    "sns": "AuthorizationError",
    "sqs": "AccessDenied",
    "sts": "AccessDenied",
}
"""The error's code of the services where it is not AccessDeniedException."""
STATUSES = {"cloudwatch": 403, "lambda": 403, "sns": 403, "sqs": 403, "sts": 403}


class AccessDeniedError(CommonServiceException):
    """The caller's policies do not allow a call."""

    def __init__(self, service: str, message: str) -> None:
        super().__init__(
            CODES.get(service, "AccessDeniedException"),
            message,
            STATUSES.get(service, 400),
            sender_fault=True,
        )
