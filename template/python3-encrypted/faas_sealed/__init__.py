"""Sealed functions: the formats, and the runtime that executes them in a container.

The package lives in the template, which must stand alone, and is installed with the
`faas-seal` command too, so that both read and write the same bytes.
"""

__version__ = "0.1.0"
