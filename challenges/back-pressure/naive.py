"""Writes one order after the other, and the next batch waits for all of them."""

import json
import os

import boto3
from botocore.exceptions import ClientError

orders = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
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
