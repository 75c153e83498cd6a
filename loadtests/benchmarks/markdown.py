"""Tables as the benchmarks print them and the docs keep them."""

from collections.abc import Iterable, Sequence


def table(rows: Iterable[Sequence[str]]) -> str:
    """Rows as a Markdown table: the first is its head, the second says how columns are aligned (`---:` is right)."""
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
