"""What is wrong on this machine, in the stack file, with keys and at the gateway."""
