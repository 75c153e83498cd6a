"""Python in the engine's own environment, whose packages are not those of the tests."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.engines import PYTHON

FORKING = """
import json, os, sys, traceback
from importlib import import_module

for module in json.loads(sys.stdin.readline()):
    import_module(module)
for line in sys.stdin:
    asked = json.loads(line)
    if (child := os.fork()) == 0:
        written = os.open(asked["output"], os.O_WRONLY | os.O_CREAT)
        os.dup2(written, 1)
        os.dup2(written, 2)
        failed = False
        try:
            exec(asked["code"], {"__name__": "__main__"})
        except BaseException:
            failed = True
            traceback.print_exc()
        sys.stdout.flush()
        os._exit(failed)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Interpreter:
    """Runs each code in a process of its own, which has the modules already and shares nothing with the others."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._runs = 0

    def run(self, code: str) -> str:
        """What the code prints. Raises AssertionError, with that and the traceback, if the code raises."""
        self._runs += 1
        output = self._folder / str(self._runs)
        code_of_exit = self._ask({"code": code, "output": str(output)})
        printed = output.read_text() if output.exists() else ""
        assert code_of_exit == "0", printed or f"exit code {code_of_exit}"
        return printed.strip()

    def _ask(self, question: Any) -> str:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()


@contextmanager
def interpreter(folder: Path, *modules: str) -> Iterator[Interpreter]:
    """An interpreter that imports the modules once: LocalStack's take a second. What is printed goes to the folder."""
    with subprocess.Popen(
        [PYTHON, "-c", FORKING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        process.stdin.write(json.dumps(modules) + "\n")
        yield Interpreter(process, folder)
