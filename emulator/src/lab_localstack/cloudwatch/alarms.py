"""Alarms that move: evaluation of every alarm each second, history, and actions once per change of state."""

import json
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from localstack.aws.connect import connect_to
from localstack.utils.aws.client_types import ServicePrincipal

from lab_localstack import documents
from lab_localstack.cloudwatch import notifications, topic_key
from lab_localstack.cloudwatch.alarm_rule import States
from lab_localstack.cloudwatch.evaluation import State, evaluate, reason
from lab_localstack.cloudwatch.models import STORES, Alarm, AlarmState, CompositeAlarm, MetricAlarm, now
from lab_localstack.cloudwatch.queries import MetricQueries
from lab_localstack.cloudwatch.statistics import low_sample_count
from lab_localstack.settings import SETTINGS

LOG = logging.getLogger(__name__)
HAND_SET_SECONDS = 10
LOOKS_PER_PERIOD = 60
"""An alarm of a long period, such as an hour, need not be looked at every second; AWS looks once a minute."""

PRINCIPAL = ServicePrincipal("cloudwatch")
_ACTIONS = {"OK": "OKActions", "ALARM": "AlarmActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
_SINGLE = "m1"

type DataPoint = tuple[datetime, float | None, float | None]
"""When its period began, its value, and how many samples it has: None where there are none, or for an expression."""


def queries_of(config: dict[str, Any], account: str, region: str) -> tuple[MetricQueries, str]:
    """An alarm's metric as queries, and the id of the one that is compared with the threshold."""
    if metrics := config.get("Metrics"):
        returned = [query["Id"] for query in metrics if query.get("ReturnData", True)]
        return MetricQueries(metrics, account, region), returned[0]
    stat = {
        "Metric": {key: config[key] for key in ("Namespace", "MetricName", "Dimensions") if key in config},
        "Period": config["Period"],
        "Stat": config.get("Statistic") or config["ExtendedStatistic"],
    }
    if "Unit" in config:
        stat["Unit"] = config["Unit"]
    return MetricQueries([{"Id": _SINGLE, "MetricStat": stat}], account, region), _SINGLE


def parents(alarm: Alarm) -> list[CompositeAlarm]:
    """The composite alarms whose rules name the alarm."""
    alarms = list(STORES[alarm.account][alarm.region].alarms.values())
    return [one for one in alarms if isinstance(one, CompositeAlarm) and alarm.name in one.rule.names]


class AlarmEvaluator:
    """Evaluates all alarms in one thread and sends their notifications, in order, in another."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._sender = ThreadPoolExecutor(1, thread_name_prefix="alarm-actions")

    def start(self) -> None:
        """Begin to evaluate. Does nothing when it runs already."""
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, name="alarm-evaluation", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Evaluate no more; notifications not yet sent are dropped."""
        self._stop.set()
        self._thread = None
        self._sender.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        while not self._stop.wait(SETTINGS.alarm_seconds):
            at = time.time()
            for _, _, store in STORES.iter_stores():
                for alarm in list(store.alarms.values()):
                    try:
                        self.evaluate(alarm, at)
                    except Exception:  # one broken alarm must not stop the others
                        LOG.exception("cannot evaluate alarm %s", alarm.name)

    def evaluate(self, alarm: Alarm, at: float) -> None:
        """Move the alarm to the state that its metric has at that time (epoch seconds), or a new rule."""
        if isinstance(alarm, MetricAlarm):
            self._evaluate_metric(alarm, at)
        elif isinstance(alarm, CompositeAlarm) and not alarm.evaluated:
            alarms = STORES[alarm.account][alarm.region].alarms
            self._evaluate_rule(alarm, [alarms[name] for name in alarm.rule.names if name in alarms])

    def _evaluate_metric(self, alarm: MetricAlarm, at: float) -> None:
        with alarm.mutex:
            if at < alarm.not_before:
                return
            rule = alarm.rule
            queries, compared = queries_of(alarm.config, alarm.account, alarm.region)
            period = queries.period(compared)
            alarm.not_before = at + period / LOOKS_PER_PERIOD
            start = rule.start(int(at), period)
            points = queries.series(compared, start, rule.range)
            if self._too_few_samples(alarm, queries, compared, start, rule.range):
                return
            state = evaluate(rule, points)
            if state is None or state == alarm.state.value:
                return
            times = [datetime.fromtimestamp(start + period * i, UTC) for i in range(rule.range)]
            newest = list(zip(times, points, queries.sample_counts(compared, start, rule.range), strict=True))
            newest.reverse()
            known = [point for point in newest if point[1] is not None]
            shown = [(value, t.strftime("%d/%m/%y %H:%M:%S")) for t, value, _ in known if value is not None]
            data = self._reason_data(alarm, period, (known or newest)[: rule.evaluation_periods])
            self.transition(alarm, state, reason(rule, state, alarm.state.value, shown), data)

    def _evaluate_rule(self, alarm: CompositeAlarm, triggers: list[Alarm]) -> None:
        """Move a composite alarm to the state that its rule has now, because of these alarms."""
        with alarm.mutex:
            alarm.evaluated = True
            alarms = STORES[alarm.account][alarm.region].alarms
            states: States = {name: alarms[name].state.value for name in alarm.rule.names if name in alarms}
            state: State = "ALARM" if alarm.rule.holds(states) else "OK"
            if state != alarm.state.value:
                why, data = notifications.triggered([(trigger.arn, trigger.state) for trigger in triggers])
                self.transition(alarm, state, why, data)

    def transition(self, alarm: Alarm, state: State, why: str, data: dict[str, Any] | None) -> None:
        """Set the state; on a change of it, record history, run the actions and ask the rules that name the alarm."""
        with alarm.mutex:
            old = alarm.state
            at = now()
            alarm.state = AlarmState(
                state, why, json.dumps(data) if data else None, at, at if state != old.value else old.since
            )
            if state == old.value:
                return
            self._remember_change(alarm, old, data)
            if alarm.config["ActionsEnabled"]:
                snapshot = self._snapshot(alarm)
                config = dict(alarm.config)
                for action in config[_ACTIONS[state]]:
                    self._sender.submit(self._act, alarm, action, config, self._shown(old), snapshot)
        for parent in parents(alarm):
            self._evaluate_rule(parent, [alarm])

    def remember(self, alarm: Alarm, kind: str, summary: str, data: dict[str, Any]) -> None:
        """Append an item to the alarm's history: ConfigurationUpdate, StateUpdate or Action."""
        STORES[alarm.account][alarm.region].histories.appendleft(
            {
                "AlarmName": alarm.name,
                "AlarmType": alarm.KIND,
                "Timestamp": now(),
                "HistoryItemType": kind,
                "HistorySummary": summary,
                "HistoryData": json.dumps(data),
            }
        )

    def _remember_change(self, alarm: Alarm, old: AlarmState, data: dict[str, Any] | None) -> None:
        new = alarm.state
        self.remember(
            alarm,
            "StateUpdate",
            f"Alarm updated from {old.value} to {new.value}",
            {
                "version": "1.0",
                "oldState": {
                    "stateValue": old.value,
                    "stateReason": old.reason,
                    **({"stateReasonData": documents.loads(old.data)} if old.data else {}),
                },
                "newState": {
                    "stateValue": new.value,
                    "stateReason": new.reason,
                    **({"stateReasonData": data} if data else {}),
                },
            },
        )

    def _act(
        self,
        alarm: Alarm,
        action: str,
        config: dict[str, Any],
        previous: dict[str, Any],
        state: dict[str, Any],
    ) -> None:
        service, region, account = action.split(":")[2:5]
        error: str | None = None
        try:
            if service not in ("sns", "lambda"):
                raise NotImplementedError(f"This engine runs no actions of {service}.")
            clients = connect_to(aws_access_key_id=account, region_name=region)
            if service == "sns":
                topic_key.require_use(action, alarm.arn)
                clients.sns.request_metadata(source_arn=alarm.arn, service_principal=PRINCIPAL).publish(
                    TopicArn=action,
                    Subject=notifications.subject(config["AlarmName"], state["value"], alarm.region),
                    Message=notifications.sns_message(config, alarm.arn, previous["value"], state),
                )
            else:
                clients.lambda_.request_metadata(source_arn=alarm.arn, service_principal=PRINCIPAL).invoke(
                    FunctionName=action,
                    InvocationType="Event",
                    Payload=notifications.lambda_event(config, alarm.arn, previous, state).encode(),
                )
        except Exception as failure:  # recorded in the alarm's history
            error = str(failure)
            LOG.warning("action %s of alarm %s failed: %s", action, alarm.name, error)
        outcome = "Failed to execute" if error else "Successfully executed"
        data = {"actionState": "Failed" if error else "Succeeded", "notificationResource": action}
        self.remember(
            alarm,
            "Action",
            f"{outcome} action {action}",
            data | {"stateUpdateTimestamp": int(state["updated"].timestamp() * 1000), "error": error},
        )

    @staticmethod
    def _too_few_samples(
        alarm: MetricAlarm, queries: MetricQueries, compared: str, start: int, count: int
    ) -> bool:
        name = alarm.config.get("ExtendedStatistic")
        if not name or alarm.config.get("EvaluateLowSampleCountPercentile") != "ignore":
            return False
        known = [d for d in queries.distributions(compared, start, count) if d is not None]
        return bool(known) and low_sample_count(known[-1], name)

    @staticmethod
    def _reason_data(alarm: MetricAlarm, period: int, evaluated: list[DataPoint]) -> dict[str, Any]:
        """The StateReasonData for these data points, newest first; of missing ones there is the time alone."""
        config = alarm.config
        known = [value for _, value, _ in reversed(evaluated) if value is not None]
        start = {"startDate": notifications.iso(evaluated[-1][0])} if known else {}
        unit = {"unit": config["Unit"]} if "Unit" in config else {}
        named = config.get("Statistic") or config.get("ExtendedStatistic")
        return {
            "version": "1.0",
            "queryDate": notifications.iso(now()),
            **start,
            **unit,
            **({"statistic": named} if named else {}),
            "period": period,
            "recentDatapoints": known,
            "threshold": config["Threshold"],
            "evaluatedDatapoints": [
                {"timestamp": notifications.iso(t)}
                | ({} if samples is None else {"sampleCount": samples})
                | ({} if value is None else {"value": value})
                for t, value, samples in evaluated
            ],
        }

    @classmethod
    def _snapshot(cls, alarm: Alarm) -> dict[str, Any]:
        return cls._shown(alarm.state) | {"configured": alarm.configured}

    @staticmethod
    def _shown(state: AlarmState) -> dict[str, Any]:
        return {"value": state.value, "reason": state.reason, "data": state.data, "updated": state.updated}


def set_by_hand(
    evaluator: AlarmEvaluator, alarm: Alarm, state: State, why: str, data: dict[str, Any] | None
) -> None:
    """SetAlarmState: the state holds until the next evaluation, at most one period later."""
    with alarm.mutex:
        alarm.not_before = time.time() + min(alarm.config.get("Period") or HAND_SET_SECONDS, HAND_SET_SECONDS)
        evaluator.transition(alarm, state, why, data)
        alarm.state = replace(alarm.state, reason=why)
