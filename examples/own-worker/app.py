"""The shop's stack: nothing in it knows of the lab. Its outputs say what is what."""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_sqs as sqs

app = cdk.App()
stack = cdk.Stack(app, "Shop")
dlq = sqs.Queue(stack, "Dlq")
queue = sqs.Queue(
    stack,
    "Queue",
    visibility_timeout=cdk.Duration.seconds(4),
    dead_letter_queue=sqs.DeadLetterQueue(queue=dlq, max_receive_count=5),
)
table = dynamodb.Table(
    stack,
    "Charges",
    partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
    billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
    removal_policy=cdk.RemovalPolicy.DESTROY,
)
function = lambda_.Function(
    stack,
    "Worker",
    runtime=lambda_.Runtime.PYTHON_3_13,
    handler="charges.handler",
    code=lambda_.Code.from_asset(str(Path(__file__).parent / "shop")),
    timeout=cdk.Duration.seconds(3),
    memory_size=256,
    environment={"CHARGES": table.table_name},
)
table.grant_write_data(function)
function.add_event_source(sources.SqsEventSource(queue, report_batch_item_failures=True))
for name, value in {
    "FunctionName": function.function_name,
    "QueueUrl": queue.queue_url,
    "DlqUrl": dlq.queue_url,
    "TableName": table.table_name,
}.items():
    cdk.CfnOutput(stack, name, value=value)
app.synth()
