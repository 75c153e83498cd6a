"""The engines the lab runs on: LocalStack 4.14.0 with the lab extension, in two packagings."""

from lab.engines.host import HostEngine

__all__ = ["HostEngine"]
