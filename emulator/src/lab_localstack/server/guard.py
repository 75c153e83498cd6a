"""Who may ask the engine: clients that know it by a name of its own, and no page of another site.

Whoever reaches the engine may run code as its user. It listens on loopback only, but every page that the user's browser
shows can send requests there. LocalStack's own check looks at Origin and Referer alone, which pages can leave out, and
lets every host name pass, also one of a stranger's that leads to 127.0.0.1 (DNS rebinding).
"""

import socket
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from localstack import config
from localstack.constants import LOCALHOST, LOCALHOST_HOSTNAME
from localstack.http import Router
from localstack.http.dispatcher import Handler, handler_dispatcher
from localstack.http.router import GreedyPathConverter
from localstack.runtime import get_current_runtime, hooks
from rolo.gateway.handlers import RouterHandler

from lab_localstack.settings import SETTINGS


def _listed(names: str) -> list[str]:
    return [name for one in names.split(",") if (name := one.strip().lower())]


PAGES: Router[Handler] = Router(
    dispatcher=handler_dispatcher(), converters={"greedy_path": GreedyPathConverter}
)
"""All that pages of other sites may ask. Whoever adds a route decides by `Origin`, and raises NotFound for no."""
_serve_page = RouterHandler(PAGES)
OWN_NAMES = (LOCALHOST, LOCALHOST_HOSTNAME, config.LOCALSTACK_HOST.host, *_listed(SETTINGS.allowed_hosts))
"""The engine's host names; all names under them, such as those of APIs, are its own too."""
ALLOWED_ORIGINS = frozenset(_listed(config.EXTRA_CORS_ALLOWED_ORIGINS))
FROM_HERE = (None, "same-origin", "none")
"""Values of Sec-Fetch-Site: not a browser, a page of the engine's own, the user's own hand."""

FOREIGN_HOST = (
    "Refused: this host is not the engine's. Use 127.0.0.1 or localhost, or name it in LAB_ALLOWED_HOSTS."
)
FOREIGN_PAGE = "Refused: a page of another site asks, and no CORS configuration of an HTTP API allows it."
UNKNOWN_PAGE = (
    "Refused: a browser asks without saying for which site. Use http://127.0.0.1 or http://localhost."
)

type Environment = Mapping[str, Any]
"""A request's headers by their WSGI names, such as HTTP_HOST."""


class ForeignHostError(Exception):
    """The engine is asked under a name that is not its own."""


@hooks.on_infra_start(priority=100)
def stand_guard() -> None:
    """Look at every request before LocalStack does."""
    get_current_runtime().components.gateway.request_handlers.insert(0, guard)


def guard(chain: Any, context: Any, response: Any) -> None:
    """A request handler of LocalStack's gateway: answers with 403, one line, what must not be asked."""
    reason = refusal(context.request.environ)
    if reason is None:
        return
    if reason is not FOREIGN_HOST:
        _serve_page(chain, context, response)
    if not chain.stopped:
        refuse(chain, response, 403, reason)


def refuse(chain: Any, response: Any, status: int, reason: str) -> None:
    """Answer with a line of text, and let nothing else happen."""
    response.status_code = status
    response.data = f"{reason}\n"
    response.headers["Content-Type"] = "text/plain; charset=utf-8"
    chain.terminate()


def refusal(environment: Environment) -> str | None:
    """Why a request must not be answered; None if it may."""
    host = environment.get("HTTP_HOST")
    try:
        if host:  # HTTP/1.0 has none; browsers always send it
            require_own(host)
    except ForeignHostError:
        return FOREIGN_HOST
    return _page_refusal(environment, host)


def _page_refusal(environment: Environment, host: str | None) -> str | None:
    """Source: the Fetch standard and Fetch Metadata Request Headers. Pages can set none of what is looked at here."""
    site = environment.get("HTTP_SEC_FETCH_SITE")
    origin, referrer = environment.get("HTTP_ORIGIN"), environment.get("HTTP_REFERER")
    if site is None and origin is None and referrer is None:
        # Browsers tell the site only to addresses that they trust: not to http://localhost.localstack.cloud.
        browser = environment.get("HTTP_USER_AGENT", "").startswith("Mozilla/")
        return UNKNOWN_PAGE if browser else None
    if origin in ALLOWED_ORIGINS:
        return None
    own = (f"http://{host}", f"https://{host}")
    here = (
        site in FROM_HERE
        and (origin is None or origin in own)
        and (referrer is None or referrer.startswith((f"{own[0]}/", f"{own[1]}/")))
    )
    return None if here else FOREIGN_PAGE


@lru_cache(maxsize=1024)
def require_own(host: str) -> None:
    """Raise ForeignHostError unless `host`, which may have a port, is a name or an address of this engine.

    Only what passes is remembered: an address may become the engine's later.
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError as error:
        raise ForeignHostError from error
    if not (_is_own_address(name) or any(name == own or name.endswith(f".{own}") for own in OWN_NAMES)):
        raise ForeignHostError


def _is_own_address(name: str) -> bool:
    """Whether the name is a loopback address, or one that this machine or container has."""
    try:
        address = ip_address(name)
    except ValueError:
        return False
    if address.is_loopback or address.is_unspecified:
        return address.is_loopback
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((name, 0))  # no other address can be bound
    except OSError:
        return False
    return True
