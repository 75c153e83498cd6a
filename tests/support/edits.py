"""What the tests of edits share: letters that a patch corrects, and a worker that leaves their messages waiting."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from functions.common import codec
from functions.common.errors import SchemaViolationError
from functions.redrive.fingerprint import fingerprint
from lab.dlq.browser import dead_letters
from lab.dlq.seed import bury
from lab.pipeline.api import Api
from lab.pipeline.observe import Pipeline
from support.eventually import eventually
from tests.support.redrives import finished, supply

WRONG = "ABC123"
RIGHT = "EUR"
RAISE = codec.dumps([{"op": "replace", "path": "/currency", "value": RIGHT}])


def bury_wrong(pipeline: Pipeline, count: int) -> tuple[list[str], str]:
    """Orders that the schema refuses, dead of that. Returns their ids, and the name of their group."""
    orders = supply(count, currency=WRONG)
    ids = bury(pipeline, orders, error=SchemaViolationError("/currency must match its pattern"))
    (group,) = {fingerprint(letter) for letter in dead_letters(pipeline) if letter.order_id in ids}
    return ids, group


@contextmanager
def worker_away(pipeline: Pipeline) -> Iterator[None]:
    """Nobody takes orders from the queue."""
    client = pipeline.aws.client("lambda")
    mapping: Any = {"UUID": pipeline.stack.worker_event_source_mapping_id}

    def switch(*, enabled: bool, state: str) -> None:
        client.update_event_source_mapping(**mapping, Enabled=enabled)
        eventually(lambda: client.get_event_source_mapping(**mapping)["State"] == state, within=30)

    switch(enabled=False, state="Disabled")
    try:
        yield
    finally:
        switch(enabled=True, state="Enabled")


def edited_and_waiting(pipeline: Pipeline, api: Api, count: int) -> tuple[list[str], str]:
    """Letters that an operation has edited, and that wait for the worker. Returns their orders, and the operation."""
    ids, group = bury_wrong(pipeline, count)
    operation = api.start_redrive(fingerprint=group, patch=RAISE, minAgeSeconds=0, canaryMessages=0)
    assert finished(api, operation)["moved"] == count
    eventually(lambda: pipeline.queue().visible == count, within=20)
    return ids, operation
