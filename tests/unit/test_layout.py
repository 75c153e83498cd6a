"""Which way the arrows between modules go."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from lab.common import paths

PACKAGES = ("functions", "infra", "lab", "loadtests", "scenarios")


def name_of(file: Path) -> str:
    parts = file.relative_to(paths.ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {
    name_of(file): file
    for package in PACKAGES
    for file in (paths.ROOT / package).rglob("*.py")
    if "node_modules" not in file.parts
}


def imported(module: str) -> Iterator[str]:
    """The modules of this project that a module imports, wherever in its text."""
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [
                full if (full := f"{node.module}.{alias.name}") in MODULES else node.module
                for alias in node.names
            ]
        else:
            continue
        yield from (name for name in names if name in MODULES and name != module)


GRAPH = {module: set(imported(module)) for module in MODULES}


def room(module: str) -> str:
    """A package of lab, or another package as a whole."""
    return ".".join(module.split(".")[:2]) if module.startswith("lab.") else module.split(".", maxsplit=1)[0]


def cycle(graph: dict[str, set[str]]) -> list[str]:
    """One circle of a graph; empty if there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_modules_import_each_other_in_no_circle() -> None:
    assert cycle(GRAPH) == []


def test_rooms_of_the_lab_import_each_other_in_no_circle() -> None:
    rooms: dict[str, set[str]] = {}
    for module, others in GRAPH.items():
        if module.startswith("lab."):
            rooms.setdefault(room(module), set()).update({room(other) for other in others} - {room(module)})
    assert cycle(rooms) == []


def test_the_lab_has_no_flat_modules_but_its_door_and_its_error() -> None:
    flat = {file.name for file in (paths.ROOT / "lab").glob("*.py")}
    assert flat == {"__init__.py", "__main__.py", "cli.py", "errors.py"}


def test_the_lab_imports_neither_load_tests_nor_scenarios_nor_handlers() -> None:
    above = {
        (module, other)
        for module, others in GRAPH.items()
        for other in others
        if module.startswith("lab.")
        and (room(other) in ("loadtests", "scenarios") or other.endswith(".handler"))
    }
    assert above == set()


def test_functions_and_stacks_import_nothing_above_them() -> None:
    """The API stack deploys the routes that the functions declare; of all else each room knows itself alone."""
    declared = {"functions.ingest.routes", "functions.redrive.routes"}
    wrong = {
        (module, other)
        for module, others in GRAPH.items()
        for other in others
        if room(module) in ("functions", "infra")
        and room(other) != room(module)
        and not (module == "infra.stacks.api" and other in declared)
    }
    assert wrong == set()


def test_a_circle_is_noticed() -> None:
    assert sorted(set(cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}}))) == ["a", "b", "c"]
