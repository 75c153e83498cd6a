"""SNS: LocalStack's provider with metrics."""

# pyright: reportIncompatibleMethodOverride=false
# The base class spells out every parameter of every operation; these take what they use.

from typing import Any

from localstack.aws.api import RequestContext
from localstack.services.sns.provider import SnsProvider
from localstack.services.sns.publisher import PublishDispatcher

from lab_localstack.sns import metrics


class CountingDispatcher(PublishDispatcher):
    """Hands messages to subscribers; counts those that a filter policy keeps from one."""

    def _should_publish(self, subscription_filter_policy: Any, message_ctx: Any, subscriber: Any) -> Any:
        wanted = super()._should_publish(subscription_filter_policy, message_ctx, subscriber)
        if not wanted and subscriber["PendingConfirmation"] == "false":
            metrics.count(subscriber["TopicArn"], "NumberOfNotificationsFilteredOut")
        return wanted


class LabSnsProvider(SnsProvider):
    """Everything LocalStack does; deliveries are counted where LocalStack tells of them (see patches.py)."""

    def __init__(self) -> None:
        super().__init__()
        self._publisher = CountingDispatcher()

    def publish(
        self,
        context: RequestContext,
        message: str,
        topic_arn: str | None = None,
        target_arn: str | None = None,
        **kwargs: Any,
    ) -> Any:
        answer = super().publish(context, message, topic_arn=topic_arn, target_arn=target_arn, **kwargs)
        topic = topic_arn or target_arn or ""
        if topic and ":endpoint/" not in topic:
            metrics.published(topic, message)
        return answer

    def publish_batch(
        self, context: RequestContext, topic_arn: str, publish_batch_request_entries: Any, **kwargs: Any
    ) -> Any:
        messages = {entry.get("Id"): entry.get("Message") for entry in publish_batch_request_entries}
        # LocalStack puts what it made of a message in its entry's place
        entries: Any = [dict(entry) for entry in publish_batch_request_entries]
        answer: Any = super().publish_batch(context, topic_arn, entries, **kwargs)
        for taken in answer.get("Successful") or ():
            metrics.published(topic_arn, messages[taken["Id"]])
        return answer
