"""The engine is on loopback: none of its clients goes through a proxy, whatever the environment says.

A proxy could neither reach it nor be trusted with what is sent to it. boto3 clients of the engine get NO_PROXIES, HTTP
clients DIRECT, and programs that the lab starts for the engine the environment made here. What asks AWS itself keeps
the user's proxies.
"""

import ssl
from collections.abc import Mapping
from typing import TypedDict


class _Direct(TypedDict):
    trust_env: bool
    verify: ssl.SSLContext


DIRECT = _Direct(trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
"""For httpx's clients and requests. The context trusts nobody, as an engine speaks plain HTTP: to read the list of
authorities would take each client 20 ms of processor time."""

NO_PROXIES: dict[str, str] = {}
"""For botocore's Config: with None it would look into the environment."""

NONE_AT_ALL = {"NO_PROXY": "*", "no_proxy": "*"}
"""On macOS and Windows, the system's own proxies are used by programs whose environment does not say this."""


def without_proxies(environ: Mapping[str, str]) -> dict[str, str]:
    """That environment, in which no program knows a proxy."""
    return {name: value for name, value in environ.items() if not _names_a_proxy(name)} | NONE_AT_ALL


def _names_a_proxy(name: str) -> bool:
    return name.lower().endswith("_proxy")
