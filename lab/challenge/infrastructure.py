"""Changes of a challenge's infrastructure, really made through AWS's APIs, and undone where the `with` block ends."""

import json
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from lab.challenge.stand import Stand
from lab.common.polling import wait_for

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_lambda.type_defs import EventSourceMappingConfigurationTypeDef

KEPT = ("EventSourceArn", "BatchSize", "ScalingConfig", "FunctionResponseTypes")
"""What a mapping that was deleted is made again with."""

POLICY = "revoked-by-the-nemesis"
DELETED_WITHIN = 30


@contextmanager
def mapping(stand: Stand, to: str) -> Generator[None]:
    """The function's event source mappings `disabled` or `deleted`; afterwards they poll again."""
    change = {"disabled": _disabled, "deleted": _deleted}[to]
    with change(stand):
        yield


@contextmanager
def _disabled(stand: Stand) -> Generator[None]:
    def enable(enabled: bool) -> None:
        for each in _mappings(stand):
            stand.lambda_().update_event_source_mapping(UUID=each.get("UUID", ""), Enabled=enabled)

    enable(False)
    try:
        yield
    finally:
        enable(True)


@contextmanager
def _deleted(stand: Stand) -> Generator[None]:
    gone = _mappings(stand)
    for each in gone:
        stand.lambda_().delete_event_source_mapping(UUID=each.get("UUID", ""))
    try:
        yield
    finally:
        if gone:
            wait_for(
                "the mapping to go", lambda: _mappings(stand), lambda left: not left, within=DELETED_WITHIN
            )
        for each in gone:
            kept: Any = {name: value for name, value in each.items() if name in KEPT}
            stand.lambda_().create_event_source_mapping(FunctionName=stand.function_name, **kept)


def _mappings(stand: Stand) -> "list[EventSourceMappingConfigurationTypeDef]":
    found = stand.lambda_().list_event_source_mappings(FunctionName=stand.function_name)
    return found["EventSourceMappings"]


@contextmanager
def timeout(stand: Stand, to: int) -> Generator[None]:
    """The function's time-out in seconds."""
    client, name = stand.lambda_(), stand.function_name
    before = client.get_function_configuration(FunctionName=name).get("Timeout", to)
    client.update_function_configuration(FunctionName=name, Timeout=to)
    try:
        yield
    finally:
        client.update_function_configuration(FunctionName=name, Timeout=before)


@contextmanager
def concurrency(stand: Stand, to: int) -> Generator[None]:
    """How many invocations run at once, at most."""
    client, name = stand.lambda_(), stand.function_name
    before = client.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions", 0)
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=to)
    try:
        yield
    finally:
        if before:
            client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=before)
        else:
            client.delete_function_concurrency(FunctionName=name)


@contextmanager
def permission(stand: Stand, to: str) -> Generator[None]:
    """An action, such as sqs:DeleteMessage, that the function's role is denied; an engine may not enforce it."""
    iam: IAMClient = stand.client("iam")
    role = stand.lambda_().get_function_configuration(FunctionName=stand.function_name).get("Role", "")
    policy = {"RoleName": role.rpartition("/")[2], "PolicyName": f"{POLICY}-{uuid4().hex[:8]}"}
    statement = {"Effect": "Deny", "Action": to, "Resource": "*"}
    iam.put_role_policy(
        **policy, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    try:
        yield
    finally:
        iam.delete_role_policy(**policy)


CHANGES: Mapping[str, Callable[[Stand, Any], AbstractContextManager[None]]] = {
    change.__name__: change for change in (mapping, timeout, concurrency, permission)
}
"""What a step of the kind `setting` may change, by name."""
