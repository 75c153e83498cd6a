"""Text for a stranger's eyes: without secrets, and without the name of whose machine it is from.

It takes away too much rather than too little: whatever is called a secret, looks like a key, or is one in the
environment at hand.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

REMOVED = "[removed]"
SHORTEST = 6
"""A shorter value of a variable is no secret worth the name, and would be found everywhere."""

HARMLESS = frozenset({"test", "local", "000000000000"})

_NAME = (
    r"(?:secret|token|passw(?:or)?d|passphrase|credential|authorization|cookie"
    r"|api[-_]?key|access[-_]?key|private[-_]?key|signature)"
)
_SECRET_NAME = re.compile(rf"{_NAME}|(?:^|_)(?:key|auth|pass)$", re.IGNORECASE)

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
        ),
        REMOVED,
    ),
    (re.compile(r"(?<=://)[^/\s@\"']+(?=@)"), REMOVED),  # user and password of a URL
    (re.compile(r"\b(bearer|basic)\s+[\w+/=.~-]+", re.IGNORECASE), rf"\1 {REMOVED}"),
    # "SecretString": "...", also inside a string of JSON; redrive_token=...; Cookie: ...
    (
        re.compile(
            rf"(\\*[\"']?[\w.-]*{_NAME}[\w.-]*\\*[\"']?\s*[:=]\s*\\*)([\"'])(?:(?!\\*\2).)*", re.IGNORECASE
        ),
        rf"\1\2{REMOVED}",
    ),
    (
        re.compile(rf"([\w.-]*{_NAME}[\w.-]*\s*[:=]\s*)(?!\\*[\"'{{\[])[^\s,;&\"'}}\]]+", re.IGNORECASE),
        rf"\1{REMOVED}",
    ),
    (re.compile(r"\b(?:A3T[A-Z0-9]|AKIA|ASIA|AGPA|AIDA|AROA|ANPA|ANVA)[A-Z0-9]{12,}"), REMOVED),
    (re.compile(r"\bgh[a-z]_\w{20,}|\bgithub_pat_\w+|\bls-\w{8}-\S+|\beyJ[\w-]+\.[\w-]+\.[\w-]*"), REMOVED),
    # a secret access key, which is not a commit's hash
    (re.compile(r"(?<![\w/+=-])(?![0-9a-f]{40}(?![\w/+=-]))[A-Za-z0-9/+]{40}(?![\w/+=-])"), REMOVED),
    # what a generator of tokens has made: long, with digits and letters of both cases
    (re.compile(r"(?<![\w-])(?=[\w-]*[0-9])(?=[\w-]*[A-Z])(?=[\w-]*[a-z])[\w-]{40,}(?![\w-])"), REMOVED),
)


def is_secret(name: str) -> bool:
    """Whether a variable of this name holds what nobody else should see."""
    return bool(_SECRET_NAME.search(name))


def secrets_of(environ: Mapping[str, str]) -> list[str]:
    """The values in an environment that must not be seen, the longest first."""
    values: set[str] = set()
    for name, value in environ.items():
        if is_secret(name):
            values.add(value)
        elif "://" in value:
            values.update(_password(value))
    kept = {value for value in values if len(value) >= SHORTEST and value not in HARMLESS}
    return sorted(kept, key=len, reverse=True)


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without these secrets, without what looks like one, and with `~` for the home."""
    for secret in secrets:
        text = text.replace(secret, REMOVED)
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    home = str(Path.home())
    return text.replace(home, "~") if len(home) > 1 else text


def _password(url: str) -> Iterable[str]:
    try:
        password = urlsplit(url).password
    except ValueError:
        return ()
    return (password, unquote(password)) if password else ()
