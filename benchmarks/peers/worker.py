"""How a peer is talked to: it is a process that stays, so that its threads and its memory are warm as ours are.

It begins with one line of JSON, {"version": ...} or {"error": ...}. From then on a line "work<TAB>path" comes in and
a line goes out: {"seconds": ..., "answer": [[...], ...]} or {"error": ...}. The clock runs over `run(path)` alone: from
a path to an answer, with nothing kept from the run before. What a result holds is found out by `answer`, off the clock.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from typing import Any, Callable, Dict, List, Tuple, Union

Run = Callable[[str], Any]
Works = Dict[str, Union[Run, Tuple[Run, Callable[[Any], Any]]]]


def option(name: str, default: str = "") -> str:
    """The value of `--name value` on the command line."""
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else default


def text_fields() -> List[str]:
    """Names of the fields that hold text, as a header has them.

    An account is "unknown" once in ten thousand lines, which a reader that infers types from the first lines trips over.
    So the other peers are told what DuckDB is told.
    """
    import flowlogs

    return [field["name"] for field in flowlogs.fields() if field["type"] == "text"]


def say(**values: Any) -> None:
    print(json.dumps(values), flush=True)


def give_up(why: str) -> None:
    say(error=why)
    raise SystemExit(0)


def serve(version: str, works: Works) -> None:
    say(version=version)
    for request in sys.stdin:
        name, path = request.rstrip("\n").split("\t")
        try:
            work = works[name]
            run, answer = work if isinstance(work, tuple) else (work, lambda rows: rows)
            gc.collect()
            begin = time.perf_counter()
            result = run(path)
            seconds = time.perf_counter() - begin
            say(seconds=seconds, answer=answer(result))
            del result
        except Exception as problem:  # a peer that fails is a row that says so
            say(error=f"{type(problem).__name__}: {problem}")
