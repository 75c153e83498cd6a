"""`lab deploy`: the four stacks on the local engine, and its smoke checks."""

import time
from contextlib import suppress

from lab import engines
from lab.commands.options import Env, Port, console, say
from lab.common.results import result_table
from lab.deployment import deploy as stacks
from lab.deployment.context import Context, settings_of
from lab.deployment.smoke_checks import probe
from lab.deployment.stack import Stack, stack_names
from lab.engines import clients
from lab.engines.clients import Aws
from lab.errors import LabError
from lab.faults.healing import deployed


def deploy(port: Port = 4566, env: Env = "dev", context: Context = None) -> None:
    """Deploy the four stacks to the local engine and run the smoke checks."""
    engine = engines.present(port)
    engine.require_running()
    stack = deployed_and_probed(clients.local(engine.endpoint), env, context)
    say(f"\nAPI      {stack.api_url}")
    say(f"queue    {stack.queue_url}")
    say(f"DLQ      {stack.dlq_url}")
    say("\ntry next:")
    say(
        f"  curl -i -X POST {stack.api_url}/events \\\n"
        "    -H 'content-type: application/json' \\\n"
        """    -d '{"orderId": "first-1", "amount": 12.5}'"""
    )
    say("  make demo")


def deployed_and_probed(aws: Aws, env: str, context: list[str] | None) -> Stack:
    """Deploy, and show what each smoke check has seen. Raises LabError unless all pass."""

    with suppress(LabError):  # nothing is deployed yet
        deployed(aws, env)
    start = time.monotonic()
    stack = stacks.deploy(aws, env, settings_of(context), say)
    found = list(probe(aws, stack))
    console.print(result_table(f"Smoke checks of {', '.join(stack_names(env))}", "check", found))
    stacks.require_passed(found)
    say(f"deployed and probed in {time.monotonic() - start:.1f} s")
    return stack
