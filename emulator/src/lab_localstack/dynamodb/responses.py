"""Changes to a response of moto's."""

import json
import zlib
from typing import Any

from localstack.http import Response


def replace(response: Response, **fields: Any) -> None:
    """Set fields of a JSON response, or remove those given as None; its checksum follows."""
    body = json.loads(response.get_data()) | fields
    response.set_data(json.dumps({key: value for key, value in body.items() if value is not None}))
    response.headers["x-amz-crc32"] = str(zlib.crc32(response.get_data()))
