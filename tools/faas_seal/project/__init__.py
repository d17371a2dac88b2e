"""A project on this machine: its stack file, its keys, secrets and recipients, its template."""
