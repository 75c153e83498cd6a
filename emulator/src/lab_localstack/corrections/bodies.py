"""Compressed requests: only calls of AWS APIs are inflated, and none beyond a limit.

LocalStack inflates every body that says it is gzip, those of API Gateway's requests too, which AWS hands on as they
are, and whatever they grow to.
"""

import gzip
import io
import zlib
from typing import Any

from localstack.runtime import get_current_runtime, hooks

from lab_localstack.server.guard import refuse

INFLATED_BYTES = 10 * 1024 * 1024
"""Of AWS's own clients only PutMetricData's compress, and a request of its may have 1 MB."""


@hooks.on_infra_start()
def inflate_calls_only() -> None:
    """Look at encodings behind the routers, which serve all that is not a call of an AWS API."""
    from localstack.aws import handlers

    chain = get_current_runtime().components.gateway.request_handlers
    chain.remove(handlers.content_decoder)
    chain.insert(chain.index(handlers.serve_edge_router_rules) + 1, inflate)


def inflate(chain: Any, context: Any, response: Any) -> None:
    """A request handler of LocalStack's gateway: 413 for what is too long, 400 for what is not gzip."""
    request = context.request
    if request.environ.get("HTTP_CONTENT_ENCODING", "").lower() != "gzip":
        return
    if context.service and context.service.service_name == "s3":
        return  # an object's encoding is kept with it
    try:
        with gzip.GzipFile(fileobj=request.stream) as body:
            inflated = body.read(INFLATED_BYTES + 1)
    except (OSError, EOFError, zlib.error):
        refuse(chain, response, 400, "Refused: the body is not gzip, as its Content-Encoding says.")
        return
    if len(inflated) > INFLATED_BYTES:
        refuse(chain, response, 413, f"Refused: the body inflates to more than {INFLATED_BYTES} bytes.")
        return
    request.stream = io.BytesIO(inflated)
    request.headers["Content-Encoding"] = "identity"
