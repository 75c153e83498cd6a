"""The breaker strategy `pause`: who may switch the worker's mapping, and which message resumes it."""

from functions.common import settings as function_settings
from tests.infra.templates import Templates
from tests.infra.test_functions import environment
from tests.infra.test_permissions import listed


def _statements(templates: Templates, function: str) -> dict[str, list[str]]:
    role = templates.one("AWS::IAM::Role", f"{function}/Role").properties
    (policy,) = role["Policies"]
    return {
        action: listed(statement["Resource"])
        for statement in policy["PolicyDocument"]["Statement"]
        for action in listed(statement["Action"])
    }


def test_without_the_strategy_there_is_no_pauser(aws: Templates) -> None:
    assert not [resource.path for resource in aws.all() if "Valve" in resource.path]
    assert "VALVE_QUEUE_URL" not in environment(aws, "Worker")


def test_locally_the_pauser_is_there_for_scenarios_that_switch_to_the_strategy(local: Templates) -> None:
    worker = environment(local, "Worker")
    assert worker["BREAKER_STRATEGY"] == "defer"
    switched = function_settings.worker_settings(worker | {"BREAKER_STRATEGY": "pause"})
    assert switched.pauser_queue_url == "queue/Valve"


def test_the_pauser_and_the_worker_understand_their_variables(paused: Templates) -> None:
    pauser = function_settings.pauser_settings(environment(paused, "Valve"))
    worker = function_settings.worker_settings(environment(paused, "Worker"))
    assert pauser.mapping_id == "functions/WorkerMapping"
    assert pauser.queue_url == worker.pauser_queue_url == "queue/Valve"


def test_the_pauser_may_switch_the_worker_s_mapping_and_no_other(paused: Templates) -> None:
    (arn,) = _statements(paused, "Valve")["lambda:UpdateEventSourceMapping"]
    assert arn.endswith(":event-source-mapping:functions/WorkerMapping")
    assert "lambda:UpdateEventSourceMapping" not in _statements(paused, "Worker")


def test_the_worker_may_ask_for_a_pause(paused: Templates) -> None:
    assert "queue/Valve.Arn" in str(_statements(paused, "Worker"))


def test_a_resume_message_is_kept_until_the_mapping_is_resumed(paused: Templates) -> None:
    queue = paused.one("AWS::SQS::Queue", "Valve").properties
    assert queue["RedrivePolicy"] == {"deadLetterTargetArn": "queue/ValveDlq.Arn", "maxReceiveCount": 1000}
    assert queue["MessageRetentionPeriod"] == 14 * 86_400
    timeout = paused.one("AWS::Lambda::Function", "Valve/Function").properties["Timeout"]
    assert queue["VisibilityTimeout"] >= 6 * timeout


def test_a_pause_is_long_enough_for_the_time_that_aws_takes_to_switch_a_mapping(
    paused: Templates, aws: Templates, local: Templates
) -> None:
    recovery = [
        function_settings.worker_settings(
            environment(templates, "Worker") | {"BREAKER_STRATEGY": strategy, "VALVE_QUEUE_URL": "q"}
        ).recovery_seconds
        for templates, strategy in ((paused, "pause"), (aws, "defer"), (local, "pause"))
    ]
    assert recovery == [120, 30, 5]


def test_leaving_the_strategy_changes_the_mapping_to_enabled(paused: Templates, templates: Templates) -> None:
    """CloudFormation writes what changes: a mapping that was paused at that moment would stay so for ever."""
    mappings = [
        synthesized.one("AWS::Lambda::EventSourceMapping", "WorkerMapping").properties
        for synthesized in (paused, templates)
    ]
    assert [mapping.get("Enabled") for mapping in mappings] == [None, True]


def test_resume_messages_are_applied_one_by_one_and_may_be_kept(paused: Templates) -> None:
    mapping = paused.one("AWS::Lambda::EventSourceMapping", "ValveMapping").properties
    assert mapping["BatchSize"] == 1
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
