"""600 MB on standard input are answered in less than 64 MiB of memory (DESIGN 2.8: only group state grows).

Pipes the records of tests/data over and over into `python -m flowlogs query --group-by action -` and reads the peak of
its resident memory, interpreter included. Linux: ru_maxrss is in KiB there.
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


def main() -> int:
    header, *records = SAMPLE.read_bytes().splitlines(keepends=True)
    expected: dict = {}
    for record in records:
        action = record.split()[12].decode()
        expected[action] = expected.get(action, 0) + 1
    piece = b"".join(records) * 20
    pieces = INPUT_BYTES // len(piece) + 1

    command = [sys.executable, "-m", "flowlogs", "query", "--group-by", "action", "-o", "json", "-"]
    begin = time.monotonic()
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write(header)
    for _ in range(pieces):
        child.stdin.write(piece)
    child.stdin.close()
    rows = json.loads(child.stdout.read())
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)  # Popen must not wait again
    peak = usage.ru_maxrss * 1024
    print(
        "%d bytes in %.1f s, %.1f MiB of memory"
        % (pieces * len(piece), time.monotonic() - begin, peak / (1 << 20))
    )
    counted = {row["action"]: row["count"] for row in rows}
    assert child.returncode == 0, child.returncode
    assert counted == {action: n * 20 * pieces for action, n in expected.items()}, counted
    assert peak < MOST_BYTES, peak
    return 0


if __name__ == "__main__":
    sys.exit(main())
