"""Bytes, packets and records over time. Query.timeline() is the way in.

A record tells of a span of up to ten minutes and more: its bytes and packets are spread evenly over start..end, so that
a long record is no spike, and what it lays into each bin are whole numbers that add up to exactly what it says. A record
itself counts in the bin of its start.

MEMORY  The engine groups by (start, end) and the series: there are as many groups as different pairs of times, whatever
the number of records (an hour of one-minute records has at most 3600 x 61). They are spread here, one after the other,
into the bins, which are at most 100,000 for each series.
"""

from __future__ import annotations

import re

from . import _core
from ._text import Grid, Style, count, cut, duration, human_bytes, shown
from .answers import (
    Answer,
    collect,
    columns_of,
    finished,
    greatest,
    least,
    numbers_of,
    require_records,
    runs_of,
)
from .windows import Window

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# What bin="auto" chooses from: the smallest that makes at most _AUTO_BINS bins.
_SIZES = (1, 5, 10, 30, 60, 300, 600, 900, 1800, 3600, 10800, 21600, 43200, 86400, 604800)
_AUTO_BINS = 36
MOST_BINS = 100_000
_AMOUNTS = ("bytes", "packets", "records")


class Timeline(Answer):
    """Amounts over time: a dict, ready for JSON, that prints as a chart. Its keys are attributes as well.

    bin         int: seconds of a bin
    start, end  int or None: where the first bin begins and the last one ends; None without any record
    by          str or None: the column of the series
    totals      {"bytes", "packets", "records"}: of all records
    bins        [{"time", "bytes", "packets", "records"}]: every bin from start to end, empty ones too, by the time of its
                beginning
    series      [{by: value, "bytes", "packets", "records", "bins": [...]}], the largest first, each with the same bins;
                what is not among the largest is the last one, which has "other": True and no value. [] without by
    outside     {"bytes", "packets", "records"}: what lies outside of the bins: parts of records that reach beyond the
                window that was asked for, records without a time. bins and outside add up to totals
    first, last int or None: the start of the first and the end of the last record
    stats       the dict of Stats

    bytes and packets are None where the input has no such field, and are counted once, also where several interfaces saw
    them; records are all records.
    """

    def to_table(self) -> _core.Table:
        """A row a bin (and series) as a Table: to_pandas(), to_polars(), to_csv() and so on."""
        by = self["by"]
        if by is None:
            return _core.Table._from_rows([("time", "time"), *((name, "int64") for name in _AMOUNTS)], self["bins"])
        rows = [
            {**row, by: "other" if "other" in one else None if one[by] is None else str(one[by])}
            for i in range(len(self["bins"]))
            for one in self["series"]
            for row in one["bins"][i : i + 1]
        ]
        kinds = [("time", "time"), (by, "text"), *((name, "int64") for name in _AMOUNTS)]
        return _core.Table._from_rows(kinds, rows)

    def _lines(self, width: int, style: Style) -> list[str]:
        totals, size = self["totals"], self["bin"]
        head = style.bold(count(totals["records"], "record"))
        if totals["bytes"] is not None:
            head += f", {human_bytes(totals['bytes'])}"
        if totals["packets"] is not None:
            head += f" in {count(totals['packets'], 'packet')}"
        if not self["bins"]:
            return [head]
        head += f"; {count(len(self['bins']), 'bin')} of {duration(size)}"
        lines = [head, "", *(self._bars(width, style) if self["by"] is None else self._series(width, style))]
        if self["outside"]["records"] or self["outside"]["bytes"]:
            beyond = human_bytes(self["outside"]["bytes"] or 0)
            lines += ["", style.dim(f"outside of these bins: {beyond}, {count(self['outside']['records'], 'record')}")]
        return lines

    def _measure(self) -> str:
        """What the charts show: bytes, if there are any."""
        return next((name for name in _AMOUNTS if self["totals"][name]), "records")

    def _bars(self, width: int, style: Style) -> list[str]:
        measure = self._measure()
        most = max(row[measure] for row in self["bins"])
        grid = Grid()
        grid.add(self._clock_title(style), self._clocks([row["time"] for row in self["bins"]], style))
        if self["totals"]["bytes"] is not None:
            grid.add("bytes", [human_bytes(row["bytes"]) for row in self["bins"]], ">")
        if self["totals"]["packets"] is not None:
            grid.add("packets", [f"{row['packets']:,}" for row in self["bins"]], ">", rank=1)
        grid.add("records", [f"{row['records']:,}" for row in self["bins"]], ">", rank=2 if measure != "records" else 0)
        room = min(60, max(12, width - 58))
        grid.add("", [style.dim(style.bar(row[measure], most, room)) for row in self["bins"]], rank=0)
        return grid.lines(width, style)

    def _series(self, width: int, style: Style) -> list[str]:
        measure, by, bins = self._measure(), self["by"], self["bins"]
        names = [
            "other" if "other" in one else style.dash if one[by] is None else cut(shown(str(one[by])), 39, style)
            for one in self["series"]
        ]
        clocks = self._clocks([row["time"] for row in bins], style)
        # Neighbours are added up where the terminal has no room for all.
        room = max(8, width - max(map(len, [by, *names])) - 45)
        step = -(-len(bins) // room)
        grid = Grid()
        grid.add(by, names, cut=True)
        amounts = [[row[measure] for row in one["bins"]] for one in self["series"]]
        grid.add(measure, [self._shown(measure, sum(values)) for values in amounts], ">")
        if measure != "records":
            grid.add("records", [f"{one['records']:,}" for one in self["series"]], ">", rank=2)
        lines = [[sum(values[i : i + step]) for i in range(0, len(values), step)] for values in amounts]
        first, last = clocks[0], clocks[-1]
        title = f"{first} {style.dash} {last}"
        if len(title) > max(len(lines[0]), 8):
            title = "over time"
        grid.add(title, [style.sparkline(values) for values in lines])
        peaks = [max(range(len(values)), key=lambda i: (values[i], -i)) for values in amounts]
        grid.add("peak", [self._shown(measure, values[i]) for values, i in zip(amounts, peaks)], ">", rank=1)
        grid.add("at", [clocks[i] for i in peaks], rank=1)
        each = duration(step * self["bin"])
        note = f"{first} {style.dash} {last}{self._zone(style)}; a character is {each}, each line has its own height"
        return [*grid.lines(width, style), "", style.dim(note)]

    @staticmethod
    def _shown(measure: str, amount: int) -> str:
        return human_bytes(amount) if measure == "bytes" else f"{amount:,}"

    def _zone(self, style: Style) -> str:
        return " UTC" if style.zone is None else f" {style.zone}"

    def _clock_title(self, style: Style) -> str:
        return f"from{self._zone(style)}"

    def _clocks(self, times: list[int], style: Style) -> list[str]:
        """Times as short as they are clear: without seconds or zone where all could do without."""
        texts = [re.sub(r"(Z|[+-]\d\d:\d\d)$", "", style.time(t)) for t in times]
        if all(text.endswith(":00") for text in texts):
            texts = [text[:-3] for text in texts]
        return texts


def timeline(
    query: _core.Query,
    *,
    bin: str | int = "auto",
    by: str | None = None,
    limit: int = 5,
    since: int | None = None,
    until: int | None = None,
) -> Timeline:
    """The Timeline of a query's records; Query.timeline() tells of the arguments."""
    require_records(query, "timeline")
    size = seconds_of(bin)
    window = Window(since, until)
    known = columns_of(query, "timeline", "start")
    ends = {"_start": "start", **({"_end": "end"} if "end" in known else {})}
    sums = {name: f"sum({name})" for name in ("bytes", "packets") if name in known}
    if by is not None and by.strip() in sums:
        raise _core.ArgumentError(
            f"timeline: by: {by.strip()} are added up in each bin; series are of action, service, prefix(srcaddr, 16), ..."
        )
    keys = [] if by is None else [by]

    once = query.once()
    times = {"first": "min(start)", "last_start": "max(start)", **({"last": "max(end)"} if "end" in known else {})}
    queries = {"totals": query.agg(records="count()", **times)}
    queries["records"] = query.group_by(*keys, _start="start").agg(records="count()")
    if sums:
        queries["total_sums"] = once.agg(**sums)
        queries["sums"] = once.group_by(*keys, **ends).agg(**sums)
    if by is not None:
        # The largest series; where fewer than these have any, those with the most records.
        for name, groups in (("top", once.group_by(by).agg(**sums)), ("top_records", query.group_by(by).agg(records="count()"))):
            if name == "top" and not sums:
                continue
            for column in sums if name == "top" else ["records"]:
                groups = groups.sort(column, descending=True)
            queries[name] = groups.head(max(0, limit))
    tables = collect(queries)
    return finished(_fold(tables, size, by, limit, window, list(sums)), tables)  # type: ignore[no-any-return]


def seconds_of(bin: str | int, verb: str = "timeline") -> int | None:
    """The seconds of "5m" or 300; None for "auto"."""
    if bin == "auto":
        return None
    if isinstance(bin, str):
        found = re.fullmatch(r"(\d{1,9})([smhd]?)", bin.strip(), re.ASCII)
        seconds = int(found[1]) * _UNITS[found[2] or "s"] if found else 0
    else:
        seconds = bin if isinstance(bin, int) else 0
    if not 1 <= seconds <= 10**11:
        raise _core.ArgumentError(f"{verb}: bin: '{bin}' is no span of time; write auto, 30s, 5m, 1h or 1d")
    return seconds


def spread(amount: int, start: int, end: int, size: int) -> list[tuple[int, int]]:
    """(number of the bin, part of the amount) for an amount that is spread evenly over [start, end), or that is all at
    start. The parts are whole numbers, add up to the amount, and differ from even shares by less than one.
    """
    first = start // size
    last = max(first, (end - 1) // size)
    if first == last:
        return [(first, amount)]
    whole = end - start
    parts, given = [], 0
    for number in range(first, last + 1):
        covered = min(end, (number + 1) * size) - start
        so_far = (2 * amount * covered + whole) // (2 * whole)  # rounded; all of it in the last bin
        parts.append((number, so_far - given))
        given = so_far
    return parts


class Groups:
    """The numbers of a table with the keys _start and perhaps _end, each with its nulls."""

    def __init__(self, table: _core.Table, names: Iterable[str]) -> None:
        self.starts = numbers_of(table, "_start")
        self.ends = numbers_of(table, "_end") if "_end" in table.columns else self.starts
        self.amounts = {name: numbers_of(table, name) for name in names}


class Bins:
    """Amounts of one series: three lists with a place for each bin from `first`, and what lies outside."""

    __slots__ = ("first", "size", "length", "amounts", "outside")

    def __init__(self, first: int, size: int, length: int) -> None:
        self.first = first
        self.size = size
        self.length = length
        self.amounts = {name: [0] * length for name in _AMOUNTS}
        self.outside = dict.fromkeys(_AMOUNTS, 0)

    def add(self, name: str, number: int, amount: int) -> None:
        place = number - self.first
        if 0 <= place < self.length:
            self.amounts[name][place] += amount
        else:
            self.outside[name] += amount

    def add_sums(self, groups: Groups, begin: int, end: int) -> None:
        """Spreads the groups of these rows."""
        size, first, length = self.size, self.first, self.length
        starts, no_start = groups.starts
        ends, no_end = groups.ends
        for name, (values, no_value) in groups.amounts.items():
            amounts = self.amounts[name]
            for i in range(begin, end):
                amount = values[i]
                if not amount or (no_value is not None and no_value[i]):
                    continue
                if no_start is not None and no_start[i]:
                    self.outside[name] += amount
                    continue
                start = starts[i]
                stop = start if no_end is not None and no_end[i] else ends[i]
                if stop <= start or (stop - 1) // size == start // size:
                    place = start // size - first
                    if 0 <= place < length:
                        amounts[place] += amount
                    else:
                        self.outside[name] += amount
                    continue
                for number, part in self._parts(amount, start, stop):
                    self.add(name, number, part)

    def _parts(self, amount: int, start: int, stop: int) -> Iterable[tuple[int, int]]:
        # A record of years would fill a list of millions of bins: what lies before and behind is one part each.
        begin, end = self.first * self.size, (self.first + self.length) * self.size
        if stop - start <= MOST_BINS * self.size:
            return spread(amount, start, stop, self.size)
        cuts = [start, *(t for t in range(begin, end + 1, self.size) if start < t < stop), stop]
        whole, given, parts = stop - start, 0, []
        for low, high in zip(cuts, cuts[1:]):
            so_far = (2 * amount * (high - start) + whole) // (2 * whole)
            parts.append((low // self.size, so_far - given))
            given = so_far
        return parts

    def add_records(self, groups: Groups, begin: int, end: int) -> None:
        """Counts the records of these rows where they start."""
        starts, no_start = groups.starts
        values, _ = groups.amounts["records"]
        for i in range(begin, end):
            if no_start is not None and no_start[i]:
                self.outside["records"] += values[i]
            else:
                self.add("records", starts[i] // self.size, values[i])

    def join(self, other: Bins) -> None:
        for name in _AMOUNTS:
            self.amounts[name] = [a + b for a, b in zip(self.amounts[name], other.amounts[name])]
            self.outside[name] += other.outside[name]

    def total(self, name: str) -> int:
        return sum(self.amounts[name])

    def rows(self, known: set[str]) -> list[dict[str, Any]]:
        return [
            {
                "time": (self.first + i) * self.size,
                **{name: self.amounts[name][i] if name in known else None for name in _AMOUNTS},
            }
            for i in range(self.length)
        ]


def _fold(
    tables: dict[str, _core.Table], size: int | None, by: str | None, limit: int, window: Window, sums: list[str]
) -> Timeline:
    totals = tables["totals"][0]
    known = {"records", *sums}
    stats = tables["totals"].stats
    last = greatest((totals["last_start"], None if totals.get("last") is None else totals["last"] - 1))
    first, length, size = bins_of(totals["first"], last, window, size)

    # Each of the largest series has its bins, and the others have theirs in common.
    column = None if by is None else tables["records"].columns[0]
    own: dict[Any, Bins] = {}
    for name in ("top", "top_records"):
        for row in tables.get(name, ()):
            if len(own) < limit:
                own.setdefault(row[column or ""], Bins(first, size, length))
    rest = Bins(first, size, length)
    others = False
    for name in ("records", "sums"):
        if name not in tables:
            continue
        table = tables[name]
        groups = Groups(table, ["records"] if name == "records" else sums)
        for value, begin, stop in [(None, 0, len(table))] if column is None else runs_of(table, column):
            bins = rest if column is None else own.get(value, rest)
            others |= bins is rest
            if name == "records":
                bins.add_records(groups, begin, stop)
            else:
                bins.add_sums(groups, begin, stop)
    everything = Bins(first, size, length)
    for bins in [*own.values(), rest]:
        everything.join(bins)

    series: list[dict[str, Any]] = []
    if column is not None:
        measure = next((name for name in _AMOUNTS if name in known and everything.total(name)), "records")
        for value in sorted(own, key=lambda value: -own[value].total(measure)):
            series.append({column: value, **_series(own[value], known)})
        if others:
            series.append({column: None, "other": True, **_series(rest, known)})
    summed = tables["total_sums"][0] if "total_sums" in tables else {}
    values = {
        "bin": size,
        "start": first * size if length else None,
        "end": (first + length) * size if length else None,
        "by": column,
        "totals": {name: (summed.get(name) or 0) if name in known else None for name in ("bytes", "packets")},
        "bins": everything.rows(known),
        "series": series,
        "outside": {name: everything.outside[name] if name in known else None for name in _AMOUNTS},
        "first": totals["first"],
        "last": totals.get("last", totals["last_start"]),
        "stats": stats.to_dict(),
    }
    values["totals"]["records"] = totals["records"]
    return Timeline(values, stats)


def _series(bins: Bins, known: set[str]) -> dict[str, Any]:
    amounts = {name: bins.total(name) if name in known else None for name in _AMOUNTS}
    return {**amounts, "bins": bins.rows(known)}


def bins_of(
    start: int | None, end: int | None, window: Window, size: int | None, verb: str = "timeline"
) -> tuple[int, int, int]:
    """The number of the first bin, how many there are, and their size: those of the window, as far as there are records.
    end: the last second that has something.
    """
    if start is None or end is None:
        return 0, 0, size or 60
    begin = start if window.since is None else max(start, window.since)
    stop = max(begin + 1, end + 1 if window.until is None else min(end + 1, window.until))

    def length(seconds: int) -> int:
        return (stop - 1) // seconds - begin // seconds + 1

    if size is None:
        size = next((seconds for seconds in _SIZES if length(seconds) <= _AUTO_BINS), 0)
        if not size:
            size = _SIZES[-1]
            while length(size) > _AUTO_BINS:
                size *= 2
    if length(size) > MOST_BINS:
        raise _core.ArgumentError(
            f"{verb}: {length(size):,} bins of {duration(size)} are too many; choose a longer one, such as auto"
        )
    return begin // size, length(size), size
