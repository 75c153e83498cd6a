"""Calls of this engine's own AWS operations without HTTP: the provider's method runs in the caller's thread.

LocalStack's own services call each other through its gateway, which costs a few milliseconds of the one process's
processor time each time.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, cast

from botocore.model import ServiceModel
from localstack.aws.api import RequestContext
from localstack.aws.spec import load_service
from localstack.http import Request
from localstack.services.plugins import SERVICE_PLUGINS
from localstack.utils.xray.trace_header import TraceHeader

_REQUEST = Request(headers={"User-Agent": "lab-internal"})
"""Nobody changes it, and it is costly to make."""


@cache
def _model(service: str) -> ServiceModel:
    return load_service(service)


def call(
    service: str, operation: str, parameters: Mapping[str, Any], account: str, region: str
) -> dict[str, Any]:
    """Run one operation, with parameters as in boto3 except that a blob is a file object, and return its result.

    Raises the provider's exception (localstack.aws.api.ServiceException). Only for operations that look at their
    parameters alone, not at the HTTP request.
    """
    model = _model(service)
    context = RequestContext(_REQUEST)
    context.service = model
    context.protocol = cast("Any", model.resolved_protocol)
    context.operation = model.operation_model(operation)
    context.account_id, context.region = account, region
    context.trace_context = {"aws_trace_header": TraceHeader().ensure_root_exists()}
    skeleton = SERVICE_PLUGINS.require(service).skeleton
    assert skeleton, service  # noqa: S101  every AWS service has one
    return cast("dict[str, Any]", skeleton.dispatch_table[operation](context, cast("Any", parameters)) or {})
