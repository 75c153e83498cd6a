"""The control plane: moto's apigatewayv2, with addresses that lead here and the one operation it lacks."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from localstack import config
from localstack.aws.api import RequestContext
from localstack.aws.api.core import CommonServiceException
from localstack.http import Request, Response
from localstack.services.edge import ROUTER
from localstack.services.moto import call_moto
from moto.apigatewayv2.models import apigatewayv2_backends
from werkzeug.routing import Rule

from lab_localstack.httpapi.gateway import HttpGateway

PREFIX = "/_aws/execute-api"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

type Operation = Callable[[RequestContext, Mapping[str, Any]], Any]


class ControlPlane:
    """Wraps moto's operations so that what they configure is served at once."""

    def __init__(self, gateway: HttpGateway) -> None:
        self._gateway = gateway
        self._rules: dict[str, list[Rule]] = {}

    def dispatch_table(self, operations: Any) -> dict[str, Operation]:
        """What serves each operation of the service."""
        table: dict[str, Operation] = dict.fromkeys(operations, self._changing)
        table |= dict.fromkeys(("GetApi", "GetApis", "UpdateApi"), self._with_address)
        return table | {
            "CreateApi": self._create_api,
            "DeleteApi": self._delete_api,
            "UpdateStage": self._update_stage,
        }

    def forget_all(self) -> None:
        """No API is served any more."""
        for api_id in list(self._rules):
            self._withdraw(api_id)

    def _changing(self, context: RequestContext, request: Mapping[str, Any]) -> Any:
        answer = call_moto(context)
        if api_id := request.get("ApiId"):
            self._gateway.forget(api_id)
        return answer

    def _with_address(self, context: RequestContext, request: Mapping[str, Any]) -> Any:
        answer = self._changing(context, request)
        for api in answer.get("Items", [answer]):
            if api.get("ApiId"):
                api["ApiEndpoint"] = endpoint(api["ApiId"])
        return answer

    def _create_api(self, context: RequestContext, request: Mapping[str, Any]) -> Any:
        if request.get("ProtocolType") != "HTTP":
            raise _bad_request("Only APIs of ProtocolType HTTP are served here.")
        answer = self._with_address(context, request)
        self._serve(answer["ApiId"], context.account_id, context.region)
        return answer

    def _delete_api(self, context: RequestContext, request: Mapping[str, Any]) -> Any:
        answer = self._changing(context, request)
        self._withdraw(request["ApiId"])
        return answer

    def _update_stage(self, context: RequestContext, request: Mapping[str, Any]) -> Any:
        """As documented, what the request names replaces what was; moto has no such operation."""
        backend = apigatewayv2_backends[context.account_id][context.region]
        stage = backend.get_stage(request["ApiId"], request["StageName"])
        for name, attribute in (
            ("DefaultRouteSettings", "default_route_settings"),
            ("RouteSettings", "route_settings"),
            ("AccessLogSettings", "access_log_settings"),
        ):
            if name in request:
                settings = request[name]
                setattr(stage, attribute, _moto_keys(settings, nested=name == "RouteSettings"))
        for name, attribute in (
            ("StageVariables", "stage_variables"),
            ("AutoDeploy", "auto_deploy"),
            ("Description", "description"),
        ):
            if name in request:
                setattr(stage, attribute, request[name])
        stage.updated = datetime.now()  # noqa: DTZ005  moto's own clock
        self._gateway.forget(request["ApiId"])
        return {
            "StageName": stage.name,
            "AutoDeploy": bool(stage.auto_deploy),
            "Description": stage.description or "",
            "DefaultRouteSettings": _api_keys(stage.default_route_settings or {}),
            "RouteSettings": {key: _api_keys(own) for key, own in (stage.route_settings or {}).items()},
            "AccessLogSettings": _api_keys(stage.access_log_settings or {}),
            "StageVariables": stage.stage_variables or {},
            "Tags": stage.tags or {},
        }

    def _serve(self, api_id: str, account: str, region: str) -> None:
        def serve(request: Request, **path: Any) -> Response:
            return self._gateway.serve(request, account, region, api_id, f"/{path.get('rest', '')}")

        host = f"{api_id}.execute-api.<regex('.*'):server>"
        options = {"methods": METHODS, "strict_slashes": False, "merge_slashes": False}
        places: list[tuple[str, str | None]] = [
            (f"{PREFIX}/{api_id}", None),
            (f"{PREFIX}/{api_id}/<path:rest>", None),
            ("/", host),
            ("/<path:rest>", host),
        ]
        self._rules[api_id] = [ROUTER.add(path, serve, host=host, **options) for path, host in places]

    def _withdraw(self, api_id: str) -> None:
        if rules := self._rules.pop(api_id, None):
            ROUTER.remove(rules)


def endpoint(api_id: str) -> str:
    """Where an API answers: by path, so that no name service is needed."""
    return f"{config.external_service_url()}{PREFIX}/{api_id}"


def _moto_keys(settings: Mapping[str, Any], *, nested: bool = False) -> dict[str, Any]:
    if nested:
        return {key: _moto_keys(own) for key, own in settings.items()}
    return {name[:1].lower() + name[1:]: value for name, value in settings.items()}


def _api_keys(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name[:1].upper() + name[1:]: value for name, value in settings.items()}


def _bad_request(text: str) -> CommonServiceException:
    return CommonServiceException("BadRequestException", text, status_code=400)
