"""The control plane: moto's apigatewayv2 behind AWS's rules, with addresses that lead here and what moto lacks."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from localstack import config
from localstack.aws.api import RequestContext
from localstack.http import Request, Response, Router
from localstack.http.dispatcher import Handler
from localstack.services.edge import ROUTER
from localstack.services.moto import call_moto
from moto.apigatewayv2.models import Api, Stage, apigatewayv2_backends
from moto.core.exceptions import JsonRESTError
from werkzeug.exceptions import NotFound
from werkzeug.routing import Rule

from lab_localstack.apigatewayv2 import rules
from lab_localstack.apigatewayv2.errors import conflict, not_found
from lab_localstack.apigatewayv2.gateway import HttpGateway
from lab_localstack.server.guard import PAGES

PREFIX = "/_aws/execute-api"
NOUNS = ("Api", "Authorizer", "Integration", "Route", "Stage")

type Parameters = Mapping[str, Any]
type Operation = Callable[[RequestContext, Parameters], Any]


class ControlPlane:
    """The operations of the service, and the rules by which the engine's routers find each API."""

    def __init__(self, gateway: HttpGateway) -> None:
        self._gateway = gateway
        self._rules: dict[str, list[tuple[Router[Handler], list[Rule]]]] = {}

    def dispatch_table(self) -> dict[str, Operation]:
        """What serves each operation; operations that are not in it are not served."""
        table: dict[str, Operation] = {}
        for noun in NOUNS:
            table |= {
                f"Create{noun}": self._checked(noun),
                f"Get{noun}": _get,
                f"Get{noun}s": _get,
                f"Update{noun}": self._checked(noun),
                f"Delete{noun}": self._deleting(noun),
            }
        return table | {
            "CreateApi": self._create_api,
            "GetApi": _with_address(_get),
            "GetApis": _with_address(_get),
            "UpdateApi": _with_address(self._checked("Api")),
            "DeleteApi": self._delete_api,
            "DeleteCorsConfiguration": _get,
            "GetAuthorizers": _get_authorizers,
            "UpdateAuthorizer": self._update_authorizer,
            "ResetAuthorizersCache": self._reset_authorizers_cache,
            "UpdateRoute": self._update_route,
            "UpdateStage": self._update_stage,
            "DeleteAccessLogSettings": self._delete_access_log_settings,
            "DeleteRouteSettings": self._delete_route_settings,
            "GetTags": _get_tags,
            "TagResource": _tag_resource,
            "UntagResource": _untag_resource,
        }

    def forget_all(self) -> None:
        """No API is served any more."""
        for api_id in list(self._rules):
            self._withdraw(api_id)

    def _checked(self, noun: str) -> Operation:
        def operation(context: RequestContext, request: Parameters) -> Any:
            api = _api(context, request) if "ApiId" in request else None
            if api and f"{noun}Id" in request and noun != "Api":
                _require(api, noun, request)
            if api and noun == "Stage" and request["StageName"] in api.stages:
                raise conflict("Stage already exists")
            rules.check(noun, api, request)
            return call_moto(context)

        return operation

    def _deleting(self, noun: str) -> Operation:
        def operation(context: RequestContext, request: Parameters) -> Any:
            _require(_api(context, request), noun, request)
            answer = call_moto(context)
            if noun in ("Authorizer", "Stage"):
                self._gateway.authorizers.forget(request["ApiId"], request.get("StageName"))
            return answer

        return operation

    def _create_api(self, context: RequestContext, request: Parameters) -> Any:
        answer = _with_address(self._checked("Api"))(context, request)
        self._serve(answer["ApiId"], context.account_id, context.region)
        return answer

    def _delete_api(self, context: RequestContext, request: Parameters) -> Any:
        _api(context, request)
        answer = call_moto(context)
        self._withdraw(request["ApiId"])
        return answer

    def _update_authorizer(self, context: RequestContext, request: Parameters) -> Any:
        answer = self._checked("Authorizer")(context, request)
        self._gateway.authorizers.forget(request["ApiId"])
        return answer

    def _reset_authorizers_cache(self, context: RequestContext, request: Parameters) -> None:
        _stage(context, request)
        self._gateway.authorizers.forget(request["ApiId"], request["StageName"])

    def _update_route(self, context: RequestContext, request: Parameters) -> Any:
        answer = self._checked("Route")(context, request)
        if request.get("AuthorizationType") == "NONE":
            _api(context, request).routes[request["RouteId"]].authorizer_id = None
            answer.pop("AuthorizerId", None)
        return answer

    def _update_stage(self, context: RequestContext, request: Parameters) -> Any:
        """What the request names replaces what was; of the settings of routes, those of the routes it names."""
        stage = _stage(context, request)
        rules.check("Stage", _api(context, request), request)
        if "DefaultRouteSettings" in request:
            stage.default_route_settings = _camel(request["DefaultRouteSettings"])
        if "RouteSettings" in request:
            named = {key: _camel(settings) for key, settings in request["RouteSettings"].items()}
            stage.route_settings = (stage.route_settings or {}) | named
        if "AccessLogSettings" in request:
            stage.access_log_settings = _camel(request["AccessLogSettings"])
        if "StageVariables" in request:
            stage.stage_variables = dict(request["StageVariables"])
        if "Description" in request:
            stage.description = request["Description"]
        stage.updated = datetime.now()  # noqa: DTZ005  moto's own clock
        return _stage_answer(stage)

    def _delete_access_log_settings(self, context: RequestContext, request: Parameters) -> None:
        _stage(context, request).access_log_settings = None

    def _delete_route_settings(self, context: RequestContext, request: Parameters) -> None:
        settings = _stage(context, request).route_settings or {}
        if settings.pop(request["RouteKey"], None) is None:
            raise not_found(f"Unable to find Route by key {request['RouteKey']}")

    def _serve(self, api_id: str, account: str, region: str) -> None:
        def serve(request: Request, **path: Any) -> Response:
            return self._gateway.serve(request, account, region, api_id, f"/{path.get('rest', '')}")

        def serve_page(request: Request, **path: Any) -> Response:
            if not self._gateway.allows_page(request, account, region, api_id):
                raise NotFound
            return serve(request, **path)

        host = f"{api_id}.execute-api.<regex('.*'):server>"
        places = (
            (f"{PREFIX}/{api_id}", None),
            (f"{PREFIX}/{api_id}/<greedy_path:rest>", None),
            ("/<greedy_path:rest>", host),
        )
        self._rules[api_id] = [
            (
                router,
                [
                    router.add(path, endpoint, host=name, strict_slashes=True, merge_slashes=False)
                    for path, name in places
                ],
            )
            for router, endpoint in ((ROUTER, serve), (PAGES, serve_page))
        ]

    def _withdraw(self, api_id: str) -> None:
        for router, served in self._rules.pop(api_id, ()):
            router.remove(served)
        self._gateway.forget(api_id)


def endpoint(api_id: str) -> str:
    """Where an API answers: by path, so that no name service is needed."""
    return f"{config.external_service_url()}{PREFIX}/{api_id}"


def _get(context: RequestContext, _request: Parameters) -> Any:
    return call_moto(context)


def _with_address(operation: Operation) -> Operation:
    def addressed(context: RequestContext, request: Parameters) -> Any:
        answer = operation(context, request)
        for api in answer.get("Items", [answer]):
            api["ApiEndpoint"] = endpoint(api["ApiId"])
        return answer

    return addressed


def _get_authorizers(context: RequestContext, request: Parameters) -> Any:
    found = _api(context, request).authorizers.values()
    return {"Items": [_pascal(authorizer.to_json()) for authorizer in found]}


def _get_tags(context: RequestContext, request: Parameters) -> Any:
    stage = _tagged_stage(context, request)
    return {"Tags": stage.tags or {}} if stage else call_moto(context)


def _tag_resource(context: RequestContext, request: Parameters) -> Any:
    stage = _tagged_stage(context, request)
    if stage is None:
        return call_moto(context)
    stage.tags = (stage.tags or {}) | (request.get("Tags") or {})
    return {}


def _untag_resource(context: RequestContext, request: Parameters) -> Any:
    stage = _tagged_stage(context, request)
    if stage is None:
        return call_moto(context)
    stage.tags = {key: value for key, value in (stage.tags or {}).items() if key not in request["TagKeys"]}
    return {}


def _tagged_stage(context: RequestContext, request: Parameters) -> Stage | None:
    """The stage of an ARN; moto keeps the tags of stages with them. None for the ARN of an API."""
    _, _, path = unquote(request["ResourceArn"]).partition("::/apis/")
    api_id, _, stage_name = path.partition("/stages/")
    return _stage(context, {"ApiId": api_id, "StageName": stage_name}) if stage_name else None


def _api(context: RequestContext, request: Parameters) -> Api:
    try:
        return apigatewayv2_backends[context.account_id][context.region].get_api(request["ApiId"])
    except JsonRESTError as error:
        raise not_found(error.message) from error


def _stage(context: RequestContext, request: Parameters) -> Stage:
    api = _api(context, request)
    _require(api, "Stage", request)
    return api.stages[request["StageName"]]


def _require(api: Api, noun: str, request: Parameters) -> None:
    """Raise NotFoundException unless the API has the authorizer, integration, route or stage named."""
    name = request["StageName" if noun == "Stage" else f"{noun}Id"]
    if name not in getattr(api, f"{noun.lower()}s"):
        raise not_found(f"Invalid {noun} identifier specified {name}")


def _stage_answer(stage: Stage) -> dict[str, Any]:
    of_routes = (stage.route_settings or {}).items()
    return _pascal(stage.to_json()) | {
        "CreatedDate": stage.created,
        "LastUpdatedDate": stage.updated,
        "DefaultRouteSettings": _pascal(stage.default_route_settings or {}),
        "RouteSettings": {key: _pascal(settings) for key, settings in of_routes},
        "AccessLogSettings": _pascal(stage.access_log_settings or {}),
    }


def _camel(settings: Parameters) -> dict[str, Any]:
    """The API's names as moto keeps them."""
    return {name[:1].lower() + name[1:]: value for name, value in settings.items()}


def _pascal(settings: Parameters) -> dict[str, Any]:
    """What moto keeps by the API's names."""
    return {name[:1].upper() + name[1:]: value for name, value in settings.items() if value is not None}
