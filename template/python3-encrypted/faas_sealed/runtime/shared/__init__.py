"""What acceptor, zygote and workers have in common: memory, messages, the log, what is deployed."""
