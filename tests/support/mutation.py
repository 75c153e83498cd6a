"""Mutations of source code. They go by its syntax tree: layout, comments and the place in the file do not matter.

Why not mutmut or cosmic-ray: they make every mutation there is and ask whether some test fails. The lists here name a
few, each with the promise it breaks, and one of the two is applied to functions as they are deployed.
"""

import ast
from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """One expression or statement of a file, and what stands there instead.

    `file` is relative to the project. `within` is the qualified name of the function or class that is looked through,
    such as `Settlement.settle`; it is empty for the whole file.
    """

    file: str
    within: str
    was: str
    becomes: str

    def applied(self, source: str) -> str:
        """The file's source with the mutation in place. Raises AssertionError unless there is one such place."""
        tree = ast.parse(source)
        replacement = _Replacement(*_alike(self.was, self.becomes))
        replacement.visit(self._scope(tree))
        place = f"{self.file}, {self.within or 'the file'}"
        assert replacement.count == 1, f"{place}: {self.was!r} is there {replacement.count} times, not once"
        return ast.unparse(tree)

    def _scope(self, tree: ast.AST) -> ast.AST:
        scope = tree
        for name in self.within.split(".") if self.within else ():
            named = [
                node
                for node in ast.walk(scope)
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
                and node.name == name
                and node is not scope
            ]
            assert len(named) == 1, f"{self.file}: {self.within} is there {len(named)} times, not once"
            (scope,) = named
        return scope


class _Replacement(ast.NodeTransformer):
    """Puts one node in the place of every equal of another, and counts them."""

    def __init__(self, was: ast.AST, becomes: ast.AST) -> None:
        self._was = ast.dump(was)
        self._becomes = becomes
        self.count = 0

    def visit(self, node: ast.AST) -> ast.AST:
        if ast.dump(node) != self._was:
            return self.generic_visit(node)
        self.count += 1
        return self._becomes


def _alike(was: str, becomes: str) -> tuple[ast.AST, ast.AST]:
    """Two texts as expressions, or as statements where one of them is not an expression."""
    try:
        return ast.parse(was, mode="eval").body, ast.parse(becomes, mode="eval").body
    except SyntaxError:
        (old,), (new,) = ast.parse(was).body, ast.parse(becomes).body
        return old, new
