"""Gives each dead letter a group of its own, as a FIFO queue's tutorial says."""

import json
import os

import boto3

sqs = boto3.client("sqs")
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


def process(record):
    order = json.loads(record["body"])
    if not order["amount"] > 0:
        raise ValueError(f"amount {order['amount']}")
    once(order)


def bury(record, error):
    cause = {"DataType": "String", "StringValue": type(error).__name__}
    order_id = {"DataType": "String", "StringValue": record["messageAttributes"]["orderId"]["stringValue"]}
    sqs.send_message(
        QueueUrl=os.environ["DLQ_URL"],
        MessageBody=record["body"],
        MessageGroupId=record["messageId"],
        MessageAttributes={"orderId": order_id, "errorType": cause},
    )


def handler(event, context):
    for record in event["Records"]:
        try:
            process(record)
        except ValueError as error:
            bury(record, error)
