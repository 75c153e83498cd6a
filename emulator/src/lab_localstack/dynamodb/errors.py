"""Errors of DynamoDB that its API model does not list."""

from localstack.aws.api import CommonServiceException


class ValidationError(CommonServiceException):
    """A request that DynamoDB refuses with a ValidationException."""

    def __init__(self, message: str) -> None:
        super().__init__("ValidationException", message, 400, True)
