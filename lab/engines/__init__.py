"""The engines the lab runs on: LocalStack 4.14.0 with the emulator's plugins, in two packagings."""

from lab.engines.choose import choose, present, require_as_wanted, start, wanted
from lab.engines.docker import DockerEngine
from lab.engines.host import HostEngine, Status

type Engine = DockerEngine | HostEngine

__all__ = [
    "DockerEngine",
    "Engine",
    "HostEngine",
    "Status",
    "choose",
    "present",
    "require_as_wanted",
    "start",
    "wanted",
]
