"""What runs in the container.

`main` verifies the sealed file. The `acceptor` accepts connections and hands each that
has something to say to a `worker`, forked by the `zygote`. The worker alone reads the
request, holds the key and the plaintext, and answers.
"""
