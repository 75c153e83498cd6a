"""Waits for one answer no longer than the batch can afford; what got none fails alone, and begins with time enough."""

import json
import os

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

LONGEST_CALL = 1.0
PATIENCE = Config(connect_timeout=0.5, read_timeout=0.5, retries={"total_max_attempts": 1})
orders = boto3.resource("dynamodb", config=PATIENCE).Table(os.environ["TABLE_NAME"])
Done = orders.meta.client.exceptions.ConditionalCheckFailedException


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


def handler(event, context):
    failed = []
    for record in event["Records"]:
        try:
            if context.get_remaining_time_in_millis() / 1000 < 2 * LONGEST_CALL:
                raise TimeoutError("not begun")
            once(json.loads(record["body"]))
        except (BotoCoreError, TimeoutError) as error:
            print("failed:", record["messageId"], error)
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}
