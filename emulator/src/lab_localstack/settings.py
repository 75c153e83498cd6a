"""The emulator's own settings, read once from LAB_* environment variables."""

import os
from dataclasses import dataclass, fields

ENFORCED_PATH = "/enforced/"
"""How the path of a role begins whose permissions are checked on every engine."""


@dataclass(frozen=True)
class Settings:
    """Each field is the environment variable LAB_<FIELD>; times are in seconds."""

    allowed_hosts: str = ""
    """Host names, separated by commas, under which the engine answers beside its own; names under them, too."""
    call_latency_ms: float = 0
    """Milliseconds that each call of an AWS API waits before it is served, as it does for AWS's network."""
    alarm_seconds: float = 1.0
    """How often every alarm is evaluated."""
    queue_metrics_seconds: float = 1.0
    """How often the depths and ages of all queues are sampled."""
    queue_wait_seconds: float = 60.0
    """How long after a queue's purge it can be purged again, and after its deletion be made again."""
    ttl_seconds: float = 2.0
    """How often expired DynamoDB items are deleted."""
    log_group_bytes: int = 32_000_000
    """The length of all messages of a log group from which on its oldest half is forgotten."""
    lambda_runtime: str = ""
    """Folder with what AWS's managed Python runtime offers a function: boto3 and awslambdaric."""
    lambda_pythons: str = ""
    """`any`: functions of every Python runtime run on the engine's own Python, for recorded tests, whose functions are
    older; empty: the process executor refuses what is not its own version."""
    lambda_user: str = ""
    """The user that functions run as where the engine is root; the engine's own user if empty."""
    iam: str = ""
    """`enforce`: functions may do what their roles allow; empty: everything."""

    def checks(self, role_arn: str) -> bool:
        """Whether calls with this role are checked: all with `enforce`, and always where its path asks for it."""
        return self.iam == "enforce" or f":role{ENFORCED_PATH}" in role_arn


def _read() -> Settings:
    given = {field: os.environ.get(f"LAB_{field.name.upper()}") for field in fields(Settings)}
    types = {"float": float, "int": int, "str": str, float: float, int: int, str: str}
    return Settings(**{field.name: types[field.type](value) for field, value in given.items() if value})


SETTINGS = _read()
