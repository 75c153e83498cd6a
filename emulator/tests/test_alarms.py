"""Alarms: AWS's documented evaluation, both directions within seconds, and one notification for each transition."""

import json
import re
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support.errors import refused
from support.eventually import eventually

pytestmark = pytest.mark.evidence("documented", source="CloudWatch guide, Using Amazon CloudWatch alarms")

NAMESPACE = "Test/Alarms"
PERIOD = 10
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
KEPT = "INSUFFICIENT_DATA"
"""What `retain current state` means for an alarm that was just created."""


type PutAlarm = Callable[..., str]


@pytest.fixture
def put_alarm(cloudwatch: Any) -> Iterator[PutAlarm]:
    """Creates an alarm `> 0` on a metric of its own, whose name is the alarm's name, and returns that name."""
    made: list[str] = []

    def put(**changes: Any) -> str:
        name = changes.pop("AlarmName", f"test-{uuid.uuid4().hex[:8]}")
        request: dict[str, Any] = {
            "AlarmName": name,
            "Namespace": NAMESPACE,
            "MetricName": name,
            "Statistic": "Maximum",
            "Period": PERIOD,
            "EvaluationPeriods": 1,
            "Threshold": 0,
            "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": "notBreaching",
        }
        request |= changes
        cloudwatch.put_metric_alarm(**{key: value for key, value in request.items() if value is not None})
        made.append(name)
        return name

    yield put
    for start in range(0, len(made), 100):
        cloudwatch.delete_alarms(AlarmNames=made[start : start + 100])


def publish(cloudwatch: Any, name: str, value: float, age: float = 0) -> None:
    """Publish a value that is `age` seconds old."""
    at = datetime.now(UTC) - timedelta(seconds=age)
    cloudwatch.put_metric_data(
        Namespace=NAMESPACE, MetricData=[{"MetricName": name, "Value": value, "Timestamp": at}]
    )


def described(cloudwatch: Any, name: str) -> dict[str, Any]:
    return cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]


def state(cloudwatch: Any, name: str) -> str:
    return described(cloudwatch, name)["StateValue"]


def test_an_alarm_of_a_long_period_is_looked_at_sixty_times_in_it(
    cloudwatch: Any, put_alarm: PutAlarm
) -> None:
    name = put_alarm(Period=600)
    eventually(lambda: state(cloudwatch, name) == "OK")
    fine = described(cloudwatch, name)["StateUpdatedTimestamp"]
    publish(cloudwatch, name, 1)
    eventually(lambda: state(cloudwatch, name) == "ALARM", within=15)
    assert (described(cloudwatch, name)["StateUpdatedTimestamp"] - fine).total_seconds() >= 9


REASONS = [
    ({}, {"ALARM": "1 datapoint [1.0 ({at})] was", "OK": "1 datapoint [0.0 ({at})] was not"}, ""),
    (
        {"DatapointsToAlarm": 1},
        {
            "ALARM": "1 out of the last 1 datapoints [1.0 ({at})] was",
            "OK": "1 out of the last 1 datapoints [0.0 ({at})] was not",
        },
        " (minimum 1 datapoint for {old} -> {new} transition)",
    ),
]


@pytest.mark.evidence(
    "recorded", source="StateReason and StateReasonData of alarms on AWS, 2024-04 and 2025-05"
)
@pytest.mark.parametrize(("given", "counted", "minimum"), REASONS, ids=["all", "DatapointsToAlarm"])
def test_the_reason_of_a_state_is_worded_as_aws_words_it(
    cloudwatch: Any, put_alarm: PutAlarm, given: dict[str, int], counted: dict[str, str], minimum: str
) -> None:
    name = put_alarm(TreatMissingData="ignore", **given)
    old = "INSUFFICIENT_DATA"
    for new, value in (("OK", 0), ("ALARM", 1)):
        publish(cloudwatch, name, value)
        publish(cloudwatch, name, value)
        eventually(lambda new=new: state(cloudwatch, name) == new, within=15)
        alarm = described(cloudwatch, name)
        data = json.loads(alarm["StateReasonData"])
        [evaluated] = data["evaluatedDatapoints"]
        at = datetime.fromisoformat(evaluated["timestamp"]).strftime("%d/%m/%y %H:%M:%S")
        crossed = f"{counted[new]} greater than the threshold (0.0){minimum}."
        assert alarm["StateReason"] == "Threshold Crossed: " + crossed.format(at=at, old=old, new=new)
        assert (evaluated["value"], data["recentDatapoints"]) == (float(value), [float(value)])
        assert evaluated["sampleCount"] >= 1
        assert data["startDate"] == evaluated["timestamp"]
        old = new


@pytest.mark.evidence("recorded", source="StateReasonData of an alarm without data on AWS, 2026-09")
def test_the_reason_of_missing_data_has_the_time_of_the_period_alone(
    cloudwatch: Any, put_alarm: PutAlarm
) -> None:
    name = put_alarm()
    eventually(lambda: state(cloudwatch, name) == "OK", within=15)
    alarm = described(cloudwatch, name)
    data = json.loads(alarm["StateReasonData"])
    assert alarm["StateReason"] == (
        "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as "
        "[NonBreaching]."
    )
    assert data["recentDatapoints"] == []
    assert [point.keys() for point in data["evaluatedDatapoints"]] == [{"timestamp"}]
    assert "startDate" not in data


# The two tables of the CloudWatch User Guide, "Configuring how CloudWatch alarms treat missing data": the data
# points (0 not breaching, X breaching, - missing; newest last) of an alarm with 3 evaluation periods, how many of
# them must breach, and the state for each treatment.
DOCUMENTED = [
    ("0-X-X", 3, ("OK", "OK", "OK", "OK")),
    ("0----", 3, ("OK", "OK", "OK", "OK")),
    ("-----", 3, ("INSUFFICIENT_DATA", KEPT, "ALARM", "OK")),
    ("0XX-X", 3, ("ALARM", "ALARM", "ALARM", "ALARM")),
    ("--X--", 3, ("ALARM", KEPT, "ALARM", "OK")),
    ("0-X-X", 2, ("ALARM", "ALARM", "ALARM", "ALARM")),
    ("00X0X", 2, ("ALARM", "ALARM", "ALARM", "ALARM")),
    ("0-X--", 2, ("OK", "OK", "ALARM", "OK")),
    ("----0", 2, ("OK", "OK", "ALARM", "OK")),
    ("---X-", 2, ("ALARM", KEPT, "ALARM", "OK")),
    # from "Avoiding premature transitions to alarm state": one new breaching point is not enough
    ("----X", 3, ("OK", KEPT, "ALARM", "OK")),
]


def test_every_documented_case_of_missing_data_has_the_documented_state(
    cloudwatch: Any, put_alarm: PutAlarm
) -> None:
    run = uuid.uuid4().hex[:8]
    expected: dict[str, str] = {}
    for points, needed, states in DOCUMENTED:
        for treatment, wanted in zip(TREATMENTS, states, strict=True):
            name = put_alarm(
                AlarmName=f"test-{run}-{points}-{needed}-{treatment}",
                MetricName=f"{run}-{points}",
                EvaluationPeriods=3,
                DatapointsToAlarm=needed,
                TreatMissingData=treatment,
            )
            expected[name] = wanted
    begun = a_new_period()
    data = [
        {
            "MetricName": f"{run}-{points}",
            "Value": float(point == "X"),
            "Timestamp": begun - timedelta(seconds=age * PERIOD),
        }
        for points in {points for points, _, _ in DOCUMENTED}
        for age, point in enumerate(reversed(points))
        if point != "-"
    ]
    cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data)

    def states_now() -> dict[str, str]:
        found = cloudwatch.describe_alarms(AlarmNamePrefix=f"test-{run}-", MaxRecords=100)["MetricAlarms"]
        return {alarm["AlarmName"]: alarm["StateValue"] for alarm in found}

    def as_documented() -> bool:
        assert states_now() == expected
        return True

    assert eventually(as_documented, within=6)


def a_new_period() -> datetime:
    """The beginning of a period, at most a second ago."""
    eventually(lambda: time.time() % PERIOD < 1, within=PERIOD + 1, every=0.2)
    return datetime.fromtimestamp(time.time() // PERIOD * PERIOD, UTC)


@pytest.mark.evidence("ours")
def test_one_peak_does_not_count_as_two_periods(cloudwatch: Any, put_alarm: PutAlarm) -> None:
    name = put_alarm(EvaluationPeriods=3, DatapointsToAlarm=2)
    begun = a_new_period()
    since = (datetime.now(UTC) - begun).total_seconds()
    for second_of_the_last_period in (2, 5):
        publish(cloudwatch, name, 1, age=since + PERIOD - second_of_the_last_period)
    seen: set[str] = set()

    def both_are_ten_seconds_old() -> bool:
        seen.add(state(cloudwatch, name))
        return datetime.now(UTC) > begun + timedelta(seconds=6)

    eventually(both_are_ten_seconds_old, within=7)
    assert "ALARM" not in seen

    publish(cloudwatch, name, 1)
    eventually(lambda: state(cloudwatch, name) == "ALARM", within=5)


@pytest.mark.parametrize(
    ("comparison", "breaching", "fine"),
    [
        ("GreaterThanThreshold", 5.5, 5),
        ("GreaterThanOrEqualToThreshold", 5, 4.5),
        ("LessThanThreshold", 4.5, 5),
        ("LessThanOrEqualToThreshold", 5, 5.5),
    ],
)
def test_each_comparison_operator_breaches_on_its_side(
    cloudwatch: Any, put_alarm: PutAlarm, comparison: str, breaching: float, fine: float
) -> None:
    names = [put_alarm(ComparisonOperator=comparison, Threshold=5) for _ in range(2)]
    for name, value in zip(names, (breaching, fine), strict=True):
        publish(cloudwatch, name, value)

    eventually(lambda: [state(cloudwatch, name) for name in names] == ["ALARM", "OK"], within=5)


@pytest.mark.parametrize(
    ("statistic", "threshold"),
    [
        ({"Statistic": "Sum"}, 9.5),
        ({"Statistic": "Average"}, 2.4),
        ({"Statistic": "SampleCount"}, 3.5),
        ({"Statistic": "Minimum"}, 0.5),
        ({"Statistic": None, "ExtendedStatistic": "p75"}, 2.5),
    ],
)
def test_an_alarm_compares_the_statistic_it_names(
    cloudwatch: Any, put_alarm: PutAlarm, statistic: dict[str, Any], threshold: float
) -> None:
    reached = put_alarm(Threshold=threshold, **statistic)
    missed = put_alarm(Threshold=threshold + 1, **statistic)
    for name in (reached, missed):
        cloudwatch.put_metric_data(
            Namespace=NAMESPACE, MetricData=[{"MetricName": name, "Values": [1, 2, 3, 4]}]
        )

    eventually(lambda: [state(cloudwatch, name) for name in (reached, missed)] == ["ALARM", "OK"], within=5)


def test_an_alarm_on_metric_math_combines_its_metrics(cloudwatch: Any, put_alarm: PutAlarm) -> None:
    run = uuid.uuid4().hex[:8]

    def metric(name: str) -> dict[str, Any]:
        stat = {
            "Metric": {"Namespace": NAMESPACE, "MetricName": f"{run}-{name}"},
            "Period": PERIOD,
            "Stat": "Sum",
        }
        return {"Id": name, "MetricStat": stat, "ReturnData": False}

    name = put_alarm(
        **dict.fromkeys(("Namespace", "MetricName", "Statistic", "Period")),
        Metrics=[
            metric("errors"),
            metric("all"),
            {"Id": "rate", "Expression": "IF(all > 0, 100 * errors / all, 0)", "Label": "Error rate"},
        ],
        Threshold=20,
    )
    publish(cloudwatch, f"{run}-errors", 2)
    publish(cloudwatch, f"{run}-all", 8)

    eventually(lambda: state(cloudwatch, name) == "ALARM", within=5)
    assert "25.0" in described(cloudwatch, name)["StateReason"]
    publish(cloudwatch, f"{run}-all", 8)
    eventually(lambda: state(cloudwatch, name) == "OK", within=5)


def test_the_dead_letter_queue_alarm_goes_on_and_off_within_seconds_and_notifies_once_each(
    aws: Callable[..., Any], cloudwatch: Any, put_alarm: PutAlarm
) -> None:
    sqs, sns = aws("sqs"), aws("sns")
    run = uuid.uuid4().hex[:8]
    dead_letter_queue = sqs.create_queue(QueueName=f"test-{run}-dlq")["QueueUrl"]
    inbox = sqs.create_queue(QueueName=f"test-{run}-inbox")["QueueUrl"]
    inbox_arn = sqs.get_queue_attributes(QueueUrl=inbox, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    topic = sns.create_topic(Name=f"test-{run}")["TopicArn"]
    sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=inbox_arn, Attributes={"RawMessageDelivery": "true"}
    )
    name = put_alarm(
        Namespace="AWS/SQS",
        MetricName="ApproximateNumberOfMessagesVisible",
        Dimensions=[{"Name": "QueueName", "Value": f"test-{run}-dlq"}],
        AlarmDescription="Runbook: ops/runbooks/dlq-depth.md",
        AlarmActions=[topic],
        OKActions=[topic],
    )
    notifications: list[dict[str, Any]] = []

    def received() -> list[tuple[str, str]]:
        for message in sqs.receive_message(QueueUrl=inbox, MaxNumberOfMessages=10).get("Messages", []):
            notifications.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=inbox, ReceiptHandle=message["ReceiptHandle"])
        return [(n["OldStateValue"], n["NewStateValue"]) for n in notifications]

    try:
        eventually(lambda: received() == [("INSUFFICIENT_DATA", "OK")], within=5)

        sqs.send_message(QueueUrl=dead_letter_queue, MessageBody="dead")
        eventually(lambda: state(cloudwatch, name) == "ALARM", within=8)
        reason = described(cloudwatch, name)["StateReason"]
        assert re.fullmatch(
            r"Threshold Crossed: 1 datapoint \[1\.0 \(.{17}\)\] was greater than the threshold \(0\.0\)\.",
            reason,
        )

        sqs.purge_queue(QueueUrl=dead_letter_queue)
        eventually(lambda: state(cloudwatch, name) == "OK", within=15)

        transitions = [("INSUFFICIENT_DATA", "OK"), ("OK", "ALARM"), ("ALARM", "OK")]
        eventually(lambda: received() == transitions, within=5)
        steady_until = time.monotonic() + 3
        eventually(lambda: received() == transitions and time.monotonic() > steady_until, within=5)
    finally:
        sns.delete_topic(TopicArn=topic)
        for url in (dead_letter_queue, inbox):
            sqs.delete_queue(QueueUrl=url)

    alarm = notifications[1]
    assert alarm["AlarmName"] == name
    assert alarm["AlarmDescription"] == "Runbook: ops/runbooks/dlq-depth.md"
    assert alarm["Region"] == "US East (N. Virginia)"
    assert alarm["AlarmActions"] == alarm["OKActions"] == [topic]
    assert alarm["NewStateReason"] == reason
    assert alarm["Trigger"] == {
        "MetricName": "ApproximateNumberOfMessagesVisible",
        "Namespace": "AWS/SQS",
        "StatisticType": "Statistic",
        "Statistic": "MAXIMUM",
        "Unit": None,
        "Dimensions": [{"value": f"test-{run}-dlq", "name": "QueueName"}],
        "Period": PERIOD,
        "EvaluationPeriods": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 0.0,
        "TreatMissingData": "notBreaching",
        "EvaluateLowSampleCountPercentile": "",
    }
    kinds = [
        item["HistoryItemType"]
        for item in cloudwatch.describe_alarm_history(AlarmName=name, ScanBy="TimestampAscending")[
            "AlarmHistoryItems"
        ]
    ]
    assert kinds == ["ConfigurationUpdate", *["StateUpdate", "Action"] * 3]


def test_disabled_actions_leave_the_state_moving(
    aws: Callable[..., Any], cloudwatch: Any, put_alarm: PutAlarm
) -> None:
    topic = aws("sns").create_topic(Name=f"test-{uuid.uuid4().hex[:8]}")["TopicArn"]
    name = put_alarm(AlarmActions=[topic])
    cloudwatch.disable_alarm_actions(AlarmNames=[name])
    publish(cloudwatch, name, 1)

    eventually(lambda: state(cloudwatch, name) == "ALARM", within=5)

    history = cloudwatch.describe_alarm_history(AlarmName=name, HistoryItemType="Action")
    assert history["AlarmHistoryItems"] == []
    assert described(cloudwatch, name)["ActionsEnabled"] is False
    aws("sns").delete_topic(TopicArn=topic)


@pytest.mark.evidence("documented", source="AWS re:Post, CloudWatch alarm with an encrypted SNS topic")
@pytest.mark.parametrize(
    ("principal", "actions", "state_of_action"),
    [
        ({"AWS": "arn:aws:iam::000000000000:root"}, "kms:*", "Failed"),
        ({"Service": "cloudwatch.amazonaws.com"}, "kms:Decrypt", "Failed"),
        ({"Service": "cloudwatch.amazonaws.com"}, ["kms:Decrypt", "kms:GenerateDataKey*"], "Succeeded"),
    ],
    ids=["key for the account alone", "key to decrypt with", "key for CloudWatch"],
)
def test_an_alarm_notifies_an_encrypted_topic_if_its_keys_policy_lets_cloudwatch_in(
    aws: Callable[..., Any], put_alarm: PutAlarm, principal: Any, actions: Any, state_of_action: str
) -> None:
    cloudwatch = aws("cloudwatch")
    statement = {"Effect": "Allow", "Principal": principal, "Action": actions, "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    key = aws("kms").create_key(Policy=policy)["KeyMetadata"]["KeyId"]
    topic = aws("sns").create_topic(Name=f"test-{uuid.uuid4().hex[:8]}", Attributes={"KmsMasterKeyId": key})[
        "TopicArn"
    ]
    name = put_alarm(AlarmActions=[topic])
    publish(cloudwatch, name, 1)

    def actions_of_the_alarm() -> list[dict[str, Any]]:
        history = cloudwatch.describe_alarm_history(AlarmName=name, HistoryItemType="Action")
        return [json.loads(item["HistoryData"]) for item in history["AlarmHistoryItems"]]

    eventually(lambda: len(actions_of_the_alarm()) == 1, within=8)
    assert actions_of_the_alarm()[0]["actionState"] == state_of_action
    aws("sns").delete_topic(TopicArn=topic)


@pytest.mark.evidence("ours")
def test_a_state_set_by_hand_holds_until_the_next_evaluation(cloudwatch: Any, put_alarm: PutAlarm) -> None:
    name = put_alarm()
    eventually(lambda: state(cloudwatch, name) == "OK", within=5)

    for _ in range(2):
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="game day")

    updates = cloudwatch.describe_alarm_history(AlarmName=name, HistoryItemType="StateUpdate")
    assert len(updates["AlarmHistoryItems"]) == 2
    alarm = described(cloudwatch, name)
    assert (alarm["StateValue"], alarm["StateReason"]) == ("ALARM", "game day")
    eventually(lambda: state(cloudwatch, name) == "OK", within=15)


def test_an_update_overwrites_the_configuration_and_keeps_the_state(
    cloudwatch: Any, put_alarm: PutAlarm
) -> None:
    name = put_alarm(AlarmDescription="first")
    publish(cloudwatch, name, 1)
    eventually(lambda: state(cloudwatch, name) == "ALARM", within=5)

    put_alarm(AlarmName=name, Threshold=0.5)

    alarm = described(cloudwatch, name)
    assert (alarm["StateValue"], alarm["Threshold"]) == ("ALARM", 0.5)
    assert "AlarmDescription" not in alarm


def test_alarms_are_found_by_name_prefix_state_and_action(
    aws: Callable[..., Any], cloudwatch: Any, put_alarm: PutAlarm
) -> None:
    run = f"test-{uuid.uuid4().hex[:8]}"
    topic = aws("sns").create_topic(Name=run)["TopicArn"]
    quiet = put_alarm(AlarmName=f"{run}-quiet")
    loud = put_alarm(AlarmName=f"{run}-loud", AlarmActions=[topic])
    publish(cloudwatch, loud, 1)
    eventually(lambda: [state(cloudwatch, name) for name in (loud, quiet)] == ["ALARM", "OK"], within=5)

    def names(**filters: Any) -> list[str]:
        pages = cloudwatch.get_paginator("describe_alarms").paginate(**filters)
        return [alarm["AlarmName"] for page in pages for alarm in page["MetricAlarms"]]

    assert names(AlarmNamePrefix=run) == [loud, quiet]
    assert names(AlarmNamePrefix=run, StateValue="ALARM") == names(ActionPrefix=topic) == [loud]
    assert names(AlarmNamePrefix=run, PaginationConfig={"PageSize": 1}) == [loud, quiet]
    for_metric = cloudwatch.describe_alarms_for_metric(Namespace=NAMESPACE, MetricName=loud)
    assert [alarm["AlarmName"] for alarm in for_metric["MetricAlarms"]] == [loud]
    aws("sns").delete_topic(TopicArn=topic)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"Period": 15}, id="period"),
        pytest.param({"EvaluationPeriods": 2, "DatapointsToAlarm": 3}, id="more data points than periods"),
        pytest.param({"TreatMissingData": "maybe"}, id="treatment"),
        pytest.param({"Statistic": "Median"}, id="statistic"),
        pytest.param({"ExtendedStatistic": "p99"}, id="two statistics"),
        pytest.param({"Statistic": None}, id="no statistic"),
        pytest.param({"Statistic": None, "ExtendedStatistic": "tm90"}, id="statistic not served"),
        pytest.param({"Threshold": None}, id="no threshold"),
        pytest.param({"ComparisonOperator": "GreaterThanUpperThreshold"}, id="anomaly detection"),
        pytest.param({"AlarmActions": ["arn:aws:automate:us-east-1:ec2:stop"]}, id="action not served"),
        pytest.param({"AlarmActions": ["not-an-arn"]}, id="action that is not an ARN"),
        pytest.param(
            {
                **dict.fromkeys(("Namespace", "MetricName", "Statistic", "Period")),
                "Metrics": [{"Id": "e", "Expression": "SEARCH('x', 'Sum', 60)"}],
            },
            id="expression not served",
        ),
    ],
)
def test_an_alarm_that_cannot_be_evaluated_is_refused(put_alarm: PutAlarm, changes: dict[str, Any]) -> None:
    with refused("ValidationError"):
        put_alarm(**changes)
