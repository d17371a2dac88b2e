"""Pushes of code to a running function, through the gateway's interface to secrets."""
