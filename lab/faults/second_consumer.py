"""A second function on the orders queue: it takes a share of the orders and does nothing with them.

What somebody leaves behind who only wanted to look at the orders. Lambda deletes what a function returns from without
an error, so that no queue, log or alarm tells of these orders any more.
"""

import io
import zipfile
from typing import TYPE_CHECKING, Any

from lab.common.polling import UPDATE_SECONDS, wait_for
from lab.pipeline.observe import Pipeline

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

CODE = "def handler(event, context):\n    return {}\n"


def name(pipeline: Pipeline) -> str:
    """What the function is called."""
    return f"{pipeline.stack.prefix}-audit"


def is_there(pipeline: Pipeline) -> bool:
    """Whether a mapping feeds it."""
    return bool(_mappings(pipeline))


def put(pipeline: Pipeline, wanted: Any) -> None:
    """Have it on the queue, once it receives, or take it away, mapping and function."""
    client: LambdaClient = pipeline.aws.client("lambda")
    for mapping in _mappings(pipeline):
        client.delete_event_source_mapping(UUID=mapping["UUID"])
    wait_for("the second mapping to be gone", lambda: _mappings(pipeline), _is_empty, within=UPDATE_SECONDS)
    if _exists(client, name(pipeline)):
        client.delete_function(FunctionName=name(pipeline))
    if wanted:
        _create(client, pipeline)


def _create(client: "LambdaClient", pipeline: Pipeline) -> None:
    """With the worker's own role, which may take messages from the queue."""
    worker = client.get_function_configuration(FunctionName=pipeline.stack.worker_function_name)
    queue = client.get_event_source_mapping(UUID=pipeline.stack.worker_event_source_mapping_id)
    client.create_function(
        FunctionName=name(pipeline),
        Description="Looks at orders.",
        Role=worker.get("Role", ""),
        Runtime="python3.13",
        Architectures=worker.get("Architectures", ["x86_64"]),
        Handler="index.handler",
        Code={"ZipFile": _packed()},
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name(pipeline))
    # One message a batch: it comes back for the next one sooner than a worker that takes ten.
    client.create_event_source_mapping(
        FunctionName=name(pipeline), EventSourceArn=queue.get("EventSourceArn", ""), BatchSize=1
    )
    wait_for(
        "the second mapping to be enabled",
        lambda: [mapping.get("State") for mapping in _mappings(pipeline)],
        lambda states: states == ["Enabled"],
        within=UPDATE_SECONDS,
    )


def _mappings(pipeline: Pipeline) -> list[Any]:
    client: LambdaClient = pipeline.aws.client("lambda")
    if not _exists(client, name(pipeline)):
        return []
    return client.list_event_source_mappings(FunctionName=name(pipeline))["EventSourceMappings"]


def _exists(client: "LambdaClient", function: str) -> bool:
    try:
        client.get_function_configuration(FunctionName=function)
    except client.exceptions.ResourceNotFoundException:
        return False
    return True


def _is_empty(found: list[Any]) -> bool:
    return not found


def _packed() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", CODE)
    return packed.getvalue()
