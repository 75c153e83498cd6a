"""A dry run on tables that can only be read."""

import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from functions.common.failure_modes import FailureMode
from functions.idempotency.reading import ReadingStore
from functions.idempotency.store import _hash, record_id  # pyright: ignore[reportPrivateUsage]
from functions.worker.dry_run import DryRun
from functions.worker.handler import policy_of


class Tables:
    """DynamoDB of which nothing but BatchGetItem may be asked."""

    def __init__(self, *records: dict[str, Any], orders: list[dict[str, Any]] | None = None) -> None:
        self._rows = {"keys": list(records), "orders": orders or []}

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> Any:  # noqa: N803  boto3's name
        wanted = [key for request in RequestItems.values() for key in request["Keys"]]
        assert len(wanted) <= 100
        assert len({str(key) for key in wanted}) == len(wanted)
        return {
            "Responses": {
                table: [
                    row
                    for row in self._rows[table]
                    if any(key.items() <= row.items() for key in request["Keys"])
                ]
                for table, request in RequestItems.items()
            }
        }


def record(
    key: str, payload: str, status: str, *, expires_in: float = 60, held_for: float = 30
) -> dict[str, Any]:
    now = time.time()
    return {
        "id": {"S": record_id(key)},
        "status": {"S": status},
        "expiration": {"N": str(int(now + expires_in))},
        "in_progress_expiration": {"N": str(int((now + held_for) * 1000))},
        "data": {"S": '{"orderId":"o","amount":"1","total":"1","processedAt":2,"acceptedAt":1}'},
        "validation": {"S": _hash(payload)},
    }


def dry_run(
    tables: Tables | None = None, mode: FailureMode = FailureMode.NONE, open_circuits: Sequence[str] = ()
) -> DryRun:
    settings: Any = SimpleNamespace(
        orders_table="orders",
        idempotency_table="keys",
        ttl_days=7,
        in_progress_seconds=30,
        max_receive_count=5,
        retry_base_seconds=2,
        retry_cap_seconds=60,
        recovery_seconds=10,
        breaker_strategy="defer",
    )
    client: Any = tables or Tables()
    modes: Any = SimpleNamespace(current=lambda: mode)
    circuits: Any = SimpleNamespace(is_open=lambda name: name in open_circuits)
    return DryRun(settings, modes, ReadingStore("keys", client), circuits, policy_of(settings))
