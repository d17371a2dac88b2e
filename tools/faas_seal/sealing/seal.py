"""One seal of a stack file's functions: all are planned in memory before anything is written."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from faas_sealed.formats.keys import AUTHOR_SEED, FUNCTION_KEY, author_public
from faas_sealed.formats.primitives import KEY_BYTES

from faas_seal.errors import UsageError
from faas_seal.project import keystore
from faas_seal.project.key_source import KeySource
from faas_seal.project.secrets import transport_secret
from faas_seal.project.source_folder import source_of
from faas_seal.project.stack_edits import SEALED_COPIES
from faas_seal.project.stackfile import StackFile
from faas_seal.sealing.exposure import password_in, warnings_for, warnings_of_project
from faas_seal.sealing.imports import unexplained
from faas_seal.sealing.kernel_paths import kernel_paths
from faas_seal.sealing.options import SealOptions
from faas_seal.sealing.plan import Plan, make_plan
from faas_seal.sealing.python_source import THIS_PYTHON
from faas_seal.sealing.setting_checks import unknown_settings
from faas_seal.sealing.writing import pointing_to_sealed, write_plans


@dataclass(frozen=True)
class Seal:
    """The plans of functions that are sealed together, and the stack file before and after.

    `new_author_seed` is the author's signing seed (32 bytes) if it was made for this seal. It
    and the new keys of the plans are to be written before everything else.
    """

    before: StackFile
    after: StackFile
    plans: tuple[Plan, ...]
    new_author_seed: bytes | None = field(default=None, repr=False)

    @property
    def edits_stack_file(self) -> bool:
        """Whether the stack file changes."""
        return self.after is not self.before

    def write_author_key(self) -> Path | None:
        """Write the signing key if it is new, and return its path."""
        return None if self.new_author_seed is None else keystore.add_author(self.new_author_seed)

    def write(self) -> None:
        """Write everything but the keys."""
        write_plans(self.plans, self.before, self.after)

    def warnings(self) -> Iterator[str]:
        """Yield a line for each thing that a person should know or mend."""
        yield from warnings_of_project(self.after)
        for plan in self.plans:
            yield from self._warnings_for(plan)

    def _warnings_for(self, plan: Plan) -> Iterator[str]:
        name = plan.name
        yield from warnings_for(self.after, name, source_of(plan.function))
        yield from unknown_settings(plan.function)
        if file := password_in(plan.source):
            yield f"{file} of {name} has a password in an address, which goes into the image"
        if gone := plan.source.gone:
            version = ".".join(map(str, plan.source.python))
            yield f"{name} imports {', '.join(gone)}, which Python {version} does not have"
        for module in plan.source.own_modules:
            yield f"{name} imports {module}, a module of its own: from .{module} import …"
        for line in kernel_paths(plan.source.files, plan.source.trees):
            yield f"{name}: {line}"
        function = self.after.function(name)
        if plan.transport is None and function.environment.get("seal_transport"):
            yield (
                f"{self.after.path.name} still gives {name} the secret "
                f"{transport_secret(function)}, which it does not need: "
                "take it out of secrets and of environment"
            )
        for recipient in plan.terms.recipients:
            if recipient.expires is not None and recipient.expires <= time.time():
                yield f"{name} no longer opens for {recipient.shown}, whose key has expired"
        requirements = plan.source.required.text.decode()
        if missing := unexplained(plan.source.libraries, requirements):
            yield f"{name} imports {', '.join(missing)}, which requirements.txt lacks"
        for missed, importer in plan.source.missed.items():
            yield f"{name} is sealed without {missed}, which {importer} imports"

    def notes(self) -> Iterator[str]:
        """Yield a line for each thing that is in order, but that a person should know."""
        if self.before.extra_paths and not self.after.extra_paths:
            yield (
                f"{', '.join(self.before.extra_paths)}: sealed with each function from now on, "
                f"and no longer copied in clear ({'.'.join(SEALED_COPIES)})"
            )
        for plan in self.plans:
            source = plan.source
            for taken, importer in source.taken_along.items():
                yield f"{plan.name}: {taken} is sealed, too, because {importer} imports it"
            if source.newer:
                version, mine = (".".join(map(str, v)) for v in (source.python, THIS_PYTHON))
                yield (
                    f"{plan.name}: {', '.join(source.newer)} is for Python {version}, which the "
                    f"image has; Python {mine} here can seal it, but not execute it"
                )


def plan_seal(stack: StackFile, options: SealOptions) -> Seal:
    """Seal functions in memory. Nothing is written, so that an error leaves everything as it was.

    Raises SealError for the first thing that is not in order.
    """
    chosen = stack.chosen(options.names)
    if (options.key or options.transport_key) and len(chosen) > 1:
        raise UsageError("one key cannot be for several functions", hint="name one function")
    if options.key.file == options.author_key.file == "-":
        raise UsageError("only one key can come from standard input")
    seed, is_new = _signing_seed(options.author_key)
    author = author_public(seed)
    key = options.key.read(FUNCTION_KEY) if options.key else None
    plans = []
    for function in chosen:
        plan = make_plan(stack, function, author, options, function_key=key)
        plans.append(plan.signed(seed, anew=options.anew))
    after = stack
    for plan in plans:
        after = pointing_to_sealed(after, plan.function, author, plan.transport)
    return Seal(stack, after, tuple(plans), seed if is_new else None)


def _signing_seed(source: KeySource) -> tuple[bytes, bool]:
    """Return the author's signing seed (32 bytes), and whether it is new."""
    if source:
        return source.read(AUTHOR_SEED), False
    if keystore.author_key_path().exists():
        return keystore.author_seed(), False
    return os.urandom(KEY_BYTES), True
