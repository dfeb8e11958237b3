#!/usr/bin/env python3
"""Fails if the object file of a kernel (lib/parse/kernel_*.cc) defines a weak symbol.

A kernel's functions are compiled for one kind of CPU. If one of them also makes a copy of an inline function or template
that other files share, the linker keeps one copy for the whole program, perhaps the kernel's: on an older CPU that is an
illegal instruction, in a place that has nothing to do with kernels. So everything in a kernel has internal linkage but its
one entry, and it includes nothing but intrinsics and its contract.

Usage: check_kernels.py [--nm NM] [--expect N] OBJECT... (objects that are no kernels are passed over; with --expect it is
also a fault if there are not N kernels among them)
"""

import argparse
import re
import subprocess
import sys
from typing import List

KERNEL = re.compile(r"(^|/)parse/kernel_[^/]*\.(o|obj)$")
# A pointer for exception tables, the same in every object; it holds no instructions.
HARMLESS = re.compile(r"^DW\.ref\.")


def weak_symbols(nm: str, object_file: str) -> List[str]:
    listing = subprocess.run([nm, "-C", object_file], check=True, stdout=subprocess.PIPE, universal_newlines=True).stdout
    weak = []
    for line in listing.splitlines():
        match = re.match(r"^[0-9a-fA-F]*\s+([WwVvu])\s+(.*)$", line)
        if match and not HARMLESS.match(match[2]):
            weak.append(match[2])
    return weak


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nm", default="nm")
    parser.add_argument("--expect", type=int)
    parser.add_argument("objects", nargs="*")
    options = parser.parse_args()
    kernels = [name for name in options.objects if KERNEL.search(name)]
    faults = 0
    for name in kernels:
        for symbol in weak_symbols(options.nm, name):
            faults += 1
            source = re.sub(r"^.*/(parse/kernel_[^/]*)\.(o|obj)$", r"lib/\1", name)
            print(f"{source}: defines the weak symbol {symbol}: an inline function or template that other files share was "
                  "compiled with this kernel's instructions. Make it static in the kernel, or call it from outside.")
    if options.expect is not None and options.expect != len(kernels):
        faults += 1
        print(f"{len(kernels)} kernels among the objects, not {options.expect}: check the pattern KERNEL in {__file__}.")
    if not faults:
        print(f"{len(kernels)} kernels, no weak symbol")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
