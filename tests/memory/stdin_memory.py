"""600 MB on standard input are answered in less than 64 MiB of memory (DESIGN 2.8: only group state grows).

Pipes the records of tests/data over and over into `python -m flowlogs VERB ... -` and reads the peak of its resident
memory, interpreter included. `query` reads them once; `summary` reads them twice, from an unnamed temporary file (CONTRACT
D1). Linux: ru_maxrss is in KiB there.
"""

import json
import os
import pathlib
import subprocess
import sys
import time

MOST_BYTES = 64 << 20
INPUT_BYTES = 600_000_000
SAMPLE = pathlib.Path(__file__).resolve().parent.parent / "data" / "internet-noise-v2.log"


def run(verb: list, header: bytes, piece: bytes, pieces: int) -> dict:
    """The verb's answer to the header and the piece, so many times."""
    begin = time.monotonic()
    command = [sys.executable, "-m", "flowlogs", *verb, "-o", "json", "-"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write(header)
    for _ in range(pieces):
        child.stdin.write(piece)
    child.stdin.close()
    answer = json.loads(child.stdout.read())
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)  # Popen must not wait again
    peak = usage.ru_maxrss * 1024
    print(
        "%s: %d bytes in %.1f s, %.1f MiB of memory"
        % (verb[0], pieces * len(piece), time.monotonic() - begin, peak / (1 << 20))
    )
    assert child.returncode == 0, child.returncode
    assert peak < MOST_BYTES, peak
    return answer


def main() -> int:
    header, *records = SAMPLE.read_bytes().splitlines(keepends=True)
    expected: dict = {}
    for record in records:
        action = record.split()[12].decode()
        expected[action] = expected.get(action, 0) + 1
    piece = b"".join(records) * 20
    pieces = INPUT_BYTES // len(piece) + 1
    expected = {action: n * 20 * pieces for action, n in expected.items()}

    rows = run(["query", "--group-by", "action"], header, piece, pieces)
    assert {row["action"]: row["count"] for row in rows} == expected, rows
    summary = run(["summary"], header, piece, pieces)
    assert summary["actions"] == expected and summary["bytes"] == 4_722_101 * 20 * pieces, summary
    return 0


if __name__ == "__main__":
    sys.exit(main())
