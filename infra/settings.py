"""The deployment's settings: what each one means, its rule, its default, and the one place that reads them.

A setting is chosen with `-c key=value`, or kept in `infra/environments/NAME.json` or the context of `cdk.json`; else it
has its default. With `profile=local` that is the local default where there is one, so that a class sees in seconds what
takes minutes on AWS. `lab settings` lists them, docs/settings.md is the same list.

Why not pydantic: it takes `yes` and `1` for true and true for 1, and its messages say a type, where these have to say
the whole rule and a value that obeys it; the CDK's environment would load it on every synth.
"""

import difflib
import platform
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args, get_type_hints

LOCAL_TIME_DIVISOR = 6
"""The local profile divides AWS's times by this: same ratios, a class waits seconds instead of minutes."""

DAY = 86_400

VISIBILITY_FACTOR = 6
"""AWS's advice for a queue that feeds Lambda: a visibility timeout of at least six function timeouts and the window."""

LARGEST_UNWINDOWED_BATCH = 10
BATCHING_WINDOW_SECONDS = 1
"""Lambda needs a window for batches above 10; the shortest that it accepts delays a lone message least."""

VISIBILITY_MARGIN_SECONDS = 30
"""What this lab asks for beside it: with a short function timeout, too, a batch gets reported in time."""

LOCALHOST = re.compile(r"https?://(localhost|127\.0\.0\.1)([:/]|\Z)")

LEAST_PAUSE_SECONDS = 120
"""What makes a pause of the event source mapping worth it, given how long AWS takes to switch one off and on."""

LOG_RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip
"""The retentions CloudWatch Logs accepts (PutRetentionPolicy)."""

EXAMPLE_DOMAIN = re.compile(r"@(.*\.)?(example(\.(com|net|org))?|invalid|test)$", re.IGNORECASE)
"""The domains that RFC 2606 keeps for examples: nobody reads their mail."""


class SettingError(Exception):
    """A setting that breaks its rule. One line of text: the setting, its value, the rule, one that works."""

    def __init__(self, name: str, value: object, rule: str, example: object, instead: str = "") -> None:
        super().__init__(f"{name}={shown(value)}: {rule}. Example: -c {instead or name}={shown(example)}")
        self.name = name


@dataclass(frozen=True)
class Rule:
    """What a setting's value may be. `parse` returns the typed value or raises ValueError."""

    text: str
    parse: Callable[[object], Any]


def by_type(kind: Any) -> Rule:
    """What the type of a field says: true or false, or one of the words of a Literal."""
    if kind is bool:
        return Rule("must be true or false", lambda raw: ("false", "true").index(shown(raw)) == 1)
    *most, last = words = get_args(kind)
    return Rule(f"must be {', '.join(most)} or {last}", lambda raw: words[words.index(raw)])


def whole(low: int, high: int) -> Rule:
    """A whole number within bounds."""
    return whole_where(f"a whole number from {low} to {high}", lambda number: low <= number <= high)


def whole_where(text: str, accepts: Callable[[int], bool]) -> Rule:
    """A whole number of a set that `text` describes."""

    def parse(raw: object) -> int:
        if not re.fullmatch(r"-?[0-9]{1,10}", shown(raw)) or not accepts(int(shown(raw))):
            raise ValueError(raw)
        return int(shown(raw))

    return Rule(f"must be {text}", parse)


def text(pattern: str, rule: str) -> Rule:
    """Text that matches a pattern as a whole."""

    def parse(raw: object) -> str:
        if not isinstance(raw, str) or not re.fullmatch(pattern, raw):
            raise ValueError(raw)
        return raw

    return Rule(f"must be {rule}", parse)


def optional(rule: Rule) -> Rule:
    """What the rule allows, or nothing at all."""
    return Rule(f"{rule.text}, or empty for none", lambda raw: None if raw in (None, "") else rule.parse(raw))


@dataclass(frozen=True)
class Setting:
    """What is said of a setting beside its field in `Settings`.

    `local` is the default under `profile=local` where it differs; `example` is what an error suggests where
    the default says too little.
    """

    default: object
    meaning: str
    rule: Rule
    local: object = None
    example: object = None

    @property
    def sample(self) -> object:
        """A value that obeys the rule."""
        return self.default if self.example is None else self.example

    def default_in(self, profile: str) -> object:
        """The value where none is chosen."""
        return self.local if profile == "local" and self.local is not None else self.default


def host_architecture() -> str:
    """This machine's processor in Lambda's words."""
    return "arm64" if platform.machine().lower() in ("arm64", "aarch64") else "x86_64"


def setting(
    default: Any, meaning: str, rule: Rule | None = None, *, local: object = None, example: object = None
) -> Any:
    """A field of `Settings` with its documentation; without a rule its type says what it may be."""
    return field(
        metadata={"default": default, "meaning": meaning, "rule": rule, "local": local, "example": example}
    )


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings, checked. The context key of a field is its name in camelCase: `env_name` is `envName`."""

    profile: Literal["aws", "local"] = setting(
        "aws", "Where the stacks go. `local` compresses time and keeps nothing."
    )
    env_name: str = setting(
        "dev",
        "Part of every name, so that several deployments fit into one account.",
        text(r"[a-z0-9-]{1,20}", "1 to 20 of a-z, 0-9 and -"),
    )
    max_receive_count: int = setting(
        5,
        "Receives of a message before SQS moves it to the DLQ. AWS advises 5 or more with Lambda: "
        "throttled invocations also spend receives.",
        whole(1, 1000),
    )
    batch_size: int = setting(
        10,
        "Most messages in one worker invocation. Above 10 the mapping gets a batching window.",
        whole(1, 10_000),
    )
    worker_timeout_seconds: int = setting(
        30, "Longest time of one worker invocation.", whole(1, 900), local=5
    )
    queue_visibility_seconds: int = setting(
        180,
        "How long a received message stays hidden. At least the greater of 6 worker timeouts (and 1 s with batchSize "
        "above 10) and one worker timeout + 30 s (local: + 5 s).",
        whole(0, 43_200),
        local=30,
    )
    worker_max_concurrency: int | None = setting(
        5,
        "Most concurrent worker invocations of the event source mapping, so that a backlog leaves the account's "
        "concurrency (10 in a new account) to those who take orders; empty for no limit of its own.",
        optional(whole(2, 1000)),
        example=10,
    )
    ingest_reserved_concurrency: int | None = setting(
        None,
        "Concurrent executions that are kept for the function that takes orders, and bound it; empty for none.",
        optional(whole(1, 1000)),
        example=20,
    )
    authorizer_reserved_concurrency: int | None = setting(
        None,
        "The same for the function that checks the token of /redrive; empty for none.",
        optional(whole(1, 1000)),
        example=2,
    )
    retry_base_seconds: int = setting(
        6,
        "The first retry waits up to this long; each further one up to twice as long (full jitter).",
        whole(1, 43_200),
        local=1,
    )
    retry_cap_seconds: int = setting(300, "No retry waits longer than this.", whole(1, 43_200), local=50)
    ttl_days: int = setting(
        7,
        "How long an idempotency key is remembered: until then a copy of an order costs one read, and a key that "
        "comes again with another payload is refused. An order's effect stays single without it: its row tells.",
        whole(1, 365),
    )
    breaker_strategy: Literal["none", "defer", "pause"] = setting(
        "defer",
        "What happens to messages while a dependency's circuit is open: the worker fails them (none), "
        "hides them until the circuit may close and requeues them before their receives run out (defer), "
        "or that and the event source mapping is paused (pause).",
    )
    enable_failure_modes: bool | None = setting(
        None,
        "Whether functions obey the failure mode parameter. Without it they do not read it, and whoever may write "
        "parameters cannot break the pipeline; empty: only in `dev` and locally.",
        optional(by_type(bool)),
        example=True,
    )
    failure_mode_max_age_seconds: int = setting(
        5, "How long a function may go on using a failure mode it has read.", whole(0, 900), local=1
    )
    fault_seed: int | None = setting(
        None,
        "Makes random failure modes hit the same messages in every run; empty for a new draw each time.",
        optional(whole(0, 2**31 - 1)),
        example=42,
    )
    send_batch_bytes: int = setting(
        262_144,
        "Most bytes of one SendMessageBatch call, attributes counted. SQS's own limit is 1,048,576.",
        whole(1024, 1_048_576),
    )
    fair_queues: bool = setting(
        False,
        "Messages carry their order's customerId as MessageGroupId: SQS then keeps a customer with a backlog from "
        "delaying the others (fair queues). Order within a group is not kept, as in any standard queue.",
    )
    event_archive_days: int | None = setting(
        None,
        "How long EventBridge keeps every event of the bus for a replay, on AWS alone; empty for no archive.",
        optional(whole(1, 3650)),
        example=14,
    )
    api_rate_limit: int = setting(
        500,
        "Requests a second that the API's stage lets through on average. It bounds requests and not their cost: one "
        "of a batch may hold 500 orders.",
        whole(1, 10_000),
    )
    api_burst_limit: int = setting(
        1000, "Requests that the API's stage lets through at once.", whole(1, 5000)
    )
    cors_allow_origins: str = setting(
        "*",
        "Web origins that may call the API from a browser.",
        text(
            r"\*|https?://[^\s,/]+(,https?://[^\s,/]+)*",
            "* or origins such as https://example.com, separated by commas",
        ),
        example="https://example.com",
    )
    ingest_auth: Literal["none", "jwt", "iam"] = setting(
        "none",
        "Who may post orders: anybody (none: in `dev` and locally only), who brings a token of jwtIssuer (jwt), or "
        "who signs as a principal of the account that may invoke the API (iam).",
    )
    jwt_issuer: str | None = setting(
        None,
        "Who issues the tokens for ingestAuth=jwt.",
        optional(text(r"https://[^\s]{1,200}", "an https URL")),
        example="https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_example",
    )
    jwt_audience: str | None = setting(
        None,
        "For whom the tokens have to be issued, separated by commas.",
        optional(text(r"[^\s,]+(,[^\s,]+)*", "names separated by commas")),
        example="orders",
    )
    alarm_email: str = setting(
        "devops@example.com",
        "Who gets the alarms (SNS asks for a confirmation first). An address of an example domain, such as the "
        "default, is refused outside `dev`: nobody would read it.",
        text(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+", "an e-mail address"),
    )
    alarm_period_seconds: int = setting(
        60,
        "Period of the alarms. AWS's services publish one value a minute, so 10 and 30 make sense there "
        "for high-resolution metrics only; a local engine publishes faster.",
        whole_where(
            "10, 30 or a multiple of 60", lambda n: n in (10, 30) or (n > 0 and n % 60 == 0 and n <= 3600)
        ),
        local=10,
    )
    backlog_alarm_messages: int = setting(
        1000, "More waiting messages than this are a backlog.", whole(1, 120_000), local=100
    )
    dlq_age_alarm_seconds: int = setting(
        8 * DAY,
        "A dead letter that died longer ago than this is told of. One whose order waited for 4 days before is deleted "
        "10 days after its death.",
        whole(1, 10 * DAY),
        local=3600,
    )
    latency_objective_seconds: int = setting(
        60,
        "99 % of orders are to be processed within this time of their acceptance: what the alarms *-latency-burn and "
        "critical-customers-hurt go by.",
        whole(1, 43_200),
        local=10,
    )
    runbook_base: str = setting(
        "ops/runbooks",
        "Where an alarm says its runbook is: the folder in the repository, or the URL that shows it.",
        text(r"(https://)?[A-Za-z0-9._~:@%+/-]{1,200}", "a folder or an https URL"),
        example="https://example.com/lab/ops/runbooks",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = setting(
        "INFO", "Least severe log line that is written."
    )
    log_retention_days: int = setting(
        14,
        "How long log lines are kept.",
        whole_where(f"one of {', '.join(map(str, LOG_RETENTION_DAYS))}", lambda n: n in LOG_RETENTION_DAYS),
    )
    use_kms_cmk: bool = setting(
        False,
        "One customer managed KMS key for queues, tables, topics, the event bus and the secret, instead "
        "of the services' own keys.",
    )
    enable_tracing: bool = setting(
        False,
        "Spans of every order (OpenTelemetry) in the functions' logs, a log of the events, and on AWS X-Ray.",
    )
    otlp_endpoint: str | None = setting(
        None,
        "Where spans also go (OTLP over HTTP). Needs enableTracing, and on AWS a collector that is there: a URL that "
        "the functions reach, or http://localhost:4318 with collectorLayerArn.",
        optional(text(r"https?://[^\s]{1,200}", "an http or https URL")),
        example="http://localhost:4318",
    )
    collector_layer_arn: str | None = setting(
        None,
        "A Lambda layer with an OpenTelemetry collector, such as AWS's distribution (ADOT), for every function. It "
        "listens on localhost and passes spans on to X-Ray. Needs otlpEndpoint.",
        optional(
            text(
                r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:layer:[A-Za-z0-9_-]{1,140}:[0-9]+",
                "the ARN of a layer's version",
            )
        ),
        example="arn:aws:lambda:us-east-1:123456789012:layer:collector:1",
    )
    deployment_strategy: Literal["all_at_once", "canary"] = setting(
        "all_at_once",
        "How new code of ingest and worker takes over: at once, or by CodeDeploy, which gives it a tenth of the "
        "invocations for five minutes first and goes back when the alarm critical-customers-hurt rings. On AWS only.",
    )
    enable_vpc_endpoints: bool = setting(
        False,
        "Functions in a VPC without a way to the internet; AWS's services through VPC endpoints, which "
        "are charged by the hour.",
    )
    architecture: Literal["x86_64", "arm64"] = setting(
        "x86_64", "Processor of the functions and of their native wheels.", local=host_architecture()
    )
    bundle_platform: Literal["linux", "host"] = setting(
        "linux",
        "For which system the bundles' native wheels are: Lambda's Linux, or this machine's own, for an "
        "engine that runs functions as plain processes.",
    )

    @property
    def is_local(self) -> bool:
        """Whether the stacks go to an engine on this machine."""
        return self.profile == "local"

    @property
    def is_disposable(self) -> bool:
        """Whether deleting the stacks deletes the data: on a local engine, and on AWS in `dev`."""
        return self.is_local or self.env_name == "dev"

    @property
    def has_failure_modes(self) -> bool:
        """Whether the functions obey the failure mode parameter."""
        return self.is_disposable if self.enable_failure_modes is None else self.enable_failure_modes

    @property
    def least_pause_seconds(self) -> int:
        """The shortest pause of the mapping under `pause`: AWS takes tens of seconds to switch it either way."""
        return 0 if self.is_local else LEAST_PAUSE_SECONDS

    @property
    def pause_alarm_seconds(self) -> int:
        """After this time a pause is not one any more: four recovery times, each of which ends one."""
        return 4 * max(5 * self.retry_base_seconds, self.least_pause_seconds)

    @property
    def has_pauser(self) -> bool:
        """Whether there is a function that pauses the mapping. Locally always: scenarios switch strategies."""
        return self.is_local or self.breaker_strategy == "pause"

    @property
    def batching_window_seconds(self) -> int:
        """How long the mapping gathers a batch after its first message."""
        return BATCHING_WINDOW_SECONDS if self.batch_size > LARGEST_UNWINDOWED_BATCH else 0

    @property
    def least_visibility_seconds(self) -> int:
        """The shortest visibility timeout that worker timeout and batching window allow."""
        return max(
            VISIBILITY_FACTOR * self.worker_timeout_seconds + self.batching_window_seconds,
            self.worker_timeout_seconds + self.visibility_margin_seconds,
        )

    @property
    def visibility_margin_seconds(self) -> int:
        """What the visibility timeout must leave beyond one worker timeout."""
        return VISIBILITY_MARGIN_SECONDS // (LOCAL_TIME_DIVISOR if self.is_local else 1)

    @classmethod
    def from_context(cls, context: Mapping[str, object]) -> "Settings":
        """Read the settings from the CDK context, or raise SettingError at the first that breaks its rule.

        `-c` hands over text, `cdk.json` typed values; null there chooses nothing.
        """
        _refuse_unknown(context)
        given = {name: value for name, value in context.items() if value is not None}
        profile = _parsed("profile", given)
        return cls(**{field.name: _parsed(_camel(field.name), given, profile) for field in fields(cls)})

    def __post_init__(self) -> None:
        """Check what must hold between settings. Raises SettingError."""
        least = self.least_visibility_seconds
        if self.queue_visibility_seconds < least:
            window = f" + {self.batching_window_seconds} s" if self.batching_window_seconds else ""
            rule = (
                f"must be at least {least} s for workerTimeoutSeconds={self.worker_timeout_seconds} "
                f"(the greater of {VISIBILITY_FACTOR} x it{window} and it + {self.visibility_margin_seconds} s), "
                f"or SQS hands a message out again while the worker still has it"
            )
            raise SettingError("queueVisibilitySeconds", self.queue_visibility_seconds, rule, least)
        if self.retry_cap_seconds < self.retry_base_seconds:
            rule = f"must not be below retryBaseSeconds={self.retry_base_seconds}"
            raise SettingError("retryCapSeconds", self.retry_cap_seconds, rule, self.retry_base_seconds)
        self._check_intake()
        if self.deployment_strategy == "canary" and self.is_local:
            rule = "needs profile=aws: a local engine has no CodeDeploy"
            raise SettingError("deploymentStrategy", "canary", rule, "all_at_once")
        if not self.is_disposable and EXAMPLE_DOMAIN.search(self.alarm_email):
            rule = f"must be somebody's address in {self.env_name}: nobody would read the alarms"
            raise SettingError("alarmEmail", self.alarm_email, rule, "you@your.company")
        if self.otlp_endpoint and not self.enable_tracing:
            raise SettingError(
                "enableTracing", False, f"must be true for otlpEndpoint={self.otlp_endpoint}", True
            )
        self._require_collector()
        if self.bundle_platform == "host" and not self.is_local:
            rule = "needs profile=local: AWS runs functions on Linux"
            raise SettingError("bundlePlatform", "host", rule, "linux")
        if self.bundle_platform == "host" and self.architecture != host_architecture():
            rule = f"must be {host_architecture()}, this machine's own, with bundlePlatform=host"
            raise SettingError("architecture", self.architecture, rule, host_architecture())

    def _require_collector(self) -> None:
        """An OTLP endpoint on AWS is one that somebody listens on. Raises SettingError."""
        endpoint, layer = self.otlp_endpoint, self.collector_layer_arn
        on_localhost = bool(endpoint and LOCALHOST.match(endpoint))
        example = "arn:aws:lambda:us-east-1:123456789012:layer:collector:1"
        if layer and not on_localhost:
            rule = "needs an otlpEndpoint on localhost, where the layer's collector listens"
            raise SettingError("collectorLayerArn", layer, rule, "http://localhost:4318", "otlpEndpoint")
        if self.is_local or not endpoint:
            return
        if on_localhost and not layer:
            rule = "needs collectorLayerArn: nothing else listens inside a function on AWS"
            raise SettingError("otlpEndpoint", endpoint, rule, example, "collectorLayerArn")
        if self.enable_vpc_endpoints and not layer:
            rule = "cannot be reached with enableVpcEndpoints, which leaves no way out; a collector's layer can be"
            raise SettingError("otlpEndpoint", endpoint, rule, example, "collectorLayerArn")

    def _check_intake(self) -> None:
        """Taking orders from anybody is for disposable environments; a token needs an issuer and an audience."""
        if self.ingest_auth == "none" and not self.is_disposable:
            rule = f"must be jwt or iam in {self.env_name}: anybody could post orders"
            raise SettingError("ingestAuth", self.ingest_auth, rule, "iam")
        if self.ingest_auth != "none" and self.is_local:
            rule = "needs profile=aws: the lab's own tools post orders without credentials"
            raise SettingError("ingestAuth", self.ingest_auth, rule, "none")
        tokens = {"jwtIssuer": self.jwt_issuer, "jwtAudience": self.jwt_audience}
        for name, value in tokens.items():
            if self.ingest_auth == "jwt" and not value:
                raise SettingError(name, value, "is needed for ingestAuth=jwt", SETTINGS[name].sample)
            if self.ingest_auth != "jwt" and value:
                raise SettingError("ingestAuth", self.ingest_auth, f"must be jwt for {name}={value}", "jwt")

    @property
    def chosen(self) -> dict[str, str]:
        """The settings that are not at their default, as `-c` spells them; without where and who the deployment is."""
        values = {_camel(field.name): getattr(self, field.name) for field in fields(self)}
        return {
            name: shown(value)
            for name, value in values.items()
            if name not in ("profile", "envName") and value != SETTINGS[name].default_in(self.profile)
        }


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)


_TYPES = get_type_hints(Settings)


def _documented(name: str, said: Mapping[str, Any]) -> Setting:
    documented: dict[str, Any] = {**said, "rule": said["rule"] or by_type(_TYPES[name])}
    return Setting(**documented)


SETTINGS: Mapping[str, Setting] = {
    _camel(field.name): _documented(field.name, field.metadata) for field in fields(Settings)
}
"""Every setting by its context key: what the checks, the help and the documentation go by."""


def _parsed(name: str, given: Mapping[str, object], profile: str = "aws") -> Any:
    """The checked value of a setting: the one that was given, else the profile's default."""
    setting = SETTINGS[name]
    raw = given.get(name, setting.default_in(profile))
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


def shown(value: object) -> str:
    """A value as `-c` spells it; nothing is empty."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
