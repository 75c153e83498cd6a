"""EventBridge's rules: matched, counted and delivered in process."""

# pyright: reportIncompatibleMethodOverride=false
# The base class spells out every parameter of every operation; these take what they use.

import logging
from datetime import datetime
from typing import Any

from localstack.aws.api import RequestContext, handler
from localstack.aws.api.events import UpdateEventBusResponse
from localstack.services.events.event_rule_engine import EventPatternCompiler
from localstack.services.events.models import FormattedEvent, Rule
from localstack.services.events.provider import EventsProvider
from localstack.services.events.target import SnsTargetSender, SqsTargetSender
from localstack.services.events.utils import extract_event_bus_name, is_archive_arn, to_json_str
from localstack.utils.aws.arns import parse_arn, sqs_queue_url_for_arn
from localstack.utils.event_matcher import matches_event
from localstack.utils.xray.trace_header import TraceHeader

from lab_localstack.events.entries import require
from lab_localstack.events.metrics import count
from lab_localstack.internal import call

LOG = logging.getLogger(__name__)


class SnsSender(SnsTargetSender):
    """Publishes to a topic of this engine without HTTP."""

    def send_event(self, event: Any, trace_header: TraceHeader) -> None:  # noqa: ARG002
        message = {"TopicArn": self.arn, "Message": to_json_str(event)}
        call("sns", "Publish", message, self.target_account_id, self.target_region)


class SqsSender(SqsTargetSender):
    """Sends to a queue of this engine without HTTP."""

    def send_event(self, event: Any, trace_header: TraceHeader) -> None:  # noqa: ARG002
        message = {"QueueUrl": sqs_queue_url_for_arn(self.arn), "MessageBody": to_json_str(event)}
        if group := (self.target.get("SqsParameters") or {}).get("MessageGroupId"):
            message["MessageGroupId"] = group
        call("sqs", "SendMessage", message, self.target_account_id, self.target_region)


class LabEventsProvider(EventsProvider):
    """LocalStack's buses and rules; disabled rules do nothing, and what rules do is counted."""

    def create_event_bus(
        self,
        context: RequestContext,
        name: str,
        event_source_name: Any = None,
        description: Any = None,
        kms_key_identifier: str | None = None,
        **kwargs: Any,
    ) -> Any:
        answer = super().create_event_bus(context, name, event_source_name, description, **kwargs)
        self._bus(context, name).kms_key_identifier = kms_key_identifier
        return answer

    def describe_event_bus(self, context: RequestContext, name: str | None = None, **_: Any) -> Any:
        name = name or "default"
        answer: Any = super().describe_event_bus(context, name)
        key = getattr(self._bus(context, name), "kms_key_identifier", None)
        return {**answer, "KmsKeyIdentifier": key} if key else answer

    @handler("UpdateEventBus")
    def update_event_bus(
        self,
        context: RequestContext,
        name: str | None = None,
        kms_key_identifier: str | None = None,
        description: str | None = None,
        *_: Any,
        **__: Any,
    ) -> UpdateEventBusResponse:
        """What is not named is taken away, as AWS does. Nothing is encrypted here: the key is known by name alone."""
        bus = self._bus(context, name or "default")
        bus.kms_key_identifier, bus.description = kms_key_identifier, description
        told = UpdateEventBusResponse(Arn=bus.arn, Name=bus.name)
        if kms_key_identifier:
            told["KmsKeyIdentifier"] = kms_key_identifier
        if description:
            told["Description"] = description
        return told

    def _bus(self, context: RequestContext, name: str) -> Any:
        store = self.get_store(context.region, context.account_id)
        return self.get_event_bus(extract_event_bus_name(name), store)

    def put_rule(
        self,
        context: RequestContext,
        name: str,
        schedule_expression: Any = None,
        event_pattern: Any = None,
        **kwargs: Any,
    ) -> Any:
        if event_pattern:
            EventPatternCompiler().compile_event_pattern(event_pattern)
        return super().put_rule(context, name, schedule_expression, event_pattern, **kwargs)

    def put_events(
        self, context: RequestContext, entries: Any, endpoint_id: Any = None, **kwargs: Any
    ) -> Any:
        require(entries)
        return super().put_events(context, entries, endpoint_id, **kwargs)

    def _process_rules(
        self,
        rule: Rule,
        region: str,
        account_id: str,
        event_formatted: FormattedEvent,
        trace_header: TraceHeader,
    ) -> None:
        event: Any = event_formatted
        if rule.state == "DISABLED" or not matches_event(rule.event_pattern, event):
            return
        count(rule, "MatchedEvents")
        count(rule, "TriggeredRules")
        for identifier, target in list(rule.targets.items()):
            if is_archive_arn(target.get("Arn", "")):
                self._put_to_archive(region, account_id, identifier, event)
                continue
            count(rule, "Invocations")
            try:
                sender = self._target_sender_store[f"{rule.arn}-{identifier}"]
                sender.process_event(event.copy(), trace_header)
            except Exception as error:  # PutEvents has answered already: nobody else hears of it
                count(rule, "FailedInvocations")
                LOG.info("rule %s cannot deliver to target %s: %s", rule.name, identifier, error)
                self._keep_undelivered(rule, target, event, error)

    def _put_to_archive(self, region: str, account_id: str, archive_target_id: str, event: Any) -> None:
        """Keep an event with its time as a time: a replay selects by it, and LocalStack keeps the text."""
        timed: Any = {**event, "time": datetime.fromisoformat(event["time"])}
        super()._put_to_archive(region, account_id, archive_target_id, timed)

    @staticmethod
    def _keep_undelivered(rule: Rule, target: Any, event: Any, error: Exception) -> None:
        """Send the event to the target's dead-letter queue, where it has one.

        https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
        """
        queue = (target.get("DeadLetterConfig") or {}).get("Arn")
        if not queue:
            return
        facts = {
            "RULE_ARN": rule.arn,
            "TARGET_ARN": target["Arn"],
            "ERROR_CODE": getattr(error, "code", type(error).__name__),
            "ERROR_MESSAGE": str(error) or type(error).__name__,
        }
        body = {name: value for name, value in event.items() if name != "event-bus-name"}
        message = {
            "QueueUrl": sqs_queue_url_for_arn(queue),
            "MessageBody": to_json_str(body),
            "MessageAttributes": {
                name: {"DataType": "String", "StringValue": value} for name, value in facts.items()
            },
        }
        place = parse_arn(queue)
        try:
            call("sqs", "SendMessage", message, place["account"], place["region"])
            count(rule, "InvocationsSentToDlq")
        except Exception as failure:  # the queue is gone, or refuses
            count(rule, "InvocationsFailedToBeSentToDlq")
            LOG.info("rule %s cannot keep an event in %s: %s", rule.name, queue, failure)
