"""Time to live: expired items are deleted within seconds, where AWS takes up to days."""

import logging
import time
from typing import Any

from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.table import Table

from lab_localstack.dynamodb.models import LOCK

LOG = logging.getLogger(__name__)
FIVE_YEARS = 5 * 365 * 86400
"""AWS leaves items alone whose expiry lies further back than that."""


def delete_expired_items() -> None:
    """Delete all items whose TTL attribute, a number of epoch seconds, lies in the past."""
    for by_region in list(dynamodb_backends.values()):
        for backend in list(by_region.values()):
            for table in list(backend.tables.values()):
                if table.ttl.get("TimeToLiveStatus") == "ENABLED":
                    try:
                        _delete_expired(table, str(table.ttl["AttributeName"]))
                    except Exception:  # one odd table must not stop the sweep of the others
                        LOG.exception("cannot delete expired items of table %s", table.name)


def _delete_expired(table: Table, attribute: str) -> None:
    now = time.time()
    with LOCK:
        stored: list[Any] = list(table.items.values())
        items = (
            [item for by_range in stored for item in by_range.values()] if table.range_key_attr else stored
        )
        for item in items:
            expiry = item.attrs.get(attribute)
            if expiry and expiry.type == "N" and now - FIVE_YEARS < float(expiry.value) < now:
                table.delete_item(item.hash_key, item.range_key)
