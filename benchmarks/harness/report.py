"""What is shown of a run: the targets, the seconds, and the same as Markdown for README.md."""

from __future__ import annotations

from statistics import median
from typing import Any, Dict, List, Optional, Sequence

from harness.statistics import geometric_mean

QUESTIONS = {
    "count_by_action": "count by action",
    "top_sources": "top sources by bytes",
    "rejected_sources": "rejected, top sources",
    "bins_by_action": "5-minute bins by action",
    "ports_per_rejected_source": "distinct ports per rejected source",
    "five_tuples": "five-tuple totals, top 10",
}
LOADERS = ("pandas", "pandas, PyArrow engine", "Polars", "PyArrow", "DuckDB")
FEW_GROUPS = ("file", "stdin", "stdin, ten times", "gzip file", "gzip stdin", "gzip stdin, ten times")
BEGIN = "<!-- begin of the benchmark's tables: benchmarks/bench.py --readme -->"
END = "<!-- end of the benchmark's tables -->"
MIB = 1 << 20


# ---- Targets ---------------------------------------------------------------------------------------------------------
def targets(results: Dict[str, Any]) -> List[Dict[str, Any]]:
    """Every promised figure of a run, with what it is to be at least (or at most) and what is aimed at."""

    def seconds(name: str, contender: str) -> Optional[float]:
        samples = results["seconds"].get(name, {}).get(contender)
        return median(samples) if samples else None

    def ratio(name: str, peer: str, ours: str) -> Optional[float]:
        a, b = seconds(name, peer), seconds(name, ours)
        return a / b if a is not None and b is not None else None

    def six(peer: str, ours: str) -> List[Optional[float]]:
        return [ratio(f"default/{question}", peer, ours) for question in QUESTIONS]

    def mean(ratios: Sequence[Optional[float]]) -> Optional[float]:
        known = [r for r in ratios if r is not None]
        return geometric_mean(known) if len(known) == len(ratios) else None

    def best_loader() -> Optional[str]:
        known = {name: seconds("default/load", name) for name in LOADERS}
        return min((n for n, s in known.items() if s is not None), key=lambda n: known[n] or 0, default=None)

    def peak() -> Optional[float]:
        found = [results["cost"][name]["above_empty_bytes"] for name in FEW_GROUPS if name in results["cost"]]
        return max(found) / MIB if found else None

    def start(name: str) -> Optional[float]:
        s = seconds("starts", name)
        return s * 1000 if s is not None else None

    on_parquet = six("DuckDB on Parquet", "flowlogs")
    known = [r for r in on_parquet if r is not None]
    loader = best_loader()
    bare, with_import = start("interpreter"), start("import flowlogs")
    wheel = results["cost"].get("wheel")
    rows = [
        ("six queries, against DuckDB on Parquet, 2 threads each", mean(on_parquet), 1.2, 1.5),
        ("  the same, with mmap", mean(six("DuckDB on Parquet", "flowlogs mmap")), 1.2, 1.9),
        ("  the slowest of the six", min(known, default=None), 0.3, None),
        ("  one thread each", mean(six("DuckDB on Parquet, 1 thread", "flowlogs, 1 thread")), 0.8, 1.2),
        ("six queries, against DuckDB on the text", mean(six("DuckDB on the text", "flowlogs")), 12, 20),
        ("six queries, against Polars on the text", mean(six("Polars on the text", "flowlogs")), 8, 12),
        (f"all columns to a pa.Table, against the best loader ({loader or 'none'})",
         ratio("default/load", loader or "", "flowlogs"), 5, 10),
        ("tokenizing with proofs, one core, against one AVX2 pass",
         ratio("default/floors", "sum, in memory, 1 thread", "tokenizer, in memory, 1 thread"), 0.4, 0.6),
        ("one .gz with 2 threads, against ISA-L alone",
         ratio("default-gzip/rejected_sources", "ISA-L alone, 1 thread", "flowlogs"), 0.9, 1.0),
        ("C++ record loop, against VRL", ratio("loop/records", "VRL", "flowlogs, C++"), 50, 100),
        ("Python record loop, against flowlogs-reader",
         ratio("loop/records", "flowlogs-reader", "flowlogs, Python"), 10, 20),
        ("2 threads against one, six queries", mean(six("flowlogs, 1 thread", "flowlogs")), 1.7, 1.95),
    ]  # fmt: skip
    limits = [
        ("peak memory above the empty process", peak(), 64, "MiB"),
        ("import flowlogs adds to the interpreter's start",
         with_import - bare if bare is not None and with_import is not None else None, 25, "ms"),
        ("flowlogs --version", start("flowlogs --version"), 150, "ms"),
        ("the wheel", wheel["bytes"] / 1e6 if wheel else None, 5, "MB"),
    ]  # fmt: skip
    out = [{"work": work, "value": value, "unit": "x", "at_least": least, "aim": aim,
            "verdict": _verdict(value, least, aim)} for work, value, least, aim in rows]  # fmt: skip
    out += [{"work": work, "value": value, "unit": unit, "at_most": most,
             "verdict": "not run" if value is None else "met" if value <= most else "missed"}
            for work, value, most, unit in limits]  # fmt: skip
    return out


def _verdict(value: Optional[float], least: float, aim: Optional[float]) -> str:
    if value is None:
        return "not run"
    if value < least:
        return "missed"
    return "met" if aim is None else "aim reached" if value >= aim else "met, aim not"


def _figure(value: Optional[float], unit: str) -> str:
    if value is None:
        return "-"
    text = f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
    return f"{text} {unit}"


def target_rows(results: Dict[str, Any]) -> List[List[str]]:
    rows = [["work", "measured", "must be", "aim", ""]]
    for t in results["targets"]:
        bound = f">= {t['at_least']:g}" if "at_least" in t else f"<= {t['at_most']:g} {t['unit']}"
        aim = f"{t['aim']:g}" if t.get("aim") is not None else ""
        rows.append([t["work"], _figure(t["value"], t["unit"]), bound, aim, t["verdict"]])
    return rows


# ---- Text ------------------------------------------------------------------------------------------------------------
def milliseconds(samples: Sequence[float]) -> str:
    values = [1000 * s for s in (median(samples), min(samples), max(samples))]
    middle, low, high = (f"{v:.1f}" if v < 100 else f"{v:.0f}" for v in values)
    return f"{middle} ({low} .. {high})"


def text(results: Dict[str, Any]) -> str:
    lines = [where(results), ""]
    lines += _aligned(target_rows(results))
    for name, samples in results["seconds"].items():
        data = _input_of(results, name)
        lines += ["", name]
        if data:
            lines[-1] += f": {data['records']:,} records, {data['fields']} fields, {data['text_bytes'] / 1e6:,.0f} MB"
        rows = [["", "ms: median (min .. max)", "runs", "GB/s of text", "records/s"]]
        for contender, seconds in samples.items():
            middle = median(seconds)
            rows.append([contender, milliseconds(seconds), str(len(seconds)), "", ""])
            if data:
                rows[-1][-2:] = f"{data['text_bytes'] / middle / 1e9:.2f}", f"{data['records'] / middle / 1e6:.2f} M"
        lines += _aligned(rows)
    lines += ["", "rejected, top sources: how cost grows"]
    rows = [["", "seconds", "records", "records/s", "peak above the empty process"]]
    for name, cost in results["cost"].items():
        if "records" in cost:
            rate = f"{cost['records'] / cost['seconds'] / 1e6:.1f} M"
            peak = f"{cost['above_empty_bytes'] / MIB:.1f} MiB"
            rows.append([name, f"{cost['seconds']:.3f}", f"{cost['records']:,}", rate, peak])
    lines += _aligned(rows)
    for name, why in results["not_run"].items():
        lines.append(f"not run: {name}: {why}")
    return "\n".join(lines)


def _input_of(results: Dict[str, Any], name: str) -> Optional[Dict[str, Any]]:
    return next((data for data in results["inputs"] if data["name"] == name.split("/")[0]), None)


def where(results: Dict[str, Any]) -> str:
    native = results["versions"].get("native", "")
    versions = dict.fromkeys(v for n, v in results["versions"].items() if n != "native")  # a peer may have two workers
    return (
        f"{results['cpu']}, {results['cpus']} CPUs, {results['system']}; {results['date']}; commit {results['commit']}; "
        f"`{results['command']}`, load average {results['load_average']:.1f} at its beginning\n"
        f"{native}; {'; '.join(versions)}"
    )


def _aligned(rows: List[List[str]]) -> List[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    out = []
    for row in rows:
        cells = [row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        out.append("  ".join(cells).rstrip())
    return out


# ---- README ----------------------------------------------------------------------------------------------------------
def markdown(results: Dict[str, Any]) -> str:
    """The tables of README.md."""
    sizes = _input_of(results, "default/")
    assert sizes is not None
    columns = ["flowlogs", "flowlogs mmap", "DuckDB on Parquet", "DuckDB on the text", "Polars on the text"]
    columns = [c for c in columns if any(c in results["seconds"].get(f"default/{q}", {}) for q in QUESTIONS)]
    lines = [
        f"{sizes['records']:,} records of the default format, {sizes['text_bytes'] / 1e6:,.0f} MB of text in the page "
        f"cache, {results['cpus']} threads; medians in milliseconds.",
        "",
        "| | " + " | ".join(columns) + " |",
        "|---|" + "---:|" * len(columns),
    ]
    for question, title in QUESTIONS.items():
        samples = results["seconds"][f"default/{question}"]
        cells = [f"{1000 * median(samples[c]):,.0f}" if c in samples else "-" for c in columns]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    lines += ["", "| ratios of medians | measured |", "|---|---:|"]
    lines += [f"| {t['work'].strip()} | {_figure(t['value'], t['unit'])} |" for t in results["targets"]]
    lines += ["", where(results).replace("\n", "; ") + "."]
    return "\n".join(lines)


def put_between_markers(page: str, tables: str) -> str:
    """The page with the tables between its two markers. Raises ValueError if they are not there, once and in order."""
    if page.count(BEGIN) != 1 or page.count(END) != 1 or page.index(BEGIN) > page.index(END):
        raise ValueError(f"the page needs these two lines, once and in this order:\n{BEGIN}\n{END}")
    return page[: page.index(BEGIN) + len(BEGIN)] + "\n" + tables + "\n" + page[page.index(END) :]
