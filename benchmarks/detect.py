"""detect beside a plain grouped query of the same 5 M records: the ratio of their times, and the peak memory.

    .venv/bin/python benchmarks/detect.py [ROUNDS] [DIRECTORY]        5 rounds; inputs in build/bench/inputs

The two take turns, each run in a process of its own, with two threads. A figure is the median; CPU seconds stand beside
the clock's, for on a machine with neighbours they are what can be compared.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent))

import flowlogs as fl  # noqa: E402
from harness.data import Inputs  # noqa: E402

RUN = """
import json, resource, sys, time
import flowlogs as fl
logs = fl.scan(sys.argv[2], threads=2)
begin = time.perf_counter()
if sys.argv[1] == "plain":
    answer = len(logs.group_by("srcaddr").agg(bytes="sum(bytes)", flows="count()").collect())
else:
    answer = len(logs.detect().findings)
seconds = time.perf_counter() - begin
usage = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, answer]))
"""


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    directory = Path(sys.argv[2] if len(sys.argv) > 2 else "build/bench/inputs")
    log = Inputs(fl, directory, 1.0).default()
    samples = {"plain": [], "detect": []}
    for _ in range(rounds + 1):
        for what, runs in samples.items():
            out = subprocess.run([sys.executable, "-c", RUN, what, str(log.path)], stdout=subprocess.PIPE, check=True)
            runs.append(json.loads(out.stdout))
    figures = {}
    for what, runs in samples.items():
        if len({run[3] for run in runs}) != 1:
            raise SystemExit(f"{what}: another answer in another run")
        figures[what] = [median(run[i] for run in runs[1:]) for i in range(3)]  # the first warms the page cache
        seconds, cpu, memory = figures[what]
        print(f"{what:<7}{seconds:8.3f} s  {cpu:8.3f} s of CPU  {memory:6.0f} MiB  answer {runs[0][3]}")
    plain, detect = figures["plain"], figures["detect"]
    print(f"detect / plain: {detect[0] / plain[0]:.1f} by the clock, {detect[1] / plain[1]:.1f} by CPU; {log.records:,} records")


if __name__ == "__main__":
    main()
