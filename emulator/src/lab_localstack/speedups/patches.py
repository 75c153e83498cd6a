"""What is changed in LocalStack and moto to be quick where they have no plug point, each with its reason."""

import logging
from functools import cache
from typing import Any


def remember_media_types() -> None:
    """Let LocalStack's serializers choose a media type once for each pair of Accept and Content-Type headers."""
    from functools import lru_cache

    from localstack.aws.protocol.serializer import ResponseSerializer

    serializers: Any = ResponseSerializer
    choose = serializers._get_mime_type

    @lru_cache(maxsize=1024)
    def chosen(serializer: Any, accept: str | None, content_type: str | None) -> str:
        given = {"Accept": accept, "Content-Type": content_type}
        return choose(serializer, {name: value for name, value in given.items() if value})

    def remembered(self: Any, headers: Any) -> str:
        return (
            chosen(self, headers.get("Accept"), headers.get("Content-Type"))
            if headers
            else choose(self, headers)
        )

    serializers._get_mime_type = remembered


def keep_the_index_of_services() -> None:
    """Let the index of AWS's services outlive an engine: for it, each reads the models of all 400 at its first call.

    It is kept in the engine's environment, whose versions of LocalStack and botocore its name tells.
    """
    import os
    import shutil
    import sys
    from contextlib import suppress
    from pathlib import Path

    from localstack.aws import spec

    build = spec.build_service_index_cache

    def kept(file_path: str) -> spec.ServiceCatalogIndex:
        file = Path(sys.prefix) / "cache" / Path(file_path).name
        if file.exists():
            return spec.load_service_index_cache(str(file))
        index = build(file_path)
        with suppress(OSError):  # an environment in which nothing can be written
            file.parent.mkdir(exist_ok=True)
            unfinished = file.with_suffix(f".{os.getpid()}")
            shutil.copyfile(file_path, unfinished)
            unfinished.replace(file)
        return index

    spec.build_service_index_cache = kept


def use_a_pool_for_events(workers: int) -> None:
    """Let some threads deliver all events: LocalStack starts a thread for every one."""
    from concurrent.futures import ThreadPoolExecutor

    from localstack.services.events import provider

    pool = ThreadPoolExecutor(workers, thread_name_prefix="events")

    def start_worker_thread(function: Any, params: Any = None, **_: Any) -> None:
        pool.submit(function, params)

    provider.start_worker_thread = start_worker_thread


def quicken_dynamodb() -> None:
    """Let moto compute once what it computes again in every call: its handlers' method names, and parsed expressions.

    A parsed update expression can be shared: its validator copies it. Updates of whole attributes are carried out
    without it. Rows are copied and sorted without a detour for each value.
    """
    from functools import lru_cache

    from moto.core import responses
    from moto.dynamodb.comparisons import ConditionExpressionParser
    from moto.dynamodb.models import DynamoDBBackend
    from moto.dynamodb.models.dynamo_type import DynamoType, Item
    from moto.dynamodb.models.table import Table
    from moto.dynamodb.parsing.expressions import UpdateExpressionParser

    from lab_localstack.speedups import dynamodb_conditions as conditions
    from lab_localstack.speedups import dynamodb_reads as reads
    from lab_localstack.speedups import dynamodb_rows as rows
    from lab_localstack.speedups import dynamodb_updates as updates

    responses.method_names_from_class = cache(  # pyright: ignore[reportPrivateImportUsage]
        responses.method_names_from_class  # pyright: ignore[reportPrivateImportUsage]
    )
    UpdateExpressionParser.make = staticmethod(lru_cache(maxsize=1024)(UpdateExpressionParser.make))
    parser: Any = ConditionExpressionParser
    parser.parse, parser._make_operand = conditions.parse, conditions.make_operand
    backend: Any = DynamoDBBackend
    backend.update_item = updates.update_item
    item: Any = Item
    value: Any = DynamoType
    table: Any = Table
    item.__deepcopy__, value.__deepcopy__ = reads.copied_item, reads.copied_value
    item.size = reads.size
    item.__init__ = rows.make_item
    table.all_items, table.sorted_items = reads.all_items, reads.sorted_items
    table._item_comes_before_dct = reads.comes_before


def quicken_sqs_receives() -> None:
    """Let a received message share what it only shows: LocalStack copies it deeply and hashes it again each time.

    Whoever receives all attributes gets the hash that was computed when the message was sent. A message that is made
    visible again has no line in the log, which takes longer than making it visible.
    """
    from localstack import config
    from localstack.aws.api.sqs import MessageSystemAttributeName as System
    from localstack.services.sqs import provider
    from localstack.services.sqs import utils as sqs

    def as_received(standard_message: Any, attribute_names: Any = None, message_names: Any = None) -> Any:
        first_received = str(int((standard_message.first_received or 0) * 1000))
        message: Any = dict(standard_message.message)
        message["Attributes"] = message["Attributes"] | {
            System.ApproximateFirstReceiveTimestamp: first_received
        }
        sqs.message_filter_attributes(message, attribute_names)
        whole = message.get("MessageAttributes") or {}
        message["MessageAttributes"] = dict(whole)
        sqs.message_filter_message_attributes(message, message_names)
        kept = message.get("MessageAttributes")
        if not kept:
            message.pop("MessageAttributes", None)
            message.pop("MD5OfMessageAttributes", None)
        elif len(kept) != len(whole):
            message["MD5OfMessageAttributes"] = sqs.create_message_attribute_hash(kept)
        return message

    provider.to_sqs_api_message = as_received
    if not config.DEBUG:
        logging.getLogger("localstack.services.sqs.models").setLevel(logging.WARNING)


def draw_ids_from_a_stock() -> None:
    """Let one system call bring the entropy of 256 ids: each gives the lock of the interpreter away."""
    import os
    import uuid

    stock: list[bytes] = []

    def uuid4() -> uuid.UUID:
        try:
            drawn = stock.pop()
        except IndexError:
            fresh = os.urandom(16 * 256)
            stock.extend(fresh[start : start + 16] for start in range(0, len(fresh), 16))
            return uuid4()
        return uuid.UUID(bytes=drawn, version=4)

    uuid.uuid4 = uuid4


def collect_garbage_seldom() -> None:
    """Let the collector leave alone what is there for good, and come after 50,000 new objects instead of 2,000.

    Nearly nothing of a request is in a cycle.
    """
    import gc

    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 10, 10)


def read_parameters_at_once() -> None:
    """Let SSM pass a GetParameters on as it came where no name changes on the way.

    LocalStack makes a request of its own for moto, which costs as much as ten other calls.
    """
    from localstack.services.moto import call_moto
    from localstack.services.ssm.provider import SsmProvider

    provider: Any = SsmProvider
    as_localstack = provider.get_parameters

    def get_parameters(self: Any, context: Any, names: Any, **others: Any) -> Any:
        same = not provider._has_secrets(names) and all(
            provider._normalize_name(name, validate=True) == name for name in names
        )
        return call_moto(context) if same else as_localstack(self, context, names, **others)

    provider.get_parameters = get_parameters
