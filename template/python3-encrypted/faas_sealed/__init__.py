"""The package for sealed functions: their formats, and the runtime of a function in a container.

The package lives in the template, because the template must stand alone. It is installed with
the `faas-seal` command too, so that both read and write the same bytes.
"""

__version__ = "0.1.0"
