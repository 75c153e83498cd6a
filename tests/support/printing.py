"""Commands of the lab on a terminal of any encoding, in this process."""

import contextlib
import io

from lab import cli


def run(*arguments: str, encoding: str = "utf-8") -> tuple[int, str]:
    """Run `lab ARGUMENTS`: its exit code, and all that it printed to standard output and standard error."""
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding=encoding)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = cli.run(lambda **options: cli.app(list(arguments), prog_name="lab", **options))
    out.flush()
    return code, raw.getvalue().decode(encoding)


def obeyed(printed: str) -> list[str]:
    """Whatever a terminal would not just show."""
    return [character for character in printed if not character.isprintable() and character != "\n"]
