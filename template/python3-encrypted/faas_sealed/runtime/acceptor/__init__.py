"""The acceptor's process: connections, workers and zygotes, and never a byte of a request."""
