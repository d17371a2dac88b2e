"""A function's tests, run on exactly what would be sealed."""
