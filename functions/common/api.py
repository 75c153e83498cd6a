"""The HTTP edge of the functions: JSON in, JSON or problem details out, a correlation id on every answer."""

import base64
import binascii
import re
import uuid
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.common import codec, problem
from functions.common.errors import AWS_ERRORS, MalformedJsonError, category_of, type_of
from functions.common.observability import log_problem, logger
from functions.common.problem import ProblemError
from functions.common.routes import Route

CORRELATION_HEADER = "X-Correlation-Id"
_SAFE_ID = re.compile(r"[\x21-\x7e]{1,128}")
_JSON_TYPE = re.compile(r"application/(json|[\w.+-]+\+json)", re.IGNORECASE)

type Handler = Callable[..., Mapping[str, Any]]


class Api:
    """A resolver whose every answer carries the request's correlation id. One request at a time."""

    def __init__(self) -> None:
        self.app = APIGatewayHttpResolver()
        self.correlation_id = ""
        self.handlers: dict[Route, Handler] = {}
        self.app.exception_handler(ProblemError)(self.problem)
        self.app.exception_handler(NotFoundError)(self._not_found)
        self.app.exception_handler([*AWS_ERRORS])(self._unavailable)
        self.app.exception_handler(Exception)(self._unexpected)

    def serves(self, route: Route) -> Callable[[Handler], Handler]:
        """Make a function the handler of a route: it gets the path's parameters and returns the answer of success."""

        def register(handler: Handler) -> Handler:
            def respond(**parameters: str) -> Response[str]:
                return self._response(route.status, "application/json", handler(*parameters.values()))

            self.handlers[route] = handler
            rule = route.path.replace("{", "<").replace("}", ">")
            self.app.route(rule, method=route.method)(respond)
            return handler

        return register

    def resolve(self, event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Serve one API Gateway event of payload format 2.0."""
        self.correlation_id = correlation_id_of(event)
        logger.set_correlation_id(self.correlation_id)
        return self.app.resolve(event, context)

    @property
    def event(self) -> Mapping[str, Any]:
        """The event of the request that is being served."""
        return self.app.current_event.raw_event

    @property
    def request_id(self) -> str | None:
        """API Gateway's id of the request, which its access log has, too."""
        context: Mapping[str, str] = self.event.get("requestContext") or {}
        return context.get("requestId")

    def header(self, name: str) -> str | None:
        """A header of the request; API Gateway hands names over in lower case."""
        return header_of(self.event, name)

    def query(self) -> dict[str, str]:
        """The query string's parameters."""
        return dict(self.event.get("queryStringParameters") or {})

    def json_body(self, max_bytes: int) -> Any:
        """The request's JSON. Raises ProblemError: 415 wrong type, 413 too large, 400 no JSON."""
        if not _JSON_TYPE.fullmatch((self.header("content-type") or "").split(";")[0].strip()):
            raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body must be application/json.")
        raw = _raw_body(self.event)
        if len(raw) > max_bytes:
            detail = f"The body has {len(raw)} bytes; the limit is {max_bytes}."
            raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
        try:
            return codec.loads(raw)
        except MalformedJsonError as error:
            raise ProblemError(HTTPStatus.BAD_REQUEST, f"The body is no JSON: {error}.") from error

    def problem(self, error: ProblemError) -> Response[str]:
        """An answer that explains why the request cannot be served."""
        return self._response(error.status, problem.CONTENT_TYPE, problem.body(error, self.correlation_id))

    def _not_found(self, _error: NotFoundError) -> Response[str]:
        return self.problem(ProblemError(HTTPStatus.NOT_FOUND, "There is no such route."))

    def _unavailable(self, error: Exception) -> Response[str]:
        """What AWS does not serve now may be asked for again; what it refuses is a fault of this code."""
        if not category_of(error).worth_repeating:
            return self._unexpected(error)
        log_problem("request.unavailable", errorType=type_of(error), errorMessage=str(error))
        detail = "A service that this needs does not answer; try again later."
        return self.problem(ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail))

    def _unexpected(self, error: Exception) -> Response[str]:
        logger.error("request.failed", exc_info=error, extra={"event": "request.failed"})
        return self.problem(
            ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "An unexpected error; the log says more.")
        )

    def _response(self, status: HTTPStatus, content_type: str, document: Mapping[str, Any]) -> Response[str]:
        return Response(
            status_code=status.value,
            content_type=content_type,
            body=codec.dumps(document),
            headers={CORRELATION_HEADER: self.correlation_id},
        )


def header_of(event: Mapping[str, Any], name: str) -> str | None:
    """A header of an API Gateway event, whatever the case of its name."""
    headers: Mapping[str, str] = event.get("headers") or {}
    return next((value for key, value in headers.items() if key.lower() == name.lower()), None)


def correlation_id_of(event: Mapping[str, Any]) -> str:
    """The caller's correlation id, or a new one where there is none that is safe in a header and a log."""
    given = header_of(event, CORRELATION_HEADER) or ""
    return given if _SAFE_ID.fullmatch(given) else str(uuid.uuid4())


def _raw_body(event: Mapping[str, Any]) -> bytes:
    text: str = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return text.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "The body is not base64.") from error
