"""A story as a timeline, and its spans as a tree."""

from rich.table import Table
from rich.tree import Tree

from lab.common.output import Line, Terminal, joined, shown, styled, utc
from lab.trace.evidence import Span
from lab.trace.story import Story

SHORT_ID = 8


def show(story: Story, console: Terminal, *, lines: bool) -> None:
    """Print a story; with `lines` also the log line behind each moment."""
    console.say(summary(story))
    console.print(timeline(story))
    if lines:
        for moment in story.moments:
            if moment.line:
                console.say(styled(moment.line, "dim"))
    for tree in trees(story.spans):
        console.print(tree)


def summary(story: Story) -> str:
    """One line: the order, where it is, and how much happened to it."""
    counts = ", ".join(
        f"{count} {name}{'' if count == 1 else 's'}"
        for name, count in (("receive", story.receives), ("death", story.deaths), ("redrive", story.redrives))
    )
    return (
        f"order {shown(story.order_id)}: {story.state}; {counts}, {story.milliseconds} ms from first to last"
    )


def timeline(story: Story) -> Table:
    """A row for each moment: when (UTC), how long after the first, where, what, and how it is known."""
    several = len(story.correlation_ids) > 1
    titles = {one: f"submission {number}" for number, one in enumerate(story.correlation_ids, 1)}
    caption = "; ".join(f"{titles[one]}: {one}" if several else f"correlation id {one}" for one in titles)
    table = Table(box=None, caption=shown(caption), caption_justify="left", pad_edge=False)
    table.add_column("UTC", no_wrap=True)
    table.add_column("+ms", justify="right", no_wrap=True)
    if several:
        table.add_column("of", no_wrap=True)
    table.add_column("where", no_wrap=True)
    table.add_column("what", overflow="fold")
    table.add_column("known from", no_wrap=True, style="dim")
    first = next((moment.at for moment in story.moments if moment.at is not None), 0)
    for moment in story.moments:
        table.add_row(
            "unknown" if moment.at is None else _clock(moment.at),
            "" if moment.at is None else str(moment.at - first),
            *([titles.get(moment.correlation_id, "")] if several else []),
            moment.where,
            moment.what,
            moment.source,
        )
    return table


def trees(spans: tuple[Span, ...]) -> list[Tree]:
    """The spans as one tree for each root: name, start after the first span, duration."""
    by_id = {span.span_id: span for span in spans}
    children: dict[str, list[Span]] = {}
    for span in spans:
        children.setdefault(span.parent_id if span.parent_id in by_id else "", []).append(span)
    first = min((span.start for span in spans), default=0.0)

    def grow(branch: Tree, span: Span) -> None:
        for child in children.get(span.span_id, []):
            grow(branch.add(_label(child, first)), child)

    roots: list[Tree] = []
    for root in children.get("", []):
        tree = Tree(styled(f"trace {root.trace_id}", "bold"))
        grow(tree.add(_label(root, first)), root)
        roots.append(tree)
    return roots


def _label(span: Span, first: float) -> Line:
    return joined(
        styled(f"{span.service} ", "dim"),
        styled(span.name, "red" if span.failed else "default"),
        styled(f"  at {span.start - first:.1f} ms, {span.duration:.1f} ms", "dim"),
    )


def _clock(at: int) -> str:
    return utc(at, "%H:%M:%S.%f")
