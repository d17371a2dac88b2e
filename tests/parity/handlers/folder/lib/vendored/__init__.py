from importlib.metadata import version
from .inner import VALUE

__version__ = version("vendored")
