"""The official template `python3-http`, run from a copy of its folder."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.parity.case import Group
from tests.parity.outcome import Outcome, exchange, log_lines, outcome_of, plain
from tests.support import PATIENCE, Output, free_port, wait_until

LAUNCH = Path(__file__).parent / "launch.py"
# Nothing that answers takes as long.
_NO_ANSWER_SECONDS = 3.0


class _Official:
    """Its process, which serves the handler that lies in `folder`."""

    def __init__(self, folder: str, environ: Mapping[str, str]) -> None:
        self.folder = folder
        self.port = free_port()
        self.process = subprocess.Popen(
            [sys.executable, str(LAUNCH), str(self.port)],
            cwd=folder,
            env={"PATH": os.environ["PATH"], **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.stdout = Output(self.process.stdout)
        self.stderr = Output(self.process.stderr)

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def end(self) -> None:
        """End it as the watchdog does; then it has written all."""
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.stdout.close()
        self.stderr.close()


@contextmanager
def _started(template: Path, group: Group, environ: Mapping[str, str]) -> Iterator[_Official]:
    with TemporaryDirectory() as folder:
        shutil.copy(template / "index.py", folder)
        function = Path(folder, "function")
        # As the Dockerfile does: an empty one, unless the handler brings its own.
        for name, content in {"__init__.py": b"", **group.files()}.items():
            (function / name).parent.mkdir(parents=True, exist_ok=True)
            (function / name).write_bytes(content)
        official = _Official(folder, environ)
        try:
            wait_until(lambda: official.listens() or official.has_ended(), "python3-http listens")
            yield official
        finally:
            official.end()


def outcomes(template: Path, group: Group, environ: Mapping[str, str]) -> dict[str, Outcome]:
    """Return what comes of each case of a group."""
    found: dict[str, Outcome] = {}
    batches = [(case,) for case in group.cases] if group.log else [group.cases]
    for cases in batches:
        with _started(template, group, environ) as official:
            for case in cases:
                if official.has_ended():
                    official.end()
                    last = official.stderr.text.strip().splitlines()[-1]
                    found[case.name] = {"ended": plain(last, official.folder)}
                    continue
                answered = exchange(case, official.port, None, _NO_ANSWER_SECONDS)
                found[case.name] = outcome_of(answered, official.folder, group)
        if group.log:
            written = (official.stdout.text, official.stderr.text)
            stdout, stderr = (log_lines(text, official.folder) for text in written)
            found[cases[0].name] |= {"stdout": stdout, "stderr": stderr}
    return found
