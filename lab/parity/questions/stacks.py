"""CloudFormation."""

from lab.parity.probe import feature, recorded
from lab.parity.workbench import Workbench


@feature(
    "CloudFormation",
    "what a stack whose creation failed still has",
    "Parameters, DeletionTime, a template summary",
    recorded("LocalStack: test_handle_existing_log_group, test_get_template_summary_failed_stack"),
)
def _(bench: Workbench) -> str:
    group, _stream = bench.log_group()
    template = {
        "Parameters": {"Name": {"Type": "String", "Default": group}},
        "Resources": {
            "Group": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": {"Ref": "Name"}}}
        },
    }
    stack = bench.stack(template)
    has = [name for name in ("Parameters", "DeletionTime") if stack.get(name)]
    summary = bench.client("cloudformation").get_template_summary(StackName=stack["StackName"])
    return ", ".join([*has, *(["a template summary"] if summary["ResourceTypes"] else [])])


@feature(
    "CloudFormation",
    "AWS::DynamoDB::GlobalTable, what CDK's TableV2 makes",
    "CREATE_COMPLETE",
    recorded("LocalStack: test_global_table"),
)
def _(bench: Workbench) -> str:
    table = {
        "TableName": bench.name(),
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
        "Replicas": [{"Region": "us-east-1"}],
    }
    made = {"Resources": {"Table": {"Type": "AWS::DynamoDB::GlobalTable", "Properties": table}}}
    return bench.stack(made)["StackStatus"]


@feature(
    "CloudFormation",
    "an update without an export that another stack imports",
    "UPDATE_ROLLBACK_COMPLETE",
    recorded("aws/aws-cdk issues 7602 and 8671"),
)
def _(bench: Workbench) -> str:
    name = bench.name()
    handle = {"Resources": {"Wait": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}}
    parameter = {"Type": "String", "Value": {"Fn::ImportValue": name}}
    exporting = bench.stack({**handle, "Outputs": {"Out": {"Value": "x", "Export": {"Name": name}}}})
    bench.stack({"Resources": {"In": {"Type": "AWS::SSM::Parameter", "Properties": parameter}}})
    without = {**handle, "Outputs": {"Other": {"Value": "x"}}}
    return bench.stack(without, update=exporting["StackName"])["StackStatus"]
