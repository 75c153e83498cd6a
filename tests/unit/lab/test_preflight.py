"""What is looked at before anything is installed, and what has to be said of a machine that lacks something."""

import ast
import email.utils
import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from lab.common import paths
from lab.engines import preflight
from lab.engines.preflight import Finding

INDEX = urlsplit("https://index.test/simple/")
PROXY = urlsplit("http://ann:s3cret%21@proxy.test:3128")


@contextmanager
def answering(lines: str) -> Iterator[int]:
    """The port of a server that gives each connection this one answer, whatever it asks."""

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                connection.recv(4096)
                connection.sendall(lines.replace("\n", "\r\n").encode())

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]


def network(**environ: str) -> dict[str, Finding]:
    """The findings on the network by name."""
    return {finding.name: finding for finding in preflight.network(environ)}


def test_it_is_written_for_every_python_from_3_9_on_and_imports_nothing_but_its_library() -> None:
    tree = ast.parse((paths.ROOT / "lab/engines/preflight.py").read_text(), feature_version=(3, 9))
    imported = {
        name.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for name in node.names
    } | {(node.module or "").split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name for name in imported if name.startswith(("lab", "rich", "typer", "psutil"))} == set()


@pytest.mark.parametrize(("free", "enough"), [(preflight.ENVIRONMENTS_BYTES, True), (preflight.GIB, False)])
def test_a_disk_with_too_little_room_is_told(free: int, enough: bool) -> None:
    finding = preflight.disk(free)
    assert (finding.fix == "") == enough
    assert finding.seen.endswith("GiB")


@pytest.mark.parametrize(("system", "borne"), [("Darwin", True), ("Linux", False)])
def test_a_file_system_that_does_not_tell_upper_from_lower_case_is_told(
    system: str, borne: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "exists", lambda _path: True)  # as if the other spelling named the same file
    finding = preflight.letter_case(tmp_path, system)
    assert "does not tell" in finding.seen
    assert (finding.fix == "") == borne


def test_a_file_system_that_tells_them_apart_is_right(tmp_path: Path) -> None:
    assert preflight.letter_case(tmp_path, "Linux") == Finding("file system", "tells upper from lower case")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks at a place that binds root, too")
def test_a_clone_that_cannot_be_written_to_is_told() -> None:
    finding = preflight.letter_case(Path("/proc"), "Linux")
    assert "cannot be written to" in finding.seen
    assert finding.fix == "See who owns it: ls -ld /proc"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://a:1"}, "a:1"),
        ({"https_proxy": "http://a:1", "HTTPS_PROXY": "http://b:2"}, "a:1"),
        ({"ALL_PROXY": "a:1"}, "a:1"),
        ({"HTTP_PROXY": "http://a:1"}, None),
        ({"HTTPS_PROXY": "http://a:1", "NO_PROXY": "index.test"}, None),
        ({"HTTPS_PROXY": "http://a:1", "no_proxy": "*"}, None),
        ({"HTTPS_PROXY": "http://a:1", "NO_PROXY": "other.test"}, "a:1"),
    ],
)
def test_the_proxy_is_the_one_that_installers_would_take(
    environ: dict[str, str], expected: str | None
) -> None:
    proxy = preflight.proxy_for(INDEX, environ)
    assert (proxy and preflight.shown(proxy)) == expected


def test_a_name_that_nobody_knows_is_told_with_both_ways_out() -> None:
    found = network(PIP_INDEX_URL="https://index.invalid/simple/")
    assert found["DNS"].seen.startswith("index.invalid is not known")
    assert "HTTPS_PROXY" in found["DNS"].fix
    assert "OFFLINE=FILE" in found["DNS"].fix


def test_a_proxy_that_asks_for_a_password_is_told_without_the_one_that_was_given() -> None:
    with answering("HTTP/1.1 407 Proxy Authentication Required\nContent-Length: 0\n\n") as port:
        found = network(PIP_INDEX_URL=INDEX.geturl(), HTTPS_PROXY=f"http://ann:s3cret@127.0.0.1:{port}")
    assert found["proxy"].seen == f"127.0.0.1:{port} asks for a user and a password, or refuses those given"
    assert found["proxy"].fix.startswith(f"HTTPS_PROXY=http://USER:PASSWORD@127.0.0.1:{port}")
    assert "s3cret" not in str(found)


def test_a_proxy_where_nobody_listens_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    found = network(PIP_INDEX_URL=INDEX.geturl(), HTTPS_PROXY=f"http://127.0.0.1:{port}")
    assert f"127.0.0.1:{port}" in found["proxy"].seen
    assert found["proxy"].fix == "Correct HTTPS_PROXY, or unset it where there is no proxy"


def test_what_speaks_no_http_is_told() -> None:
    with answering("220 mail.test ESMTP\n") as port:
        found = network(PIP_INDEX_URL=f"http://127.0.0.1:{port}/simple/")
    assert found["package index"].fix == "Name another: PIP_INDEX_URL=URL"


@pytest.mark.parametrize(
    ("code", "fix"), [(20, preflight.TRUST), (9, preflight.SET_THE_CLOCK), (10, preflight.SET_THE_CLOCK)]
)
def test_a_certificate_that_is_not_trusted_is_not_mistaken_for_a_wrong_clock(
    code: int, fix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, "why"

    def fail(*_: object) -> str:
        raise error

    monkeypatch.setattr(preflight, "asked", fail)
    found = network(PIP_INDEX_URL="https://127.0.0.1/simple/")
    assert found["certificates"] == Finding("certificates", "127.0.0.1: why", fix)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "right"), (290, "right"), (-290, "right"), (3600, "60 min fast"), (-3600, "60 min slow")],
)
def test_a_clock_that_is_off_is_told_and_which_way(seconds: int, told: str) -> None:
    now = time.time()
    finding = preflight.clock(email.utils.formatdate(now - seconds, usegmt=True), now)
    assert finding.seen == told
    assert (finding.fix == "") == (told == "right")


def test_the_time_is_that_of_the_index() -> None:
    date = email.utils.formatdate(time.time() - 7200, usegmt=True)
    with answering(f"HTTP/1.1 200 OK\nDate: {date}\nContent-Length: 0\n\n") as port:
        found = network(PIP_INDEX_URL=f"http://127.0.0.1:{port}/simple/")
    assert found["clock"].seen == "120 min fast"


def test_with_an_archive_no_network_is_asked_for() -> None:
    assert list(network(UV_OFFLINE="1", PIP_INDEX_URL="https://index.invalid/")) == ["network"]


def test_a_proxy_gets_its_user_and_password_as_they_are_meant() -> None:
    assert preflight.credentials(PROXY) == {"Proxy-Authorization": "Basic YW5uOnMzY3JldCE="}


def bare(tmp_path: Path, *programs: str) -> str:
    """A PATH with these programs of this machine, and no Python."""
    for program in programs:
        where = subprocess.run(["which", program], capture_output=True, text=True, check=True).stdout.strip()
        (tmp_path / program).symlink_to(where)
    return str(tmp_path)


def cloned(tmp_path: Path) -> Path:
    """A clone in which nothing is installed, as far as doctor and help look at it."""
    clone = tmp_path / "clone"
    (clone / "lab/engines").mkdir(parents=True)
    for name in ("Makefile", "lab/doctor.sh", "lab/machine.sh", "lab/setup.sh", "lab/engines/preflight.py"):
        (clone / name).write_bytes((paths.ROOT / name).read_bytes())
        (clone / name).chmod(0o755)
    return clone


PROGRAMS = ("make", "bash", "awk", "dirname", "mkdir", "cat", "cksum", "env", "uname")


def made(clone: Path, path: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": path, "HOME": str(clone.parent), "UV_DEFAULT_INDEX": "http://127.0.0.1:9/"}
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=clone,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_needs_nothing_installed(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    done = made(cloned(tmp_path), bare(tmp_path / "bin", *PROGRAMS), "help")
    assert done.returncode == 0
    assert "make" not in done.stderr
    assert re.search(r"^  setup ", done.stdout, re.MULTILINE)


def test_doctor_without_any_python_says_how_to_get_one(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    clone = cloned(tmp_path)
    done = made(clone, bare(tmp_path / "bin", *PROGRAMS), "doctor")
    assert "error: No Python of 3.9 or newer found" in done.stderr
    assert "fix: Install your system's" in done.stderr
    assert not (clone / ".lab").exists()


def test_doctor_with_an_older_python_offers_to_fetch_one(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    path = bare(tmp_path / "bin", *PROGRAMS)
    older = tmp_path / "bin" / "python3"
    older.write_text(  # this Python, which says to bash that it is 3.11
        f'#!/bin/sh\ncase "$2" in *"(3, 13)"*) exit 1;; esac\nexec {paths.ENVIRONMENTS}/lab/bin/python "$@"\n'
    )
    older.chmod(0o755)
    done = made(cloned(tmp_path), path, "doctor")
    assert "fix: make setup FETCH_PYTHON=1" in done.stdout
    assert "package index" in done.stdout


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (
            "echo 'libpython3.13.so: cannot open shared object file' >&2; exit 127",
            "cannot start: libpython3.13.so",
        ),
        ("echo /opt/python3.11 3.11", "is Python 3.11; the lab needs 3.13"),
    ],
)
def test_a_python_that_is_named_and_cannot_serve_is_named_with_its_own_error(
    script: str, told: str, tmp_path: Path
) -> None:
    named = tmp_path / "python"
    named.write_text(f"#!/bin/sh\n{script}\n")
    named.chmod(0o755)
    clone = cloned(tmp_path)
    (clone / "infra").mkdir()
    (tmp_path / "bin").mkdir()
    done = made(clone, bare(tmp_path / "bin", *PROGRAMS, "rm"), "setup", f"PYTHON={named}")
    assert f"error: PYTHON={named} {told}" in done.stderr
    assert done.returncode != 0


def test_index_that_nobody_names_is_the_one_of_pip() -> None:
    assert urlsplit(preflight.index_of_pip()).scheme == "https"


def test_index_that_no_pip_names_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "INDEX_OF_PIP", "raise SystemExit(1)")
    assert list(network()) == ["package index"]
    assert "not looked at" in network()["package index"].seen
