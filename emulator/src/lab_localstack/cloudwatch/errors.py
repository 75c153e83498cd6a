"""Errors of CloudWatch that its API model does not list."""

from localstack.aws.api import CommonServiceException


class ValidationError(CommonServiceException):
    """A request that CloudWatch refuses, or one that this engine does not serve."""

    def __init__(self, message: str) -> None:
        super().__init__("ValidationError", message, 400, True)
