"""The function's processes in the container: acceptor, zygote and workers.

`main` verifies the sealed file. The `acceptor` accepts connections, and hands each connection
that becomes readable to a `worker`, which the `zygote` has forked. The worker alone reads the
request, holds the key and the plaintext, and answers. The author's code runs in the worker;
`handler` loads it.
"""
