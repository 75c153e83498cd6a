"""A setting of the deployed pipeline that has another value for a while."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from lab.faults.runtime_settings import RuntimeSetting
from lab.pipeline.observe import Pipeline


@contextmanager
def turned(setting: RuntimeSetting, pipeline: Pipeline, value: Any) -> Generator[None]:
    """Write the value, and write back what was there before."""
    before = setting.read(pipeline)
    setting.write(pipeline, value)
    try:
        yield
    finally:
        setting.write(pipeline, before)
