"""The functions stack: what each function is told, how the worker is fed, where the code runs."""

from collections.abc import Callable
from typing import Any

import pytest

from functions.common import settings as function_settings
from functions.common.aws import ANSWER_SECONDS
from infra.components.names import Names
from infra.settings import Settings
from tests.infra.templates import AWS_ACCOUNT, Templates

FUNCTIONS = {
    "Ingest": "ingest",
    "Worker": "worker",
    "DryRun": "dry-run",
    "Redrive": "redrive",
    "Authorizer": "authorizer",
}
"""The short name of each function, by its construct."""


def environment(templates: Templates, function: str) -> dict[str, str]:
    """The variables a function is deployed with."""
    return templates.one("AWS::Lambda::Function", f"{function}/Function").properties["Environment"][
        "Variables"
    ]


@pytest.mark.parametrize(
    ("function", "reader"),
    [
        ("Ingest", function_settings.ingest_settings),
        ("Worker", function_settings.worker_settings),
        ("DryRun", function_settings.worker_settings),
        ("Redrive", function_settings.redrive_settings),
        ("Authorizer", function_settings.authorizer_settings),
    ],
)
def test_a_function_understands_the_variables_it_gets(
    templates: Templates, function: str, reader: Callable[[dict[str, str]], function_settings.Settings]
) -> None:
    variables = environment(templates, function)
    read = reader(variables)
    assert read.env_name == templates.settings.env_name
    assert read.code_version == variables["CODE_VERSION"]
    modes = (f"/ingestion/{read.env_name}/failure_mode",) if templates.settings.has_failure_modes else ()
    assert read.failure_mode_parameters[:1] == modes
    assert variables["POWERTOOLS_SERVICE_NAME"] == FUNCTIONS[function]
    assert variables["POWERTOOLS_METRICS_NAMESPACE"] == Names(read.env_name).metric_namespace


def test_a_dry_run_may_take_as_long_as_it_is_waited_for(templates: Templates) -> None:
    assert templates.one("AWS::Lambda::Function", "DryRun/Function").properties["Timeout"] == ANSWER_SECONDS


def test_the_worker_holds_an_idempotency_key_for_as_long_as_it_may_run(templates: Templates) -> None:
    timeout = templates.one("AWS::Lambda::Function", "Worker/Function").properties["Timeout"]
    assert int(environment(templates, "Worker")["IDEMPOTENCY_IN_PROGRESS_SECONDS"]) >= timeout


def test_the_worker_knows_how_many_receives_the_queue_grants(templates: Templates) -> None:
    queue = templates.one("AWS::SQS::Queue", "Orders").properties
    granted = queue["RedrivePolicy"]["maxReceiveCount"]
    assert environment(templates, "Worker")["MAX_RECEIVE_COUNT"] == str(granted)


def test_a_seed_reaches_the_worker_only_if_there_is_one(aws: Templates, secured: Templates) -> None:
    assert "FAULT_SEED" not in environment(aws, "Worker")
    assert environment(secured, "Worker")["FAULT_SEED"] == "7"


def _mapping(templates: Templates) -> dict[str, Any]:
    return dict(templates.one("AWS::Lambda::EventSourceMapping", "WorkerMapping").properties)


def test_the_worker_is_fed_by_the_queue_and_reports_single_failures(templates: Templates) -> None:
    mapping = _mapping(templates)
    assert mapping["EventSourceArn"] == "queue/Orders.Arn"
    assert mapping["FunctionName"] == "functions/Worker/Function"
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BatchSize"] == templates.settings.batch_size


def test_only_a_batch_above_ten_waits_for_a_window(aws: Templates, secured: Templates) -> None:
    assert "MaximumBatchingWindowInSeconds" not in _mapping(aws)
    assert _mapping(secured)["MaximumBatchingWindowInSeconds"] == 1


def test_the_worker_s_concurrency_is_bounded_and_others_reserve_theirs_on_request(
    aws: Templates, secured: Templates
) -> None:
    assert _mapping(aws)["ScalingConfig"] == {"MaximumConcurrency": 5}
    assert _mapping(secured)["ScalingConfig"] == {"MaximumConcurrency": 20}
    assert _reserved(aws) == {}
    assert _reserved(secured) == {"Ingest": 30, "Authorizer": 2}


def _reserved(templates: Templates) -> dict[str, int]:
    return {
        function.path.split("/")[0]: function.properties["ReservedConcurrentExecutions"]
        for function in templates.all("AWS::Lambda::Function")
        if "ReservedConcurrentExecutions" in function.properties
    }


def test_outside_dev_no_function_reads_the_failure_mode_parameter_unless_asked_to(
    aws: Templates, secured: Templates
) -> None:
    """Neither variable nor permission: whoever may write the parameter breaks nothing."""
    assert "FAILURE_MODE_PARAMETERS" in environment(aws, "Worker")
    assert not [
        function.path
        for function in secured.all("AWS::Lambda::Function")
        if "FAILURE_MODE_PARAMETERS" in function.properties["Environment"]["Variables"]
    ]
    asked = Settings.from_context(
        {
            "envName": "prod",
            "alarmEmail": "alarms@orders.company",
            "ingestAuth": "iam",
            "enableFailureModes": "true",
        }
    )
    assert asked.has_failure_modes
    assert not Settings.from_context({"enableFailureModes": "false"}).has_failure_modes


def test_functions_run_python_3_13_on_the_chosen_processor(templates: Templates) -> None:
    functions = list(templates.all("AWS::Lambda::Function"))
    assert len(functions) == len(FUNCTIONS) + templates.settings.has_pauser
    for function in functions:
        assert function.properties["Runtime"] == "python3.13"
        assert function.properties["Architectures"] == [templates.settings.architecture]


def test_the_api_never_waits_longer_for_a_function_than_api_gateway_does(templates: Templates) -> None:
    assert templates.one("AWS::Lambda::Function", "Ingest/Function").properties["Timeout"] < 30


def test_each_function_writes_to_a_log_group_of_its_own_with_a_retention(templates: Templates) -> None:
    for name, short in FUNCTIONS.items():
        group = templates.one("AWS::Logs::LogGroup", f"{name}/Logs").properties
        assert group["LogGroupName"] == f"/aws/lambda/{templates.prefix}-{short}"
        assert group["RetentionInDays"] == templates.settings.log_retention_days
        function = templates.one("AWS::Lambda::Function", f"{name}/Function").properties
        assert function["LoggingConfig"] == {"LogGroup": f"functions/{name}/Logs"}


def test_only_the_redrive_function_may_loop_through_itself(aws: Templates) -> None:
    loops = {f.path: f.properties.get("RecursiveLoop") for f in aws.all("AWS::Lambda::Function")}
    assert loops.pop("Redrive/Function") == "Allow"
    assert set(loops.values()) == {None}


def test_without_the_setting_nothing_of_a_network_is_made(aws: Templates) -> None:
    assert not [resource.path for resource in aws.all() if resource.type.startswith("AWS::EC2::")]


def _endpoints(templates: Templates) -> set[str]:
    found = templates.all("AWS::EC2::VPCEndpoint")
    return {endpoint.properties["ServiceName"].rsplit(".", 1)[1] for endpoint in found}


def test_in_the_vpc_there_are_endpoints_for_what_the_settings_let_functions_call(
    secured: Templates, collected: Templates
) -> None:
    """Parameter Store for failure modes, X-Ray for a collector, which sends from within the function."""
    assert _endpoints(collected) - _endpoints(secured) == {"ssm", "xray"}
    assert _endpoints(secured) <= _endpoints(collected)


def test_a_collector_is_a_layer_of_every_function(collected: Templates, aws: Templates) -> None:
    layers = [function.properties["Layers"] for function in collected.all("AWS::Lambda::Function")]
    assert layers == [[collected.settings.collector_layer_arn]] * len(FUNCTIONS)
    assert not [f.path for f in aws.all("AWS::Lambda::Function") if "Layers" in f.properties]


def test_in_the_vpc_functions_reach_aws_through_endpoints_and_nothing_else(secured: Templates) -> None:
    kinds = {resource.type for resource in secured.all()}
    assert not kinds & {"AWS::EC2::InternetGateway", "AWS::EC2::NatGateway", "AWS::EC2::Route"}
    assert _endpoints(secured) == {"dynamodb", "sqs", "events", "secretsmanager", "lambda", "monitoring"}
    for function in secured.all("AWS::Lambda::Function"):
        vpc = function.properties["VpcConfig"]
        assert vpc["SecurityGroupIds"] == ["functions/Network/Functions.GroupId"]
        assert len(vpc["SubnetIds"]) == 2
    (group,) = [g for g in secured.all("AWS::EC2::SecurityGroup") if g.path == "Network/Functions"]
    assert [(rule["FromPort"], rule["ToPort"]) for rule in group.properties["SecurityGroupEgress"]] == [
        (443, 443)
    ]


def test_an_asynchronous_invocation_that_fails_is_kept(templates: Templates) -> None:
    config = templates.one("AWS::Lambda::EventInvokeConfig", "RedriveInvocations").properties
    assert config["FunctionName"] == "functions/Redrive/Function"
    assert config["DestinationConfig"] == {"OnFailure": {"Destination": "queue/FailedInvocations.Arn"}}
    assert config["MaximumRetryAttempts"] == 2


def test_ingest_knows_whether_queues_are_fair(aws: Templates) -> None:
    assert not function_settings.ingest_settings(environment(aws, "Ingest")).fair_queues
    fair = Templates({"fairQueues": "true"})
    assert function_settings.ingest_settings(environment(fair, "Ingest")).fair_queues


def test_an_endpoint_passes_only_what_the_account_s_principals_ask_of_the_account_s_resources(
    secured: Templates,
) -> None:
    endpoints = list(secured.all("AWS::EC2::VPCEndpoint"))
    assert len(endpoints) == 6
    for endpoint in endpoints:
        (statement,) = endpoint.properties["PolicyDocument"]["Statement"]
        assert statement["Effect"] == "Allow"
        assert statement["Condition"] == {
            "StringEquals": {"aws:PrincipalAccount": AWS_ACCOUNT, "aws:ResourceAccount": AWS_ACCOUNT}
        }


def test_the_default_group_of_the_vpc_is_closed_by_a_function_of_cdk_that_may_touch_it_alone(
    secured: Templates,
) -> None:
    (closed,) = secured.all("Custom::VpcRestrictDefaultSG")
    assert closed.properties["DefaultSecurityGroupId"] == "functions/Network/Vpc.DefaultSecurityGroup"
    (role,) = secured.all("AWS::IAM::Role", of_cdk=True)
    (policy,) = role.properties["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert {action.split(":")[0] for action in statement["Action"]} == {"ec2"}
    assert all("security-group/" in arn and "*" not in arn for arn in statement["Resource"])
