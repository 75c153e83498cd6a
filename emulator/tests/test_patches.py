"""What the patches rely on in LocalStack: a failure means that the base changed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.engines import EMULATOR
from support.interpreter import interpreter

pytestmark = pytest.mark.evidence("ours")


type Run = Callable[[str], str]

MODULES = (
    "localstack.aws.app",
    "localstack.services.cloudformation.v2.provider",
    "localstack.services.events.provider",
    "localstack.services.lambda_.provider",
    "localstack.services.logs.provider",
    "localstack.services.sns.publisher",
    "localstack.services.sqs.provider",
    "moto.dynamodb.responses",
)
"""What most tests look at. What lab_localstack makes of it is of each test alone."""


@pytest.fixture(scope="module")
def in_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """What a code prints when it runs in the engine's own environment."""
    with interpreter(tmp_path_factory.mktemp("printed"), *MODULES) as python:
        yield python.run


def test_localstack_makes_its_version_managers_and_mapping_workers_by_their_names(in_engine: Run) -> None:
    assert in_engine(
        """
import inspect
from localstack.services.lambda_ import provider
from localstack.services.lambda_.invocation import lambda_service
assert "LambdaVersionManager(" in inspect.getsource(lambda_service.LambdaService.create_function_version)
assert "LambdaVersionManager(" in inspect.getsource(lambda_service.LambdaService.publish_version)
for name in ("create_event_source_mapping_v2", "update_event_source_mapping_v2"):
    assert "EsmWorkerFactory(" in inspect.getsource(getattr(provider.LambdaProvider, name))
print("ok")
"""
    ).endswith("ok")


def test_lambda_service_of_the_engine_uses_the_replacements(in_engine: Run) -> None:
    assert in_engine(
        """
from lab_localstack.corrections import patches
from localstack.services.lambda_ import provider
from localstack.services.lambda_.invocation import lambda_service
patches.use_own_lambda_classes()
print(provider.EsmWorkerFactory.__module__, lambda_service.LambdaVersionManager.__module__)
"""
    ).endswith("lab_localstack.lambda_.event_source_mapping lab_localstack.lambda_.service")


def test_subscription_filters_look_up_the_pattern_matcher_when_events_arrive(in_engine: Run) -> None:
    assert in_engine(
        """
import inspect
from localstack.services.logs import provider
assert "get_pattern_matcher(" in inspect.getsource(provider.moto_put_log_events)
from lab_localstack.corrections import patches
patches.use_filter_patterns()
matches = provider.get_pattern_matcher("ERROR")
assert matches("ERROR", {"message": "an ERROR"}) and not matches("ERROR", {"message": "fine"})
print("ok")
"""
    ).endswith("ok")


def test_moto_repeats_in_every_call_the_computations_that_the_patches_keep(in_engine: Run) -> None:
    assert in_engine(
        """
import inspect
from moto.core import responses
from moto.dynamodb import responses as dynamodb
from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.parsing.expressions import UpdateExpressionParser
from moto.dynamodb.parsing.validators import Validator
assert "method_names_from_class(self.__class__)" in inspect.getsource(responses.BaseResponse.call_action)
assert "UpdateExpressionParser.make(update_expression)" in inspect.getsource(dynamodb.DynamoHandler.update_item)
assert "deepcopy(expression)" in inspect.getsource(Validator.__init__)
signature = list(inspect.signature(DynamoDBBackend.update_item).parameters)[1:]
from lab_localstack.speedups import patches
patches.quicken_dynamodb()
assert list(inspect.signature(DynamoDBBackend.update_item).parameters)[1:] == signature
assert UpdateExpressionParser.make("SET a = :b") is UpdateExpressionParser.make("SET a = :b")
one = ConditionExpressionParser("#n = :v", {"#n": "a"}, {":v": {"N": "1"}}).parse()
other = ConditionExpressionParser("#n = :v", {"#n": "a"}, {":v": {"N": "2"}}).parse()
assert (one.rhs.value, other.rhs.value) == ("1", "2")
print("ok")
"""
    ).endswith("ok")


def test_localstack_starts_a_thread_for_every_event(in_engine: Run) -> None:
    assert in_engine(
        """
import inspect, threading
from localstack.services.events import provider
source = inspect.getsource(provider.EventsProvider._process_entry)
assert "start_worker_thread(" in source and "self._process_rules_async," in source and "params={" in source
from lab_localstack.speedups import patches
patches.use_a_pool_for_events(2)
names = []
both = threading.Barrier(3)
def work(params):
    names.append(threading.current_thread().name)
    both.wait(20)
for _ in range(2):
    provider.start_worker_thread(work, params={}, name="x")
both.wait(20)
assert len(set(names)) == 2 and all(name.startswith("events") for name in names), names
print("ok")
"""
    ).endswith("ok")


def test_localstack_makes_standard_queues_by_their_name_and_looks_at_them_several_times_a_second(
    in_engine: Run,
) -> None:
    assert in_engine(
        """
import inspect
from localstack.services.sqs import models, provider
assert "StandardQueue(" in inspect.getsource(provider.SqsProvider.create_queue)
assert "queue.requeue_inflight_messages()" in inspect.getsource(provider.QueueUpdateWorker.do_update_all_queues)
assert "message.priority" not in inspect.getsource(models.StandardQueue)
from lab_localstack.corrections import patches
patches.make_fair_queues()
print(provider.StandardQueue.__module__)
"""
    ).endswith("lab_localstack.sqs.fairness")


def test_localstack_searches_every_path_for_the_url_of_a_queue(in_engine: Run) -> None:
    assert in_engine(
        """
import inspect
from localstack.aws.protocol import service_router
assert "is_sqs_queue_url(path)" in inspect.getsource(service_router.custom_path_addressing_rules)
from lab_localstack.corrections import patches
patches.search_for_queues_in_short_urls()
assert service_router.is_sqs_queue_url("localhost:4566/queue/us-east-1/000000000000/orders")
assert not service_router.is_sqs_queue_url("/" + 64 * 1024 * "a")
print("ok")
"""
    ).endswith("ok")


def test_serializers_choose_a_media_type_by_two_headers_alone(in_engine: Run) -> None:
    assert in_engine(
        """
import inspect
from localstack.aws.protocol.serializer import ResponseSerializer, create_serializer
from localstack.aws.spec import load_service
source = inspect.getsource(ResponseSerializer._get_mime_type)
assert {part.split('"')[1] for part in source.split("headers.get(")[1:]} == {"Accept", "Content-Type"}
given = [{"Content-Type": "application/x-amz-json-1.0"}, {"Accept": "application/cbor"}, {"Accept": "*/*"}, {}, None]
serializer = create_serializer(load_service("kinesis"), "json")
before = [serializer._get_mime_type(headers) for headers in given]
from lab_localstack.speedups import patches
patches.remember_media_types()
assert [serializer._get_mime_type(headers) for headers in given * 2] == before * 2
print("ok")
"""
    ).endswith("ok")


def test_the_index_of_services_is_built_for_the_first_engine_of_an_environment_and_read_by_the_next(
    in_engine: Run, tmp_path: Path
) -> None:
    for folder in ("environment", "engine-1", "engine-2", "engine-3"):
        (tmp_path / folder).mkdir()
    (tmp_path / "read-only").touch()  # no folder can be made in it
    assert in_engine(
        f"""
import sys
from localstack import config
from localstack.aws import spec
from lab_localstack.speedups import patches

index = spec.ServiceCatalogIndex(["sqs"], {{}}, {{}}, {{"SendMessage": [spec.ServiceModelIdentifier("sqs")]}}, {{}})
built = []
spec.build_service_index_cache = lambda path: built.append(path) or spec.save_service_index_cache(index, path)
patches.keep_the_index_of_services()
config.dirs.static_libs = "{tmp_path}/none"

def catalog(engine, environment):
    config.dirs.cache, sys.prefix = f"{tmp_path}/{{engine}}", f"{tmp_path}/{{environment}}"
    return spec.get_service_catalog.__wrapped__()

first, second = catalog("engine-1", "environment"), catalog("engine-2", "environment")
assert len(built) == 1 and "engine-1" in built[0], built
assert first.service_names == second.service_names == ["sqs"]
assert first.by_operation("SendMessage") == second.by_operation("SendMessage") != []
assert catalog("engine-3", "read-only").service_names == ["sqs"] and len(built) == 2
print("ok")
"""
    ).endswith("ok")


def test_the_gateway_has_the_handlers_that_are_made_quicker(in_engine: Run) -> None:
    assert in_engine(
        """
from localstack.aws.app import LocalstackAwsGateway
from lab_localstack.speedups import gateway
made = LocalstackAwsGateway()
gateway.quicken(made)
names = {type(handler).__name__ for handler in (*made.request_handlers, *made.response_handlers)}
assert {"UnlessAwsCall", "UnlessElsewhere", "RequestLog"} <= names, names
print("ok")
"""
    ).endswith("ok")


def test_cloudformation_makes_its_executor_by_its_name_and_leaves_room_for_another(in_engine: Run) -> None:
    assert in_engine(
        """
import inspect
from localstack.services.cloudformation.v2 import provider
from localstack.services.cloudformation.engine.v2.change_set_model_executor import ChangeSetModelExecutor
for name in ("create_stack", "update_stack", "delete_stack", "execute_change_set"):
    assert "ChangeSetModelExecutor(" in inspect.getsource(getattr(provider.CloudformationProviderV2, name)), name
for name in ("process", "_execute_resource_change", "_execute_resource_action", "_process_event"):
    assert callable(getattr(ChangeSetModelExecutor, name)), name
from localstack.services.cloudformation.engine.v2 import change_set_resource_support_checker as checker
assert list(inspect.signature(checker._build_resource_failure_message).parameters) == ["resource_type", "status"]
from lab_localstack.corrections import patches
patches.use_own_deployments()
print(provider.ChangeSetModelExecutor.__module__)
"""
    ).endswith("lab_localstack.cloudformation.deployment")


def test_moto_leaves_the_name_before_an_index_in_a_projection(in_engine: Run) -> None:
    assert in_engine(
        """
from moto.dynamodb.responses import ProjectionExpressionParser
print(ProjectionExpressionParser("#a[0].b", {"#a": "x"}).parse())
from lab_localstack.corrections import patches
patches.find_names_before_an_index()
print(ProjectionExpressionParser("#a[0].b, c", {"#a": "x"}).parse())
"""
    ).splitlines() == ["[['#a[0]', 'b']]", "[['x[0]', 'b'], ['c']]"]


def test_sns_tells_the_writer_of_delivery_logs_of_every_delivery_to_a_queue(in_engine: Run) -> None:
    assert in_engine(
        """
import inspect
from localstack.services.sns import publisher
for name in ("SqsTopicPublisher", "SqsBatchTopicPublisher", "LambdaTopicPublisher", "HttpTopicPublisher"):
    source = inspect.getsource(getattr(publisher, name)._publish)
    assert source.count("store_delivery_log(") >= 2, name
parameters = list(inspect.signature(publisher.store_delivery_log).parameters)
assert parameters[:3] == ["message_context", "subscriber", "success"]
from lab_localstack.corrections import patches
patches.count_deliveries()
print(publisher.store_delivery_log.__module__)
"""
    ).endswith("lab_localstack.corrections.patches")


def test_eventbridge_looks_up_the_check_of_an_entry_by_its_name(in_engine: Run) -> None:
    assert in_engine(
        """
import inspect
from localstack.services.events import provider
assert ":= validate_event(entry)" in inspect.getsource(provider.EventsProvider._process_entry)
assert "262144" in inspect.getsource(provider.validate_event)
from lab_localstack.corrections import patches
patches.use_own_entry_check()
print(provider.validate_event.__module__)
"""
    ).endswith("lab_localstack.events.entries")


def test_the_engines_own_calls_of_s3_look_up_no_name(in_engine: Run) -> None:
    assert in_engine(
        """
import inspect
from localstack.aws import connect
assert "get_s3_hostname()" in inspect.getsource(connect)
from lab_localstack.corrections import patches
from localstack.utils.aws import aws_stack
patches.look_up_no_name_of_s3()
aws_stack.socket = None
print(aws_stack.get_s3_hostname())
"""
    ).endswith("localhost")


def test_bodies_are_inflated_behind_the_routers(in_engine: Run) -> None:
    assert in_engine(
        """
from localstack.aws import handlers
from localstack.aws.app import LocalstackAwsGateway
chain = LocalstackAwsGateway().request_handlers
assert chain.index(handlers.content_decoder) < chain.index(handlers.serve_edge_router_rules)
print("ok")
"""
    ).endswith("ok")


def test_localstack_parses_by_the_name_json_where_it_is_replaced(in_engine: Run) -> None:
    assert in_engine(
        """
from lab_localstack import documents
from lab_localstack.corrections import patches
from localstack.services.events import event_rule_engine, target, utils
from localstack.services.sns import filter
patches.match_as_event_ruler_does()
patches.read_json_within_bounds("events.utils", "events.target")
for module in (event_rule_engine, filter, utils, target):
    assert module.json.loads is documents.loads and module.json.dumps, module
print("ok")
"""
    ).endswith("ok")


def test_localstacks_matchers_and_targets_call_by_their_names_what_is_replaced(in_engine: Run) -> None:
    assert in_engine(
        """
import inspect
from localstack.services.events.event_rule_engine import EventRuleEngine
from localstack.services.events import target
from localstack.services.sns import publisher
from localstack.services.sns.filter import SubscriptionFilter
assert "self._evaluate_nested_event_pattern_on_dict(" in inspect.getsource(EventRuleEngine.evaluate_pattern_on_event)
assert "self._evaluate_nested_filter_policy_on_dict(" in inspect.getsource(SubscriptionFilter)
assert "check_filter_policy_on_message_attributes(" in inspect.getsource(publisher.PublishDispatcher._should_publish)
transform = inspect.getsource(target.TargetSender.transform_event_with_target_input_transformer)
assert "get_template_replacements(" in transform and "replace_template_placeholders(" in transform
assert not [name for name, kind in vars(target).items() if inspect.isclass(kind) and kind is not target.TargetSender
            and issubclass(kind, target.TargetSender) and "process_event" in vars(kind)]
print("ok")
"""
    ).endswith("ok")


def test_the_plugins_parse_json_in_one_place_but_for_motos_own_answers() -> None:
    sources = EMULATOR / "src" / "lab_localstack"
    parsing = {
        path.relative_to(sources) for path in sources.rglob("*.py") if "json.loads(" in path.read_text()
    }
    assert {path for path in parsing if path.parts[0] != "dynamodb"} == {Path("documents.py")}


def test_provider_that_fails_after_it_changed_its_request_is_at_fault_itself(in_engine: Run) -> None:
    assert in_engine(
        """
import json
from types import SimpleNamespace
from localstack.aws.api import CommonServiceException, RequestContext
from localstack.aws.spec import load_service
from localstack.http import Request, Response
from lab_localstack.corrections.request_validation import correct

def status(body, changed):
    headers = {"X-Amz-Target": "AmazonSQS.SendMessage", "Content-Type": "application/x-amz-json-1.0"}
    context = RequestContext(Request("POST", "/", headers=headers, body=json.dumps(body)))
    context.service, context.protocol = load_service("sqs"), "json"
    context.operation = context.service.operation_model("SendMessage")
    context.service_request = changed
    context.service_exception = CommonServiceException("InternalError", "a bug", 500)
    response = Response(status=500)
    correct(None, context, response)
    return response.status_code

good = {"QueueUrl": "q", "MessageBody": "m"}
print(status(good, {"QueueUrl": "q", "MessageBody": {"changed": True}}), status({"QueueUrl": "q"}, good))
"""
    ).endswith("500 400")


def test_received_message_is_what_localstack_makes_of_it_and_the_stored_one_stays(in_engine: Run) -> None:
    assert in_engine(
        """
import copy
from types import SimpleNamespace
from lab_localstack.speedups.patches import quicken_sqs_receives
from localstack.services.sqs import models, provider, utils

quicken_sqs_receives()
text = {"DataType": "String", "StringValue": "x"}
attributes = {"a": text, "a.b": text, "c": {"DataType": "Binary", "BinaryValue": b"x"}}

def stored(given):
    message = {"MessageId": "m", "Body": "b", "Attributes": {"SenderId": "s", "SentTimestamp": "1"}}
    if given is not None:
        message |= {"MessageAttributes": given, "MD5OfMessageAttributes": utils.create_message_attribute_hash(given)}
    return SimpleNamespace(message=message, first_received=1.5)

compared = 0
for given in (None, {}, attributes):
    for system in (None, [], ["All"], ["SenderId"]):
        for names in (None, [], ["All"], ["a"], ["a.*"], ["none"]):
            kept = stored(given)
            before = copy.deepcopy(kept.message)
            told = provider.to_sqs_api_message(kept, system, names)
            wanted = models.to_sqs_api_message(stored(given), system, names)
            assert told == wanted or told | {"MessageAttributes": {}} == wanted, (given, system, names, told, wanted)
            assert kept.message == before
            compared += 1
print(compared)
"""
    ).endswith("72")


def test_json_requests_are_read_as_localstack_reads_them_right_or_wrong(in_engine: Run) -> None:
    assert in_engine(
        """
from localstack.aws.protocol import parser
from localstack.aws.spec import load_service
from localstack.http import Request
from lab_localstack.speedups.json_requests import ElsewhereError, quicken_json_requests
import json

SCALARS = {"string": "1", "integer": 7, "long": 7, "double": 1.5, "float": 1.5, "boolean": True, "timestamp": 1.5,
           "blob": "aGk="}

def sample(shape, depth=0):
    if shape.type_name == "structure":
        members = [] if depth > 5 else shape.members.items()
        return {m.serialization.get("name", n): sample(m, depth + 1) for n, m in members} | {"unknown": 1}
    if shape.type_name == "list":
        return [sample(shape.member, depth + 1), None]
    if shape.type_name == "map":
        return {"key": sample(shape.value, depth + 1), "null": None}
    return SCALARS[shape.type_name]

def answers(requests):
    for service, operation, body in requests:
        headers = {"X-Amz-Target": f"x.{operation}", "Content-Type": "application/x-amz-json-1.0"}
        request = Request("POST", "/", headers=headers, body=json.dumps(body))
        try:
            yield parser.JSONRequestParser(service).parse(request)[1]
        except parser.ProtocolParserError as error:
            yield str(error)

requests = []
for name in ("dynamodb", "sqs", "events", "ssm", "logs"):
    service = load_service(name, protocol="json")
    for operation in service.operation_names:
        shape = service.operation_model(operation).input_shape
        if shape is not None and shape.event_stream_name is None:
            right = sample(shape)
            requests += [(service, operation, body) for body in (right, {}, {key: [3] for key in right},
                         {key: {"S": 3} for key in right}, {key: "x" for key in right}, dict.fromkeys(right))]
as_localstack = list(answers(requests))
quicken_json_requests()
quick = list(answers(requests))
differing = [r[1:] for r, a, b in zip(requests, as_localstack, quick) if a != b]
assert not differing, differing[:3]
assert any(isinstance(answer, str) for answer in quick) and len(quick) > 500
print("ok")
"""
    ).endswith("ok")


def test_rows_share_names_and_short_values_but_no_lists_and_keep_the_limit_of_an_item(in_engine: Run) -> None:
    assert in_engine(
        """
from lab_localstack.speedups.patches import quicken_dynamodb
quicken_dynamodb()
from moto.dynamodb.exceptions import ItemSizeTooLarge
from moto.dynamodb.models.dynamo_type import DynamoType, Item

def row(number):
    tags = {"L": [{"S": "a"}]}
    return Item(DynamoType({"S": str(number)}), None, {"".join(("sta", "tus")): {"S": "PROCESSED"}, "tags": tags})

first, second = row(1), row(2)
assert first.attrs["status"] is second.attrs["status"] and first.attrs == second.attrs
assert next(iter(first.attrs)) is next(iter(second.attrs))
first.attrs["tags"].value.append(DynamoType({"S": "b"}))
assert len(second.attrs["tags"].value) == 1
try:
    Item(DynamoType({"S": "1"}), None, {"text": {"S": "x" * 405_001}})
except ItemSizeTooLarge:
    print("ok")
"""
    ).endswith("ok")


def test_ids_from_the_stock_are_of_version_4_and_never_the_same_in_many_threads(in_engine: Run) -> None:
    assert in_engine(
        """
import uuid
from concurrent.futures import ThreadPoolExecutor
from lab_localstack.speedups.patches import draw_ids_from_a_stock
draw_ids_from_a_stock()
with ThreadPoolExecutor(8) as pool:
    ids = list(pool.map(lambda _: uuid.uuid4(), range(20_000)))
assert len(set(ids)) == 20_000 and {one.version for one in ids} == {4}
print("ok")
"""
    ).endswith("ok")


def test_gathered_lines_of_the_request_log_are_all_written_when_logging_ends(in_engine: Run) -> None:
    printed = in_engine(
        """
import logging, sys
logging.basicConfig(stream=sys.stdout, format="%(name)s %(message)s")
from lab_localstack.speedups import gateway
gateway.GATHER_SECONDS = 60
lines = gateway.Lines()
for number in range(3):
    lines.handle(logging.LogRecord("requests", logging.INFO, "", 0, f"line {number}", (), None))
logging.shutdown()
"""
    )
    assert printed.splitlines()[-3:] == ["requests line 0", "requests line 1", "requests line 2"]


def test_code_that_raises_fails_its_test_and_leaves_nothing_to_the_next(in_engine: Run) -> None:
    changing = "from localstack.services.events import provider\nprovider.changed = True\nprint('printed')\n"
    with pytest.raises(AssertionError, match=r"printed\n(.*\n)+ZeroDivisionError"):
        in_engine(f"{changing}1 / 0")
    with pytest.raises(AssertionError, match="exit code -9"):
        in_engine("import os\nos.kill(os.getpid(), 9)")
    assert (
        in_engine("from localstack.services.events import provider\nprint(hasattr(provider, 'changed'))")
        == "False"
    )
