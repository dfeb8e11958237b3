"""flowlogs check: every problem and every bad value."""

from __future__ import annotations

import argparse

import flowlogs as fl
from flowlogs._text import Style, count, cut, human_bytes, shown
from flowlogs.cli.common import Output, Parser, at_offset, complain, complain_of_damage, scan

HELP = """Reads every line, decodes every value, and shows lines that are no record and values that are not of their
field's type, with line numbers (the first 100). Exits with 1 if there are any."""
EXAMPLE = "flowlogs check tests/data/internet-noise-v2.log"
FILES = "FILES..."


def add_options(parser: Parser) -> None:
    parser.add_input_options(window=False)
    parser.add_output(("table", "json"))


def run(args: argparse.Namespace) -> int:
    with Output(args.output, ("table", "json"), pipe="table") as output:
        stats = scan(args).check()
        if output.format == "json":
            output.write_json(stats.to_dict())
        else:
            output.write("\n".join(report(stats, output.style, output.width)) + "\n")
    complain_of_damage(stats)
    if stats.errors:
        return 2
    if stats.records == 0:
        complain("no records in the input")
    return 1 if stats.problems or stats.bad_values else 0


def report(stats: fl.Stats, style: Style, width: int) -> list[str]:
    problems, bad = sum(stats.problems.values()), sum(stats.bad_values.values())
    lines = [
        f"{style.bold(count(stats.lines, 'line'))} in {count(stats.inputs, 'input')}, {human_bytes(stats.bytes)}: "
        f"{count(stats.records, 'record')}, {count(stats.headers, 'header')}, {stats.blank:,} blank, "
        + (style.red if problems else str)(count(problems, "problem"))
    ]
    if stats.nodata or stats.skipdata:
        lines.append(f"  of the records {stats.nodata:,} NODATA, {stats.skipdata:,} SKIPDATA")
    for form in stats.formats:
        head = f"  {count(form['records'], 'record')} of {count(len(form['fields']), 'field')}: "
        lines.append(head + cut(shown(" ".join(form["fields"])), max(20, width - len(head)), style))
    if stats.new_fields:
        lines.append("  fields that no input begins with: " + shown(", ".join(stats.new_fields)))
    for title, counts in (("problems", stats.problems), ("bad values", stats.bad_values)):
        if counts:
            lines += ["", style.bold(title)]
            size = max(len(shown(reason)) for reason in counts)
            lines += [f"  {shown(reason):<{size}}  {number:,}" for reason, number in counts.items()]
    if stats.samples:
        more = problems + bad - len(stats.samples)
        lines += ["", style.bold("where") + (f" (the first {len(stats.samples)})" if more > 0 else "")]
        for sample in stats.samples:
            lines.append(f"  {shown(sample['source'])}:{sample['line']}: {shown(sample['reason'])}")
            lines.append(style.dim("    " + cut(shown(sample["text"]), max(20, width - 4), style)))
    if stats.errors:
        lines += ["", style.red("not read to the end")]
        lines += [f"  {shown(e['source'])}: {shown(at_offset(e))}" for e in stats.errors]
    if not (problems or bad or stats.errors):
        lines.append(style.green("no problems, no bad values"))
    return lines
