"""Files that any process of the function makes, or opens for writing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.leaks import traffic
from tests.leaks.client import Client
from tests.leaks.plants import Plants
from tests.leaks.tracing import traced
from tests.support import serve

# What can open or name a file (syscalls(2)).
CALLS = (
    "open,openat,openat2,creat,memfd_create,mknod,mknodat,mkdir,mkdirat,rename,renameat,renameat2,"
    "link,linkat,symlink,symlinkat,truncate"
)
HARMLESS = re.compile(r'\b(?:open|openat|openat2)\((?:.*"/dev/null"|(?!.*O_(?:WRONLY|RDWR|CREAT)))')
# Memory that goes with the process, for a handler that wants a descriptor of one of its files.
MEMORY = re.compile(r'\bmemfd_create\("faas-seal-file-\d+", MFD_CLOEXEC\|MFD_ALLOW_SEALING')
# The second half of a call during which another process was seen.
RESUMED = "resumed>"
SIZE = 40 * 2**20


@pytest.mark.parametrize("libraries", [[], ["flask"]], ids=["plain", "with Flask"])
def test_no_file_is_made_or_written(tmp_path: Path, libraries: list[str]) -> None:
    plants = Plants()
    environ = {
        "TMPDIR": str(tmp_path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPERFSUPPORT": "1",  # would write names to /tmp
    }
    with (
        serve(
            plants.files,
            preload=libraries,
            environ=environ,
            transport=[plants.transport],
            seal_max_body="64MiB",
        ) as function,
        traced(function, tmp_path, CALLS) as trace,
        Client(function, plants) as client,
    ):
        for each in traffic.PATIENT if libraries else (traffic.failures,):
            each(client)
        for act in ("from_data", "from_descriptors", "by_path"):
            assert client.call(act).status == 200
        assert MEMORY.search(trace.read_text()), "no descriptor of a file was asked for"
        body = client.body(SIZE)
        assert client.call("answer", body=body).body == body[::-1]
        if libraries:
            upload(client)
        seen = changes(trace)
        assert not seen, "\n".join(seen)
        assert client.call("write_a_file").status == 200
        assert any(str(tmp_path) in call for call in changes(trace)), "the trace shows no files"


def upload(client: Client) -> None:
    """Send a file as a form does."""
    content = client.body(SIZE // 8)
    body = (
        b'--end\r\nContent-Disposition: form-data; name="upload"; filename="name"\r\n\r\n'
        + content
        + b"\r\n--end--\r\n"
    )
    answer = client.call(
        "receive_upload", body=body, content_type="multipart/form-data; boundary=end"
    )
    assert answer.body == content[::-1]


def changes(trace: Path) -> list[str]:
    """Return the calls that do more than open a file to read it."""
    return [
        line
        for line in trace.read_text().splitlines()
        if not HARMLESS.search(line) and not MEMORY.search(line) and RESUMED not in line
    ]
