"""EventBridge's rules: matched, counted and delivered in process."""

import logging
from typing import Any

from localstack.aws.api import RequestContext
from localstack.services.events.models import FormattedEvent, Rule
from localstack.services.events.provider import EventsProvider
from localstack.services.events.target import SnsTargetSender, SqsTargetSender
from localstack.services.events.utils import is_archive_arn, to_json_str
from localstack.utils.aws.arns import sqs_queue_url_for_arn
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
            except Exception as error:  # PutEvents has answered already: a failed target is only counted
                count(rule, "FailedInvocations")
                LOG.info("rule %s cannot deliver to target %s: %s", rule.name, identifier, error)
