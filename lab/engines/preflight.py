"""What `make setup` needs of a machine, and the fix for each thing that would stop it.

Runs before anything is installed, by any Python from 3.9 on and with nothing but its library: `make doctor` prints the
findings of `python lab/engines/preflight.py` until the environments are there, and `lab doctor` has them among its own.
"""

from __future__ import annotations

import argparse
import base64
import email.utils
import http.client
import os
import platform
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import (
    proxy_bypass_environment,  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]
)

ROOT = Path(__file__).resolve().parents[2]
INDEX_OF_PIP = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"
INDEX_VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
GIB = 1024**3
ENVIRONMENTS_BYTES = 2 * GIB
"""The environments of `make setup` take 1 GiB; as much again for what runs and for reports."""
SKEW_SECONDS = 300.0
"""AWS refuses a signature whose time is further off; certificates go wrong far later."""
ANSWER_SECONDS = 10.0
OUT_OF_TIME = (9, 10)
"""OpenSSL's codes for a certificate that is not valid yet, or not any more."""

NO_NETWORK = "Connect to a network; or bring an archive of make bundle: make setup OFFLINE=FILE"
TRUST = (
    "Add the CA of your network to the system's store (Debian: copy it to /usr/local/share/ca-certificates/NAME.crt, "
    "then update-ca-certificates), or name it: SSL_CERT_FILE=/path/to/ca.pem"
)
SET_THE_CLOCK = "Set the clock: timedatectl set-ntp true; in WSL: wsl --shutdown, then start it again"


class Finding(NamedTuple):
    """One thing looked at; `fix` is empty where nothing is wrong."""

    name: str
    seen: str
    fix: str = ""


def machine(environ: Mapping[str, str]) -> Iterator[Finding]:
    """What the machine itself is like."""
    yield disk(shutil.disk_usage(ROOT).free)
    yield letter_case(ROOT, platform.system())
    cache = environ.get("UV_CACHE_DIR", "")
    inside = cache.startswith(str(ROOT))
    yield Finding("caches", f"your home cannot be written to: in {cache}" if inside else "in your home")


def disk(free: int) -> Finding:
    """Whether so many bytes are enough."""
    fix = "" if free >= ENVIRONMENTS_BYTES else "Free some: docker system prune, make clean"
    return Finding("free disk", f"{free / GIB:.1f} GiB", fix)


def letter_case(folder: Path, system: str) -> Finding:
    """Whether the file system of a folder tells upper from lower case. macOS's usual one does not, and is borne."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".Case") as probe:
            same = Path(probe.name.replace(".Case", ".case")).exists()
    except OSError as error:
        return Finding(
            "file system",
            f"{folder} cannot be written to: {error.strerror}",
            f"See who owns it: ls -ld {folder}",
        )
    if not same:
        return Finding("file system", "tells upper from lower case")
    fix = (
        ""
        if system == "Darwin"
        else "Clone into a file system that does; in WSL below your home, not below /mnt"
    )
    return Finding("file system", "does not tell upper from lower case: two such names are one file", fix)


def network(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Whether the package index can be reached as installers reach it: proxy, name, certificate, time."""
    if environ.get("UV_OFFLINE"):
        yield Finding("network", "not needed: packages come from .lab/offline")
        return
    index = next((environ[name] for name in INDEX_VARIABLES if environ.get(name)), "") or index_of_pip()
    if not index:
        yield Finding("package index", "pip's own, which is not looked at: no pip is here to name it")
        return
    target = urlsplit(index)
    proxy = proxy_for(target, environ)
    if proxy is None and (found := resolved(target.hostname or "")):
        yield found
        return
    yield from reached(target, proxy, environ)


def index_of_pip() -> str:
    """The index that pip asks where nobody names another; empty where there is no pip."""
    for python in (ROOT / ".lab" / "env" / "uv" / "bin" / "python", Path(sys.executable)):
        if python.exists():
            command = [str(python), "-c", INDEX_OF_PIP]
            asked = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  a Python
            if asked.returncode == 0:
                return asked.stdout.strip()
    return ""


def proxy_for(target: SplitResult, environ: Mapping[str, str]) -> SplitResult | None:
    """The proxy that the environment names for an address, if any."""
    lower = {
        name.lower(): value for name, value in environ.items() if name.lower().endswith("_proxy") and value
    }
    lower |= {name: value for name, value in environ.items() if name in lower and value}
    named = lower.get(f"{target.scheme}_proxy") or lower.get("all_proxy")
    if not named or proxy_bypass_environment(target.netloc, {"no": lower.get("no_proxy", "")}):
        return None
    return urlsplit(named if "//" in named else f"http://{named}")


def shown(proxy: SplitResult | None) -> str:
    """A proxy by its address, without user and password."""
    return f"{proxy.hostname}:{proxy.port or 80}" if proxy else "none"


def resolved(host: str) -> Finding | None:
    """What is wrong with the name of a host; None if nothing is."""
    try:
        socket.getaddrinfo(host, 443)
    except OSError as error:
        return Finding(
            "DNS",
            f"{host} is not known: {error}",
            f"{NO_NETWORK}; or name your proxy: HTTPS_PROXY=http://HOST:PORT",
        )
    return None


def reached(target: SplitResult, proxy: SplitResult | None, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Ask the index for its headers, by the way that installers take."""
    name = target.hostname or ""
    try:
        date = asked(target, proxy, environ)
    except ssl.SSLCertVerificationError as error:
        late = error.verify_code in OUT_OF_TIME
        yield Finding("proxy", shown(proxy))
        yield Finding("certificates", f"{name}: {error.verify_message}", SET_THE_CLOCK if late else TRUST)
    except OSError as error:
        yield refused(name, proxy, error)
    except http.client.HTTPException as error:
        yield Finding(
            "package index", f"{name} does not speak HTTP: {error!r}", "Name another: PIP_INDEX_URL=URL"
        )
    else:
        yield Finding("proxy", shown(proxy))
        yield Finding(
            "certificates", f"{name} is trusted" if target.scheme == "https" else "not asked for: http"
        )
        yield clock(date, time.time())


def refused(name: str, proxy: SplitResult | None, error: OSError) -> Finding:
    """What it means that no connection came about."""
    if proxy is None:
        return Finding(
            "package index",
            f"{name}: {error}",
            f"{NO_NETWORK}; or name your proxy: HTTPS_PROXY=http://HOST:PORT",
        )
    where = shown(proxy)
    if "407" in str(error):
        fix = f"HTTPS_PROXY=http://USER:PASSWORD@{where}, with @ : / of the password written as %40 %3A %2F"
        return Finding("proxy", f"{where} asks for a user and a password, or refuses those given", fix)
    return Finding("proxy", f"{where}: {error}", "Correct HTTPS_PROXY, or unset it where there is no proxy")


def asked(target: SplitResult, proxy: SplitResult | None, environ: Mapping[str, str]) -> str:
    """The Date header of the index. Raises OSError, or HTTPException, where none comes."""
    secure = target.scheme == "https"
    port = target.port or (443 if secure else 80)
    host = (proxy.hostname, proxy.port or 80) if proxy else (target.hostname, port)
    if secure:
        context = ssl.create_default_context(cafile=environ.get("SSL_CERT_FILE") or None)
        connection = http.client.HTTPSConnection(
            host[0] or "", host[1], timeout=ANSWER_SECONDS, context=context
        )
        if proxy:
            connection.set_tunnel(target.hostname or "", port, headers=credentials(proxy))
    else:
        connection = http.client.HTTPConnection(host[0] or "", host[1], timeout=ANSWER_SECONDS)
    try:
        plainly = proxy is not None and not secure
        connection.request(
            "HEAD",
            target.geturl() if plainly else target.path or "/",
            headers=credentials(proxy) if plainly else {},
        )
        return connection.getresponse().getheader("Date") or ""
    finally:
        connection.close()


def credentials(proxy: SplitResult | None) -> dict[str, str]:
    """The header that tells a proxy who asks."""
    if proxy is None or proxy.username is None:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
    return {"Proxy-Authorization": f"Basic {base64.b64encode(pair).decode()}"}


def clock(date: str, now: float) -> Finding:
    """How far this machine's time (epoch seconds) is from the one in a Date header."""
    try:
        skew = now - email.utils.parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError):
        return Finding("clock", "nobody told the time")
    if abs(skew) <= SKEW_SECONDS:
        return Finding("clock", "right")
    return Finding("clock", f"{abs(skew) / 60:.0f} min {'fast' if skew > 0 else 'slow'}", SET_THE_CLOCK)


def main() -> int:
    """Print every finding; 1 where something would stop the setup."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default="", help="the Python 3.13 that was found")
    found = [python(parser.parse_args().python), *machine(os.environ), *network(os.environ)]
    for name, seen, fix in found:
        print(f"{name:14} {seen}" + (f"\n{'':14} fix: {fix}" if fix else ""))  # noqa: T201  there is no Terminal yet
    return 1 if any(finding.fix for finding in found) else 0


def python(path: str) -> Finding:
    """Whether a Python 3.13 was found."""
    if path:
        return Finding("python", path)
    version = platform.python_version()
    return Finding("python", f"no 3.13; {sys.executable} is {version}", "make setup FETCH_PYTHON=1")


if __name__ == "__main__":
    sys.exit(main())
