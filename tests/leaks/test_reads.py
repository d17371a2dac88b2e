"""The bytes that a process takes from the kernel: a request's go to its worker alone."""

from __future__ import annotations

from pathlib import Path

from tests.leaks import traffic
from tests.leaks.client import Client
from tests.leaks.plants import Plants
from tests.leaks.tracing import traced
from tests.runtime.processes import zygote
from tests.support import serve

# What can bring bytes into a process (syscalls(2)).
CALLS = (
    "read,readv,pread64,preadv,preadv2,recvfrom,recvmsg,recvmmsg,mmap,splice,tee,vmsplice,"
    "process_vm_readv"
)
# strace shows no more than this of each.
BYTES = 2**20
TRAFFIC = (
    traffic.answers,
    traffic.idle_connections,
    traffic.refused_keys,
    traffic.tokens,
    traffic.failures,
)


def test_acceptor_and_zygote_read_no_byte_of_a_request(tmp_path: Path) -> None:
    plants = Plants()
    with serve(plants.files, transport=[plants.transport]) as function:
        keepers = {function.process.pid, zygote(function)}
        with (
            traced(function, tmp_path, CALLS, "--output-separately", f"--string-limit={BYTES}"),
            Client(function, plants) as client,
        ):
            for each in TRAFFIC:
                each(client)
    canaries = (plants.header, plants.path, plants.query, plants.body, function.key)
    read = {
        int(path.suffix[1:]): path.read_text("utf-8", "replace")
        for path in tmp_path.glob("trace.*")
    }
    assert keepers < set(read)
    by_workers = "".join(text for pid, text in read.items() if pid not in keepers)
    # The trace shows what a process reads.
    assert [canary for canary in canaries if canary not in by_workers] == []
    by_keepers = "".join(read[pid] for pid in keepers)
    assert [canary for canary in canaries if canary in by_keepers] == []
