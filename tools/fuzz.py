#!/usr/bin/env python3
"""Runs the fuzz targets of build/fuzz, prints how many inputs each has run, and keeps what it learned.

    tools/fuzz.py [--minutes N] [--jobs N] [TARGET...]

A target is tests/fuzz/<name>_fuzz.cc. It begins with its corpus, tests/fuzz/corpus/<name>, the sample and the golden logs;
words that are worth trying lie in tests/fuzz/dict/<name>.dict, or, for a target without it, in log.dict. Afterwards its
corpus and what was found are merged into a few inputs that reach as much code, as far as they stay small enough to be
committed and replayed by each `make test`. A finding is stored in the corpus, too, and the exit code is 1:
the replay fails until it is fixed.
"""

import argparse
import hashlib
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAMS = ROOT / "build" / "fuzz" / "tests"
CORPORA = ROOT / "tests" / "fuzz" / "corpus"
# Of a committed corpus: small ones are replayed in a second, and do not make the repository grow.
MOST_FILES, MOST_BYTES, LARGEST_FILE = 300, 500_000, 4096
LIMITS = ["-timeout=5", "-rss_limit_mb=1024", "-max_len=4096", "-print_final_stats=1", "-detect_leaks=1"]


def run(name, minutes):
    """Fuzzes one target; returns its executions, executions a second, and the files of findings."""
    work = ROOT / "build" / "fuzz" / "work" / name
    found, artifacts = work / "found", work / "artifacts"
    shutil.rmtree(artifacts, ignore_errors=True)  # of an earlier run
    for folder in (found, artifacts, CORPORA / name):
        folder.mkdir(parents=True, exist_ok=True)
    command = [PROGRAMS / f"{name}_fuzz", *LIMITS, f"-max_total_time={round(minutes * 60)}", f"-artifact_prefix={artifacts}/"]
    words = ROOT / "tests" / "fuzz" / "dict" / f"{name}.dict"
    command.append(f"-dict={words if words.exists() else words.with_name('log.dict')}")
    command += [found, CORPORA / name, ROOT / "tests" / "data", ROOT / "tests" / "golden"]
    with open(work / "log", "w", errors="replace") as log:
        done = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT)
    text = (work / "log").read_text(errors="replace")
    numbers = dict(re.findall(r"stat::(\w+):\s+(\d+)", text))
    findings = []
    if done.returncode != 0:
        for artifact in sorted(artifacts.iterdir()):
            kept = CORPORA / name / artifact.name
            shutil.copyfile(artifact, kept)
            findings.append(kept)
        findings = findings or [work / "log"]
    else:
        merge(name, found, work)
    return int(numbers.get("number_of_executed_units", 0)), int(numbers.get("average_exec_per_sec", 0)), findings


def merge(name, found, work):
    """Makes the corpus few inputs of what is in it and in `found`: first those that together reach all code, then the
    smallest of those that reach some of it more often."""
    corpus = CORPORA / name
    # Those with a name were written by people and are kept as they are.
    kept = [path for path in corpus.iterdir() if not re.fullmatch(r"[0-9a-f]{40}", path.name)]
    size = sum(path.stat().st_size for path in kept)
    seen = {hashlib.sha1(path.read_bytes()).hexdigest() for path in kept}  # what libFuzzer would call them
    fresh = {}
    with tempfile.TemporaryDirectory(dir=work) as folder:
        for way in ("-use_counters=0", "-use_counters=1"):
            merged = pathlib.Path(folder, way)
            merged.mkdir()
            command = [PROGRAMS / f"{name}_fuzz", "-set_cover_merge=1", way, "-timeout=5", "-rss_limit_mb=1024"]
            with open(work / "merge.log", "w", errors="replace") as log:
                done = subprocess.run([*command, f"-max_len={LARGEST_FILE}", merged, corpus, found], stdout=log, stderr=log)
            if done.returncode != 0:
                return
            for path in sorted(merged.iterdir(), key=lambda p: (p.stat().st_size, p.name)):
                if path.name in seen:
                    continue
                size += path.stat().st_size
                if len(kept) + len(fresh) >= MOST_FILES or size > MOST_BYTES:
                    break
                seen.add(path.name)
                fresh[path.name] = path.read_bytes()
    for path in corpus.iterdir():
        if path not in kept:
            path.unlink()
    for hashed, content in fresh.items():
        (corpus / hashed).write_bytes(content)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=2, help="of each target")
    parser.add_argument("--jobs", type=int, default=1, help="targets at a time")
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    arguments = parser.parse_args()
    names = arguments.targets or sorted(p.name[: -len("_fuzz.cc")] for p in (ROOT / "tests" / "fuzz").glob("*_fuzz.cc"))
    started = time.monotonic()
    total, failed = 0, False
    print(f"{'target':<14}{'executions':>14}{'a second':>12}   findings", flush=True)
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for name, (executions, rate, findings) in zip(names, pool.map(lambda n: run(n, arguments.minutes), names)):
            total += executions
            failed |= bool(findings)
            shown = ", ".join(str(path.relative_to(ROOT)) for path in findings) or "none"
            print(f"{name:<14}{executions:>14,}{rate:>12,}   {shown}", flush=True)
    print(f"{'together':<14}{total:>14,}   in {(time.monotonic() - started) / 60:.1f} minutes", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
