"""Writes a batch's orders at once: the batch takes as long as one of them, and the next has its turn."""

import json
import os
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.exceptions import ClientError

orders = boto3.client("dynamodb")
Done = orders.exceptions.ConditionalCheckFailedException


def once(order):
    try:
        orders.update_item(
            TableName=os.environ["TABLE_NAME"],
            Key={"orderId": {"S": order["orderId"]}},
            UpdateExpression="ADD executions :one",
            ConditionExpression="attribute_not_exists(orderId)",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )
    except Done:
        print("a duplicate:", order["orderId"])


def failure(record):
    try:
        once(json.loads(record["body"]))
    except ClientError as error:
        print("failed:", record["messageId"], error)
        return {"itemIdentifier": record["messageId"]}


def handler(event, context):
    with ThreadPoolExecutor(10) as threads:
        failures = threads.map(failure, event["Records"])
    return {"batchItemFailures": [each for each in failures if each]}
