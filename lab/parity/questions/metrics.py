"""CloudWatch's metrics and alarms."""

import time

from lab.common.polling import wait_for
from lab.parity.probe import documented, feature, recorded
from lab.parity.workbench import Workbench


@feature("CloudWatch", "p90 of 1 to 10", "9.0", documented("CloudWatch guide, Statistics definitions"))
def _(bench: Workbench) -> str:
    cloudwatch, namespace = bench.client("cloudwatch"), bench.name()
    cloudwatch.put_metric_data(
        Namespace=namespace, MetricData=[{"MetricName": "Took", "Values": [float(n) for n in range(1, 11)]}]
    )
    now = time.time()
    points = cloudwatch.get_metric_statistics(
        Namespace=namespace,
        MetricName="Took",
        StartTime=now - 300,
        EndTime=now + 60,
        Period=300,
        ExtendedStatistics=["p90"],
    )["Datapoints"]
    return str(max(point["ExtendedStatistics"]["p90"] for point in points)) if points else "no data"


@feature(
    "CloudWatch",
    "an alarm whose metric rises and falls (period 10 s)",
    "ALARM, then OK",
    documented("CloudWatch guide, Using Amazon CloudWatch alarms"),
)
def _(bench: Workbench) -> str:
    cloudwatch, name = bench.client("cloudwatch"), bench.name()
    _alarm_on_depth(bench, name, period=10, missing="notBreaching")

    def state() -> str:
        return cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"]

    cloudwatch.put_metric_data(Namespace=name, MetricData=[{"MetricName": "Depth", "Value": 1}])
    wait_for("ALARM", state, lambda seen: seen == "ALARM", within=30)
    wait_for("OK", state, lambda seen: seen == "OK", within=60)
    return "ALARM, then OK"


@feature(
    "CloudWatch",
    "a composite alarm whose child rings",
    "ALARM",
    recorded("LocalStack: test_trigger_composite_alarm"),
)
def _(bench: Workbench) -> str:
    cloudwatch, child, name = bench.client("cloudwatch"), bench.name(), bench.name()
    _alarm_on_depth(bench, child, period=60, missing="ignore")
    cloudwatch.put_composite_alarm(AlarmName=name, AlarmRule=f'ALARM("{child}")')
    bench.afterwards(cloudwatch.delete_alarms, AlarmNames=[name])
    cloudwatch.set_alarm_state(AlarmName=child, StateValue="ALARM", StateReason="probe")
    asked = {"AlarmNames": [name], "AlarmTypes": ["CompositeAlarm"]}
    return wait_for(
        "the composite alarm",
        lambda: cloudwatch.describe_alarms(**asked)["CompositeAlarms"][0]["StateValue"],
        lambda state: state == "ALARM",
        within=15,
    )


@feature(
    "CloudWatch",
    "Values and StatisticValues in one datum",
    "accepted",
    recorded("LocalStack: test_put_metric_data_validation"),
)
def _(bench: Workbench) -> str:
    statistics = {"SampleCount": 10, "Sum": 55, "Minimum": 1, "Maximum": 10}
    datum = {"MetricName": "m", "Values": [1.0, 10.0], "StatisticValues": statistics}
    return bench.refused(
        bench.client("cloudwatch").put_metric_data, Namespace=bench.name(), MetricData=[datum]
    )


@feature(
    "CloudWatch",
    "SetAlarmState to a state that does not exist",
    "ValidationError",
    recorded("LocalStack: test_set_alarm_invalid_input"),
)
def _(bench: Workbench) -> str:
    set_state = bench.client("cloudwatch").set_alarm_state
    return bench.refused(set_state, AlarmName=bench.name(), StateValue="RINGS", StateReason="probe")


def _alarm_on_depth(bench: Workbench, name: str, *, period: int, missing: str) -> None:
    """An alarm that rings while `Depth`, in the namespace of its own name, is above 0 in one period (seconds)."""
    cloudwatch = bench.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace=name,
        MetricName="Depth",
        Statistic="Maximum",
        Period=period,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData=missing,
    )
    bench.afterwards(cloudwatch.delete_alarms, AlarmNames=[name])
