"""One place of a source file, and what stands there instead."""


def replaced_once(source: str, text: str, by: str, file: str) -> str:
    """The source with its one occurrence of a text replaced. Fails where the file does not have exactly one."""
    assert source.count(text) == 1, f"{file} has changed: adapt what is to be replaced, {text!r}"
    return source.replace(text, by)
