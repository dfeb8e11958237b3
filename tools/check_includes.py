#!/usr/bin/env python3
"""Checks the map of the source tree.

1. Includes point one way, from room to room, as ROOMS below says.
2. A public header includes nothing but the standard library, flowlogs and absl/status/*. Headers that promise to need
   the standard library only (STD_ONLY) keep the promise through everything that they include.
3. Every path that ARCHITECTURE.md names in backticks exists.

Usage: check_includes.py [ROOT]. Prints "file:line: what is wrong. What to do." for each fault; exit code 1 if there is one.
"""

import re
import sys
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

# Room -> the rooms that it may include, besides itself.
ROOMS: Dict[str, Set[str]] = {
    "schema": set(),
    "io": set(),  # knows no fields
    "parse": {"schema", "io"},
    "query": {"schema", "io", "parse"},
    "insight": {"schema", "io", "parse", "query"},
    "synth": {"schema"},  # shares no code with insight, which it is the test of
}
ROOMS["bindings"] = set(ROOMS)  # and what stands above the rooms: include/flowlogs/*.h, lib/*.cc

# Folders and files that need the standard library only, public or not.
STD_ONLY = ("include/flowlogs/schema/", "lib/schema/", "include/flowlogs/parse/record.h")

STANDARD_HEADERS = set(
    """
    algorithm any array atomic barrier bit bitset charconv chrono codecvt compare complex concepts condition_variable
    coroutine deque exception execution filesystem format forward_list fstream functional future initializer_list iomanip
    ios iosfwd iostream istream iterator latch limits list locale map memory memory_resource mutex new numbers numeric
    optional ostream queue random ranges ratio regex scoped_allocator semaphore set shared_mutex source_location span
    sstream stack stdexcept stop_token streambuf string string_view strstream syncstream system_error thread tuple
    type_traits typeindex typeinfo unordered_map unordered_set utility valarray variant vector version
    cassert cctype cerrno cfenv cfloat cinttypes climits clocale cmath csetjmp csignal cstdarg cstddef cstdint cstdio
    cstdlib cstring ctime cuchar cwchar cwctype
    """.split()
)

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


class Fault(NamedTuple):
    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


class Include(NamedTuple):
    line: int
    name: str  # as written
    target: Optional[str]  # the file of this project, from its root, if it is one


class Tree:
    """The source files below a root, and what they include."""

    def __init__(self, root: Path):
        self.root = root
        self._includes: Dict[str, List[Include]] = {}

    def sources(self) -> Iterator[str]:
        for folder in ("include", "lib", "bindings"):
            for path in sorted((self.root / folder).rglob("*")):
                if path.suffix in (".h", ".cc", ".inc"):
                    yield path.relative_to(self.root).as_posix()

    def includes(self, file: str) -> List[Include]:
        if file not in self._includes:
            found = []
            text = (self.root / file).read_text(encoding="utf-8", errors="replace")
            for number, line in enumerate(text.splitlines(), start=1):
                match = INCLUDE.match(line)
                if match:
                    found.append(Include(number, match[2], self._resolve(file, match[1], match[2])))
            self._includes[file] = found
        return self._includes[file]

    def _resolve(self, file: str, bracket: str, name: str) -> Optional[str]:
        bases = [self.root / "include", self.root]
        if bracket == '"':
            bases.insert(0, (self.root / file).parent)
        for base in bases:
            path = (base / name).resolve()
            if path.is_file() and self.root.resolve() in path.parents:
                return path.relative_to(self.root.resolve()).as_posix()
        return None


def room_of(file: str) -> Optional[str]:
    match = re.match(r"(?:include/flowlogs|lib)/([^/]+)/", file)
    if match:
        return match[1]
    return "bindings" if file.startswith(("bindings/", "include/flowlogs/", "lib/")) else None


def check_rooms(tree: Tree) -> Iterator[Fault]:
    for file in tree.sources():
        room = room_of(file)
        if room not in ROOMS:
            yield Fault(file, 1, f"the folder {room} is no room of the project. Put the file into one of "
                                 f"{', '.join(sorted(ROOMS))}, or add the room to ROOMS in tools/check_includes.py.")
            continue
        for include in tree.includes(file):
            if include.target is None:
                if include.name.startswith(("flowlogs/", "lib/")):
                    yield Fault(file, include.line, f'"{include.name}" does not exist. Correct the path.')
                continue
            other = room_of(include.target)
            if other != room and other not in ROOMS[room]:
                allowed = ", ".join(sorted(ROOMS[room])) or "no other room"
                place = "which stands above the rooms" if other == "bindings" else f"of room {other}"
                yield Fault(file, include.line,
                            f'room {room} must not include "{include.name}" {place}: includes point one way, and '
                            f"{room} may include {allowed}. Move what is needed down into a lower room, or this code up.")


def is_standard(name: str) -> bool:
    return name in STANDARD_HEADERS or (name.endswith(".h") and "c" + name[:-2] in STANDARD_HEADERS)


def check_public_headers(tree: Tree) -> Iterator[Fault]:
    for file in tree.sources():
        if not file.startswith("include/"):
            continue
        for include in tree.includes(file):
            if include.target is not None:
                if not include.target.startswith("include/"):
                    yield Fault(file, include.line, f'a public header must not include the private "{include.name}": it is '
                                                    "not installed. Move the declaration, or hide it behind a pointer.")
            elif not is_standard(include.name) and not include.name.startswith(("absl/status/", "flowlogs/")):
                yield Fault(file, include.line, f"a public header must not include {include.name}: only the standard "
                                                "library and absl/status/ may be seen by users (CONTRACT C2). Include it in "
                                                "the .cc file and hide the type behind a pointer.")


def check_std_only(tree: Tree) -> Iterator[Fault]:
    for file in tree.sources():
        if not file.startswith(STD_ONLY):
            continue
        # (file, line of the first step in `file`, the way there)
        todo: List[Tuple[str, int, str]] = [(file, 0, "")]
        seen = {file}
        while todo:
            current, first_line, way = todo.pop()
            for include in tree.includes(current):
                line = first_line or include.line
                if include.target is None:
                    if not is_standard(include.name):
                        yield Fault(file, line, f"needs the standard library only (CONTRACT C1) but includes "
                                                f"{include.name}{way}. Move what needs it into another file.")
                elif include.target not in seen:
                    seen.add(include.target)
                    todo.append((include.target, line, f" by way of {include.target}"))


# A path: words joined by slashes, perhaps with a pattern; not a command, URL, option, name in <brackets>, or code.
PATH = re.compile(r"^[A-Za-z0-9_.+-]+(/[A-Za-z0-9_.*+-]+)*/?$")
MADE_BY_THE_BUILD = ("build/", ".venv/", "dist/")
OF_OTHERS = ("absl/", "re2/", "gtest/", "benchmark/", "pybind11/")


def check_architecture(tree: Tree) -> Iterator[Fault]:
    page = tree.root / "ARCHITECTURE.md"
    if not page.exists():
        return
    fenced = False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        if fenced:
            continue
        for name in re.findall(r"`([^`]+)`", line):
            if "/" not in name or not PATH.match(name) or name.startswith(MADE_BY_THE_BUILD + OF_OTHERS):
                continue
            for base in (tree.root, tree.root / "include"):
                if any(base.glob(name.rstrip("/"))) and (not name.endswith("/") or "*" in name or (base / name).is_dir()):
                    break
            else:
                yield Fault("ARCHITECTURE.md", number, f"`{name}` does not exist. Correct the path; if it is none, write it "
                                                       "without backticks.")


def check(root: Path) -> List[Fault]:
    tree = Tree(root)
    return [*check_rooms(tree), *check_public_headers(tree), *check_std_only(tree), *check_architecture(tree)]


def main() -> int:
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    faults = check(root)
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
