"""Reports what failed, and has it back as soon as the queue gives it back."""

import json
import os

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ONE_TRY = Config(connect_timeout=0.5, read_timeout=0.5, retries={"total_max_attempts": 1})
orders = boto3.resource("dynamodb", config=ONE_TRY).Table(os.environ["TABLE_NAME"])
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
            once(json.loads(record["body"]))
        except ClientError as error:
            print("failed:", record["messageId"], error)
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}
