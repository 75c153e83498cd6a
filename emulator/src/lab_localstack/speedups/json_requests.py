"""Requests in AWS's JSON protocols, read by functions that are made once for each shape.

LocalStack asks for every value of every request anew how its shape is to be read: measured, a twentieth of the
engine's processor time under load. What a shape's function cannot read goes LocalStack's way, which says what is
wrong with it.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from botocore.model import Shape
from localstack.aws.protocol.parser import JSONRequestParser

type Reader = Callable[[Any], Any]
AS_IT_IS = ("string", "character", "boolean")
NUMBERS: dict[str, Reader] = {"integer": int, "long": int, "float": float, "double": float}


class ElsewhereError(Exception):
    """A value that LocalStack is to read itself: a blob, a time, a document, or one of the wrong type."""


def quicken_json_requests() -> None:
    """Put the functions in front of LocalStack's parser."""
    parser: Any = JSONRequestParser
    as_localstack = parser._handle_json_body
    readers: defaultdict[str, dict[str, Reader]] = defaultdict(dict)

    def read(self: Any, request: Any, shape: Shape, uri_params: Any = None) -> Any:
        if type(self) is not parser or request.mimetype.startswith("application/x-amz-cbor"):
            return as_localstack(self, request, shape, uri_params)
        body = self._parse_body_as_json(request)
        try:
            return reader_of(shape, readers[self.service.service_name])(body)
        except ElsewhereError:
            return self._parse_shape(request, shape, body, uri_params)

    parser._handle_json_body = read


def reader_of(shape: Shape, readers: dict[str, Reader]) -> Reader:
    """The function that reads a value of the shape. It raises ElsewhereError.

    `readers` are those made so far of the service's shapes, by their names. A shape may contain itself.
    """
    name = shape.name
    if name not in readers:

        def once_it_is_made(value: Any) -> Any:
            return readers[name](value)

        readers[name] = once_it_is_made
        readers[name] = _reader(shape, readers)
    return readers[name]


def _reader(shape: Any, readers: dict[str, Reader]) -> Reader:
    match shape.type_name:
        case "structure" if not shape.is_document_type:
            return _structure(shape, readers)
        case "map" if shape.key.type_name == "string":
            return _map(reader_of(shape.value, readers))
        case "list":
            return _list(reader_of(shape.member, readers))
        case name if name in AS_IT_IS:
            return _as_it_is
        case name if name in NUMBERS:
            return _number(NUMBERS[name])
        case _:
            return _elsewhere


def _structure(shape: Any, readers: dict[str, Reader]) -> Reader:
    members = {
        member.serialization.get("name", name): (name, reader_of(member, readers))
        for name, member in shape.members.items()
    }
    required = tuple(shape.required_members)

    def read(value: Any) -> Any:
        if value is None:
            return None
        if type(value) is not dict:
            raise ElsewhereError
        given: dict[str, Any] = {}
        for json_name, each in value.items():
            if each is not None and (member := members.get(json_name)):
                name, reader = member
                given[name] = reader(each)
        for name in required:
            given.setdefault(name, None)
        return given

    return read


def _map(reader: Reader) -> Reader:
    def read(value: Any) -> Any:
        if type(value) is not dict:
            raise ElsewhereError
        return {key: None if each is None else reader(each) for key, each in value.items()}

    return read


def _list(reader: Reader) -> Reader:
    def read(value: Any) -> Any:
        if type(value) is not list:
            raise ElsewhereError
        return [None if each is None else reader(each) for each in value]

    return read


def _as_it_is(value: Any) -> Any:
    return value


def _number(kind: Reader) -> Reader:
    def read(value: Any) -> Any:
        if type(value) not in (int, float):
            raise ElsewhereError
        return kind(value)

    return read


def _elsewhere(_: Any) -> Any:
    raise ElsewhereError
