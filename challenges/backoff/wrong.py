"""Hides the one that failed for longer, and raises: its whole batch comes back at the old time."""

import json
import os

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ONE_TRY = Config(connect_timeout=0.5, read_timeout=0.5, retries={"total_max_attempts": 1})
sqs = boto3.client("sqs")
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
    for record in event["Records"]:
        try:
            once(json.loads(record["body"]))
        except ClientError:
            sqs.change_message_visibility(
                QueueUrl=os.environ["QUEUE_URL"],
                ReceiptHandle=record["receiptHandle"],
                VisibilityTimeout=2 ** int(record["attributes"]["ApproximateReceiveCount"]),
            )
            raise
