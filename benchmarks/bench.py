"""flowlogs beside its peers: one run, one table.   make bench, make bench QUICK=1

    benchmarks/bench.py            builds, makes the inputs, compares the answers, measures, prints, writes results.json
    benchmarks/bench.py --quick    a tenth of the records and few rounds: to try the benchmark itself
    benchmarks/bench.py --readme   writes the tables of build/bench/results.json into README.md

How: every contender is a process that stays (harness/workers.py). Its first run is compared with DuckDB's answer and
thrown away; then all contenders of a question take turns. A figure is the median; a ratio is one of medians. Each run
starts from a path and keeps nothing: the page cache is the only cache. Files were read from disk once before
(harness/data.py).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

from harness import build, process_cost, report  # noqa: E402
from harness.data import Input, Inputs  # noqa: E402
from harness.workers import Contender, Measured, NotRun, Worker, difference, measure, peer  # noqa: E402

QUESTIONS = {  # rows of the answer; 0: all groups
    "count_by_action": 0,
    "top_sources": 10,
    "rejected_sources": 10,
    "bins_by_action": 0,
    "ports_per_rejected_source": 10,
    "five_tuples": 10,
}
NEEDED = ("flowlogs", "flowlogs, 1 thread", "DuckDB")  # the others may be missing


class Bench:
    def __init__(self, directory: Path, quick: bool) -> None:
        self.directory, self.quick = directory, quick
        self.threads = len(use_two_cpus())
        self.begun = datetime.now(timezone.utc)
        self.commit = git("describe", "--always", "--dirty")
        self.load_average = os.getloadavg()[0]  # of what else goes on: before anything was built
        self.package = build.build(ROOT, directory / "release", ["native_peer"])
        sys.path.insert(0, str(self.package))
        import flowlogs

        self.inputs = Inputs(flowlogs, directory / "data", 0.1 if quick else 1.0)
        self.workers = self._workers()
        self.results: Dict[str, Any] = {"inputs": [], "seconds": {}, "not_run": {}, "cost": {}}

    def _workers(self) -> Dict[str, Worker]:
        package = str(self.package)
        n = str(self.threads)
        native = str(build.program(self.directory / "release", "native_peer"))
        workers = {
            "flowlogs": peer("flowlogs", "--threads", n, PYTHONPATH=package),
            "flowlogs mmap": peer("flowlogs", "--threads", n, "--mmap", "1", PYTHONPATH=package),
            "flowlogs, 1 thread": peer("flowlogs", "--threads", "1", PYTHONPATH=package),
            "flowlogs mmap, 1 thread": peer("flowlogs", "--threads", "1", "--mmap", "1", PYTHONPATH=package),
            "DuckDB": peer("duckdb", "--threads", n, PYTHONPATH=package),
            "DuckDB, 1 thread": peer("duckdb", "--threads", "1", PYTHONPATH=package),
            "Polars": peer("polars", PYTHONPATH=package, POLARS_MAX_THREADS=n),
            "pandas": peer("pandas", PYTHONPATH=package),
            "pandas, PyArrow engine": peer("pandas", "--engine", "pyarrow", PYTHONPATH=package),
            "PyArrow": peer("pyarrow", "--threads", n, PYTHONPATH=package),
            "flowlogs-reader": peer("flowlogs_reader"),
            "native": Worker([native, "--threads", n]),
        }
        try:
            workers["VRL"] = Worker([str(build.vrl(ROOT, self.directory))])
        except NotRun as why:
            workers["VRL"] = Worker([], missing=str(why))
        return workers

    # ---- What is measured --------------------------------------------------------------------------------------------
    def run(self) -> None:
        default = self.inputs.default()
        self.six_questions(default, peers_on_text=True, one_thread=True)
        self.floors(default)
        self.load(default, ["DuckDB", "Polars", "pandas", "pandas, PyArrow engine", "PyArrow"])
        self.gzip(default)
        self.record_loops(self.inputs.for_loops())
        self.memory(default)
        for wide in (self.inputs.custom_29(), self.inputs.all_54()):
            self.six_questions(wide, peers_on_text=False, one_thread=False)
            self.load(wide, ["DuckDB", "Polars", "PyArrow"])
        self.starts()

    def six_questions(self, text: Input, peers_on_text: bool, one_thread: bool) -> None:
        parquet = self.parquet(text)
        for question, limit in QUESTIONS.items():
            right = self.right(question, parquet)
            contenders = [
                self.contender("flowlogs", question, text.path),
                self.contender("flowlogs mmap", question, text.path),
                self.contender("DuckDB", question, parquet, "DuckDB on Parquet"),
            ]
            if one_thread:
                contenders += [
                    self.contender("flowlogs, 1 thread", question, text.path),
                    self.contender("flowlogs mmap, 1 thread", question, text.path),
                    self.contender("DuckDB, 1 thread", question, parquet, "DuckDB on Parquet, 1 thread"),
                ]
            if peers_on_text or question == "top_sources":
                contenders += [
                    self.contender("DuckDB", question, text.path, "DuckDB on the text"),
                    self.contender("Polars", question, text.path, "Polars on the text"),
                ]
            self.measure(f"{text.name}/{question}", contenders, lambda rows: difference(rows, right, limit))

    def floors(self, text: Input) -> None:
        sums: List[Any] = []

        def same_sum(rows: Any) -> Optional[str]:
            sums.append(rows)
            return None if rows == sums[0] else f"the sums are {rows} and {sums[0]}"

        floors = {"avx2_read": "sum, read", "avx2_mmap": "sum, mapped", "avx2_memory": "sum, in memory, 1 thread"}
        contenders = [self.contender("native", work, text.path, name) for work, name in floors.items()]
        contenders.append(Contender("tokenizer, in memory, 1 thread", self.workers["native"], "tokenize", text.path,
                                    checked=False))  # fmt: skip
        seconds, rows = contenders[-1].run()
        if rows != [[text.records]]:
            raise SystemExit(f"bench: the tokenizer found {rows} records of {text.records}")
        self.measure(f"{text.name}/floors", contenders, same_sum)

    def load(self, text: Input, peers: List[str]) -> None:
        _, right = self.workers["DuckDB"].run("load", self.parquet(text))
        names = ["flowlogs", "flowlogs mmap", *peers]
        self.measure(f"{text.name}/load", [self.contender(name, "load", text.path) for name in names],
                     lambda rows: difference(rows, right, 0))  # fmt: skip

    def gzip(self, text: Input) -> None:
        question = "rejected_sources"
        limit = QUESTIONS[question]
        one, eight = self.inputs.compressed(text), self.inputs.eight_compressed()
        self.results["inputs"].append(one.describe())
        self.results["inputs"].append(eight.describe())
        inflate = Contender("ISA-L alone, 1 thread", self.workers["native"], "inflate", one.path, checked=False)
        with contextlib.suppress(NotRun):
            _, rows = inflate.run()
            if rows != [[one.text_bytes]]:
                raise SystemExit(f"bench: ISA-L inflated {rows} of {one.text_bytes} bytes")
        for source, also in ((one, [inflate]), (eight, [])):
            right = self.right(question, source.path)
            contenders = [self.contender(name, question, source.path) for name in ("flowlogs", "flowlogs, 1 thread")]
            contenders += [self.contender(name, question, source.path) for name in ("DuckDB", "Polars")]
            self.measure(f"{source.name}/{question}", contenders + also, lambda rows: difference(rows, right, limit))

    def record_loops(self, text: Input) -> None:
        self.results["inputs"].append(text.describe())
        _, right = self.workers["DuckDB"].run("records", text.path)
        contenders = [
            self.contender("native", "records", text.path, "flowlogs, C++"),
            self.contender("VRL", "records", text.path),
            self.contender("flowlogs", "records", text.path, "flowlogs, Python"),
            self.contender("flowlogs-reader", "records", text.path),
        ]
        self.measure(f"{text.name}/records", contenders, lambda rows: difference(rows, right, 0))

    def memory(self, text: Input) -> None:
        """How time and memory grow: 5 MB, the whole input, and ten times it through a pipe."""
        small = self.inputs.small()
        compressed = Path(f"{text.path}.gz")
        _, _, empty = process_cost.peak(self.package, None, 0, self.threads)
        self.results["cost"]["empty process"] = {"peak_bytes": empty}
        for name, path, records, times in (
            ("small file", small.path, small.records, 0),
            ("small, stdin", small.path, small.records, 1),
            ("file", text.path, text.records, 0),
            ("stdin", text.path, text.records, 1),
            ("stdin, ten times", text.path, text.records, 10),
            ("gzip file", compressed, text.records, 0),
            ("gzip stdin", compressed, text.records, 1),
            ("gzip stdin, ten times", compressed, text.records, 10),
        ):
            progress(f"memory: {name}")
            seconds, found, peak = process_cost.peak(self.package, path, times, self.threads)
            if found != records * max(times, 1):
                raise SystemExit(f"bench: {name}: {found} records, not {records * max(times, 1)}")
            self.results["cost"][name] = {"seconds": seconds, "records": found, "peak_bytes": peak,
                                          "above_empty_bytes": peak - empty}  # fmt: skip

    def starts(self) -> None:
        progress("starts")
        self.results["seconds"]["starts"] = process_cost.starts(self.package, 5 if self.quick else 21)
        self.results["cost"]["wheel"] = {"bytes": build.wheel_bytes(self.package, self.directory)}

    # ---- Helpers -----------------------------------------------------------------------------------------------------
    def contender(self, worker: str, work: str, path: Path, name: Optional[str] = None) -> Contender:
        return Contender(name or worker, self.workers[worker], work, path, needed=worker in NEEDED)

    def parquet(self, text: Input) -> Path:
        """The same rows in Parquet, written by DuckDB."""
        path = Path(f"{text.path}.parquet")
        if not path.exists():
            print(f"making {path.name}", flush=True)
            self.workers["DuckDB"].run("to_parquet", text.path)
        if all(known["name"] != text.name for known in self.results["inputs"]):
            self.results["inputs"].append({**text.describe(), "parquet_bytes": path.stat().st_size})
        return path

    def right(self, question: str, path: Path) -> Any:
        try:
            return self.workers["DuckDB"].run("right:" + question, path)[1]
        except NotRun as why:
            raise SystemExit(f"bench: no answers to compare with: {why}") from None

    def measure(self, name: str, contenders: List[Contender], check: Any) -> None:
        progress(name)
        measured: Measured = measure(contenders, check, self.quick)
        self.results["seconds"][name] = measured.samples
        self.results["not_run"].update(measured.not_run)

    def context(self) -> Dict[str, Any]:
        return {
            "date": self.begun.strftime("%Y-%m-%d %H:%M UTC"),
            "command": "make bench" + (" QUICK=1" if self.quick else ""),
            "commit": self.commit,
            "cpu": cpu_model(),
            "cpus": self.threads,
            "load_average": self.load_average,
            "system": f"{platform.system()} {platform.release()}",
            "python": platform.python_version(),
            "versions": {name: worker.version for name, worker in self.workers.items() if worker.version},
        }


def use_two_cpus() -> List[int]:
    """The whole benchmark, peers included, runs on two CPUs of this process."""
    if not hasattr(os, "sched_getaffinity"):
        return [0, 1][: os.cpu_count() or 1]
    cpus = sorted(os.sched_getaffinity(0))[:2]
    os.sched_setaffinity(0, cpus)
    return cpus


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return done.stdout.strip()


def cpu_model() -> str:
    with contextlib.suppress(OSError):
        for line in open("/proc/cpuinfo"):
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


BEGIN = time.monotonic()


def progress(what: str) -> None:
    print(f"[{time.monotonic() - BEGIN:4.0f} s] {what}", flush=True)


@contextlib.contextmanager
def stopping(workers: Dict[str, Worker]) -> Iterator[None]:
    try:
        yield
    finally:
        for worker in workers.values():
            worker.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the records, few rounds")
    parser.add_argument("--readme", action="store_true", help="write the tables of the last run into README.md")
    parser.add_argument("--directory", type=Path, default=ROOT / "build/bench", help="where everything is made")
    options = parser.parse_args()
    results_path = options.directory / ("quick.json" if options.quick else "results.json")
    if options.readme:
        results = json.loads(results_path.read_text())
        readme = ROOT / "README.md"
        readme.write_text(report.put_between_markers(readme.read_text(), report.markdown(results)))
        return 0

    bench = Bench(options.directory, options.quick)
    with stopping(bench.workers):
        bench.run()
        results = {**bench.context(), **bench.results}
    results["targets"] = report.targets(results)
    results_path.write_text(json.dumps(results, indent=1) + "\n")
    print()
    print(report.text(results))
    print(f"\n{results_path}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
