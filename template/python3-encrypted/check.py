"""The build's check that the sealed file is whole. This module is not in the image.

A build has no key and does not know which author the function trusts, so the signature
is checked with the author that the file itself names. This finds files that were cut,
or whose line ends were converted, on their way. The runtime compares the author.
"""

from __future__ import annotations

import sys
from pathlib import Path

from faas_sealed.formats.errors import SealError
from faas_sealed.formats.file import claimed_author, verify

data = Path("function/function.sealed").read_bytes()
try:
    sealed = verify(data, claimed_author(data))
except SealError as error:
    sys.exit(f"faas-seal: error: function.sealed: {error}\nhint: faas-seal seal NAME")
print(f"{sealed.header.function}: content {sealed.header.content_id}")
