"""Log lines about what strangers sent: always written, always JSON."""

import io
import json

import pytest

from functions.common.observability import log_problem, logger
from tests.support.strangers import TEXTS


@pytest.mark.parametrize("stranger", TEXTS)
def test_a_line_about_an_order_with_any_id_is_written_as_one_line_of_json(stranger: str) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    handler = logger.registered_handler
    assert handler is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(handler, "stream", out)
        log_problem("order.failed", order_id=stranger, correlation_id=stranger, errorMessage=stranger)
    (line,) = out.buffer.getvalue().decode().splitlines()  # pyright: ignore[reportAttributeAccessIssue]
    assert json.loads(line)["orderId"] == stranger
    assert line.isprintable()
