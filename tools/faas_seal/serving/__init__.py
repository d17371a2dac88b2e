"""The local gateway: serves the functions of a stack file without Docker or a cluster.

It stands for the gateway, the provider and the watchdog at once. The function behind it
is the template's own index.py, started as the watchdog would start it.
"""
