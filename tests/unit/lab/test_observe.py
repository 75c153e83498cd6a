"""What the lab reads of the pipeline."""

from typing import Any

import pytest

from lab.pipeline.observe import fields_of


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ('{"event": "order.processed"}', {"event": "order.processed"}),
        ("START RequestId: 1", None),
        ("[1]", None),
        ('{"event"', None),
        ("", None),
    ],
    ids=["fields", "no-json", "no-object", "cut-off", "empty"],
)
def test_a_log_line_has_fields_where_it_is_a_json_object(line: str, fields: dict[str, Any] | None) -> None:
    assert fields_of(line) == fields
