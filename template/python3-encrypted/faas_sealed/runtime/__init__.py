"""The function's processes in the container: acceptor, zygote and workers.

`main` verifies the sealed file. The `acceptor` accepts connections, and hands each connection
that has something to say to a `worker`, forked by the `zygote`. The worker alone reads the
request, holds the key and the plaintext, and answers. The author's code runs in the worker, and
`handler` loads it.
"""
