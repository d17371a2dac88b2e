"""Run the official template's index.py as `python index.py` does, on a port of 127.0.0.1.

    python launch.py PORT

Only where waitress listens differs: index.py says 0.0.0.0:5000.
"""

import runpy
import sys
from pathlib import Path
from typing import Any

import waitress

serve = waitress.serve


def serve_here(app: Any, **options: Any) -> None:
    serve(app, **{**options, "host": "127.0.0.1", "port": port})


port = int(sys.argv.pop())
waitress.serve = serve_here
sys.argv[0] = "index.py"
sys.path[0] = str(Path.cwd())
runpy.run_path("index.py", run_name="__main__")
