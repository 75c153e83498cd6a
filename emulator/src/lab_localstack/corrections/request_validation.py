"""Requests that no service could read are the caller's fault: 400, as on AWS, where LocalStack answers 500.

LocalStack hands on what it could parse without looking at types and required members. Only a request that has failed
already is looked at here, so that good ones pay nothing. It is parsed again, because a provider may have changed what
it was given before it failed: its own fault stays an InternalError, which LocalStack logs.
"""

from typing import Any, cast

from localstack.aws.api import CommonServiceException, RequestContext
from localstack.aws.protocol.parser import create_parser
from localstack.aws.protocol.serializer import create_serializer
from localstack.aws.protocol.validate import (
    InvalidType,
    MissingRequiredField,
    ParameterValidationError,
    validate_request,
)
from localstack.runtime import hooks

SERIALIZATION = "SerializationException"
INVALID = {"apigatewayv2": "BadRequestException", "logs": "InvalidParameterException"}
"""The code for parameters that do not fit, of the services where it is not ValidationException."""
MISSING = INVALID | {"sqs": "MissingParameter"}
NAMESPACES = {"sqs": "com.amazonaws.sqs"}
"""Of errors in JSON, recorded on AWS."""
UNSAID = {("logs", "ResourceNotFoundException"): "The specified log group does not exist."}
"""What AWS says where moto says nothing."""


@hooks.on_infra_start()
def answer_malformed_requests() -> None:
    """Look at every answer that says that the engine failed; do not search for hours in long addresses."""
    from localstack.aws import handlers

    from lab_localstack.corrections import patches
    from lab_localstack.corrections.constraints import require_constraints

    handlers.serve_custom_service_request_handlers.append(require_constraints)

    patches.search_for_queues_in_short_urls()
    handlers.run_custom_response_handlers.append(correct)


def correct(chain: Any, context: RequestContext, response: Any) -> None:  # noqa: ARG001  LocalStack's signature
    """A response handler of LocalStack's gateway: replaces what an error says if it says something wrong or nothing."""
    if response.status_code < 400 or not context.service:
        return
    service: Any = context.service
    if fault := _better(context, response.status_code):
        operation: Any = context.operation or service.operation_model(service.operation_names[0])
        context.service_exception = fault
        serializer = create_serializer(service, context.protocol)
        request_id = context.request_id or ""
        response.update_from(
            serializer.serialize_error_to_response(fault, operation, context.request.headers, request_id)
        )
    if service.service_name in NAMESPACES and "X-Amzn-Errortype" in response.headers:
        _name_in_full(response, NAMESPACES[service.service_name])


def _name_in_full(response: Any, namespace: str) -> None:
    """Give an error's type its namespace, as in AWS's JSON 1.0 protocol: some languages' clients read it whole."""
    body = response.get_json(force=True)
    body["__type"] = response.headers["X-Amzn-Errortype"] = f"{namespace}#{body['__type']}"
    response.set_json(body)


def _better(context: RequestContext, status: int) -> CommonServiceException | None:
    """The error to answer with instead; None where there is none."""
    error: Any = context.service_exception
    service, code = str(context.service.service_name if context.service else ""), getattr(error, "code", "")
    if status == 500 and code == "InternalError":
        return _fault(context)
    if status == 501 and code:
        asked = f"{context.operation.name} of {service}" if context.operation else service
        return CommonServiceException(code, f"{asked} is not served by this engine.", status)
    if error is not None and not error.message and (service, code) in UNSAID:
        return CommonServiceException(code, UNSAID[service, code], status, sender_fault=True)
    return None


def _fault(context: RequestContext) -> CommonServiceException | None:
    """What is wrong with the request; None if nothing is, and the engine itself has failed."""
    service: Any = context.service
    if context.operation is None or context.service_request is None:
        return CommonServiceException(SERIALIZATION, "The request could not be read.", 400, sender_fault=True)
    operation, request = create_parser(service, context.protocol).parse(context.request)
    if operation.input_shape is None:
        return None
    found = validate_request(operation, cast("Any", request)).exceptions
    return _as_aws_says(service.service_name, found[0]) if found else None


def _as_aws_says(service: str, error: ParameterValidationError) -> CommonServiceException:
    if isinstance(error, MissingRequiredField):
        code = MISSING.get(service, "ValidationException")
        name = ".".join(filter(None, [error.error.name, error.required_name]))
        message = (
            f"1 validation error detected: Value null at '{name}' failed to satisfy constraint: "
            "Member must not be null"
        )
    elif isinstance(error, InvalidType):
        code, message = SERIALIZATION, error.message
    else:
        code, message = INVALID.get(service, "ValidationException"), error.message
    return CommonServiceException(code, message, 400, sender_fault=True)
