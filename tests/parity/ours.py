"""The template of this project, run with a sealed handler."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from faas_seal.sealing.imports import libraries

from tests.parity.case import CALL_ID, Group
from tests.parity.outcome import Outcome, exchange, log_lines, outcome_of
from tests.support import PATIENCE, serve

# Of the files. A zip has no time before 1980.
_CREATED = 1_700_000_000


def outcomes(
    group: Group, environ: Mapping[str, str], preload: tuple[str, ...] = ()
) -> dict[str, Outcome]:
    """Return what comes of each case of a group. `preload` is beside what it imports."""
    files = group.files()
    modules = [ast.parse(content) for name, content in files.items() if name.endswith(".py")]
    imported = {*libraries(files, modules), *preload}
    variables = {**environ, **group.settings}
    found: dict[str, Outcome] = {}
    batches = [(case,) for case in group.cases] if group.log else [group.cases]
    for cases in batches:
        with serve(files, preload=imported, environ=variables, created=_CREATED) as function:
            for case in cases:
                answered = exchange(case, function.port, function.key, PATIENCE)
                found[case.name] = outcome_of(answered, None, group, function.open_trace)
        if group.log:
            stdout, stderr = (
                log_lines(written.text.replace(CALL_ID, "CALL"), None)
                for written in (function.stdout, function.stderr)
            )
            found[cases[0].name] |= {"stdout": stdout, "stderr": stderr}
    return found
