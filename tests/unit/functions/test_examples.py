"""The examples in docstrings are true, and the public entry points of the packages have one."""

import doctest
import importlib
import pkgutil
from collections.abc import Callable
from typing import Any

import pytest

import functions
from functions.events import event_publisher, order_events
from functions.idempotency import ExactlyOnce
from functions.processor import order, pricing
from functions.publish import key, message, publisher
from functions.validate import require_order, violations
from tests.unit.functions.memory import Aws

ENTRY_POINTS = (
    violations,
    require_order,
    key.idempotency_key,
    message.order_message,
    publisher.Publisher,
    ExactlyOnce,
    order.order_from,
    pricing.price,
    order_events.event_id,
    event_publisher.EventPublisher,
)
PACKAGES = ("validate", "publish", "idempotency", "processor", "events")
MODULES = [
    module.name
    for package in PACKAGES
    for module in pkgutil.iter_modules([f"{functions.__path__[0]}/{package}"], f"functions.{package}.")
]


def examples(of: Any, name: str, **clients: Any) -> list[doctest.DocTest]:
    module = importlib.import_module(name)
    found = doctest.DocTestFinder().find(of, name, module, extraglobs=clients)
    return [test for test in found if test.examples]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_are_true(name: str) -> None:
    """Clients are called by their service's name; AWS is in memory."""
    aws = Aws()
    clients = {"sqs": aws, "dynamodb": aws, "events": aws}
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for test in examples(importlib.import_module(name), name, **clients):
        told: list[str] = []
        runner.run(test, out=told.append)
        assert not told, "".join(told)


@pytest.mark.parametrize("entry_point", ENTRY_POINTS, ids=lambda entry_point: entry_point.__name__)
def test_a_public_entry_point_has_an_example(entry_point: Callable[..., Any]) -> None:
    assert examples(entry_point, entry_point.__module__)
