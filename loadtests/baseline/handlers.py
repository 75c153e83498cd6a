"""The pipeline as one writes it first: correct on a good day, one AWS call after the other.

The benchmark deploys it in place of the lab's functions, on the same API, queue and tables, to have something to
compare with. It is one file that needs boto3 alone.
"""

import json
import os
import time
import uuid
from typing import Any

import boto3
from botocore.exceptions import ClientError

aws: Any = boto3
dynamodb: Any = aws.client("dynamodb")
events: Any = aws.client("events")
sqs: Any = aws.client("sqs")
ssm: Any = aws.client("ssm")


def ingest(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Take one order: one SendMessage."""
    order = json.loads(event["body"])
    sent = sqs.send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=json.dumps(order))
    answer = {
        "orderId": order["orderId"],
        "messageId": sent["MessageId"],
        "idempotencyKey": order["orderId"],
        "correlationId": str(uuid.uuid4()),
    }
    return {
        "statusCode": 202,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps(answer),
    }


def worker(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Process a batch: read the parameter, then message by message."""
    parameter = os.environ["FAILURE_MODE_PARAMETERS"].split(",")[0]
    ssm.get_parameter(Name=parameter)
    for record in event["Records"]:
        _process(json.loads(record["body"]))
    return {"batchItemFailures": []}


def _process(order: dict[str, Any]) -> None:
    try:
        dynamodb.put_item(
            TableName=os.environ["IDEMPOTENCY_TABLE"],
            Item={"id": {"S": order["orderId"]}, "expiration": {"N": str(int(time.time()) + 3600)}},
            ConditionExpression="attribute_not_exists(id)",
        )
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "ConditionalCheckFailedException":
            return
        raise
    dynamodb.update_item(
        TableName=os.environ["ORDERS_TABLE"],
        Key={"orderId": {"S": order["orderId"]}},
        UpdateExpression="SET amount = :amount, #status = :status, acceptedAt = :now, processedAt = :now "
        "ADD executions :one",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={
            ":amount": {"N": str(order["amount"])},
            ":status": {"S": "PROCESSED"},
            ":now": {"N": str(int(time.time() * 1000))},
            ":one": {"N": "1"},
        },
    )
    events.put_events(
        Entries=[
            {
                "Source": "ingestion.orders",
                "DetailType": "OrderProcessed",
                "Detail": json.dumps({"orderId": order["orderId"]}),
                "EventBusName": os.environ["EVENT_BUS_NAME"],
            }
        ]
    )
