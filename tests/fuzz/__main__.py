"""`make fuzz`: judges every parser on many inputs, and says how to see a fault again."""

from __future__ import annotations

import argparse
import secrets
import sys

from tests.fuzz.engine import Found, fuzz
from tests.fuzz.targets import TARGETS


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz",
        description="Mutate the test vectors and judge what each parser makes of them.",
        epilog="example: python -m tests.fuzz stream request-head --inputs 1000 --seed 7",
    )
    parser.add_argument("target", nargs="*", help=f"one of {', '.join(TARGETS)}; all by default")
    parser.add_argument("--inputs", type=int, default=100_000, help="for each, by default 100000")
    parser.add_argument("--seed", type=int, help="the same seed gives the same inputs")
    arguments = parser.parse_args()
    for name in arguments.target:
        if name not in TARGETS:
            parser.error(f"no parser is named {name}")
    seed = secrets.randbelow(2**32) if arguments.seed is None else arguments.seed
    found = 0
    for name in arguments.target or TARGETS:
        try:
            corpus = fuzz(TARGETS[name], arguments.inputs, seed)
        except Found as fault:
            found += 1
            print(fault)
            hint = f"python -m tests.fuzz {name} --inputs {arguments.inputs} --seed {seed}"
            print(f"hint: {hint}", file=sys.stderr)
        else:
            kept = len(corpus) - len(TARGETS[name].seeds)
            print(f"{name}: {arguments.inputs} inputs, {kept} reached new lines", file=sys.stderr)
    return 1 if found else 0


sys.exit(main())
