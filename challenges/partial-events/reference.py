"""Puts again what the answer says has failed, and nothing else; what is left in the end fails with its message."""

import json
import os

import boto3

bus = boto3.client("events")
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


def entry(order_id):
    return {
        "EventBusName": os.environ["EVENT_BUS_NAME"],
        "Source": "ingestion.orders",
        "DetailType": "OrderProcessed",
        "Detail": json.dumps({"eventId": order_id, "orderId": order_id}),
    }


def handler(event, context):
    waiting = event["Records"]
    for record in waiting:
        once(json.loads(record["body"]))
    for _ in range(5):
        entries = [entry(json.loads(record["body"])["orderId"]) for record in waiting]
        answers = bus.put_events(Entries=entries)["Entries"]
        waiting = [record for record, answer in zip(waiting, answers, strict=True) if "ErrorCode" in answer]
        if not waiting:
            break
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in waiting]}
