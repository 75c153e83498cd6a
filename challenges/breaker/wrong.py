"""A breaker that fails fast: the bus is spared, and every message spends its receives on an open circuit."""

import json
import os
import time

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

ONE_TRY = Config(connect_timeout=0.5, read_timeout=0.5, retries={"total_max_attempts": 1})
bus = boto3.client("events", config=ONE_TRY)

OPEN_SECONDS = 6
orders = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
Done = orders.meta.client.exceptions.ConditionalCheckFailedException
circuit = {"open_until": 0.0}


def once(order):
    try:
        orders.update_item(
            Key={"orderId": order["orderId"]},
            UpdateExpression="ADD executions :one",
            ConditionExpression="attribute_not_exists(orderId)",
            ExpressionAttributeValues={":one": 1},
        )
    except Done:
        print("a duplicate:", order["orderId"])


def announce(order):
    detail = {"eventId": order["orderId"], "orderId": order["orderId"]}
    entry = {
        "EventBusName": os.environ["EVENT_BUS_NAME"],
        "Source": "ingestion.orders",
        "DetailType": "OrderProcessed",
        "Detail": json.dumps(detail),
    }
    if bus.put_events(Entries=[entry])["FailedEntryCount"]:
        raise RuntimeError("the bus did not take it")


def handler(event, context):
    failed = []
    for record in event["Records"]:
        order = json.loads(record["body"])
        once(order)
        try:
            if time.time() < circuit["open_until"]:
                raise RuntimeError("the circuit is open")
            announce(order)
        except (ClientError, BotoCoreError):
            circuit["open_until"] = time.time() + OPEN_SECONDS
            failed.append({"itemIdentifier": record["messageId"]})
        except RuntimeError:
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}
