"""The circuit breakers' shared state, as it stands in their table."""

from typing import TYPE_CHECKING

from lab.pipeline.observe import Pipeline

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CACHE_SECONDS = 5
"""How long a worker may use a state it has read (functions/worker/circuits.py)."""


def circuit_states(pipeline: Pipeline) -> dict[str, str]:
    """State by circuit, `CLOSED`, `OPEN` or `HALF_OPEN`. A circuit that never opened has no row."""
    dynamodb: DynamoDBClient = pipeline.aws.client("dynamodb")
    rows = dynamodb.scan(TableName=pipeline.stack.circuits_table_name, ConsistentRead=True)["Items"]
    return {row["id"].get("S", ""): row.get("state", {}).get("S", "").upper() for row in rows}


def forget_circuits(pipeline: Pipeline) -> bool:
    """Delete the rows of circuits that are not closed; True if there was one."""
    dynamodb: DynamoDBClient = pipeline.aws.client("dynamodb")
    unwell = [name for name, state in circuit_states(pipeline).items() if state != "CLOSED"]
    for name in unwell:
        dynamodb.delete_item(TableName=pipeline.stack.circuits_table_name, Key={"id": {"S": name}})
    return bool(unwell)
