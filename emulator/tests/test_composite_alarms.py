"""Composite alarms: their rules, states, history and actions.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html
"""

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from support.errors import code
from support.eventually import eventually
from support.stacks import Stack

type Aws = Callable[..., Any]

SUPPRESSED = {
    "ActionsSuppressor": "x",
    "ActionsSuppressorWaitPeriod": 1,
    "ActionsSuppressorExtensionPeriod": 1,
}


class Alarms:
    """A family of alarms without data, whose states are set by hand."""

    def __init__(self, aws: Aws) -> None:
        self.cloudwatch = aws("cloudwatch")
        self.prefix = f"test-{uuid4().hex[:8]}"
        for letter in "abc":
            self.cloudwatch.put_metric_alarm(
                AlarmName=self.name(letter), Namespace="test", MetricName=self.prefix, Statistic="Sum", Period=60,
                EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanThreshold", TreatMissingData="ignore",
            )  # fmt: skip

    def name(self, letter: str) -> str:
        return f"{self.prefix}-{letter}"

    def arn(self, letter: str) -> str:
        return f"arn:aws:cloudwatch:us-east-1:000000000000:alarm:{self.name(letter)}"

    def put(self, rule: str, **options: Any) -> None:
        """The composite alarm; in its rule {a}, {b} and {c} are names of alarms, and {A}, {B} and {C} their ARNs."""
        names = {letter: self.name(letter) for letter in "abc"} | {
            letter.upper(): self.arn(letter) for letter in "abc"
        }
        self.cloudwatch.put_composite_alarm(
            AlarmName=self.name("composite"), AlarmRule=rule.format(**names), **options
        )

    def set(self, **states: str) -> None:
        for letter, state in states.items():
            self.cloudwatch.set_alarm_state(
                AlarmName=self.name(letter), StateValue=state, StateReason="by hand"
            )

    def composite(self) -> dict[str, Any]:
        shown = self.cloudwatch.describe_alarms(
            AlarmNames=[self.name("composite")], AlarmTypes=["CompositeAlarm"]
        )
        assert shown["MetricAlarms"] == []
        return shown["CompositeAlarms"][0]

    def evaluated(self) -> str:
        """The composite alarm's state once its rule has been asked."""
        return eventually(lambda: (state := self.composite()["StateValue"]) != "INSUFFICIENT_DATA" and state)

    def delete(self) -> None:
        for letter in ("composite", *"abc"):
            if self.cloudwatch.describe_alarms(
                AlarmNames=[self.name(letter)], AlarmTypes=["MetricAlarm", "CompositeAlarm"]
            ):
                self.cloudwatch.delete_alarms(AlarmNames=[self.name(letter), f"{self.prefix}-none"])


@pytest.fixture
def alarms(aws: Aws) -> Iterator[Alarms]:
    made = Alarms(aws)
    yield made
    made.delete()


@pytest.mark.evidence("documented", "PutCompositeAlarm, AlarmRule")
@pytest.mark.parametrize(
    ("rule", "state"),
    [
        ("ALARM({a})", "ALARM"),
        ('ALARM("{a}")', "ALARM"),
        ('ALARM("{A}")', "ALARM"),
        ("OK({a})", "OK"),
        ("OK({b})", "ALARM"),
        ("INSUFFICIENT_DATA({c})", "ALARM"),
        ("INSUFFICIENT_DATA({a})", "OK"),
        ("NOT ALARM({b})", "ALARM"),
        ("NOT (ALARM({a}) OR ALARM({b}))", "OK"),
        ("ALARM({a}) AND ALARM({b})", "OK"),
        ("ALARM({a}) AND OK({b}) AND INSUFFICIENT_DATA({c})", "ALARM"),
        ("ALARM({b}) OR ALARM({A})", "ALARM"),
        ("ALARM({a}) OR ALARM({b}) AND ALARM({c})", "ALARM"),
        ("(ALARM({a}) OR ALARM({b})) AND ALARM({c})", "OK"),
        ("ALARM({a}) AND NOT OK({a})", "ALARM"),
        ("TRUE", "ALARM"),
        ("FALSE", "OK"),
        ("FALSE OR (TRUE AND NOT FALSE)", "ALARM"),
    ],
)
def test_rule_of_states_decides_the_state_of_a_composite_alarm(alarms: Alarms, rule: str, state: str) -> None:
    alarms.set(a="ALARM", b="OK")
    alarms.put(rule)
    assert alarms.evaluated() == state


@pytest.mark.evidence("recorded", "LocalStack: test_trigger_composite_alarm")
def test_composite_alarm_follows_the_alarm_that_moves_it_and_says_which_that_was(
    alarms: Alarms, aws: Aws
) -> None:
    sqs, sns = aws("sqs"), aws("sns")
    url = sqs.create_queue(QueueName=alarms.prefix)["QueueUrl"]
    endpoint = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = sns.create_topic(Name=alarms.prefix)["TopicArn"]
    sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=endpoint, Attributes={"RawMessageDelivery": "true"}
    )
    alarms.put('ALARM("{A}") OR ALARM("{B}")', AlarmActions=[topic], AlarmDescription="both")
    assert alarms.evaluated() == "OK"
    alarms.set(b="ALARM")
    rung = alarms.composite()
    assert rung["StateValue"] == "ALARM"
    assert rung["StateReason"].startswith(f"{alarms.arn('b')} transitioned to ALARM at ")
    (trigger,) = json.loads(rung["StateReasonData"])["triggeringAlarms"]
    assert (trigger["arn"], trigger["state"]["value"]) == (alarms.arn("b"), "ALARM")
    alarms.set(a="ALARM")
    assert alarms.composite()["StateReasonData"] == rung["StateReasonData"]

    received = eventually(lambda: sqs.receive_message(QueueUrl=url).get("Messages"))
    message = json.loads(received[0]["Body"])
    assert message["AlarmName"] == alarms.name("composite")
    assert (message["OldStateValue"], message["NewStateValue"]) == ("OK", "ALARM")
    assert message["AlarmRule"] == rung["AlarmRule"]
    assert message["TriggeringChildren"][0]["Arn"] == alarms.arn("b")
    assert message["TriggeringChildren"][0]["State"]["Value"] == "ALARM"
    history = alarms.cloudwatch.describe_alarm_history(AlarmName=alarms.name("composite"))[
        "AlarmHistoryItems"
    ]
    assert {item["AlarmType"] for item in history} == {"CompositeAlarm"}
    assert {"StateUpdate", "ConfigurationUpdate"} <= {item["HistoryItemType"] for item in history}
    sqs.delete_queue(QueueUrl=url)
    sns.delete_topic(TopicArn=topic)


@pytest.mark.evidence("ours", "there are no OpsItems in this engine")
def test_action_that_the_engine_does_not_have_fails_in_the_history(alarms: Alarms) -> None:
    action = "arn:aws:ssm:us-east-1:000000000000:opsitem:1"
    alarms.put("ALARM({a})", AlarmActions=[action])
    alarms.set(a="ALARM")

    def acted() -> list[str]:
        items = alarms.cloudwatch.describe_alarm_history(
            AlarmName=alarms.name("composite"), HistoryItemType="Action"
        )["AlarmHistoryItems"]
        return [item["HistorySummary"] + item["HistoryData"] for item in items]

    (told,) = eventually(acted)
    assert told.startswith(f"Failed to execute action {action}")
    assert "This engine runs no actions of ssm." in told


@pytest.mark.evidence("documented", "SetAlarmState: a composite alarm keeps it until a child changes")
def test_state_set_by_hand_stays_until_an_alarm_of_the_rule_moves(alarms: Alarms) -> None:
    alarms.put("ALARM({a})")
    assert alarms.evaluated() == "OK"
    alarms.cloudwatch.set_alarm_state(
        AlarmName=alarms.name("composite"), StateValue="ALARM", StateReason="by hand"
    )
    assert alarms.composite()["StateReason"] == "by hand"
    alarms.set(a="OK")
    assert alarms.composite()["StateValue"] == "OK"


@pytest.mark.evidence("documented", "PutCompositeAlarm: an update replaces the rule")
def test_changed_rule_is_asked_at_once(alarms: Alarms) -> None:
    alarms.put("FALSE")
    assert alarms.evaluated() == "OK"
    alarms.put("TRUE")
    eventually(lambda: alarms.composite()["StateValue"] == "ALARM")


@pytest.mark.evidence("recorded", "aws/aws-cdk issue 34662; awsdocs/aws-cloudformation-user-guide issue 911")
@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("()", "Error in AlarmRule [Unsupported token ')' at char 1]"),
        ("ALARM(none)", "Could not save the composite alarm as alarms [none] in the alarm rule do not exist"),
    ],
)
def test_rule_that_cannot_be_asked_is_refused(alarms: Alarms, rule: str, told: str) -> None:
    with pytest.raises(ClientError) as refused:
        alarms.put(rule)
    assert refused.value.response["Error"]["Message"] == told
    assert code(refused) == "ValidationError"


@pytest.mark.evidence("ours", "clear refusals of what is not served, and of what cannot be read")
@pytest.mark.parametrize(
    ("rule", "options", "told"),
    [
        ("ALARM({a}) ALARM({b})", {}, "Unsupported token 'ALARM'"),
        ("alarm({a})", {}, "Unsupported token"),
        ("ALARM({a}", {}, "ends where more is expected"),
        ("AT_LEAST(1, ALARM, ({a}))", {}, "Unsupported token 'AT_LEAST'"),
        ("NOT " * 2500 + "TRUE", {}, "nested too deeply"),
        ("ALARM({a})", SUPPRESSED,
         "ActionsSuppressor is not supported"),
        ("ALARM({a})", {"AlarmActions": ["nowhere"]}, "Unsupported: nowhere"),
    ],
)  # fmt: skip
def test_what_is_not_served_of_composite_alarms_is_refused(
    alarms: Alarms, rule: str, options: dict[str, Any], told: str
) -> None:
    with pytest.raises(ClientError, match="ValidationError") as refused:
        alarms.put(rule, **options)
    assert told in refused.value.response["Error"]["Message"]


@pytest.mark.evidence("recorded", "cloud-custodian issue 7763; aws-nuke issue 462")
def test_alarm_that_a_composite_alarm_depends_on_cannot_be_deleted(alarms: Alarms) -> None:
    alarms.put("ALARM({a}) OR ALARM({b})")
    delete = alarms.cloudwatch.delete_alarms
    for names, it in ((["a"], "it"), (["a", "b", "c"], "them")):
        with pytest.raises(ClientError) as refused:
            delete(AlarmNames=[alarms.name(letter) for letter in names])
        needed = ",".join(alarms.name(letter) for letter in names if letter != "c")
        told = f"Cannot delete {needed} as there are composite alarm(s) depending on {it}."
        assert refused.value.response["Error"]["Message"] == told
    delete(AlarmNames=[alarms.name("composite")])
    delete(AlarmNames=[alarms.name("a")])


@pytest.mark.evidence("ours", "cycles would move for ever")
def test_rule_that_leads_back_to_its_own_alarm_is_refused(alarms: Alarms) -> None:
    alarms.put("ALARM({a})")
    above = f"{alarms.prefix}-above"
    alarms.cloudwatch.put_composite_alarm(AlarmName=above, AlarmRule=f"ALARM({alarms.name('composite')})")
    with pytest.raises(ClientError, match="cycles of alarms"):
        alarms.put(f"NOT ALARM({above})")
    alarms.cloudwatch.delete_alarms(AlarmNames=[above])


@pytest.mark.evidence("documented", "DescribeAlarms: only metric alarms where no type is asked for")
def test_composite_alarms_are_described_where_they_are_asked_for(alarms: Alarms) -> None:
    alarms.put("FALSE")
    described = alarms.cloudwatch.describe_alarms(AlarmNamePrefix=alarms.prefix)
    assert [alarm["AlarmName"] for alarm in described["MetricAlarms"]] == [
        alarms.name(letter) for letter in "abc"
    ]
    assert described["CompositeAlarms"] == []
    both = alarms.cloudwatch.describe_alarms(
        AlarmNamePrefix=alarms.prefix, AlarmTypes=["CompositeAlarm", "MetricAlarm"]
    )
    assert (len(both["MetricAlarms"]), len(both["CompositeAlarms"])) == (3, 1)


@pytest.mark.evidence("recorded", "LocalStack: test_tagging_composite_alarm")
def test_tags_of_a_composite_alarm_go_with_it(alarms: Alarms) -> None:
    alarms.put("FALSE", Tags=[{"Key": "k", "Value": "v"}])
    arn = alarms.composite()["AlarmArn"]
    assert alarms.cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "k", "Value": "v"}]
    alarms.cloudwatch.delete_alarms(AlarmNames=[alarms.name("composite")])
    assert alarms.cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == []


@pytest.mark.evidence("recorded", "LocalStack: test_composite_alarm_creation")
def test_composite_alarm_of_a_stack_is_made_changed_and_deleted(aws: Aws, stack: Stack) -> None:
    def resources(rule: str, description: str) -> dict[str, Any]:
        metric = {
            "MetricName": "m", "Namespace": "test", "Period": 60, "Statistic": "Sum", "EvaluationPeriods": 1,
            "Threshold": 1, "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "notBreaching",
        }  # fmt: skip
        return {
            "Part": {"Type": "AWS::CloudWatch::Alarm", "Properties": metric},
            "Whole": {
                "Type": "AWS::CloudWatch::CompositeAlarm",
                "Properties": {
                    "AlarmName": f"{stack.name}-whole",
                    "AlarmDescription": description,
                    "AlarmRule": {"Fn::Sub": rule},
                },
            },
        }

    def described() -> list[Any]:
        shown = aws("cloudwatch").describe_alarms(
            AlarmNames=[f"{stack.name}-whole"], AlarmTypes=["CompositeAlarm"]
        )
        return [(alarm["AlarmDescription"], alarm["AlarmRule"][:6]) for alarm in shown["CompositeAlarms"]]

    outputs = stack.deploy(
        resources('ALARM("${Part.Arn}")', "one"),
        {"Ref": {"Ref": "Whole"}, "Arn": {"Fn::GetAtt": ["Whole", "Arn"]}},
    )
    assert outputs["Ref"] == f"{stack.name}-whole"
    assert outputs["Arn"].endswith(f":alarm:{stack.name}-whole")
    assert described() == [("one", "ALARM(")]
    stack.deploy(resources("NOT OK(${Part})", "two"))
    assert described() == [("two", "NOT OK")]
    stack.delete()
    assert described() == []
