"""The ground under acceptor, zygote and workers: shared memory, messages, log, what is deployed."""
