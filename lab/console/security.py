"""Who may talk to the console: one browser, which was given this start's token.

A page of another site must neither drive the console nor read from it, although the browser can reach both.

- DNS rebinding: a request whose Host is not the console's own address, or one that its user has named, is refused
  before anything else.
- Foreign pages: a request that is not a navigation must come from the console's own pages (Sec-Fetch-Site), and one
  that changes something must name the console as its Origin and carry the token that its pages hold.
- Other users and programs of this machine: everything but the entrance needs the session cookie, which a browser
  gets in exchange for the token that was printed at the start.

Browsers keep cookies by host, not by port, and count other ports of 127.0.0.1 as the same site. So SameSite alone
would let any other local server's pages in: the Origin is compared to the letter, and the cookie's name has the port.
"""

import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lab.errors import LabError

ENTRANCE = "/enter"
SESSION = "/session"
OPEN_PATHS = (ENTRANCE, SESSION)
OPEN_FOLDER = "/static/"
"""What is answered without a session: the page that trades the token for one, and what it is drawn with."""

SAFE_METHODS = ("GET", "HEAD")
CSRF_HEADER = "x-csrf-token"
REPORTS = "/reports/"

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Scripts come from files alone. Styles may be inline: the charts set them, and styles cannot call anybody."""

REPORT_POLICY = (
    "sandbox allow-same-origin; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "frame-ancestors 'none'"
)
"""Reports are pages of their own that run nothing."""


@dataclass(frozen=True)
class Keys:
    """The secrets of one start. None outlives the process."""

    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    session: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32))


@dataclass(frozen=True)
class Refusal:
    """Why a request is not answered."""

    status: HTTPStatus
    what: str
    fix: str


HOSTS_VARIABLE = "LAB_CONSOLE_HOSTS"
_ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]+)?")


def forwarded(value: str) -> tuple[str, ...]:
    """The origins that LAB_CONSOLE_HOSTS names, as browsers send them. Raises LabError for what is none."""
    origins = tuple(part.strip().rstrip("/").lower() for part in value.split(",") if part.strip())
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise LabError(
                f"{HOSTS_VARIABLE} has {origin!r}, which is no address of a console.",
                f"Name what the browser shows, such as {HOSTS_VARIABLE}=https://console.example:8443",
            )
    return origins


@dataclass(frozen=True)
class Guard:
    """The rules, for a console that listens on `port` of 127.0.0.1.

    `forwarded` are the origins under which a forwarded port shows it to a browser elsewhere. Whoever comes by one of
    them needs the token like everybody else. Some forwarders keep the browser's Host, others put the console's own.
    """

    port: int
    keys: Keys
    forwarded: tuple[str, ...] = ()

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names under which a browser reaches it."""
        elsewhere = (origin.partition("://")[2] for origin in self.forwarded)
        return f"127.0.0.1:{self.port}", f"localhost:{self.port}", *elsewhere

    @property
    def cookie(self) -> str:
        """The session cookie's name. Another console on this machine has another port and another cookie."""
        return f"lab-console-{self.port}"

    def refusal(
        self, method: str, path: str, headers: Mapping[str, str], cookies: Mapping[str, str]
    ) -> Refusal | None:
        """Why this request must not be answered, or None if it may be. Header names are in lower case."""
        if headers.get("host") not in self.hosts:
            return Refusal(
                HTTPStatus.MISDIRECTED_REQUEST,
                "This is not the console's address.",
                f"Open http://{self.hosts[0]}/",
            )
        if method not in SAFE_METHODS and (why := self._not_from_our_page(path, headers)):
            return Refusal(HTTPStatus.FORBIDDEN, why, "Use the console's own pages.")
        if _is_foreign(headers):
            return Refusal(
                HTTPStatus.FORBIDDEN,
                "Another site asks for the console's data.",
                "Use the console's own pages.",
            )
        if path in OPEN_PATHS or path.startswith(OPEN_FOLDER):
            return None
        if not self.has_session(cookies):
            return Refusal(
                HTTPStatus.UNAUTHORIZED,
                "This browser has no session with the console.",
                "Open the address that `make console` printed when it started.",
            )
        return None

    def has_session(self, cookies: Mapping[str, str]) -> bool:
        """Whether these cookies are of the browser that was let in."""
        return same(cookies.get(self.cookie, ""), self.keys.session)

    def _not_from_our_page(self, path: str, headers: Mapping[str, str]) -> str | None:
        origin = headers.get("origin", "none")
        if origin not in self._origins(headers["host"]):
            return f"The request comes from the origin {origin}, not from the console."
        # the entrance has no token yet: it brings the one of the start, which is checked there
        if path != SESSION and not same(headers.get(CSRF_HEADER, ""), self.keys.csrf):
            return "The request lacks the token of the console's pages."
        return None

    def _origins(self, host: str) -> tuple[str, ...]:
        """The origins of our pages in a request to one of our hosts."""
        if host in self.hosts[:2]:
            return f"http://{host}", *self.forwarded
        return tuple(origin for origin in self.forwarded if origin.endswith(f"://{host}"))


def same(given: str, expected: str) -> bool:
    """Whether two secrets are equal; takes the same time for every wrong one."""
    # What was given may come from JSON, whose escapes can also spell half a surrogate pair.
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode())


def _is_foreign(headers: Mapping[str, str]) -> bool:
    """Whether the browser says that a page of another origin wants this as anything but a page of its own."""
    site = headers.get("sec-fetch-site", "none")
    navigation = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return site not in ("same-origin", "none") and not navigation


class GuardMiddleware:
    """Refuses what the guard refuses, and tells the browser to keep others out of every answer."""

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self._app = app
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # a web socket is nothing this console has
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        path = request.url.path

        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                _protect(MutableHeaders(scope=message), path)
            await send(message)

        refusal = self._guard.refusal(request.method, path, request.headers, request.cookies)
        answer = self._app if refusal is None else _refused(refusal, request.headers)
        await answer(scope, receive, protected)


def _refused(refusal: Refusal, headers: Headers) -> Response:
    wants_page = "text/html" in headers.get("accept", "") and headers.get("sec-fetch-dest") == "document"
    if wants_page and refusal.status is HTTPStatus.UNAUTHORIZED:
        return RedirectResponse(ENTRANCE, HTTPStatus.SEE_OTHER)
    if wants_page:
        return PlainTextResponse(f"{refusal.what}\n{refusal.fix}\n", refusal.status)
    return JSONResponse({"what": refusal.what, "fix": refusal.fix}, refusal.status)


def _protect(headers: MutableHeaders, path: str) -> None:
    headers["Content-Security-Policy"] = REPORT_POLICY if path.startswith(REPORTS) else PAGE_POLICY
    headers["X-Content-Type-Options"] = "nosniff"
    headers["X-Frame-Options"] = "DENY"
    headers["Referrer-Policy"] = "no-referrer"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    if not path.startswith(OPEN_FOLDER):
        headers["Cache-Control"] = "no-store"
