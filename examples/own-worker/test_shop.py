"""What SQS and Lambda may do to the shop, and what it has to keep all the same."""

import json
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def shop(lab_stack):
    body = lambda order_id: json.dumps({"id": order_id, "cents": 1250})
    return lab_stack(HERE, "Shop", key="id", body=body)


def test_order_is_charged_once_however_often_its_message_comes(shop):
    shop.judge("effect-once").require("one effect")


def test_bad_order_fails_alone(shop):
    shop.judge("partial-batch").require("neighbours are spared")


def test_order_comes_back_after_its_visibility_timeout_when_the_function_dies(shop):
    shop.judge("crash").require("settled", "one effect")


def test_handler_alone_passes_a_challenge(lab_judge):
    lab_judge("effect-once", f"{HERE / 'once.py'}:handler").require()
