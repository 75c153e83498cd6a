"""EventBridge's metrics of a rule.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html
"""

from localstack.services.events.models import Rule

from lab_localstack.metrics import publish

NAMESPACE = "AWS/Events"


def count(rule: Rule, name: str) -> None:
    """Count one on a metric of the rule; rules of a custom bus are found by bus and rule, too."""
    by_rule = {"RuleName": rule.name}
    publish(NAMESPACE, name, 1, "Count", by_rule, rule.account_id, rule.region)
    if rule.event_bus_name and rule.event_bus_name != "default":
        by_bus = by_rule | {"EventBusName": rule.event_bus_name}
        publish(NAMESPACE, name, 1, "Count", by_bus, rule.account_id, rule.region)
