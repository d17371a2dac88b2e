"""A project on this machine: its stack file, keys, secrets, recipients and template."""
