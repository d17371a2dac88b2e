"""Patterns that leave files out of a seal: those that always hold, and those of `.sealignore`."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import pathspec

from faas_seal.errors import SourceRefused
from faas_seal.project.texts import read_text

IGNORE_FILE = ".sealignore"

# All patterns have the syntax of .gitignore. Tests are apart: a module of such a name may be
# no test at all.
TESTS = """
tests/
test/
test_*.py
*_test.py
conftest.py
"""

DEFAULTS = f"""
{TESTS}
tox.ini
.tox/
.nox/
.coverage
htmlcov/
.hypothesis/
*.py[cod]
*.egg-info/
.*_cache/
.ipynb_checkpoints/

# faas-cli leaves these two out.
/build/
/template/

.venv/
venv/
__pypackages__/
node_modules/

.env
.env.*
.envrc
.netrc
.pypirc
*.key
*.p12
*.pfx
*.jks
*.ppk
*.kdbx
id_rsa
id_dsa
id_ecdsa
id_ed25519

.hg
.svn
.bzr
.jj
CVS/
.gitignore
.gitattributes
.gitmodules
.github/
.gitlab-ci.yml

.idea/
.vscode/
*~
.#*
\\#*#
.*.sw[a-p]
*.orig
*.rej
*.kate-swp
.~lock.*#
~$*
.nfs*
.fuse_hidden*

._*
.DS_Store
__MACOSX/
Thumbs.db
ehthumbs.db
[Dd]esktop.ini
"""

# Left out whatever a `.sealignore` says, and not mentioned.
NEVER = pathspec.GitIgnoreSpec.from_lines(
    [".git", "__pycache__/", ".faas-seal/", ".secrets/", IGNORE_FILE]
)
ONLY_TESTS = pathspec.GitIgnoreSpec.from_lines(TESTS.splitlines())


class Ignored:
    """The patterns that hold in a folder: the later one counts, as in .gitignore."""

    def __init__(self, defaults: Iterable[str], own: Iterable[str] = ()) -> None:
        self._defaults = tuple(defaults)
        self._own = tuple(own)
        self._spec = pathspec.GitIgnoreSpec.from_lines([*self._defaults, *self._own])

    @classmethod
    def of(cls, named: Iterable[str]) -> Ignored:
        """Return the patterns by default. Paths that the stack file itself names are not left out.

        `named` are these paths, relative to the function's folder.
        """
        parts = {
            above for path in named for above in (path, *map(str, PurePosixPath(path).parents))
        }
        taken = [line for part in sorted(parts - {"."}) for line in (f"!/{part}/", f"!/{part}")]
        return cls([*DEFAULTS.splitlines(), *taken])

    def below(self, folder: Path, name: str) -> Ignored:
        """Return the patterns that hold in `folder`, which has this name in the function.

        They are these, and those of a `.sealignore` in the folder. Raises SourceRefused for one
        that cannot be understood.
        """
        file = folder / IGNORE_FILE
        if not file.exists():
            return self
        try:
            lines = read_text(file).splitlines()
            return Ignored(self._defaults, [*self._own, *_beneath(name, lines)])
        except ValueError as error:
            raise SourceRefused(
                f"{file}: {error}", hint="its lines are patterns as in .gitignore"
            ) from None

    def matches(self, name: str) -> bool:
        """Tell whether a name is left out. The name of a folder ends with a slash."""
        return bool(self._spec.check_file(name).include)

    def takes(self, name: str) -> bool:
        """Tell whether a pattern with `!` says that a name is not left out."""
        return self._spec.check_file(name).include is False

    def takes_below(self, folder: str) -> bool:
        """Tell whether a pattern with `!` names something in `folder`, which is left out.

        git would not look into such a folder. But whoever writes `!tests/rates.json` wants it.
        """
        parts = folder.rstrip("/").split("/")
        for line in self._own:
            words = line.strip().lstrip("!").strip("/").split("/")
            if line.startswith("!") and len(words) > len(parts) and words[0] != "**":
                above = zip(parts, words, strict=False)
                if all(fnmatch.fnmatchcase(part, word) for part, word in above):
                    return True
        return False

    def only_as_test(self, name: str) -> bool:
        """Tell whether nothing but the name of a test leaves a file out."""
        others = [line for line in self._defaults if line not in TESTS.split()]
        spec = pathspec.GitIgnoreSpec.from_lines([*others, *self._own])
        return self.matches(name) and not spec.match_file(name)


def _beneath(name: str, lines: Iterable[str]) -> list[str]:
    """Return patterns of a folder's `.sealignore` as patterns of the whole function."""
    if not name:
        return list(lines)
    prefix = "".join(f"\\{letter}" if letter in "\\*?[" else letter for letter in name)
    found = []
    for line in lines:
        mark, pattern = ("!", line[1:]) if line.startswith("!") else ("", line)
        if not pattern.strip() or pattern.startswith("#"):
            continue
        anywhere = "" if "/" in pattern.strip().rstrip("/") else "**/"
        found.append(f"{mark}/{prefix}/{anywhere}{pattern.lstrip('/')}")
    return found
