"""Errors that API Gateway answers itself: of the data plane, then of the control plane."""

from localstack.aws.api.core import CommonServiceException


class GatewayError(Exception):
    """A status, the `message` of the body, and the response type that an access log shows."""

    status = 500
    message = "Internal Server Error"
    response_type = "DEFAULT_5XX"

    def __init__(self, reason: str = "") -> None:
        """`reason` is for the access log alone."""
        super().__init__(reason or self.message)


class NotFoundError(GatewayError):
    """No stage or no route for the request."""

    status, message, response_type = 404, "Not Found", "RESOURCE_NOT_FOUND"


class TooManyRequestsError(GatewayError):
    """The stage's or the route's limit is reached."""

    status, message, response_type = 429, "Too Many Requests", "THROTTLED"


class BodyTooLargeError(GatewayError):
    """The request is larger than API Gateway or Lambda takes."""

    status, message, response_type = 413, "Request Entity Too Large", "REQUEST_TOO_LARGE"


class UnauthorizedError(GatewayError):
    """An identity source is missing."""

    status, message, response_type = 401, "Unauthorized", "UNAUTHORIZED"


class ForbiddenError(GatewayError):
    """The authorizer said no."""

    status, message, response_type = 403, "Forbidden", "ACCESS_DENIED"


class AuthorizerFailedError(GatewayError):
    """The authorizer failed, took too long or answered nonsense."""

    response_type = "AUTHORIZER_FAILURE"


class IntegrationFailedError(GatewayError):
    """The function failed, or what it returned is not a response."""

    response_type = "INTEGRATION_FAILURE"


class ServiceUnavailableError(GatewayError):
    """The function took too long, or Lambda refused the invocation for want of concurrency."""

    status, message, response_type = 503, "Service Unavailable", "INTEGRATION_TIMEOUT"


def bad_request(message: str) -> CommonServiceException:
    """400: the parameters are at fault."""
    return CommonServiceException("BadRequestException", message, status_code=400)


def conflict(message: str) -> CommonServiceException:
    """409: it exists already."""
    return CommonServiceException("ConflictException", message, status_code=409)


def not_found(message: str) -> CommonServiceException:
    """404: something named does not exist."""
    return CommonServiceException("NotFoundException", message, status_code=404)
