"""A handler's file as a function's code. The file is text from outside: it is packed, and never run in this process."""

import io
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from infra import bundles
from infra.settings import host_architecture
from lab.common import paths
from lab.deployment.deploy import wheels_for
from lab.errors import LabError

WITNESS = "lab_witness"
HANDLER = f"{WITNESS}.handler"
OWN_WORKER = "worker"
"""What `--handler` says for the project's own worker."""

MOST_BYTES = 1_048_576
ADAPTER = paths.ROOT / "challenges" / "own_worker.py"
TAKEN = (
    frozenset({WITNESS, "boto3", "botocore", "aws_lambda_powertools", "functions"}) | sys.stdlib_module_names
)
ONE_THAT_WORKS = "Say --handler my.py:handler: a file, and the name of a function in it."


@dataclass(frozen=True)
class Handler:
    """A learner's file, and the name of the function in it. `needs` is the bundle it runs beside."""

    file: Path
    name: str
    needs: str = "challenge"

    @property
    def entry(self) -> str:
        """What the witness imports and calls."""
        return f"{self.file.stem}:{self.name}"


def handler_of(text: str) -> Handler:
    """The handler that `my.py:handler` names. Raises LabError where it cannot be one."""
    if text == OWN_WORKER:
        return Handler(ADAPTER, "handler", "worker")
    name, separator, function = text.rpartition(":")
    file = Path(name)
    if not separator or not function.isidentifier() or file.suffix != ".py":
        raise LabError(f"{text} does not name a handler.", ONE_THAT_WORKS)
    if not file.is_file():
        raise LabError(f"There is no file {file}.", ONE_THAT_WORKS)
    if not file.stem.isidentifier() or file.stem in TAKEN:
        raise LabError(
            f"{file.name} cannot be imported: the name {file.stem} is taken, or none.", "Rename the file."
        )
    if file.stat().st_size > MOST_BYTES:
        raise LabError(f"{file} is larger than 1 MiB.", "Give a file of Python.")
    return Handler(file, function)


def package(handler: Handler, endpoint: str) -> bytes:
    """The zip of a function: the bundle that the handler needs, the witness, and the handler's file as it is."""
    system = wheels_for(endpoint).get("bundlePlatform", "linux")
    bundle = bundles.build(handler.needs, bundles.Target(system, host_architecture()))
    return with_witness(bundle.path.read_bytes(), {f"{handler.file.stem}.py": handler.file.read_bytes()})


def with_witness(code: bytes, files: Mapping[str, bytes] = MappingProxyType({})) -> bytes:
    """A function's zip with the witness, and more files, in it."""
    packed = io.BytesIO(code)
    with zipfile.ZipFile(packed, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.write(Path(__file__).with_name("witness.py"), f"{WITNESS}.py")
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()
