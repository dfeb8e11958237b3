"""Is this tree slower than a commit?   make bench-guard BASE=<commit>

Builds both for release, then lets them take turns on the same inputs in fresh processes: base, head, and base once more.
The second base tells what two equal builds differ by here and now: the noise. Exit code 1 if a headline ratio has lost
more than 5 % beyond noise, in a second series, too. Head is the working tree, with what is not committed yet.
"""

from __future__ import annotations

import argparse
import math
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Dict, List, Tuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

from bench import QUESTIONS, git, use_two_cpus  # noqa: E402
from harness.build import build  # noqa: E402
from harness.data import Inputs  # noqa: E402
from harness.statistics import geometric_mean, median_error  # noqa: E402
from harness.workers import NotRun, difference, peer  # noqa: E402

ALLOWED_LOSS = 0.05
BUILDS = ("base", "head", "base again")


@dataclass
class Headline:
    """A ratio that is guarded: the geometric mean, over some works, of base's seconds by another build's, by rounds."""

    name: str
    threads: int
    works: List[Tuple[str, Path]]
    head: List[float] = field(default_factory=list)  # above 1: head is faster
    again: List[float] = field(default_factory=list)  # what it would be if nothing had changed

    def add_round(self, seconds: Dict[str, List[float]]) -> None:
        for ratios, other in ((self.head, "head"), (self.again, "base again")):
            ratios.append(geometric_mean(a / b for a, b in zip(seconds["base"], seconds[other])))

    @property
    def ratio(self) -> float:
        return median(self.head)

    @property
    def noise(self) -> float:
        """Two standard errors of both series, or what base differs from itself by, whichever is more."""
        error = 2 * math.hypot(median_error(self.head), median_error(self.again))
        return max(error, abs(median(self.again) - 1))

    @property
    def is_slower(self) -> bool:
        return self.ratio < 1 - ALLOWED_LOSS - self.noise


def check_out(commit: str, directory: Path) -> Path:
    """The commit's files, unpacked; a git worktree would leave its name in the repository."""
    tree, stamp = directory / "base", directory / "base.commit"
    if tree.exists() and stamp.exists() and stamp.read_text() == commit:
        return tree
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir()
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
    subprocess.run(["tar", "-x", "-C", str(tree)], input=archive, check=True)
    stamp.write_text(commit)
    return tree


def one_round(headline: Headline, packages: Dict[str, Path], turn: int) -> Dict[str, List[float]]:
    """Best of two runs of each work by each build, after one to warm up, all in new processes."""
    workers = {name: peer("flowlogs", "--threads", str(headline.threads), PYTHONPATH=str(package))
               for name, package in packages.items()}  # fmt: skip
    names = list(packages)
    names = names[turn % 3 :] + names[: turn % 3]
    seconds: Dict[str, List[float]] = {name: [] for name in names}
    try:
        for work, path in headline.works:
            answers: Dict[str, Any] = {}
            best = dict.fromkeys(names, math.inf)
            for i in range(3):
                for name in names:
                    taken, answers[name] = workers[name].run(work, path)
                    if i > 0:
                        best[name] = min(best[name], taken)
            wrong = difference(answers["head"], answers["base"], 0)
            if wrong:
                raise SystemExit(f"guard: {work}: head gives another answer than base: {wrong}")
            for name in names:
                seconds[name].append(best[name])
    except NotRun as why:
        raise SystemExit(f"guard: {headline.name}: {why}") from None
    finally:
        for worker in workers.values():
            worker.stop()
    return seconds


def headlines(inputs: Inputs) -> List[Headline]:
    text = inputs.make("guard", 2_000_000)
    compressed = inputs.compressed(text).path
    questions = [(question, text.path) for question in QUESTIONS]
    return [
        Headline("six queries, 2 threads", 2, questions),
        Headline("six queries, 1 thread", 1, questions),
        Headline("all columns to a pa.Table, 2 threads", 2, [("load", text.path)]),
        Headline("one .gz, 2 threads", 2, [("rejected_sources", compressed)]),
    ]


def show(all_headlines: List[Headline]) -> None:
    print(f"{'head against base':40} ratio   noise   base against itself")
    for h in all_headlines:
        verdict = "SLOWER" if h.is_slower else "ok"
        print(f"{h.name:40} {h.ratio:5.3f}  {100 * h.noise:4.1f} %   {median(h.again):5.3f}    {verdict}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", help="a commit")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--scale", type=float, default=1.0, help="of the input: 1 is 2 million records")
    parser.add_argument("--directory", type=Path, default=ROOT / "build/guard", help="where everything is made")
    options = parser.parse_args()
    directory = options.directory
    directory.mkdir(parents=True, exist_ok=True)

    base = git("rev-parse", "--verify", "--quiet", options.base + "^{commit}")
    if not base:
        raise SystemExit(f"guard: {options.base} is no commit")
    packages = {"base": build(check_out(base, directory), directory / "build-base", [])}
    packages["head"] = build(ROOT, directory / "build-head", [])
    packages["base again"] = packages["base"]
    packages = {name: packages[name] for name in BUILDS}

    use_two_cpus()
    sys.path.insert(0, str(packages["head"]))
    import flowlogs

    all_headlines = headlines(Inputs(flowlogs, directory / "data", options.scale))
    for series in (1, 2):
        for turn in range(options.rounds):
            for headline in all_headlines:
                headline.add_round(one_round(headline, packages, turn))
            print(f"round {turn + 1} of {options.rounds}", flush=True)
        show(all_headlines)
        slower = [h.name for h in all_headlines if h.is_slower]
        if not slower:
            print(f"not slower than {options.base} by more than {100 * ALLOWED_LOSS:.0f} % beyond noise")
            return 0
        if series == 1:
            print("slower: once more, to be sure", flush=True)
    print(f"slower than {options.base} by more than {100 * ALLOWED_LOSS:.0f} % beyond noise: {', '.join(slower)}")
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
