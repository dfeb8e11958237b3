"""What a process costs as a whole: peak memory while it reads standard input or a file, and the time to start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Dict, List, Optional, Tuple

# Prints the seconds of a run, its answer and the peak of the memory. VmHWM, because the figure of getrusage() begins
# with the memory of the process that started this one.
CHILD = """
import json, sys, time
import flowlogs as fl
begin = time.perf_counter()
answer = None
if len(sys.argv) > 1:
    query = fl.scan(sys.argv[1], threads=int(sys.argv[2])).filter("action = 'REJECT'")
    query = query.group_by("srcaddr").agg(n=fl.count()).sort("n", descending=True).head(10)
    answer = query.collect().stats.records
seconds = time.perf_counter() - begin
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps([seconds, answer, int(peak.split()[1]) * 1024]))
"""


def peak(package: Path, source: Optional[Path], times: int, threads: int) -> Tuple[float, int, int]:
    """Seconds, records and peak bytes of "rejected, top sources".

    `times` 0 reads the file by its path, n reads it n times through a pipe; without a source nothing is read.
    """
    command = [sys.executable, "-c", CHILD]
    if source is not None:
        command += ["-" if times else str(source), str(threads)]
    environment = {**os.environ, "PYTHONPATH": str(package), "PYTHONDONTWRITEBYTECODE": "1"}
    cat = None
    if source is not None and times:
        cat = subprocess.Popen(["cat", *[str(source)] * times], stdout=subprocess.PIPE)
    done = subprocess.run(command, env=environment, stdin=cat.stdout if cat else subprocess.DEVNULL,
                          stdout=subprocess.PIPE, text=True, check=True)  # fmt: skip
    if cat is not None and cat.stdout is not None:
        cat.stdout.close()
        cat.wait()
    seconds, records, peak_bytes = json.loads(done.stdout)
    return seconds, records, peak_bytes


def starts(package: Path, rounds: int) -> Dict[str, List[float]]:
    """Seconds of whole processes: the interpreter alone, with `import flowlogs`, and `flowlogs --version`."""
    commands = {
        "interpreter": ["-c", "pass"],
        "import flowlogs": ["-c", "import flowlogs"],
        "flowlogs --version": ["-m", "flowlogs", "--version"],
    }
    environment = {**os.environ, "PYTHONPATH": str(package)}  # with its .pyc files, as an installed package has
    samples: Dict[str, List[float]] = {name: [] for name in commands}
    for i in range(rounds + 1):
        for name, arguments in commands.items():
            begin = time.perf_counter()
            subprocess.run([sys.executable, *arguments], env=environment, stdout=subprocess.DEVNULL, check=True)
            if i > 0:
                samples[name].append(time.perf_counter() - begin)
    return samples
