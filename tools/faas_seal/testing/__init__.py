"""The running of a function's tests on exactly what would be sealed of it."""
