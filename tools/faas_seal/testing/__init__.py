"""A function's tests, run on what would be sealed of it."""
