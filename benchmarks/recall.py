"""How much of what was planted `detect` finds, and how much of what it finds was planted.

    .venv/bin/python benchmarks/recall.py --seeds 1..20 [--quiet 1..2] [--format default] [-v] [-o FILE.json]

For each seed a scenario is made: the days before it are the baseline, its truth has the list and the policy. A finding is
right if the truth has its kind with the same actor (or one of the actor's other addresses) or target at overlapping times.
It counts neither way ("allowed") if the truth only says that such a deed may be called so as well. All others are false, and
so is every finding of a quiet week.

Made and judged one seed after the other, in a directory that is removed; about 400 MB for one.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import flowlogs as fl

START = 1_788_220_800  # 2026-09-01, a Tuesday
SLACK = 3600  # seconds by which times may differ: detect counts by the hour

Finding = dict[str, Any]
Entry = dict[str, Any]


def overlaps(entry: Entry, finding: Finding) -> bool:
    first, last = seconds(finding["first_seen"]), seconds(finding["last_seen"])
    return bool(first <= entry["end"] + SLACK and last >= entry["start"] - SLACK)


def seconds(time_seen: Any) -> int:
    return time_seen if isinstance(time_seen, int) else fl.synth._seconds(time_seen)


def parties(entry: Entry) -> set[str]:
    return {party for party in (entry["actor"], *entry["targets"], *entry["aliases"], entry["interface"]) if party}


def is_same(entry: Entry, finding: Finding) -> bool:
    """The finding tells of this entry."""
    if entry["kind"] != finding["kind"] or not overlaps(entry, finding):
        return False
    if finding["actor"] in {entry["actor"], *entry["aliases"]}:
        return True
    if entry["kind"] in ("logging-gap", "data-loss") and finding["interface"] == entry["interface"]:
        return True
    return bool({finding["actor"], *finding["targets"]} & set(entry["targets"]))


def is_allowed(entry: Entry, finding: Finding) -> bool:
    """The same deed under another name that the truth allows."""
    if finding["kind"] not in entry["also"] or not overlaps(entry, finding):
        return False
    return bool({finding["actor"], *finding["targets"]} & parties(entry))


class Score:
    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = defaultdict(Counter)
        self.missed: list[str] = []
        self.false: list[str] = []

    def add(self, seed: int, truth: dict[str, Any], findings: list[Finding]) -> None:
        entries = truth["incidents"]
        found = [False] * len(entries)
        for finding in findings:
            counts = self.counts[finding["kind"]]
            counts["findings"] += 1
            same = [i for i, entry in enumerate(entries) if is_same(entry, finding)]
            for i in same:
                found[i] = True
            if same:
                counts["right"] += 1
            elif any(is_allowed(entry, finding) for entry in entries):
                counts["allowed"] += 1
            else:
                counts["false"] += 1
                told = "".join(f"  (looks like {d['kind']}: {d['why']})" for d in truth["decoys"] if d["actor"] == finding["actor"])
                self.false.append(f"seed {seed}  {finding['kind']}  {finding['actor']}: {finding['why']}{told}")
        for entry, was_found in zip(entries, found):
            self.counts[entry["kind"]]["planted"] += 1
            self.counts[entry["kind"]]["found"] += was_found
            if not was_found:
                to = ", ".join(entry["targets"][:3])
                self.missed.append(f"seed {seed}  {entry['kind']}  {entry['actor'] or '(many)'} -> {to}: {entry['why']}")

    def rows(self) -> list[dict[str, Any]]:
        rows = []
        for kind, counts in sorted(self.counts.items()):
            judged = counts["right"] + counts["false"]
            rows.append({
                "kind": kind, "planted": counts["planted"], "found": counts["found"],
                "recall": counts["found"] / counts["planted"] if counts["planted"] else None,
                "findings": counts["findings"], "allowed": counts["allowed"], "false": counts["false"],
                "precision": counts["right"] / judged if judged else None,
            })  # fmt: skip
        return rows


def detect(path: Path, **options: Any) -> Any:
    return fl.scan(str(path)).detect(**options)


def make(path: Path, spent: list[float], **options: Any) -> None:
    begin = time.process_time()
    fl.generate(output=path, **options)
    spent[0] += time.process_time() - begin
    spent[1] += path.stat().st_size


def numbers(text: str) -> range:
    first, _, last = text.partition("..")
    return range(int(first), int(last or first) + 1)


def main() -> None:
    parser = argparse.ArgumentParser(description="recall and precision of detect on made-up scenarios")
    parser.add_argument("--seeds", type=numbers, default=range(0), metavar="A..B", help="scenarios with incidents")
    parser.add_argument("--quiet", type=numbers, default=range(0), metavar="A..B", help="quiet weeks")
    parser.add_argument("--format", default="default", help="of the logs (default: default)")
    parser.add_argument("-v", "--verbose", action="store_true", help="name each miss and each false finding as it is seen")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="the figures as JSON")
    options = parser.parse_args()
    score, quiet, spent = Score(), Score(), [0.0, 0.0]
    quiet_days = 0
    for seed in options.seeds:
        with tempfile.TemporaryDirectory() as directory:
            past, log, truth_path = Path(directory, "past.log"), Path(directory, "incidents.log"), Path(directory, "truth.json")
            start = START + seed % 7 * 86400  # every day of the week
            make(past, spent, scenario="past", seed=seed, format=options.format, start=start)
            make(log, spent, scenario="incidents", seed=seed, format=options.format, start=start, truth=truth_path)
            truth = json.loads(truth_path.read_text())
            baseline = Path(directory, "baseline.json")
            detect(past).save_baseline(baseline)
            score.add(seed, truth, detect(log, baseline=baseline, lists=truth["lists"], policy=truth["policy"])["findings"])
            print(f"seed {seed}: {past.stat().st_size + log.stat().st_size:,} bytes", flush=True)
    for seed in options.quiet:
        with tempfile.TemporaryDirectory() as directory:
            log, truth_path = Path(directory, "quiet.log"), Path(directory, "truth.json")
            make(log, spent, scenario="quiet-week", seed=seed, format=options.format, truth=truth_path)
            quiet.add(seed, json.loads(truth_path.read_text()), detect(log)["findings"])
            quiet_days += 7
            print(f"quiet week {seed}: {log.stat().st_size:,} bytes", flush=True)
    rows = score.rows()
    if rows:
        print(f"\n{'kind':<20}{'planted':>8}{'found':>7}{'recall':>8}{'findings':>10}{'allowed':>9}{'false':>7}{'precision':>11}")
    for row in rows:
        print(f"{row['kind']:<20}{row['planted']:>8}{row['found']:>7}{share(row['recall']):>8}{row['findings']:>10}"
              f"{row['allowed']:>9}{row['false']:>7}{share(row['precision']):>11}")  # fmt: skip
    if quiet_days:
        number = sum(row["false"] for row in quiet.rows())
        print(f"\nquiet weeks: {number} findings in {quiet_days} days, {number / quiet_days:.2f} a day: "
              + (", ".join(f"{row['false']} {row['kind']}" for row in quiet.rows()) or "none"))  # fmt: skip
    print(f"generated at {spent[1] / max(spent[0], 1e-9) / 1e6:.0f} MB/s of CPU, writing to a file included")
    if options.verbose:
        for title, lines in (("missed", score.missed), ("false", score.false), ("false in quiet weeks", quiet.false)):
            print(f"\n{title}: {len(lines)}", *lines, sep="\n  ")
    if options.output:
        options.output.write_text(json.dumps({"rows": rows, "quiet_days": quiet_days, "quiet": quiet.rows(),
                                              "missed": score.missed, "false": score.false, "quiet_false": quiet.false},
                                             indent=1))  # fmt: skip


def share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    main()
