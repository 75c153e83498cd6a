"""What a host engine's supervisor writes down, and what else may lie in its place."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.engines import record
from lab.engines.record import Record, UnreadableError

WHOLE = Record(4566, "enforce", 12, 13, -9, stopped_on_request=True)


@pytest.mark.parametrize("kept", [WHOLE, Record(4566)])
def test_a_written_record_is_read_back(tmp_path: Path, kept: Record) -> None:
    kept.write(tmp_path / "state.json")
    assert record.read(tmp_path / "state.json") == kept
    assert [file.name for file in tmp_path.iterdir()] == ["state.json"]


def test_a_missing_file_is_read_as_no_record(tmp_path: Path) -> None:
    assert record.read(tmp_path / "state.json") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        '{"port": 45',
        "null",
        "[]",
        '"text"',
        "7",
        '{"supervisor": 1}',
        '{"port": 4566, "engine": 2}',
        '{"port": 4566, "supervisor": "1"}',
        '{"port": 4566, "supervisor": true}',
        '{"port": 4566, "supervisor": -1}',
        '{"port": 4566, "supervisor": 1e9}',
        f'{{"port": 4566, "supervisor": {10**30}}}',
        '{"port": 4566, "stopped_on_request": "no"}',
        "[" * 100_000,
        '{"port": 4566}\udcff',
    ],
)
def test_a_text_that_is_not_a_record_is_unreadable(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(UnreadableError):
        record.read(tmp_path / "state.json")


def test_a_folder_in_place_of_the_record_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "state.json").mkdir()
    with pytest.raises(UnreadableError):
        record.read(tmp_path / "state.json")


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers())
NAMES = st.sampled_from([*record.Record.__dataclass_fields__, "other"])


@given(value=VALUES | st.dictionaries(NAMES, VALUES))
def test_any_json_value_is_read_as_a_record_or_unreadable(
    tmp_path_factory: pytest.TempPathFactory, value: object
) -> None:
    file = tmp_path_factory.getbasetemp() / "state.json"
    file.write_text(json.dumps(value))
    try:
        known = record.read(file)
    except UnreadableError:
        return
    assert known is not None
    assert all(0 < pid < record.MOST for pid in (known.supervisor, known.engine) if pid is not None)
