"""Commits of messages that are processed at the same time, together in one TransactWriteItems.

A group costs the capacity of its parts, but one call, which is most of what a commit takes. It is all or nothing:
where DynamoDB refuses it, each member commits alone, so that one message's fault never becomes another's.
"""

import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from functions.common.errors import type_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

GATHER_SECONDS = 0.05
"""How long a commit waits for others that are on their way; one alone does not wait at all."""

MAX_ACTIONS = 100
"""DynamoDB's limit for one transaction."""

REFUSED = frozenset({"TransactionCanceledException", "ValidationException"})
"""Nothing was written: a condition failed, a row is in another transaction, or twice in this one."""


@dataclass(eq=False)
class Member:
    """One message on its way to its commit."""

    writes: "Sequence[TransactWriteItemTypeDef]" = ()
    taken: bool = False
    settled: bool = False
    alone: bool = False
    error: BaseException | None = None


@dataclass
class GroupCommit:
    """Used by many threads at once, each for one message at a time."""

    client: "DynamoDBClient"
    gather_seconds: float = GATHER_SECONDS
    _changed: threading.Condition = field(default_factory=threading.Condition, init=False)
    _under_way: int = field(default=0, init=False)
    """Members that are in no group yet."""
    _ready: list[Member] = field(default_factory=list[Member], init=False)
    _gathering: bool = field(default=False, init=False)

    @contextmanager
    def member(self) -> Generator[Member]:
        """Announce that this thread may commit while the context lasts: others wait for it a moment."""
        member = Member()
        with self._changed:
            self._under_way += 1
        try:
            yield member
        finally:
            with self._changed:
                self._take(member)

    def commit(self, member: Member, writes: "Sequence[TransactWriteItemTypeDef]") -> None:
        """Write all of `writes` or nothing. Raises AWS's error."""
        member.writes = writes
        group: list[Member] = []
        with self._changed:
            self._ready.append(member)
            self._changed.notify_all()
            self._changed.wait_for(lambda: member.settled or not (member.taken or self._gathering))
            if not member.settled:
                group = self._gather()
        if group:
            self._commit_together(group)
        if member.alone:
            self._write([member])
        elif member.error:
            raise member.error

    def _gather(self) -> list[Member]:
        """Wait for the members that are under way, and take those that are ready."""
        self._gathering = True
        self._changed.wait_for(lambda: len(self._ready) == self._under_way, self.gather_seconds)
        self._gathering = False
        group: list[Member] = []
        actions = 0
        for member in tuple(self._ready):
            actions += len(member.writes)
            if group and actions > MAX_ACTIONS:
                break
            self._ready.remove(member)
            self._take(member)
            group.append(member)
        return group

    def _take(self, member: Member) -> None:
        if not member.taken:
            member.taken = True
            self._under_way -= 1
            self._changed.notify_all()

    def _commit_together(self, group: list[Member]) -> None:
        error: BaseException | None = None
        alone = False
        try:
            self._write(group)
        except ClientError as refusal:
            alone = len(group) > 1 and type_of(refusal) in REFUSED
            error = refusal
        except BaseException as failure:  # noqa: BLE001  raised again by every member
            error = failure
        with self._changed:
            for member in group:
                member.error, member.alone, member.settled = error, alone, True
            self._changed.notify_all()

    def _write(self, group: Sequence[Member]) -> None:
        self.client.transact_write_items(TransactItems=[write for member in group for write in member.writes])
