"""What changed between two times or two sets of logs. Query.diff() is the way in.

MEMORY  The engine groups both, in as much memory as the limit max_group_bytes allows; here one number is kept for each key
of the first.
"""

from __future__ import annotations

import heapq

from . import _core
from ._text import Grid, Style, count, duration, human_bytes, shown
from .answers import Answer, Tables, collect, columns_of, finished, require_records, rows_of
from .windows import Window, spoken

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

KEYS = ("server", "service")
MEASURES = ("bytes", "packets", "records")
KINDS = ("new", "gone", "grown", "shrunk")
_LONGER = 1.1  # times that differ by more are told


class Diff(Answer):
    """What changed: a dict, ready for JSON, that prints as a table. Its keys are attributes as well.

    by           [names of the keys]
    measure      "bytes", "packets" or "records"
    before, after   {"start", "end", "seconds", "records", and the measure}: of the two sides
    scale        float: what `after` was multiplied with before it was compared: with rate=True seconds of before / seconds
                 of after, else 1.0
    new, gone, grown, shrunk, same   int: how many keys
    rows         [{keys..., "change": "new", "gone", "grown" or "shrunk", "before", "after": as they are, "difference":
                 after * scale - before, "factor": after * scale / before, None for new ones}], by the size of the
                 difference
    stats        [dict of Stats of before, of after]
    """

    def __init__(
        self,
        values: dict[str, Any],
        stats: list[_core.Stats],
        kinds: list[tuple[str, str]],
        windows: tuple[Window, Window] | None,
    ) -> None:
        super().__init__(values, next((each for each in stats if each.errors), stats[-1]))
        self._kinds = kinds
        self._windows = windows  # that were asked for
        self._sides = [(each, values[name]["records"]) for each, name in zip(stats, ("before", "after"))]

    def to_table(self) -> _core.Table:
        """The rows as a Table: to_pandas(), to_polars(), to_csv() and so on."""
        numbers = [(name, "int64") for name in ("before", "after", "difference")]
        return _core.Table._from_rows(
            [*self._kinds, ("change", "text"), *numbers, ("factor", "double")], self["rows"]
        )

    def _lines(self, width: int, style: Style) -> list[str]:
        amount = human_bytes if self["measure"] == "bytes" else "{:,}".format
        lines = []
        for i, name in enumerate(("before", "after")):
            side = self[name]
            when = self._windows[i].to_text(style) if self._windows else spoken(side["start"], side["end"], style)
            total = amount(side[self["measure"]] or 0)
            if self["measure"] != "records":
                total += f", {count(side['records'], 'record')}"
            lines.append(f"{style.dim(f'{name:<9}')}{when}  {total}")
        counts = [f"{self[kind]:,} {kind}" for kind in (*KINDS, "same") if self[kind]]
        lines.append(f"{style.dim('keys     ')}{', '.join(counts) or 'none'}")
        seconds = [self[name]["seconds"] for name in ("before", "after")]
        if self["scale"] != 1:
            lines.append(f"{style.dim('rates    ')}difference and factor are as if after had been as long as before")
        elif None not in seconds and max(seconds) > _LONGER * min(seconds):
            told = " and ".join(duration(length) for length in seconds)
            lines.append(f"{style.dim('lengths  ')}they are {told} long, and amounts are compared; rate compares rates")
        rows = self["rows"]
        if not rows:
            return lines
        colours = {"new": style.green, "gone": style.red}
        grid = Grid()
        for name, kind in self._kinds:
            cells = [style.dash if row[name] is None else str(row[name]) for row in rows]
            if kind == "time":
                cells = [style.time(row[name]) if row[name] is not None else style.dash for row in rows]
            grid.add(name, [shown(cell) for cell in cells], ">" if kind in ("int64", "double") else "<", cut=True)
        grid.add("change", [colours.get(row["change"], str)(row["change"]) for row in rows])
        grid.add("before", [amount(row["before"]) for row in rows], ">", rank=2)
        grid.add("after", [amount(row["after"]) for row in rows], ">", rank=2)
        signs = ["+" if row["difference"] > 0 else "-" for row in rows]
        grid.add("difference", [sign + amount(abs(row["difference"])) for sign, row in zip(signs, rows)], ">")
        factors = ["" if not row["factor"] else f"x {row['factor']:.3g}" for row in rows]
        grid.add("factor", factors, ">", rank=1)
        lines += ["", *grid.lines(width, style)]
        left = sum(self[kind] for kind in KINDS) - len(rows)
        if left:
            lines.append(style.dim(f"and {left:,} smaller"))
        return lines


def diff(
    before: _core.Query,
    after: _core.Query,
    *,
    by: str | Iterable[str] | None = None,
    measure: str = "bytes",
    factor: float = 2.0,
    min: int = 0,
    rate: bool = False,
    limit: int | None = 20,
    windows: tuple[Window, Window] | None = None,
) -> Diff:
    """The Diff of the records of two queries; Query.diff() tells of the arguments."""
    require_records(before, "diff")
    require_records(after, "diff")
    if measure not in MEASURES:
        raise _core.ArgumentError(f"diff: measure: '{measure}' is none of {', '.join(MEASURES)}")
    if not factor > 1:
        raise _core.ArgumentError(f"diff: factor: {factor} is not more than 1")
    sides = {"before": before, "after": after}
    known = {name: columns_of(query, "diff") for name, query in sides.items()}
    keys = list(_core._split_list(by) if isinstance(by, str) else by) if by else _keys_of(set.intersection(*known.values()))
    tables = _collected(sides, known, keys, measure)
    answer = _fold(tables, measure, factor, min, rate, limit, windows)
    for each in tables.values():
        finished(answer, each)
    return answer


def _keys_of(known: set[str]) -> list[str]:
    if known.issuperset(("srcaddr", "dstaddr", "srcport", "dstport", "protocol")):
        return list(KEYS)
    return ["srcaddr"]


def _collected(
    sides: dict[str, _core.Query], known: dict[str, set[str]], keys: list[str], measure: str
) -> dict[str, Tables]:
    """The tables of both sides: in one pass, if both are of one scan."""
    queries: dict[str, dict[str, _core.Query]] = {}
    for name, query in sides.items():
        times = {}
        if "start" in known[name]:
            times["start"] = "min(start)"
            times["end"] = "max(end)" if "end" in known[name] else "max(start)"
        counted, amount = (query, "count()") if measure == "records" else (query.once(), f"sum({measure})")
        queries[name] = {
            "totals": query.agg(records="count()", **times),
            "total": counted.agg(amount=amount),
            "groups": counted.group_by(*keys).agg(_amount=amount),
        }
    flat = {f"{name} {part}": query for name, each in queries.items() for part, query in each.items()}
    try:
        tables = collect(flat)
    except _core.Error as error:
        if "same scan" not in str(error):
            raise
        return {name: collect(each) for name, each in queries.items()}
    made = {name: Tables({part: tables[f"{name} {part}"] for part in each}) for name, each in queries.items()}
    made["before"].damage = tables.damage
    return made


def _fold(
    tables: dict[str, Tables],
    measure: str,
    factor: float,
    least: int,
    rate: bool,
    limit: int | None,
    windows: tuple[Window, Window] | None,
) -> Diff:
    sides = {}
    for i, (name, each) in enumerate(tables.items()):
        totals = each["totals"][0]
        start, end = totals.get("start"), totals.get("end")
        seconds = windows[i].seconds if windows else None
        if seconds is None and start is not None and end is not None:
            seconds = max(1, end - start)
        sides[name] = {"start": start, "end": end, "seconds": seconds, "records": totals["records"]}
        sides[name][measure] = each["total"][0]["amount"]
    groups = tables["before"]["groups"]
    names = groups.columns[:-1]
    scale = 1.0
    if rate and None not in (sides["before"]["seconds"], sides["after"]["seconds"]):
        scale = sides["before"]["seconds"] / sides["after"]["seconds"]
    past = {tuple(row[name] for name in names): row["_amount"] or 0 for row in rows_of(groups)}
    counts = dict.fromkeys((*KINDS, "same"), 0)

    def compared(key: tuple[Any, ...], before: int, after: int, absent: str | None) -> dict[str, Any] | None:
        scaled = after * scale
        change = absent
        if change is None:
            grown = scaled > before and scaled >= factor * before
            shrunk = scaled < before and before >= factor * scaled
            change = "grown" if grown else "shrunk" if shrunk else "same"
        if max(before, scaled) < least:
            change = "same"
        counts[change] += 1
        if change == "same":
            return None
        return {
            **dict(zip(names, key)),
            "change": change,
            "before": before,
            "after": after,
            "difference": round(scaled - before) if scale != 1 else after - before,
            "factor": scaled / before if before else None,
        }

    def changes() -> Iterator[dict[str, Any]]:
        for row in rows_of(tables["after"]["groups"]):
            key = tuple(row[name] for name in names)
            before = past.pop(key, None)
            made = compared(key, before or 0, row["_amount"] or 0, "new" if before is None else None)
            if made is not None:
                yield made
        for key, before in past.items():
            made = compared(key, before, 0, "gone")
            if made is not None:
                yield made

    def size(row: dict[str, Any]) -> int:
        return abs(row["difference"])

    rows = sorted(changes(), key=size, reverse=True) if limit is None else heapq.nlargest(max(1, limit), changes(), key=size)
    values = {
        "by": names,
        "measure": measure,
        **sides,
        "scale": scale,
        **counts,
        "rows": rows if limit is None else rows[:limit],
        "stats": [each["totals"].stats.to_dict() for each in tables.values()],
    }
    return Diff(values, [each["totals"].stats for each in tables.values()], groups._kinds[:-1], windows)

