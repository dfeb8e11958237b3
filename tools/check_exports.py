#!/usr/bin/env python3
"""Fails if the Python module exports anything but its entry, PyInit__core.

Other modules in the same process may carry another Abseil or RE2. Symbols that ours exports could be taken for theirs.

Usage: check_exports.py [--nm NM] MODULE
"""

import argparse
import subprocess
import sys


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nm", default="nm")
    parser.add_argument("module")
    options = parser.parse_args()
    listing = subprocess.run([options.nm, "-D", "-C", "--defined-only", options.module], check=True,
                             stdout=subprocess.PIPE, universal_newlines=True).stdout
    exported = [line.split(maxsplit=2)[-1] for line in listing.splitlines()]
    faults = [symbol for symbol in exported if symbol != "PyInit__core"]
    for symbol in faults[:20]:
        print(f"{options.module}: exports {symbol}. Link the module with bindings/exports.map.")
    if len(faults) > 20:
        print(f"... and {len(faults) - 20} more")
    if not faults:
        print("exports PyInit__core and nothing else")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
