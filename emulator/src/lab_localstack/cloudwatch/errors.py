"""Errors of CloudWatch that its API model does not list."""

from localstack.aws.api import CommonServiceException


class ValidationException(CommonServiceException):
    """A request that CloudWatch refuses, or one that this engine does not serve.

    The class's name is the error's type in JSON and CBOR; the code is that of the query protocol.
    """

    def __init__(self, message: str) -> None:
        super().__init__("ValidationError", message, 400, True)
