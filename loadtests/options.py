# pyright: reportUnknownMemberType=false
# Locust leaves some of its types out
"""Options of a load run: Locust's command line shows them, and its web UI has a field for each that is not a place."""

from typing import TYPE_CHECKING

from lab.errors import LabError
from loadtests.shapes import SHAPES, USUAL_USERS, Plan, planned
from loadtests.thresholds import Thresholds

if TYPE_CHECKING:
    from argparse import Namespace

    from locust.argument_parser import LocustArgumentParser
    from locust.env import Environment

LIMITS = Thresholds()


def add_options(parser: "LocustArgumentParser") -> None:
    """Add them to Locust's own."""
    parser.add_argument(
        "--shape", choices=list(SHAPES), default="steady", help="How the load goes over time."
    )
    parser.add_argument(
        "--usual",
        type=int,
        default=USUAL_USERS,
        help="Users of the usual load; each sends about 1 request/s.",
    )
    parser.add_argument(
        "--seconds", type=float, default=0.0, help="Seconds of one stage; 0: the shape's own."
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="Of the open model's arrivals: the same seed gives the same ones."
    )
    parser.add_argument(
        "--max-accept-p99-ms", type=float, default=LIMITS.accept_p99_ms, help="POST /events, p99."
    )
    parser.add_argument(
        "--max-error-percent",
        type=float,
        default=LIMITS.error_percent,
        help="Failed requests; 429 is not a failure.",
    )
    parser.add_argument(
        "--max-drain-seconds", type=float, default=LIMITS.drain_seconds, help="Until the queue is empty."
    )
    parser.add_argument(
        "--lab-port",
        type=int,
        env_var="LAB_PORT",
        default=4566,
        include_in_web_ui=False,
        help="The engine's port on 127.0.0.1.",
    )
    parser.add_argument(
        "--lab-env",
        env_var="ENV",
        default="dev",
        include_in_web_ui=False,
        help="The stacks' environment name.",
    )
    parser.add_argument(
        "--report",
        action="store_true",
        include_in_web_ui=False,
        help="Without the web UI: write a report under .lab/reports.",
    )


def options_of(environment: "Environment") -> "Namespace":
    """The options of the command line, or those that the web UI has put in their place."""
    if environment.parsed_options is None:
        raise LabError("Locust was started without its command line.", "Run: make load")
    return environment.parsed_options


def plan_of(options: "Namespace") -> Plan:
    """The plan that the options ask for. Raises LabError where it is not allowed."""
    return planned(options.shape, options.usual, options.seconds)
