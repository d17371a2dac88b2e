"""Send the corpus through the real gateway, and keep what comes of it.

    PYTHON3_HTTP=…/python-flask-template/template/python3-http python -m tests.corpus.record

It is sent twice: to the official template of that folder, and to ours.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from faas_sealed.formats.keys import AUTHOR_PUBLIC, FUNCTION_KEY

from tests.corpus import outcomes, requests_sent
from tests.corpus.chain import GATEWAY, chain, missing
from tests.corpus.outcomes import Outcome
from tests.corpus.written import WRITTEN
from tests.parity.official import LAUNCH
from tests.parity.record import VARIABLE
from tests.support import INDEX, free_port, seal_files

HANDLER = Path(__file__).parent / "handler.py"
CONNECTIONS = (*requests_sent.read(), *WRITTEN)


def of_official(template: Path) -> dict[str, list[Outcome]]:
    """Return the outcomes behind the real gateway of the official template."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(template / "index.py", folder)
        (folder / "function").mkdir()
        (folder / "function" / "__init__.py").touch()
        shutil.copy(HANDLER, folder / "function" / "handler.py")
        port = free_port()
        with chain([sys.executable, str(LAUNCH), str(port)], folder, {}, port):
            return all_outcomes(GATEWAY, requests_sent.NAME, None)


def of_ours() -> dict[str, list[Outcome]]:
    """Return the outcomes behind the real gateway of our template."""
    function_key, seed = os.urandom(32), os.urandom(32)
    sealed = seal_files({"handler.py": HANDLER.read_bytes()}, function_key, seed, ["flask"])
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "function.sealed").write_bytes(sealed.serialise())
        environ = {
            "seal_author": AUTHOR_PUBLIC.encode(sealed.header.author),
            "seal_file": str(folder / "function.sealed"),
        }
        with chain([sys.executable, str(INDEX)], folder, environ, free_port()):
            key = FUNCTION_KEY.encode(function_key)
            return all_outcomes(GATEWAY, requests_sent.NAME, key)


def all_outcomes(gateway: tuple[str, int], name: str, key: str | None) -> dict[str, list[Outcome]]:
    """Return what comes of the whole corpus at a gateway's address."""
    return {each.name: outcomes.exchange(each, gateway, name, key) for each in CONNECTIONS}


def main() -> int:
    template = Path(os.environ.get(VARIABLE, ""))
    why = missing()
    if not (template / "index.py").is_file() or not os.environ.get(VARIABLE):
        why = f"{VARIABLE} names no folder of the official template"
    if why:
        print(f"error: {why}", file=sys.stderr)
        return 2
    outcomes.write(of_official(template), of_ours())
    return 0


if __name__ == "__main__":
    sys.exit(main())
