"""What LocalStack's resource providers leave out, of the types that this lab's stacks have.

Many of LocalStack 4.14.0's providers drop properties when they make a resource, and take a change for made without
making it. Each function here brings a resource from what it was (`before`, empty for a new one) to its model.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from localstack.services.sns.resource_providers.aws_sns_topicpolicy import create_default_topic_policy

from lab_localstack.cloudformation.resource_provider import Model, Request, select

type Settle = Callable[[Request, Model, Model], None]


class CannotChangeError(Exception):
    """A change that this engine cannot make in place."""


@dataclass(frozen=True)
class Completion:
    """`settle` does what is left out. Where it `replaces_update`, it does the whole change by itself."""

    settle: Settle
    replaces_update: bool = True


def attributes(schema: Mapping[str, Any], before: Model) -> Model:
    """What a resource keeps through a change in place: its name, id and what AWS chose."""
    kinds = ("primaryIdentifier", "readOnlyProperties", "createOnlyProperties")
    kept = {path.removeprefix("/properties/") for kind in kinds for path in schema.get(kind, [])}
    return {name: value for name, value in before.items() if name in kept}


def log_group(request: Request, model: Model, before: Model) -> None:
    logs: Any = request.aws_client_factory.logs
    name = model["LogGroupName"]
    if days := model.get("RetentionInDays"):
        logs.put_retention_policy(logGroupName=name, retentionInDays=days)
    elif before.get("RetentionInDays"):
        logs.delete_retention_policy(logGroupName=name)
    if key := model.get("KmsKeyId"):
        logs.associate_kms_key(logGroupName=name, kmsKeyId=key)
    elif before.get("KmsKeyId"):
        logs.disassociate_kms_key(logGroupName=name)
    arn = model["Arn"].removesuffix(":*")
    wanted, gone = _tags(model, before)
    if wanted:
        logs.tag_resource(resourceArn=arn, tags=wanted)
    if gone:
        logs.untag_resource(resourceArn=arn, tagKeys=gone)


ALARM = (
    "ActionsEnabled",
    "AlarmActions",
    "AlarmDescription",
    "AlarmName",
    "ComparisonOperator",
    "DatapointsToAlarm",
    "Dimensions",
    "EvaluateLowSampleCountPercentile",
    "EvaluationPeriods",
    "ExtendedStatistic",
    "InsufficientDataActions",
    "MetricName",
    "Metrics",
    "Namespace",
    "OKActions",
    "Period",
    "Statistic",
    "Threshold",
    "ThresholdMetricId",
    "TreatMissingData",
    "Unit",
)


def alarm(request: Request, model: Model, before: Model) -> None:
    cloudwatch: Any = request.aws_client_factory.cloudwatch
    if before:
        cloudwatch.put_metric_alarm(**select(model, ALARM))
    _tag(cloudwatch, "ResourceARN", model["Arn"], model, before)


COMPOSITE_ALARM = (
    "ActionsEnabled",
    "AlarmActions",
    "AlarmDescription",
    "AlarmName",
    "AlarmRule",
    "InsufficientDataActions",
    "OKActions",
)


def composite_alarm(request: Request, model: Model, before: Model) -> None:
    cloudwatch: Any = request.aws_client_factory.cloudwatch
    if before:
        cloudwatch.put_composite_alarm(**select(model, COMPOSITE_ALARM))
    _tag(cloudwatch, "ResourceARN", model["Arn"], model, before)


CAPACITY = ("BillingMode", "ProvisionedThroughput")
TABLE = {
    *CAPACITY,
    "DeletionProtectionEnabled",
    "PointInTimeRecoverySpecification",
    "SSESpecification",
    "Tags",
    "TimeToLiveSpecification",
}
"""What can be changed of a table."""


def table(request: Request, model: Model, before: Model) -> None:
    dynamodb: Any = request.aws_client_factory.dynamodb
    name = {"TableName": model["TableName"]}
    if before:
        changed = _changed(model, _as_in_template(before))
        if unknown := changed - TABLE:
            raise CannotChangeError(
                f"{', '.join(sorted(unknown))} of a table cannot be changed in place here."
            )
        if changed & {*CAPACITY}:
            dynamodb.update_table(**name, **select(model, CAPACITY))
        if "SSESpecification" in changed:
            dynamodb.update_table(**name, SSESpecification=_encryption(model.get("SSESpecification") or {}))
        _tag(dynamodb, "ResourceArn", model["Arn"], model, before)
    ttl, had = model.get("TimeToLiveSpecification"), before.get("TimeToLiveSpecification")
    if before and ttl != had:
        off = {**(had or {}), "Enabled": False}
        dynamodb.update_time_to_live(**name, TimeToLiveSpecification=ttl or off)
    protected = bool(model.get("DeletionProtectionEnabled"))
    if protected != bool(before.get("DeletionProtectionEnabled")):
        dynamodb.update_table(**name, DeletionProtectionEnabled=protected)
    recovery = model.get("PointInTimeRecoverySpecification") or {"PointInTimeRecoveryEnabled": False}
    recovered = before.get("PointInTimeRecoverySpecification") or {"PointInTimeRecoveryEnabled": False}
    if recovery != recovered:
        dynamodb.update_continuous_backups(**name, PointInTimeRecoverySpecification=recovery)


def _encryption(template: dict[str, Any]) -> dict[str, Any]:
    """A template's SSESpecification as the API has it."""
    return {**select(template, ("SSEType", "KMSMasterKeyId")), "Enabled": bool(template.get("SSEEnabled"))}


def rule(request: Request, model: Model, before: Model) -> None:
    events: Any = request.aws_client_factory.events
    bus = select(model, ("EventBusName",))
    name = model["Id"].rpartition("|")[2]
    if before:
        settings = select(model, ("Description", "RoleArn", "ScheduleExpression", "State"))
        if pattern := model.get("EventPattern"):
            settings["EventPattern"] = pattern if isinstance(pattern, str) else json.dumps(pattern)
        events.put_rule(Name=name, **bus, **settings)
        targets = {target["Id"]: target for target in model.get("Targets") or []}
        if gone := [old["Id"] for old in before.get("Targets") or [] if old["Id"] not in targets]:
            events.remove_targets(Rule=name, **bus, Ids=gone)
        if targets:
            events.put_targets(Rule=name, **bus, Targets=list(targets.values()))
    _tag(events, "ResourceARN", model["Arn"], model, before)


def event_bus(request: Request, model: Model, before: Model) -> None:
    settings = select(model, ("KmsKeyIdentifier", "Description"))
    changed = _changed(model, before) - {"Tags", "KmsKeyIdentifier", "Description"}
    if before and changed:
        raise CannotChangeError(
            f"{', '.join(sorted(changed))} of an event bus cannot be changed in place here."
        )
    events: Any = request.aws_client_factory.events
    if settings or select(before, ("KmsKeyIdentifier", "Description")):
        events.update_event_bus(Name=model["Name"], **settings)
    _tag(events, "ResourceARN", model["Arn"], model, before)


def key(request: Request, model: Model, before: Model) -> None:
    if not before:
        return
    kms: Any = request.aws_client_factory.kms
    place = {"KeyId": model["KeyId"]}
    if model.get("Description") != before.get("Description"):
        kms.update_key_description(**place, Description=model.get("Description", ""))
    if model.get("KeyPolicy") != before.get("KeyPolicy"):
        kms.put_key_policy(**place, PolicyName="default", Policy=json.dumps(model["KeyPolicy"]))
    (kms.enable_key if model.get("Enabled", True) else kms.disable_key)(**place)
    rotates = model.get("EnableKeyRotation", False)
    (kms.enable_key_rotation if rotates else kms.disable_key_rotation)(**place)
    wanted, gone = _tags(model, before)
    if wanted:
        kms.tag_resource(**place, Tags=[{"TagKey": name, "TagValue": text} for name, text in wanted.items()])
    if gone:
        kms.untag_resource(**place, TagKeys=gone)


def alias(request: Request, model: Model, before: Model) -> None:
    if before:
        request.aws_client_factory.kms.update_alias(
            AliasName=model["AliasName"], TargetKeyId=model["TargetKeyId"]
        )


def topic_policy(request: Request, model: Model, before: Model) -> None:
    if not before:
        return
    policies = {arn: create_default_topic_policy(arn) for arn in before["Topics"]}
    policies |= dict.fromkeys(model["Topics"], json.dumps(model["PolicyDocument"]))
    for arn, policy in policies.items():
        request.aws_client_factory.sns.set_topic_attributes(
            TopicArn=arn, AttributeName="Policy", AttributeValue=policy
        )


def secret(request: Request, model: Model, before: Model) -> None:
    if not before:
        return
    if model.get("GenerateSecretString") != before.get("GenerateSecretString"):
        raise CannotChangeError("GenerateSecretString cannot be changed in place here.")
    secretsmanager: Any = request.aws_client_factory.secretsmanager
    settings = select(model, ("KmsKeyId",)) | {"Description": model.get("Description", "")}
    if model.get("SecretString") != before.get("SecretString"):
        settings |= select(model, ("SecretString",))
    secretsmanager.update_secret(SecretId=model["Id"], **settings)
    _tag(secretsmanager, "SecretId", model["Id"], model, before)


def role(request: Request, model: Model, before: Model) -> None:
    if not before:
        return
    iam: Any = request.aws_client_factory.iam
    name = {"RoleName": model["RoleName"]}
    length = model.get("MaxSessionDuration", 3600)
    iam.update_role(**name, Description=model.get("Description", ""), MaxSessionDuration=length)
    iam.update_assume_role_policy(**name, PolicyDocument=json.dumps(model["AssumeRolePolicyDocument"]))
    inline = {one["PolicyName"]: one["PolicyDocument"] for one in model.get("Policies") or []}
    for policy in before.get("Policies") or []:
        if policy["PolicyName"] not in inline:
            iam.delete_role_policy(**name, PolicyName=policy["PolicyName"])
    for policy, document in inline.items():
        iam.put_role_policy(**name, PolicyName=policy, PolicyDocument=json.dumps(document))
    wanted, had = set(model.get("ManagedPolicyArns") or []), set(before.get("ManagedPolicyArns") or [])
    for arn in had - wanted:
        iam.detach_role_policy(**name, PolicyArn=arn)
    for arn in wanted - had:
        iam.attach_role_policy(**name, PolicyArn=arn)
    tags, gone = _tags(model, before)
    if tags:
        iam.tag_role(**name, Tags=model["Tags"])
    if gone:
        iam.untag_role(**name, TagKeys=gone)


def function(request: Request, model: Model, before: Model) -> None:
    lambda_: Any = request.aws_client_factory.lambda_
    name = {"FunctionName": model["FunctionName"]}
    reserved, had = (state.get("ReservedConcurrentExecutions") for state in (model, before))
    if reserved is not None and reserved != had:
        lambda_.put_function_concurrency(**name, ReservedConcurrentExecutions=reserved)
    elif reserved is None and had is not None:
        lambda_.delete_function_concurrency(**name)
    recursive = model.get("RecursiveLoop", "Terminate")
    if recursive != before.get("RecursiveLoop", "Terminate"):
        lambda_.put_function_recursion_config(**name, RecursiveLoop=recursive)
    if before:
        wanted, gone = _tags(model, before)
        if wanted:
            lambda_.tag_resource(Resource=model["Arn"], Tags=wanted)
        if gone:
            lambda_.untag_resource(Resource=model["Arn"], TagKeys=gone)


def event_source_mapping(request: Request, model: Model, before: Model) -> None:
    """A mapping loses what goes from the template: LocalStack's update leaves it."""
    emptied = {
        name: {} for name in ("FilterCriteria", "ScalingConfig") if name in before and name not in model
    }
    if emptied:
        request.aws_client_factory.lambda_.update_event_source_mapping(UUID=model["Id"], **emptied)


COMPLETIONS: Mapping[str, Completion] = {
    "AWS::CloudWatch::Alarm": Completion(alarm),
    "AWS::CloudWatch::CompositeAlarm": Completion(composite_alarm),
    "AWS::DynamoDB::Table": Completion(table),
    "AWS::Events::EventBus": Completion(event_bus),
    "AWS::Events::Rule": Completion(rule),
    "AWS::IAM::Role": Completion(role),
    "AWS::KMS::Alias": Completion(alias),
    "AWS::KMS::Key": Completion(key),
    "AWS::Lambda::EventSourceMapping": Completion(event_source_mapping, replaces_update=False),
    "AWS::Lambda::Function": Completion(function, replaces_update=False),
    "AWS::Logs::LogGroup": Completion(log_group),
    "AWS::SNS::TopicPolicy": Completion(topic_policy),
    "AWS::SecretsManager::Secret": Completion(secret),
}


def _changed(model: Model, before: Model) -> set[str]:
    return {name for name in model.keys() | before.keys() if model.get(name) != before.get(name)}


def _as_in_template(table: Model) -> Model:
    """A table whose encryption has the template's names: LocalStack changes them where it makes the table."""
    encryption = {
        {"Enabled": "SSEEnabled"}.get(name, name): value
        for name, value in (table.get("SSESpecification") or {}).items()
    }
    return table | ({"SSESpecification": encryption} if encryption else {})


def _tags(model: Model, before: Model) -> tuple[dict[str, str], list[str]]:
    """The tags to set, none where nothing changed, and the keys of those to remove."""
    wanted, had = ({tag["Key"]: tag["Value"] for tag in state.get("Tags") or []} for state in (model, before))
    return wanted if wanted != had else {}, sorted(had.keys() - wanted.keys())


def _tag(client: Any, identifier: str, arn: str, model: Model, before: Model) -> None:
    """Bring the tags of a resource up to date, by the operations that most services have."""
    wanted, gone = _tags(model, before)
    if wanted:
        client.tag_resource(**{identifier: arn}, Tags=model["Tags"])
    if gone:
        client.untag_resource(**{identifier: arn}, TagKeys=gone)
