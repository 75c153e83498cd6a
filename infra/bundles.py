"""The functions' deployment packages: made without Docker, byte for byte the same from the same input.

A bundle is a zip of the `functions` subpackages that the function needs and the wheels of its lock file, for
the platform it will run on, with their bytecode: an environment's start would compile all that it imports, each time.
Its name carries the hash of its content, which CDK takes as the asset's hash: a
change in one function redeploys that one. Wheels are installed once per lock file and platform; what exists
is never made again.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "functions"
REQUIREMENTS = ROOT / "requirements"
CACHE = ROOT / ".lab" / "bundles"
UV = ROOT / ".lab" / "env" / "uv" / "bin" / "uv"

PYTHON_VERSION = "3.13"
MANYLINUX = "manylinux_2_28"
"""Lambda's python3.13 runtime is Amazon Linux 2023 (glibc 2.34), which takes these wheels."""

_UNUSED_FOLDERS = frozenset({"__pycache__", "tests", "benchmarks", "bin"})
_UNUSED_SUFFIXES = frozenset({".pyi", ".pyc", ".c"})
_INSTALLER_RECORDS = frozenset(
    {"INSTALLER", "RECORD", "REQUESTED", "WHEEL", "direct_url.json", "uv_cache.json"}
)
_EARLIEST_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


class BundleError(Exception):
    """A bundle that cannot be made. Its text is one line with the way out."""


@dataclass(frozen=True)
class Content:
    """What a function's bundle is made of.

    `wheels` are those of `requirements/bundle-<wheels>.txt`. `packages` are `functions` subpackages, or single
    modules of one (`redrive.authorizer`); `without` are modules of these that the function does not need.
    """

    wheels: Literal["powertools", "validation", "redrive"]
    packages: tuple[str, ...]
    without: tuple[str, ...] = ()


MANIFEST: Mapping[str, Content] = {
    "ingest": Content("validation", ("common", "validate", "publish", "ingest")),
    "worker": Content(
        "validation",
        (
            "common",
            "validate",
            "publish",
            "idempotency",
            "processor",
            "events",
            "worker",
            "pauser.resume_message",
        ),
    ),
    "valve": Content("powertools", ("common", "pauser")),
    "redrive": Content(
        "redrive", ("common", "validate", "publish", "redrive"), without=("redrive.authorizer",)
    ),
    "authorizer": Content("powertools", ("common", "redrive.authorizer")),
}
"""What each function needs, by its deployed name: Powertools, JSON Schema validation where it judges orders, and JSON
Patch where it corrects them."""

ALONE = Content("powertools", ())
"""What somebody else's handler finds beside it, in a challenge: Powertools."""

TRACING = "tracing"
"""The subpackage, and the lock file, that a function's bundle has besides if it is traced."""


@dataclass(frozen=True)
class Target:
    """The system a bundle is for: `linux` on a processor of Lambda's, or `host`, this machine's own."""

    system: str
    architecture: str

    @property
    def name(self) -> str:
        """A folder name for it."""
        return f"{self.system}-{self.architecture}"

    @property
    def uv_options(self) -> list[str]:
        """How uv is told to choose wheels for it."""
        if self.system == "host":
            return []
        processor = {"x86_64": "x86_64", "arm64": "aarch64"}[self.architecture]
        return ["--python-platform", f"{processor}-{MANYLINUX}"]


@dataclass(frozen=True)
class Bundle:
    """A finished deployment package. `digest` is the SHA-256 of its content: paths and bytes, no times."""

    function: str
    path: Path
    digest: str

    @property
    def version(self) -> str:
        """The short name of the content, which the function reports as its code version."""
        return self.digest[:12]


def build(function: str, target: Target, *, traced: bool = False) -> Bundle:
    """Make a function's bundle, or find it where nothing has changed. Raises BundleError.

    A function that the pipeline does not have is one of a challenge.
    """
    bundle = wanted(function, target, traced=traced)
    if not bundle.path.exists():
        sources, sites = _parts(function, target, traced=traced)
        with tempfile.TemporaryDirectory() as scratch:
            for name, path in sources.items():
                copy = Path(scratch) / name
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
            _compile(Path(scratch))
            _write_zip(bundle.path, [Path(scratch), *(wheels / "site" for wheels in sites)])
    return bundle


def wanted(function: str, target: Target, *, traced: bool = False) -> Bundle:
    """The bundle that the code makes as it is now, whether it has been made or not. Raises BundleError."""
    sources, sites = _parts(function, target, traced=traced)
    digest = hashlib.sha256(importlib.util.MAGIC_NUMBER)  # of the bytecode
    for wheels in sites:
        digest.update((wheels / "digest").read_bytes())
    for name, path in sorted(sources.items()):
        digest.update(_framed(name, path))
    return Bundle(function, CACHE / f"{function}-{digest.hexdigest()}.zip", digest.hexdigest())


def _parts(function: str, target: Target, *, traced: bool) -> tuple[dict[str, Path], list[Path]]:
    """Names and paths of a bundle's source files, and the folders of its wheels."""
    content = MANIFEST.get(function, ALONE)
    sites = [_wheels(_lock(content.wheels), target)]
    if traced:
        content = replace(content, packages=(*content.packages, TRACING))
        sites.append(_wheels(_lock(TRACING), target))
    return dict(_sources(content)), sites


def fetch(target: Target) -> None:
    """Have the wheels of every function for a target, all but those for tracing. Raises BundleError."""
    for wheels in sorted({content.wheels for content in MANIFEST.values()}):
        _wheels(_lock(wheels), target)


def _sources(content: Content) -> Iterator[tuple[str, Path]]:
    """Names in the bundle and paths of the source files it needs, package markers of parents included."""
    left_out = {SOURCES / f"{module.replace('.', '/')}.py" for module in content.without}
    for package in content.packages:
        place = SOURCES / package.replace(".", "/")
        files = list(_files(place)) if place.is_dir() else [(place.name, place.with_suffix(".py"))]
        if not files or not files[0][1].is_file():
            raise BundleError(f"functions.{package} does not exist: correct MANIFEST in infra/bundles.py")
        for _, path in files:
            if path not in left_out:
                yield path.relative_to(ROOT).as_posix(), path
        for parent in place.relative_to(SOURCES).parents:
            marker = SOURCES / parent / "__init__.py"
            yield marker.relative_to(ROOT).as_posix(), marker


def _lock(wheels: str) -> Path:
    return REQUIREMENTS / f"bundle-{wheels}.txt"


def _wheels(lock: Path, target: Target) -> Path:
    """The folder with a lock file's wheels, installed and pruned, in `site`, and its content's `digest`."""
    if not lock.is_file():
        raise BundleError(f"{lock.relative_to(ROOT)} is missing. Run: make lock")
    pins = "\n".join(line for line in lock.read_text().splitlines() if not line.lstrip().startswith("#"))
    made_for = f"{target.name} {PYTHON_VERSION} {importlib.util.MAGIC_NUMBER.hex()}"
    key = hashlib.sha256(f"{made_for}\n{pins}".encode()).hexdigest()[:16]
    home = CACHE / "wheels" / f"{target.name}-{key}"
    if home.is_dir():
        return home
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.parent) as scratch:
        made = Path(scratch) / "made"
        _install(lock, target, made / "site")
        _prune(made / "site")
        digest = hashlib.sha256()
        for name, path in _files(made / "site"):
            digest.update(_framed(name, path))
        (made / "digest").write_text(digest.hexdigest())
        _compile(made / "site")
        _move_into_place(made, home)
    return home


def _install(lock: Path, target: Target, site: Path) -> None:
    uv = str(UV) if UV.exists() else shutil.which("uv")
    if uv is None:
        raise BundleError("uv, which installs the functions' wheels, was not found. Run: make setup")
    command = [
        uv,
        "pip",
        "install",
        "--quiet",
        "--python",
        sys.executable,
        "--python-version",
        PYTHON_VERSION,
    ]
    command += [*target.uv_options, "--only-binary", ":all:", "--require-hashes", "--no-deps", "--no-config"]
    command += ["--link-mode", "copy", "--target", str(site), "--requirement", str(lock)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603  own command line
    if done.returncode:
        reason = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise BundleError(f"uv could not install {lock.relative_to(ROOT)} for {target.name}: {reason}")


def _compile(folder: Path) -> None:
    """Add the bytecode of every module; Python takes it unchecked, as nothing changes in a bundle."""
    command = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    command += ["-s", str(folder), "-p", "/var/task", str(folder)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603  own command line
    if done.returncode:
        raise BundleError(f"A module does not compile: {' '.join((done.stdout + done.stderr).split())}")


def _prune(site: Path) -> None:
    """Drop what no function runs: tests, type stubs, commands, the installer's records."""
    for path in sorted(site.rglob("*"), reverse=True):
        if path.is_dir():
            if path.name in _UNUSED_FOLDERS:
                shutil.rmtree(path)
        elif path.suffix in _UNUSED_SUFFIXES or path.name in _INSTALLER_RECORDS or path.name == ".lock":
            path.unlink()


def _files(folder: Path, *, bytecode: bool = False) -> Iterator[tuple[str, Path]]:
    """The files below a folder by their relative names, in order; bytecode only if asked for."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and (bytecode or "__pycache__" not in path.parts):
            yield path.relative_to(folder).as_posix(), path


def _framed(name: str, path: Path) -> bytes:
    """A file as a digest takes it in: neither its name nor its end can be mistaken for another file's."""
    content = path.read_bytes()
    return f"{len(name)} {name} {len(content)}\n".encode() + content


def _write_zip(path: Path, folders: Iterable[Path]) -> None:
    files = dict(entry for folder in folders for entry in _files(folder, bytecode=True))
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(f".{os.getpid()}.new")
    with zipfile.ZipFile(scratch, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, source in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _EARLIEST_ZIP_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, source.read_bytes())
    scratch.replace(path)


def _move_into_place(made: Path, home: Path) -> None:
    """Publish a finished folder at once; where another process was first, its equal one is used."""
    try:
        made.rename(home)
    except OSError:
        if not home.is_dir():
            raise
