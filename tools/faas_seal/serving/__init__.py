"""The local gateway, which serves the functions of a stack file without Docker or a cluster.

It stands for gateway, provider and watchdog at once. Behind it each function runs in the
template's own index.py, started as the watchdog would start it.
"""
