"""A package index and an npm registry with next to nothing in them, and a clone that needs no more."""

import base64
import hashlib
import http.server
import io
import json
import ssl
import subprocess
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import override

from lab.common import paths

WHEEL = "tiny-1.0-py3-none-any.whl"
SCRIPTS = ("Makefile", "lab/setup.sh", "lab/doctor.sh", "lab/machine.sh", "lab/engines/preflight.py")
SHIMS = ("lab", "aws", "cdklocal")
PROJECT = """\
[build-system]
requires = ["uv_build>=0.13,<0.14"]
build-backend = "uv_build"
[project]
name = "{name}"
version = "0.1.0"
[tool.uv.build-backend]
module-root = ""
module-name = ["{module}"]
"""
BUNDLES = "class Target:\n    def __init__(self, *_): ...\ndef fetch(target): ...\n"


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, keeps what was asked for, and prints nothing."""

    asked: list[str]

    def __init__(self, asked: list[str], *arguments: object, directory: str) -> None:
        self.asked = asked
        super().__init__(*arguments, directory=directory)  # pyright: ignore[reportArgumentType]

    @override
    def log_message(self, format: str, *_: object) -> None:
        self.asked.append(self.path)


@contextmanager
def served(folder: Path, certificate: Path) -> Iterator[tuple[str, list[str]]]:
    """The HTTPS address of a folder on loopback, and what is asked of it."""
    asked: list[str] = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, asked, directory=str(folder)))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"https://localhost:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


def publish(folder: Path, uv: Path) -> None:
    """Fill a folder as an index at /simple/ and a registry at /npm/: uv's own wheel, and one tiny package in each."""
    tiny = folder / "simple" / "tiny"
    tiny.mkdir(parents=True)
    wheel = tiny / WHEEL
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny.py", "")
        archive.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr(
            "tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("tiny-1.0.dist-info/RECORD", "")
    (folder / "simple" / "uv").mkdir()
    (folder / "simple" / "uv" / uv.name).write_bytes(uv.read_bytes())
    for package in ("tiny", "uv"):
        place = folder / "simple" / package
        links = [f'<a href="{file.name}#sha256={sha256(file)}">{file.name}</a>' for file in place.iterdir()]
        (place / "index.html").write_text(f"<!DOCTYPE html><html><body>{' '.join(links)}</body></html>")
    (folder / "npm" / "tarballs").mkdir(parents=True)
    (folder / "npm" / "tarballs" / "tiny-1.0.0.tgz").write_bytes(npm_package())


def describe(folder: Path, address: str) -> None:
    """Write what the registry says of its package, once its own address is known."""
    tarball = folder / "npm" / "tarballs" / "tiny-1.0.0.tgz"
    dist = {"tarball": f"{address}/npm/tarballs/{tarball.name}", "integrity": integrity(tarball.read_bytes())}
    version = {"name": "tiny", "version": "1.0.0", "dist": dist}
    packument = {"name": "tiny", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
    (folder / "npm" / "tiny").write_text(json.dumps(packument))


def npm_package() -> bytes:
    """A tarball with a package.json."""
    written, text = io.BytesIO(), b'{"name": "tiny", "version": "1.0.0"}'
    with tarfile.open(fileobj=written, mode="w:gz") as archive:
        entry = tarfile.TarInfo("package/package.json")
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text))
    return written.getvalue()


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def integrity(content: bytes) -> str:
    return f"sha512-{base64.b64encode(hashlib.sha512(content).digest()).decode()}"


def small_clone(clone: Path, published: Path) -> Path:
    """A clone with this one's scripts, and lock files that name nothing but what is published."""
    for name in (*SCRIPTS, *(f"lab/engines/shims/{shim}" for shim in SHIMS)):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_bytes((paths.ROOT / name).read_bytes())
        (clone / name).chmod(0o755)
    for folder in ("requirements", "emulator/requirements", "infra", "emulator/emulated"):
        (clone / folder).mkdir(parents=True)
    tiny = f"tiny==1.0 --hash=sha256:{sha256(published / 'simple' / 'tiny' / WHEEL)}\n"
    for lock in (
        "requirements/lab",
        "requirements/node",
        "emulator/requirements/engine",
        "emulator/requirements/runtime",
    ):
        (clone / f"{lock}.txt").write_text(tiny)
    (clone / "requirements/uv.txt").write_bytes((paths.ROOT / "requirements/uv.txt").read_bytes())
    (clone / "pyproject.toml").write_text(PROJECT.format(name="small", module="infra"))
    (clone / "emulator/pyproject.toml").write_text(PROJECT.format(name="emulated", module="emulated"))
    (clone / "emulator/emulated/__init__.py").write_text("")
    (clone / "infra/__init__.py").write_text("")
    (clone / "infra/bundles.py").write_text(BUNDLES)
    (clone / "infra/settings.py").write_text("def host_architecture(): ...\n")
    needs = {"tiny": "1.0.0"}
    locked = {
        "version": "1.0.0",
        "integrity": integrity((published / "npm/tarballs/tiny-1.0.0.tgz").read_bytes()),
    }
    packages = {"": {"dependencies": needs}, "node_modules/tiny": locked}
    (clone / "infra/package.json").write_text(json.dumps({"private": True, "dependencies": needs}))
    (clone / "infra/package-lock.json").write_text(
        json.dumps({"lockfileVersion": 3, "requires": True, "packages": packages})
    )
    return clone


def whole_clone(clone: Path) -> Path:
    """A copy of this clone's files, as `git clone` would bring them with what is not committed yet."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=paths.ROOT,
        capture_output=True,
        check=True,
    ).stdout
    clone.mkdir()
    packed = subprocess.run(
        ["tar", "-cf", "-", "--null", "--ignore-failed-read", "-T", "-"],
        cwd=paths.ROOT,
        input=listed,
        capture_output=True,
        check=False,
    )
    subprocess.run(["tar", "-xf", "-"], cwd=clone, input=packed.stdout, check=True)
    return clone
