"""What the machines of these tests are made of: a proxy, certificates, programs."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from lab.common import paths
from support.engines import free_port
from support.eventually import eventually
from tests.setup import packages

UV = paths.ENVIRONMENTS / "uv" / "bin" / "uv"
PROXY_ENVIRONMENT = paths.LAB / "test-proxy"
USER = "ann:s3cret"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
OF_INSTALLERS = (
    "PIP_",
    "UV_",
    "NPM_",
    "NODE_",
    "SSL_",
    "REQUESTS_",
    "CURL_",
    "AWS_",
    "VIRTUAL_ENV",
    "MAKE",
    "PYTHON",
    "HTTP",
)


def environment(home: Path, **variables: str) -> dict[str, str]:
    """This process's variables without any that tells an installer something."""
    plain = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(OF_INSTALLERS) and not name.lower().endswith("_proxy")
    }
    home.mkdir(exist_ok=True)
    return (
        plain
        | {"HOME": str(home), "XDG_CONFIG_HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")}
        | variables
    )


def make(clone: Path, environ: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make in a clone, without a terminal; what it prints to both streams is in `stdout`."""
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=clone,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def isolated(*options: str) -> list[str]:
    """The beginning of a command line that runs the rest in namespaces of its own; needs root, or what lets users."""
    return ["unshare", *([] if os.geteuid() == 0 else ["--map-root-user"]), *options]


@pytest.fixture(scope="session")
def tools() -> Path:
    """The folder with mitmdump, and a Python that has trustme."""
    python = PROXY_ENVIRONMENT / "bin" / "python"
    if not python.exists():
        subprocess.run(
            [UV, "venv", "--quiet", "--python", paths.ENVIRONMENTS / "lab/bin/python", PROXY_ENVIRONMENT],
            check=True,
        )
    lock = paths.ROOT / "requirements" / "test-proxy.txt"
    subprocess.run([UV, "pip", "sync", "--quiet", "--python", python, "--require-hashes", lock], check=True)
    return python.parent


class Index(NamedTuple):
    """A served index: its address, its own CA, what is asked of it and what it serves."""

    address: str
    ca: Path
    asked: list[str]
    folder: Path


@pytest.fixture(scope="session")
def index(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """An index whose certificate nobody trusts but the proxy."""
    home = tmp_path_factory.mktemp("index")
    subprocess.run(
        [tools / "python", "-m", "trustme", "--quiet", "--dir", home, "--identities", "localhost"], check=True
    )
    certificate = home / "both.pem"
    certificate.write_bytes((home / "server.key").read_bytes() + (home / "server.pem").read_bytes())
    pip = [
        paths.ENVIRONMENTS / "uv/bin/python",
        "-m",
        "pip",
        "download",
        "--quiet",
        "--require-hashes",
        "--dest",
        home / "wheels",
    ]
    subprocess.run([*pip, "-r", paths.ROOT / "requirements/uv.txt"], check=True)
    packages.publish(home / "www", next((home / "wheels").glob("uv-*.whl")))
    with packages.served(home / "www", certificate) as (address, asked):
        packages.describe(home / "www", address)
        yield Index(address, home / "client.pem", asked, home / "www")


class Proxy(NamedTuple):
    """A proxy that asks for a password and reads what passes: its address and its CA's certificate."""

    address: str
    ca: Path


@pytest.fixture(scope="session")
def proxy(tools: Path, index: Index, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """mitmproxy, with a throw-away CA of its own."""
    home, port = tmp_path_factory.mktemp("proxy"), free_port()
    options = [
        "--listen-host",
        "127.0.0.1",
        "--listen-port",
        str(port),
        "--set",
        f"confdir={home}",
        "--set",
        f"proxyauth={USER}",
    ]
    options += ["--set", f"ssl_verify_upstream_trusted_ca={index.ca}"]
    with subprocess.Popen([tools / "mitmdump", "--quiet", *options], stdin=subprocess.DEVNULL) as running:
        try:
            eventually(lambda: listens(port) and (home / "mitmproxy-ca-cert.pem").exists(), within=60)
            yield Proxy(f"127.0.0.1:{port}", home / "mitmproxy-ca-cert.pem")
        finally:
            running.terminate()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def small(index: Index, tmp_path: Path) -> Path:
    """A clone that needs nothing but what the index has."""
    return packages.small_clone(tmp_path / "clone", index.folder)


@pytest.fixture
def current_node(tmp_path: Path) -> Path:
    """A folder for PATH with the lab's own Node and npm, so that none has to be fetched."""
    folder = tmp_path / "node"
    folder.mkdir()
    for name in ("node", "npm"):
        (folder / name).symlink_to((paths.ENVIRONMENTS / "node/bin" / name).resolve())
    return folder


@pytest.fixture
def older_python(tmp_path: Path) -> Path:
    """A folder for PATH whose python3 is one of 3.9 to 3.12 that can make environments: Debian 12's is 3.11."""
    asks = "import sys, ensurepip; sys.exit(not (3, 9) <= sys.version_info[:2] <= (3, 12))"
    known = [
        Path("/usr/bin/python3"),
        *Path.home().glob(".pyenv/versions/3.*/bin/python3"),
        *map(Path, filter(None, [shutil.which("python3")])),
    ]
    for python in known:
        if (
            python.exists()
            and subprocess.run([python, "-c", asks], capture_output=True, check=False).returncode == 0
        ):
            folder = tmp_path / "older"
            folder.mkdir()
            (folder / "python3").symlink_to(python)
            return folder
    pytest.fail("needs a Python of 3.9 to 3.12 with ensurepip (Debian: apt-get install python3-venv)")
