"""What CloudWatch Logs keeps for each account and region besides moto's groups, streams and events."""

# pyright: reportAssignmentType=false
# LocalStack declares store attributes by the type of their value and assigns a descriptor.

from collections import OrderedDict
from typing import Any

from localstack.services.stores import AccountRegionBundle, BaseStore, LocalAttribute

from lab_localstack.logs.metric_filters import MetricFilter


class LogsStore(BaseStore):
    """Metric filters by log group and name, query definitions and queries by id."""

    metric_filters: dict[str, dict[str, MetricFilter]] = LocalAttribute(default=dict)
    definitions: dict[str, dict[str, Any]] = LocalAttribute(default=dict)
    queries: OrderedDict[str, dict[str, Any]] = LocalAttribute(default=OrderedDict)


STORES = AccountRegionBundle("logs", LogsStore)
