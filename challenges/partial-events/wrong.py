"""Puts the whole batch again when anything of it failed."""

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
    done = [json.loads(record["body"]) for record in event["Records"]]
    for order in done:
        once(order)
    entries = [entry(order["orderId"]) for order in done]
    for _ in range(5):
        if not bus.put_events(Entries=entries)["FailedEntryCount"]:
            return
    raise RuntimeError("the bus does not take the events")
