"""The deployment packages: complete, nothing more, and the same from the same input."""

import ast
import importlib.util
import os
import shutil
import zipfile
from pathlib import Path

import pytest

from infra import bundles
from infra.bundles import MANIFEST, ROOT, BundleError, Target, build, wanted
from infra.settings import host_architecture
from loadtests.benchmarks.cold_start import HANDLERS, imported, in_bundle
from tests.infra.templates import Templates

HOST = Target("host", host_architecture())
BUDGET = {
    "ingest": (330, 3400),
    "worker": (590, 3500),
    "redrive": (630, 3650),
    "authorizer": (440, 2400),
    "valve": (160, 2400),
}
"""Modules that a handler's import may load, and KB of its bundle: a tenth more than there are."""


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every function's bundle for this machine, as Lambda lays it out."""
    folders: dict[str, Path] = {}
    for function in MANIFEST:
        folders[function] = tmp_path_factory.mktemp(function)
        with zipfile.ZipFile(build(function, HOST).path) as archive:
            archive.extractall(folders[function])
    return folders


@pytest.mark.parametrize("function", MANIFEST)
def test_a_handler_loads_from_its_bundle_and_the_runtime_alone(
    function: str, unpacked: dict[str, Path], paused: Templates
) -> None:
    """Isolated Python, without site-packages: an import that the bundle lacks fails."""
    template = paused.one("AWS::Lambda::Function", f"{function.capitalize()}/Function")
    variables = template.properties["Environment"]["Variables"]
    script = (
        "import sys, importlib; sys.path[:0] = sys.argv[2:]\n"
        "handler = importlib.import_module(sys.argv[1]).lambda_handler\n"
        "assert callable(handler)\n"
        "own = [m.__file__ for name, m in sys.modules.items() if name.split('.')[0] == 'functions']\n"
        "assert own and all(path.startswith(sys.argv[2]) for path in own), own\n"
    )
    done = in_bundle(script, function, HANDLERS[function], unpacked[function], variables)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("function", MANIFEST)
def test_a_cold_start_loads_and_unpacks_no_more_than_its_budget(
    function: str, unpacked: dict[str, Path]
) -> None:
    modules = imported(function, unpacked[function])[1]
    most_modules, most_kb = BUDGET[function]
    assert len(modules) <= most_modules
    assert build(function, HOST).path.stat().st_size <= most_kb * 1024
    assert not {"jsonschema", "referencing", "rpds"} & set(modules), "only a bad order is worth their import"


@pytest.mark.parametrize(("function", "clients"), [("ingest", 2), ("worker", 5), ("redrive", 3)])
def test_the_clients_are_made_in_the_init_phase(
    function: str, clients: int, unpacked: dict[str, Path]
) -> None:
    script = (
        "import sys, importlib; sys.path[:0] = sys.argv[2:]\n"
        "importlib.import_module(sys.argv[1])\n"
        "from functions.common import aws\n"
        "print(aws._made.cache_info().currsize)\n"
    )
    for runtime, made in (({}, 0), ({"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:1"}, clients)):
        variables = {"AWS_DEFAULT_REGION": "us-east-1", "POWERTOOLS_METRICS_NAMESPACE": "test", **runtime}
        done = in_bundle(script, function, HANDLERS[function], unpacked[function], variables)
        assert done.stdout.strip() == str(made), done.stderr


@pytest.mark.parametrize("function", MANIFEST)
def test_every_module_comes_with_its_bytecode(function: str, unpacked: dict[str, Path]) -> None:
    modules = set(unpacked[function].rglob("*.py"))
    compiled = {importlib.util.source_from_cache(str(path)) for path in unpacked[function].rglob("*.pyc")}
    assert compiled == {str(path) for path in modules}


@pytest.mark.parametrize("function", MANIFEST)
def test_a_bundle_holds_the_subpackages_that_its_handler_reaches_and_no_others(function: str) -> None:
    reached = _reached(HANDLERS[function])
    needed = {module.split(".")[1] for module in reached if module.count(".")}
    assert {package.split(".")[0] for package in MANIFEST[function].packages} == needed
    for module in MANIFEST[function].without:
        assert f"functions.{module}" not in reached


def test_the_authorizer_carries_no_code_of_orders_and_no_native_wheels(unpacked: dict[str, Path]) -> None:
    content = {path.name for path in unpacked["authorizer"].iterdir()}
    assert not content & {"jsonschema", "simplejson", "rpds", "attrs"}
    assert not list(unpacked["authorizer"].rglob("*.so"))
    assert {path.name for path in (unpacked["authorizer"] / "functions").iterdir()} == {
        "__init__.py",
        "__pycache__",
        "common",
        "redrive",
    }


@pytest.mark.parametrize("function", MANIFEST)
def test_a_bundle_has_no_tests_and_nothing_that_the_runtime_offers(
    function: str, unpacked: dict[str, Path]
) -> None:
    paths = list(unpacked[function].rglob("*"))
    assert not [p for p in paths if p.name in ("tests", "RECORD", "bin")]
    assert not {p.name for p in unpacked[function].iterdir()} & {"boto3", "botocore", "awslambdaric"}


def test_a_bundle_keeps_the_metadata_of_packages_that_read_their_version(unpacked: dict[str, Path]) -> None:
    assert list(unpacked["worker"].glob("aws_lambda_powertools-*.dist-info/METADATA"))


@pytest.mark.parametrize(("architecture", "machine"), [("x86_64", 0x3E), ("arm64", 0xB7)])
def test_native_wheels_are_for_the_functions_processor(architecture: str, machine: int) -> None:
    with zipfile.ZipFile(build("worker", Target("linux", architecture)).path) as archive:
        libraries = [name for name in archive.namelist() if name.endswith(".so")]
        assert libraries
        for name in libraries:
            header = archive.read(name)[:20]
            assert header[:4] == b"\x7fELF"
            assert int.from_bytes(header[18:20], "little") == machine


def test_the_same_input_makes_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[bytes] = []
    for cache in ("first", "second"):
        monkeypatch.setattr(bundles, "CACHE", tmp_path / cache)
        made.append(build("authorizer", HOST).path.read_bytes())
    assert made[0] == made[1]


def test_times_of_files_do_not_matter(sources: Path) -> None:
    before = _digests()
    for path in sources.rglob("*.py"):
        os.utime(path, (1, 1))
    assert _digests() == before


def test_a_change_in_one_subpackage_changes_the_functions_that_hold_it(sources: Path) -> None:
    before = _digests()
    (sources / "processor" / "__init__.py").write_text('"""Changed."""\n')
    after = _digests()
    assert {function for function in MANIFEST if before[function] != after[function]} == {"worker"}


def test_a_renamed_file_is_a_change_although_no_byte_of_content_is(sources: Path) -> None:
    (sources / "processor" / "one.py").write_text("")
    before = _digests()["worker"]
    (sources / "processor" / "one.py").rename(sources / "processor" / "two.py")
    assert _digests()["worker"] != before


def test_an_existing_bundle_is_not_built_again() -> None:
    first = build("worker", HOST)
    written = first.path.stat().st_mtime_ns
    assert build("worker", HOST) == first
    assert first.path.stat().st_mtime_ns == written


def test_the_function_reports_the_version_of_its_bundle(paused: Templates) -> None:
    for function in MANIFEST:
        template = paused.one("AWS::Lambda::Function", f"{function.capitalize()}/Function")
        version = template.properties["Environment"]["Variables"]["CODE_VERSION"]
        assert len(version) == 12
        assert list(bundles.CACHE.glob(f"{function}-{version}*.zip"))


def test_a_subpackage_that_does_not_exist_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bundles.MANIFEST, "authorizer", bundles.Content("powertools", ("comon",)))  # pyright: ignore
    with pytest.raises(BundleError, match=r"functions\.comon does not exist: correct MANIFEST"):
        build("authorizer", HOST)


def test_no_two_lock_files_of_bundles_pin_the_same() -> None:
    locks = sorted(bundles.REQUIREMENTS.glob("bundle-*.txt"))
    pins = {
        tuple(line for line in lock.read_text().splitlines() if not line.lstrip().startswith("#"))
        for lock in locks
    }
    assert len(pins) == len(locks)
    used = {f"bundle-{wheels}.txt" for wheels in (bundles.TRACING, *(c.wheels for c in MANIFEST.values()))}
    assert {lock.name for lock in locks} == used


def test_a_lock_file_without_hashes_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bundle-powertools.txt").write_text("jmespath==1.1.0\n")
    monkeypatch.setattr(bundles, "ROOT", tmp_path)
    monkeypatch.setattr(bundles, "REQUIREMENTS", tmp_path)
    with pytest.raises(BundleError) as refused:
        build("authorizer", HOST)
    assert "could not install" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the functions' code to change, with bundles that go nowhere near the project's."""
    copy = tmp_path / "functions"
    shutil.copytree(ROOT / "functions", copy, ignore=shutil.ignore_patterns("__pycache__"))
    wheels = bundles.CACHE / "wheels"
    bundles.fetch(HOST)
    monkeypatch.setattr(bundles, "SOURCES", copy)
    monkeypatch.setattr(bundles, "ROOT", tmp_path)
    monkeypatch.setattr(bundles, "CACHE", tmp_path / "bundles")
    (tmp_path / "bundles").mkdir()
    (tmp_path / "bundles" / "wheels").symlink_to(wheels)
    return copy


def _digests() -> dict[str, str]:
    return {function: wanted(function, HOST).digest for function in MANIFEST}


def _reached(module: str) -> set[str]:
    """The `functions` modules that importing a module reaches, imports inside functions included."""
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = ROOT / name.replace(".", "/")
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if name in seen or not file.is_file():
            continue
        seen.add(name)
        if "." in name:
            waiting.append(name.rsplit(".", 1)[0])
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                waiting += [alias.name for alias in node.names if alias.name.startswith("functions")]
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("functions"):
                waiting.append(node.module or "")
                waiting += [f"{node.module}.{alias.name}" for alias in node.names]
    return seen
