"""What a pipeline can run on, and what that makes possible."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """What runs the pipeline, by the name that a report gives it.

    `local_functions`: functions are processes of this machine, so that they can be killed and can reach a server of
    the lab on loopback.
    """

    name: str
    local_functions: bool = False

    def __str__(self) -> str:
        return self.name


HOST = Kind("host engine", local_functions=True)
DOCKER = Kind("docker engine")
NONE = Kind("")
"""There is no engine."""
