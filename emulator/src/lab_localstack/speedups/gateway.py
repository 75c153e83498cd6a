"""LocalStack's chain of request handlers, with three of them made quicker: measured, a fifth of a call's time."""

import contextlib
import logging
import threading
import time
from typing import Any

from localstack.aws.handlers.internal import LocalstackResourceHandler
from localstack.aws.handlers.legacy import EdgeRouterHandler
from localstack.aws.handlers.logging import ResponseLogger
from rolo.gateway import Gateway

from lab_localstack.settings import SETTINGS

EXECUTE_API = "/_aws/execute-api/"
GATHER_SECONDS = 0.05
"""How long a line of the request log waits for others."""


def quicken(gateway: Gateway) -> None:
    """Put the quicker handlers in their places."""
    quicker: dict[type, Any] = {
        LocalstackResourceHandler: UnlessElsewhere,
        EdgeRouterHandler: UnlessAwsCall,
        ResponseLogger: RequestLog,
    }
    for handlers in (gateway.request_handlers, gateway.response_handlers):
        handlers[:] = [quicker.get(type(one), lambda handler: handler)(one) for one in handlers]
    if SETTINGS.call_latency_ms:
        handlers: list[Any] = gateway.request_handlers
        handlers.insert(0, Latency(SETTINGS.call_latency_ms / 1000))


class UnlessAwsCall:
    """Asks a router, but not about calls of an AWS API that name their target: these are nobody's path."""

    def __init__(self, handler: Any) -> None:
        self._handler = handler

    def __call__(self, chain: Any, context: Any, response: Any) -> None:
        if context.request.path != "/" or "X-Amz-Target" not in context.request.headers:
            self._handler(chain, context, response)


class UnlessElsewhere(UnlessAwsCall):
    """Nor about requests to an API of API Gateway, which LocalStack's own resources have no part in."""

    def __call__(self, chain: Any, context: Any, response: Any) -> None:
        if not context.request.path.startswith(EXECUTE_API):
            super().__call__(chain, context, response)


class Latency:
    """Lets every call of an AWS API wait as it would for the network between a function and AWS."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __call__(self, _chain: Any, context: Any, _response: Any) -> None:
        if not context.request.path.startswith(EXECUTE_API):
            time.sleep(self._seconds)


class RequestLog:
    """One line a request, without gathering what only a trace would show of it."""

    def __init__(self, handler: ResponseLogger) -> None:
        self._handler = handler
        self._lines = Lines()

    def __call__(self, chain: Any, context: Any, response: Any) -> None:
        handler = self._handler
        if context.operation:
            logger = handler.internal_aws_logger if context.is_internal_call else handler.aws_logger
        else:
            logger = handler.internal_http_logger if context.is_internal_call else handler.http_logger
        if logger.isEnabledFor(logging.DEBUG):
            handler(chain, context, response)
        elif logger.isEnabledFor(logging.INFO):
            self._lines.handle(
                logging.LogRecord(logger.name, logging.INFO, "", 0, _line(context, response), (), None)
            )


def _line(context: Any, response: Any) -> str:
    """In LocalStack's words."""
    if not context.operation:
        return f"{context.request.method} {context.request.path} => {response.status_code}"
    line = f"AWS {context.service.service_name}.{context.operation.name} => {response.status_code}"
    return f"{line} ({context.service_exception.code})" if context.service_exception else line


class Lines(logging.Handler):
    """Gathers lines and writes those of a moment at once: a write for each gives the interpreter's lock away."""

    def __init__(self) -> None:
        super().__init__()
        self._gathered: list[logging.LogRecord] = []
        self._some = threading.Event()
        threading.Thread(target=self._run, name="request-log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line until the next write."""
        self._gathered.append(record)
        self._some.set()

    def flush(self) -> None:
        """Write what was gathered to where all other lines go; also called when logging ends."""
        with self.lock or contextlib.nullcontext():
            gathered, self._gathered = self._gathered, []
        for handler in logging.getLogger().handlers:
            if gathered and isinstance(handler, logging.StreamHandler) and handler.lock:
                with handler.lock:
                    text = [f"{handler.format(line)}\n" for line in gathered if handler.filter(line)]
                    handler.stream.write("".join(text))
                    handler.stream.flush()

    def _run(self) -> None:
        while self._some.wait():
            time.sleep(GATHER_SECONDS)
            self._some.clear()
            self.flush()
