"""Breaks each invariant of the functions once, and names the unit test that fails then.

    python -m tests.mutations

A mutation that no test notices is an error. Each runs on a copy; the working tree stays as it is. About five minutes.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from lab import paths
from tests.patches import replaced_once


@dataclass(frozen=True)
class Mutation:
    """What no longer holds, and the one place where a text of a file makes it so."""

    broken: str
    file: str
    text: str
    mutated: str


MUTATIONS = (
    Mutation("a batch has ten entries at most", "publish/packing.py", "< max_entries", "<= max_entries"),
    Mutation("a batch stays below the size limit", "publish/packing.py", "needed <= room and ", ""),
    Mutation(
        "what is too large is reported", "publish/packing.py", "packed.oversize.append(thing)", "continue"
    ),
    Mutation(
        "a refused entry is sent again",
        "publish/publisher.py",
        "            again.append(one)",
        "            pass",
    ),
    Mutation(
        "a sender's own fault is not repeated", "publish/publisher.py", 'not failure["SenderFault"]', "True"
    ),
    Mutation(
        "what was not sent is reported",
        "publish/publisher.py",
        'deliveries[one.index] = Delivery(error=failure["Code"]',
        'deliveries[one.index] = Delivery(message_id="x", error=""',
    ),
    Mutation(
        "what can never pass is not retried",
        "common/errors.py",
        "return self not in (Category.VALIDATION, Category.PERMANENT)",
        "return True",
    ),
    Mutation(
        "an amount is checked exactly",
        "validate/quick.py",
        "_EXACT.remainder(Decimal(number), divisor) == 0",
        "Decimal(number) % divisor == 0",
    ),
    Mutation("money has two decimals", "processor/order.py", ".quantize(CENT)", ""),
    Mutation(
        "retries wait, with full jitter",
        "common/backoff.py",
        "rng.uniform(0, ",
        "(lambda low, high: high)(0, ",
    ),
    Mutation(
        "the last receive buries with its cause",
        "worker/policy.py",
        "if receive_count >= self.max_receive_count:",
        "if receive_count > self.max_receive_count:",
    ),
    Mutation(
        "an open circuit does not spend the receives",
        "worker/policy.py",
        "receive_count >= self.max_receive_count - 1 and",
        "receive_count > self.max_receive_count and",
    ),
    Mutation(
        "a circuit is waited for at most twice the age",
        "worker/policy.py",
        "min(MAX_DEFER_SECONDS, (DEFER_FACTOR - 1) * age_seconds)",
        "MAX_DEFER_SECONDS",
    ),
    Mutation(
        "a dead message is acknowledged only when the DLQ has it",
        "worker/settlement.py",
        "unburied.add(one.envelope.message_id)",
        "pass",
    ),
    Mutation(
        "a requeued message is acknowledged only when the queue has it",
        "worker/settlement.py",
        "refused.add(one.envelope.message_id)",
        "pass",
    ),
    Mutation(
        "an order is acknowledged only when its event is out",
        "worker/settlement.py",
        "failed += self._announce(done)",
        "self._announce(done)",
    ),
    Mutation(
        "a message that is retried is not acknowledged",
        "worker/settlement.py",
        "return kept | ",
        "return ",
    ),
    Mutation(
        "a failed event is sent again alone",
        "events/announcer.py",
        "return [index for index in batch if errors[index]]",
        "return []",
    ),
    Mutation(
        "a failed event is reported",
        "events/announcer.py",
        'errors[index] = entry.get("ErrorCode")',
        "errors[index] = None",
    ),
    Mutation(
        "duplicates inside a batch run one after the other",
        "worker/batch.py",
        "groups.setdefault(_key(envelope), [])",
        "groups.setdefault(envelope.message_id, [])",
    ),
    Mutation(
        "no message is begun without time for it", "worker/batch.py", "if seconds_left() <= 0:", "if False:"
    ),
    Mutation(
        "one message's failure is its own",
        "worker/process.py",
        "return Failed(envelope, key, error)",
        "raise",
    ),
    Mutation(
        "a duplicate is known as one", "worker/process.py", "duplicate=result.replayed", "duplicate=False"
    ),
    Mutation(
        "the same order has the same key",
        "worker/process.py",
        'key = envelope.text("idempotencyKey") or idempotency_key(document)',
        "key = envelope.message_id",
    ),
    Mutation(
        "a letter carries its cause",
        "publish/death.py",
        '"errorCategory": text(category_of(error)),',
        '"errorCategory": text("UNKNOWN"),',
    ),
    Mutation(
        "a redrive counts itself on the message",
        "publish/death.py",
        "number(envelope.redrive_count + 1)",
        "number(envelope.redrive_count)",
    ),
)


def main() -> int:
    """Run all mutations. Returns how many no test noticed."""
    unnoticed = 0
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch)
        for entry in paths.ROOT.iterdir():
            if entry.name != "functions" and not entry.name.startswith(".git"):
                (tree / entry.name).symlink_to(entry)
        shutil.copytree(
            paths.ROOT / "functions", tree / "functions", ignore=shutil.ignore_patterns("__pycache__")
        )
        for mutation in MUTATIONS:
            found = noticed(tree, mutation)
            unnoticed += found is None
            print(f"{mutation.broken}: {found or 'NO TEST NOTICES'}", flush=True)  # noqa: T201  a command's output
    return unnoticed


def noticed(tree: Path, mutation: Mutation) -> str | None:
    """The first unit test that fails with the mutation in place."""
    file = tree / "functions" / mutation.file
    original = file.read_text()
    file.write_text(replaced_once(original, mutation.text, mutation.mutated, mutation.file))
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", "tests/unit/functions"],
            cwd=tree,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        file.write_text(original)
    failed = re.search(r"^(?:FAILED|ERROR) \S*?([\w.]+\.py\S*)", done.stdout, re.MULTILINE)
    return failed[1] if failed else None


if __name__ == "__main__":
    sys.exit(main())
