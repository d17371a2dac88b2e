"""The search for needles in bytes, and in the compressed streams within them."""

from __future__ import annotations

import mmap
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from faas_seal.scan.compressed import Incomplete, streams
from faas_seal.scan.known_keys import name_of
from faas_seal.scan.needles import Needle, in_lines, needles
from faas_seal.sealing.source import secret_keys_in

WORD = 8
BLOCK = 2**16
OVERLAP = 2**14
MAX_DEPTH = 4


@dataclass(frozen=True, order=True)
class Hit:
    """A canary that was found. `place` tells a person where."""

    place: str
    canary: str
    form: str

    def __str__(self) -> str:
        return f"{self.canary} as {self.form} in {self.place}"


class Search:
    """A search for all canaries at once.

    `canaries` maps names to values: text, or bytes that are not text. A needle has at least
    15 bytes, so wherever it lies it covers a whole aligned word of eight. The search looks up
    each word of the data in one set, which takes the same time for any number of needles.
    It looks for a needle itself only where one of its words is found.
    """

    def __init__(self, canaries: Mapping[str, str | bytes], *, any_key: bool = False) -> None:
        """With `any_key`, find every secret key in its text form, too, whoever it belongs to."""
        self.canaries = dict(canaries)
        self._any_key = any_key
        self._by_word: dict[int, set[Needle]] = defaultdict(set)
        for name, value in canaries.items():
            for needle in needles(name, value):
                for stretch in needle.covers():
                    for at in range(WORD):
                        word = int.from_bytes(stretch[at : at + WORD], sys.byteorder)
                        self._by_word[word].add(needle)
        self._words = frozenset(self._by_word)
        self._clean: set[int] = set()

    def without(self, *names: str) -> Search:
        """Return a search for the other canaries."""
        kept = {name: value for name, value in self.canaries.items() if name not in names}
        return Search(kept, any_key=self._any_key)

    def in_bytes(self, data: bytes | mmap.mmap, place: str, depth: int = 0) -> set[Hit]:
        """Search bytes, and the streams compressed in them to a depth of four."""
        hits = {Hit(place, needle.canary, needle.form) for needle in self._found(data)}
        if self._any_key:
            hits |= {Hit(place, name_of(*found), "bytes") for found in secret_keys_in(data)}
        for at, content in streams(data, place):
            if content and depth == MAX_DEPTH:
                raise Incomplete(f"{place} is compressed more than {MAX_DEPTH} times")
            hits |= self.in_bytes(content, f"{place} > stream at {at}", depth + 1)
        return hits

    def in_memory(self, data: bytes, place: str) -> set[Hit]:
        """Search the memory of a process, without the blocks that were clean in an earlier search.

        Forked processes, and a process at another time, have most blocks in common. Blocks
        overlap, so that no needle is cut, and at least the beginning of each stream is seen.
        """
        hits: set[Hit] = set()
        for at in range(0, len(data), BLOCK):
            block = data[at : at + BLOCK + OVERLAP]
            digest = hash(block)
            if digest not in self._clean:
                found = self.in_bytes(block, place)
                hits |= found
                if not found:
                    self._clean.add(digest)
        return hits

    def _found(self, data: bytes | mmap.mmap) -> Iterator[Needle]:
        whole = len(data) // WORD * WORD
        for at in range(0, whole, BLOCK):
            end = min(at + BLOCK, whole)
            with memoryview(data)[at:end] as aligned, aligned.cast("Q") as words:
                present = self._words.intersection(words)
            for needle in set().union(*(self._by_word[word] for word in present)):
                reach = len(needle.run) * (2 if needle.may_be_in_lines else 1)
                start, stop = max(0, at - reach), end + reach
                if data.find(needle.run, start, stop) >= 0 or (
                    needle.may_be_in_lines and in_lines(needle.run).search(data, start, stop)
                ):
                    yield needle
