"""Pushing code to a function that runs, past faas-cli: the gateway's interface to secrets."""
