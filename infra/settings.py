"""The deployment's settings: what each one means, its rule, its default, and the one place that reads them.

They come from the CDK context: defaults in `cdk.json`, overridden with `-c key=value`. With
`-c profile=local` the settings that have a local default take it, so that a class sees in seconds what
takes minutes on AWS.
"""

import difflib
import platform
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_type_hints

LOCAL_TIME_DIVISOR = 6
"""The local profile divides AWS's times by this: same ratios, a class waits seconds instead of minutes."""

VISIBILITY_FACTOR = 6
"""AWS's advice for a queue that feeds Lambda: a visibility timeout of at least six function timeouts."""

VISIBILITY_MARGIN_SECONDS = 30
"""What this lab asks for beside it: with a short function timeout, too, a batch gets reported in time."""

LOG_RETENTION_DAYS = (
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
)
"""The retentions CloudWatch Logs accepts (PutRetentionPolicy)."""


class SettingError(Exception):
    """A setting that breaks its rule. One line of text: the setting, its value, the rule, one that works."""

    def __init__(self, name: str, value: object, rule: str, example: object, instead: str = "") -> None:
        super().__init__(f"{name}={_shown(value)}: {rule}. Example: -c {instead or name}={_shown(example)}")
        self.name = name


@dataclass(frozen=True)
class Rule:
    """What a setting's value may be. `parse` returns the typed value or raises ValueError."""

    text: str
    parse: Callable[[object], Any]


def one_of(*choices: str) -> Rule:
    """One of some words."""

    def parse(raw: object) -> str:
        if raw not in choices:
            raise ValueError(raw)
        return str(raw)

    return Rule(f"must be {', '.join(choices[:-1])} or {choices[-1]}", parse)


def whole(low: int, high: int, *, optional: bool = False) -> Rule:
    """A whole number within bounds; with `optional` also nothing at all."""

    def parse(raw: object) -> int | None:
        if optional and raw in (None, ""):
            return None
        number = _integer(raw)
        if not low <= number <= high:
            raise ValueError(raw)
        return number

    unset = ", or empty for none" if optional else ""
    return Rule(f"must be a whole number from {low} to {high}{unset}", parse)


def whole_where(text: str, accepts: Callable[[int], bool]) -> Rule:
    """A whole number of an irregular set that `text` describes."""

    def parse(raw: object) -> int:
        number = _integer(raw)
        if not accepts(number):
            raise ValueError(raw)
        return number

    return Rule(f"must be {text}", parse)


def flag() -> Rule:
    """True or false."""

    def parse(raw: object) -> bool:
        if isinstance(raw, bool):
            return raw
        if raw not in ("true", "false"):
            raise ValueError(raw)
        return raw == "true"

    return Rule("must be true or false", parse)


def text(pattern: str, rule: str, *, optional: bool = False) -> Rule:
    """Text that matches a pattern as a whole; with `optional` also nothing at all."""

    def parse(raw: object) -> str | None:
        if optional and raw in (None, ""):
            return None
        if not isinstance(raw, str) or not re.fullmatch(pattern, raw):
            raise ValueError(raw)
        return raw

    return Rule(f"must be {rule}{', or empty for none' if optional else ''}", parse)


@dataclass(frozen=True)
class Setting:
    """One setting's documentation, beside its field in `Settings`.

    `local` is the default under `profile=local` where it differs; `example` is what an error suggests where
    the default says too little.
    """

    default: object
    rule: Rule
    meaning: str
    local: object = None
    example: object = None

    @property
    def sample(self) -> object:
        """A value that obeys the rule."""
        return self.default if self.example is None else self.example


def host_architecture() -> str:
    """This machine's processor in Lambda's words."""
    return "arm64" if platform.machine().lower() in ("arm64", "aarch64") else "x86_64"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings, checked. The context key of a field is its name in camelCase: `env_name` is `envName`."""

    profile: Annotated[
        Literal["aws", "local"],
        Setting(
            "aws", one_of("aws", "local"), "Where the stacks go. `local` compresses time and keeps nothing."
        ),
    ]
    env_name: Annotated[
        str,
        Setting(
            "dev",
            text(r"[a-z0-9-]{1,20}", "1 to 20 of a-z, 0-9 and -"),
            "Part of every name, so that several deployments fit into one account.",
        ),
    ]
    max_receive_count: Annotated[
        int,
        Setting(
            5,
            whole(1, 1000),
            "Receives of a message before SQS moves it to the DLQ. AWS advises 5 or more with Lambda: "
            "throttled invocations also spend receives.",
        ),
    ]
    batch_size: Annotated[
        int,
        Setting(
            10,
            whole(1, 10_000),
            "Most messages in one worker invocation. Above 10 the mapping gets a batching window.",
        ),
    ]
    worker_timeout_seconds: Annotated[
        int, Setting(30, whole(1, 900), "Longest time of one worker invocation.", local=5)
    ]
    queue_visibility_seconds: Annotated[
        int,
        Setting(
            180,
            whole(0, 43_200),
            "How long a received message stays hidden. At least the greater of 6 worker timeouts and one "
            "worker timeout + 30 s (local: + 5 s).",
            local=30,
        ),
    ]
    worker_max_concurrency: Annotated[
        int | None,
        Setting(
            None,
            whole(2, 1000, optional=True),
            "Most concurrent worker invocations of the event source mapping; empty for no limit of its own.",
            example=10,
        ),
    ]
    retry_base_seconds: Annotated[
        int,
        Setting(
            6,
            whole(1, 43_200),
            "The first retry waits up to this long; each further one up to twice as long (full jitter).",
            local=1,
        ),
    ]
    retry_cap_seconds: Annotated[
        int, Setting(300, whole(1, 43_200), "No retry waits longer than this.", local=50)
    ]
    ttl_days: Annotated[
        int,
        Setting(
            7,
            whole(1, 365),
            "How long an idempotency key is remembered. A message redriven after that counts as new.",
        ),
    ]
    breaker_strategy: Annotated[
        Literal["none", "defer", "pause"],
        Setting(
            "defer",
            one_of("none", "defer", "pause"),
            "What happens to messages while a dependency's circuit is open: the worker fails them (none), "
            "hides them until the circuit may close and requeues them before their receives run out (defer), "
            "or that and the event source mapping is paused (pause).",
        ),
    ]
    failure_mode_max_age_seconds: Annotated[
        int,
        Setting(5, whole(0, 900), "How long a function may go on using a failure mode it has read.", local=1),
    ]
    fault_seed: Annotated[
        int | None,
        Setting(
            None,
            whole(0, 2**31 - 1, optional=True),
            "Makes random failure modes hit the same messages in every run; empty for a new draw each time.",
            example=42,
        ),
    ]
    send_batch_bytes: Annotated[
        int,
        Setting(
            262_144,
            whole(1024, 1_048_576),
            "Most bytes of one SendMessageBatch call, attributes counted. SQS's own limit is 1,048,576.",
        ),
    ]
    api_rate_limit: Annotated[
        int,
        Setting(500, whole(1, 10_000), "Requests a second that the API's stage lets through on average."),
    ]
    api_burst_limit: Annotated[
        int, Setting(1000, whole(1, 5000), "Requests that the API's stage lets through at once.")
    ]
    cors_allow_origins: Annotated[
        str,
        Setting(
            "*",
            text(
                r"\*|https?://[^\s,/]+(,https?://[^\s,/]+)*",
                "* or origins such as https://example.com, separated by commas",
            ),
            "Web origins that may call the API from a browser.",
            example="https://example.com",
        ),
    ]
    alarm_email: Annotated[
        str,
        Setting(
            "devops@example.com",
            text(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+", "an e-mail address"),
            "Who gets the alarms (SNS asks for a confirmation first).",
        ),
    ]
    alarm_period_seconds: Annotated[
        int,
        Setting(
            60,
            whole_where(
                "10, 30 or a multiple of 60", lambda n: n in (10, 30) or (n > 0 and n % 60 == 0 and n <= 3600)
            ),
            "Period of the alarms. AWS's services publish one value a minute, so 10 and 30 make sense there "
            "for high-resolution metrics only; a local engine publishes faster.",
            local=10,
        ),
    ]
    backlog_alarm_messages: Annotated[
        int,
        Setting(1000, whole(1, 120_000), "More waiting messages than this are a backlog.", local=100),
    ]
    runbook_base: Annotated[
        str,
        Setting(
            "ops/runbooks",
            text(r"(https://)?[A-Za-z0-9._~:@%+/-]{1,200}", "a folder or an https URL"),
            "Where an alarm says its runbook is: the folder in the repository, or the URL that shows it.",
            example="https://example.com/lab/ops/runbooks",
        ),
    ]
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"],
        Setting(
            "INFO", one_of("DEBUG", "INFO", "WARNING", "ERROR"), "Least severe log line that is written."
        ),
    ]
    log_retention_days: Annotated[
        int,
        Setting(
            14,
            whole_where(
                f"one of {', '.join(map(str, LOG_RETENTION_DAYS))}", lambda n: n in LOG_RETENTION_DAYS
            ),
            "How long log lines are kept.",
        ),
    ]
    use_kms_cmk: Annotated[
        bool,
        Setting(
            False,
            flag(),
            "One customer managed KMS key for queues, tables, topics, the event bus and the secret, instead "
            "of the services' own keys.",
        ),
    ]
    enable_tracing: Annotated[
        bool,
        Setting(
            False,
            flag(),
            "Spans of every order (OpenTelemetry) in the functions' logs, a log of the events, and on AWS X-Ray.",
        ),
    ]
    otlp_endpoint: Annotated[
        str | None,
        Setting(
            None,
            text(r"https?://[^\s]{1,200}", "an http or https URL", optional=True),
            "Where spans also go (OTLP over HTTP), such as a collector's extension. Needs enableTracing.",
            example="http://localhost:4318",
        ),
    ]
    enable_vpc_endpoints: Annotated[
        bool,
        Setting(
            False,
            flag(),
            "Functions in a VPC without a way to the internet; AWS's services through VPC endpoints, which "
            "are charged by the hour.",
        ),
    ]
    architecture: Annotated[
        Literal["x86_64", "arm64"],
        Setting(
            "x86_64",
            one_of("x86_64", "arm64"),
            "Processor of the functions and of their native wheels. Local default: this machine's.",
            local=host_architecture(),
        ),
    ]
    bundle_platform: Annotated[
        Literal["linux", "host"],
        Setting(
            "linux",
            one_of("linux", "host"),
            "For which system the bundles' native wheels are: Lambda's Linux, or this machine's own, for an "
            "engine that runs functions as plain processes.",
        ),
    ]

    @property
    def is_local(self) -> bool:
        """Whether the stacks go to an engine on this machine."""
        return self.profile == "local"

    @property
    def is_disposable(self) -> bool:
        """Whether deleting the stacks deletes the data: on a local engine, and on AWS in `dev`."""
        return self.is_local or self.env_name == "dev"

    @property
    def has_valve(self) -> bool:
        """Whether there is a function that pauses the mapping. Locally always: scenarios switch strategies."""
        return self.is_local or self.breaker_strategy == "pause"

    @property
    def least_visibility_seconds(self) -> int:
        """The shortest visibility timeout that the worker timeout allows."""
        return max(
            VISIBILITY_FACTOR * self.worker_timeout_seconds,
            self.worker_timeout_seconds + self.visibility_margin_seconds,
        )

    @property
    def visibility_margin_seconds(self) -> int:
        """What the visibility timeout must leave beyond one worker timeout."""
        return VISIBILITY_MARGIN_SECONDS // (LOCAL_TIME_DIVISOR if self.is_local else 1)

    @classmethod
    def from_context(cls, context: Mapping[str, object]) -> "Settings":
        """Read the settings from the CDK context, or raise SettingError at the first that breaks its rule.

        `-c` hands over text, `cdk.json` typed values. `cdk.json` spells the AWS defaults out, so under
        `profile=local` a typed value equal to the AWS default counts as not chosen and gives way to the
        local default.
        """
        _refuse_unknown(context)
        local = _parsed("profile", SETTINGS["profile"], context.get("profile", "aws")) == "local"
        values: dict[str, Any] = {}
        for name, setting in SETTINGS.items():
            default = setting.default if setting.local is None or not local else setting.local
            given = context.get(name)
            chosen = given is not None and (isinstance(given, str) or given != setting.default)
            values[_snake(name)] = _parsed(name, setting, given if chosen else default)
        settings = cls(**values)
        settings._check_together()
        return settings

    def _check_together(self) -> None:
        least = self.least_visibility_seconds
        if self.queue_visibility_seconds < least:
            rule = (
                f"must be at least {least} s for workerTimeoutSeconds={self.worker_timeout_seconds} "
                f"(the greater of {VISIBILITY_FACTOR} x it and it + {self.visibility_margin_seconds} s), "
                f"or SQS hands a message out again while the worker still has it"
            )
            raise SettingError("queueVisibilitySeconds", self.queue_visibility_seconds, rule, least)
        if self.retry_cap_seconds < self.retry_base_seconds:
            rule = f"must not be below retryBaseSeconds={self.retry_base_seconds}"
            raise SettingError("retryCapSeconds", self.retry_cap_seconds, rule, self.retry_base_seconds)
        if self.otlp_endpoint and not self.enable_tracing:
            raise SettingError(
                "enableTracing", False, f"must be true for otlpEndpoint={self.otlp_endpoint}", True
            )
        if self.bundle_platform == "host" and not self.is_local:
            rule = "needs profile=local: AWS runs functions on Linux"
            raise SettingError("bundlePlatform", "host", rule, "linux")
        if self.bundle_platform == "host" and self.architecture != host_architecture():
            rule = f"must be {host_architecture()}, this machine's own, with bundlePlatform=host"
            raise SettingError("architecture", self.architecture, rule, host_architecture())


def _camel(field: str) -> str:
    head, *tail = field.split("_")
    return head + "".join(word.capitalize() for word in tail)


def _snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda upper: "_" + upper.group().lower(), name)


SETTINGS: Mapping[str, Setting] = {
    _camel(field): hint.__metadata__[0]
    for field, hint in get_type_hints(Settings, include_extras=True).items()
}
"""Every setting by its context key: what the checks, `cdk.json`'s defaults and the documentation go by."""


def _parsed(name: str, setting: Setting, raw: object) -> Any:
    try:
        return setting.rule.parse(raw)
    except ValueError:
        raise SettingError(name, raw, setting.rule.text, setting.sample) from None


def _refuse_unknown(context: Mapping[str, object]) -> None:
    """Refuse what looks like a misspelt setting. CDK's own keys carry a colon, a slash, an @ or a hyphen."""
    for name in context:
        if name not in SETTINGS and re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
            close = difflib.get_close_matches(name, SETTINGS, n=1, cutoff=0.0)[0]
            raise SettingError(
                name, context[name], f"is no setting; the closest is {close}", SETTINGS[close].sample, close
            )


def _integer(raw: object) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int | str):
        raise ValueError(raw)  # noqa: TRY004  one error for whatever a rule refuses
    if isinstance(raw, str) and not re.fullmatch(r"-?[0-9]{1,10}", raw):
        raise ValueError(raw)
    return int(raw)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
