"""flowlogs tail: the last records, and those that come."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from typing import Any

import flowlogs as fl
from flowlogs._text import age
from flowlogs.cli.common import Output, Parser, UsageError, complain, complain_of_damage, limit, scan_of, warnings_told
from flowlogs.cli.follow import Files, add_every, follower_of, pause_of
from flowlogs.cli.query import split

HELP = """The last records of a log group, a bucket or files, by the time they end, and how late they are. With --follow it
goes on: each record that comes is written once, until Ctrl-C. Of AWS's sources it looks again every --every seconds, half an
hour back (events) or two hours (objects), since records come late. Derived columns know what came together, no more."""
EXAMPLE = "flowlogs tail -n 5 tests/data/internet-noise-v2.log"
FILES = "FILES..."
FORMATS = ("table", "csv", "tsv", "json", "ndjson")
_SPANS = (3600, 86400, 7 * 86400)


def add_options(parser: Parser) -> None:
    parser.add_argument("-n", "--limit", metavar="N", type=limit, default=10, help="so many of the last records (default: 10)")
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what comes")
    add_every(parser)
    parser.add_where()
    parser.add_argument("--fields", metavar="FIELDS", action="append", default=[], help="columns, separated by commas")
    parser.allow_dash("--fields")
    parser.add_output(FORMATS)
    parser.add_input_options(window=False)


def run(args: argparse.Namespace) -> int:
    follower = follower_of(args)
    tail = _Tail(args, follower)
    with Output(args.output, FORMATS) as output:
        if args.follow and output.format == "json":
            raise UsageError("--follow has no end, as a list of JSON needs one: -o ndjson writes a line for each record")
        output.write_tables(tail.tables(sys.stdout.flush))
    if tail.found == 0:
        complain("no record was found" + ("" if isinstance(follower, Files) else f" of the last {_SPANS[-1] // 86400} days"))
    return 2 if tail.damaged else 0


class _Tail:
    def __init__(self, args: argparse.Namespace, follower: Any) -> None:
        self._args, self._follower = args, follower
        self._kinds: list[tuple[str, str]] = []
        self.found = 0
        self.damaged = False

    def tables(self, flush: Any) -> Iterator[fl.Table]:
        table = self._last()
        if len(table) or not self._args.follow:
            yield table
        pause = pause_of(self._args, self._follower)
        while self._args.follow:
            flush()
            time.sleep(pause)
            with warnings_told():
                fresh, told = self._follower.new()
            for text in told:
                complain(text)
            rows, kinds = self._rows(fresh, None) if fresh else ([], [])
            if rows:
                self._kinds = self._kinds or kinds
                names = [name for name, _ in self._kinds]
                yield fl.Table._from_rows(self._kinds, [{name: row.get(name) for name in names} for row in rows])

    def _last(self) -> fl.Table:
        """The last records there are, the newest at the end."""
        with warnings_told():
            fresh, _ = self._follower.new()
        rows, kinds = self._rows(fresh, self._args.limit) if fresh else ([], [])
        for seconds in _SPANS:
            if len(rows) >= self._args.limit:
                break
            with warnings_told():
                older = self._follower.older(seconds)
            if older:
                before, old_kinds = self._rows(older, self._args.limit - len(rows), told=False)
                kinds = kinds or old_kinds
                if len(before) + len(rows) >= self._args.limit or seconds == _SPANS[-1]:
                    rows = before + rows
                    break
        self._kinds = kinds
        self._tell_age(rows)
        names = [name for name, _ in kinds]
        return fl.Table._from_rows(kinds, [{name: row.get(name) for name in names} for row in rows])

    def _rows(self, sources: list[Any], most: int | None, told: bool = True) -> tuple[list[dict[str, Any]], Any]:
        """The records of sources that --where leaves, by their ends; the last `most` of them."""
        logs = scan_of(self._args, sources)
        columns = logs.columns
        for expression in self._args.where:
            logs = logs.filter(expression)
        if self._args.dedup:
            logs = logs.dedup()
        times = [name for name in ("end", "start") if name in columns][:1]
        fields = split(self._args.fields) or columns
        # Of the same time, those that stand behind others are the last.
        order = {"_tail_time": times[0], "_tail_source": "_source", "_tail_line": "_line"} if times else {}
        query = logs.select(*fields, **order)
        if times:
            query = query.sort(*order, descending=True)
            if most is not None:
                query = query.head(most)
        table = query.collect()
        if told:
            complain_of_damage(table.stats)
        self.damaged |= bool(table.stats.errors)
        rows = table.to_dicts()
        rows = rows[::-1] if times else rows if most is None else rows[max(0, len(rows) - most) :]
        self.found += len(rows)
        return rows, [(name, kind) for name, kind in table._kinds if name not in order]

    def _tell_age(self, rows: list[dict[str, Any]]) -> None:
        newest = max((row["_tail_time"] for row in rows if row.get("_tail_time") is not None), default=None)
        if newest is not None and self._follower.lag:
            late = int(time.time()) - newest
            ago = f"{age(late)} ago" if late >= 0 else f"{age(-late)} in the future"
            complain(f"the newest record ended {ago}; {self._follower.lag}")
