"""What is in the logs: totals, actions, formats and top lists. Query.summary() is the way in.

Records and actions are of all records; bytes, packets and the top lists count packets once, also where several interfaces
saw them (CONTRACT D2). Whose addresses the interfaces are is known at the end only, so that the inputs are read twice.
"""

from __future__ import annotations

from . import _core
from ._text import Style, aligned, count, cut, human_bytes, percent, shown, width_of, wrapped
from .answers import Answer, collect, finished, require_records
from .windows import spoken

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_TOP = 10
# Key of a top list, the columns that it needs, its title, what its rows are.
_TOP_LISTS = (
    ("srcaddr", ("srcaddr",), "Top sources"),
    ("dstaddr", ("dstaddr",), "Top destinations"),
    ("service", ("srcport", "dstport", "protocol"), "Top services"),
    ("protocol", ("protocol",), "Top protocols"),
)


class Summary(Answer):
    """What is in the logs: a dict, ready for JSON, that prints as a report. Its keys are attributes as well.

    records, nodata, skipdata   int: records in all, and those of log-status NODATA and SKIPDATA
    start, end                  int or None: seconds since 1970 UTC of the first and last packet
    bytes, packets              int or None: sums, where packets that several interfaces saw count once; None where no
                                input has the field
    actions                     {"ACCEPT": records, "REJECT": records}
    formats                     [{"fields": [...], "records": n}]
    top                         {"srcaddr": [...], "dstaddr": [...], "service": [...], "protocol": [...]}: the ten with
                                the most bytes, each {"srcaddr": ..., "bytes": n, "packets": n, "records": n};
                                protocols have a name too; these count packets once, too
    stats                       the dict of Stats
    """

    def __init__(
        self, values: dict[str, Any], actions: list[dict[str, Any]], counted: int, stats: _core.Stats
    ) -> None:
        super().__init__(values, stats)
        self._actions = actions  # rows with bytes, for the report
        self._counted = counted  # records without those of packets that another interface showed too

    def _lines(self, width: int, style: Style) -> list[str]:
        return _Report(self, self._actions, width, style).lines()


def summarize(query: _core.Query) -> Summary:
    """The Summary of a query's records."""
    require_records(query, "summary")
    columns = set(query.columns)
    sums: dict[str, str] = {name: f"sum({name})" for name in ("bytes", "packets") if name in columns}
    totals: dict[str, str] = {"records": "count()"}
    if "start" in columns:
        totals["start"] = "min(start)"
    if "end" in columns:
        totals["end"] = "max(end)"

    once = query.once()  # CONTRACT D2
    queries: dict[str, _core.Query] = {"totals": query.agg(**totals), "once": once.agg(counted="count()", **sums)}
    if "action" in columns:
        queries["action"] = query.group_by("action").agg(records="count()")
        if "bytes" in columns:
            queries["action once"] = once.group_by("action").agg(bytes="sum(bytes)")
    if "log_status" in columns:
        queries["status"] = query.group_by("log_status").agg(records="count()")
    by = "bytes" if "bytes" in columns else "records"
    for key, needed, _ in _TOP_LISTS:
        if columns.issuperset(needed):
            groups = once.group_by(key).agg(**sums, records="count()")
            queries[key] = groups.sort(by, descending=True).head(_TOP + 1)  # one may be the group of null

    tables = collect(queries)
    return finished(_make(tables), tables)  # type: ignore[no-any-return]


def _make(tables: dict[str, _core.Table]) -> Summary:
    totals, once = tables["totals"][0], tables["once"][0]
    stats_object = tables["totals"].stats
    stats = stats_object.to_dict()
    actions = [row for row in tables["action"] if row["action"] is not None] if "action" in tables else []
    if "action once" in tables:
        sums = {row["action"]: row["bytes"] for row in tables["action once"]}
        for row in actions:
            row["bytes"] = sums.get(row["action"]) or 0
    if "status" in tables:
        statuses = {row["log_status"]: row["records"] for row in tables["status"]}
    else:
        statuses = {"NODATA": 0, "SKIPDATA": 0}
    return Summary(
        {
            "records": totals["records"],
            "nodata": statuses.get("NODATA", 0),
            "skipdata": statuses.get("SKIPDATA", 0),
            "start": totals.get("start"),
            "end": totals.get("end"),
            "bytes": once.get("bytes"),
            "packets": once.get("packets"),
            "actions": {row["action"]: row["records"] for row in actions},
            "formats": stats["formats"],
            "top": {key: _top(key, tables.get(key)) for key, _, _ in _TOP_LISTS},
            "stats": stats,
        },
        actions,
        once["counted"],
        stats_object,
    )


def _top(key: str, table: _core.Table | None) -> list[dict[str, Any]]:
    rows = []
    for row in table or []:
        if row[key] is None:
            continue
        value = {key: row[key]}
        if key == "protocol":
            value["name"] = _core._word("protocol", row[key])
        rows.append({**value, "bytes": row.get("bytes"), "packets": row.get("packets"), "records": row["records"]})
    return rows[:_TOP]


class _Report:
    """The summary as lines."""

    def __init__(self, summary: Summary, actions: list[dict[str, Any]], width: int, style: Style) -> None:
        self.summary = summary
        self.actions = actions
        self.width = width
        self.style = style
        self.bytes = summary["bytes"]

    def lines(self) -> list[str]:
        lines = [*self._head(), ""]
        if self.summary["records"]:
            lines += [
                *self._totals(),
                "",
                *self._lists(),
                *(self.style.dim(line) for line in self._note()),
            ]
        while not lines[-1]:
            lines.pop()
        return lines

    def _note(self) -> list[str]:
        twice = self.summary["records"] - self.summary._counted
        if not twice:
            return []
        share = percent(twice, self.summary["records"])
        told = f"{share} of the records are of packets that another interface saw too"
        return wrapped(f"{told}: bytes, packets and top lists count them once.", self.width)

    def _head(self) -> list[str]:
        s, stats = self.summary, self.summary["stats"]
        line = self.style.bold(count(s["records"], "record")) + f" in {count(stats['inputs'], 'input')}"
        if s["records"] != stats["records"]:
            line += f", of {stats['records']:,} read"
        problems = sum(stats["problems"].values())
        if problems:
            line += self.style.red(f", {count(problems, 'line')} skipped")
        if stats["errors"]:
            line += self.style.red(f", {count(len(stats['errors']), 'input')} not read to the end")
        return [line]

    def _totals(self) -> list[str]:
        s = self.summary
        rows: list[tuple[str, str]] = []
        if s["start"] is not None and s["end"] is not None:
            rows.append(("window", spoken(s["start"], s["end"], self.style)))
        traffic = []
        if s["bytes"] is not None:
            exact = f" ({s['bytes']:,} bytes)" if s["bytes"] >= 1000 else ""
            traffic.append(human_bytes(s["bytes"]) + exact)
        if s["packets"] is not None:
            traffic.append(count(s["packets"], "packet"))
        if traffic:
            rows.append(("traffic", " in ".join(traffic)))
        for i, row in enumerate(self._action_rows()):
            rows.append(("actions" if i == 0 else "", row))
        status = [f"{s[key]:,} {key.upper()}" for key in ("nodata", "skipdata") if s[key]]
        if status:
            rows.append(("no traffic", ", ".join(status)))
        for i, form in enumerate(s["formats"][:5]):
            rows.append(("formats" if i == 0 else "", self._format(form)))
        if len(s["formats"]) > 5:
            rows.append(("", f"and {len(s['formats']) - 5} more"))
        return [f"  {self.style.dim(f'{name:<11}')}{text}" for name, text in rows]

    def _format(self, form: dict[str, Any]) -> str:
        records = count(form["records"], "record")
        fields = shown(" ".join(form["fields"]))
        text = f"{records} of {count(len(form['fields']), 'field')}: "
        return text + cut(fields, max(20, self.width - len(text) - 13), self.style)

    def _action_rows(self) -> list[str]:
        rows = []
        whole = self.summary["records"]
        for row in self.actions:
            cells = [shown(row["action"]), f"{row['records']:,}", percent(row["records"], whole)]
            if row.get("bytes") is not None:
                cells.append(human_bytes(row["bytes"]))
            rows.append(cells)
        texts = aligned(rows, "<>>>")
        bars = [self.style.bar(row["records"], whole, 20) for row in self.actions]
        coloured = {"ACCEPT": self.style.green, "REJECT": self.style.red}
        return [
            f"{text}  {coloured.get(row['action'], str)(bar)}".rstrip()
            for text, bar, row in zip(texts, bars, self.actions)
        ]

    def _lists(self) -> list[str]:
        wide = self.width >= 112
        room = (self.width - 4) // 2 if wide else self.width
        blocks = [self._list(key, title, room) for key, _, title in _TOP_LISTS if self.summary["top"][key]]
        if not wide:
            return [line for block in blocks for line in [*block, ""]]
        lines = []
        for left, right in zip(blocks[::2], [*blocks[1::2], []]):
            for i in range(max(len(left), len(right))):
                a = left[i] if i < len(left) else ""
                b = right[i] if i < len(right) else ""
                lines.append((a + " " * (room + 4 - width_of(a)) + b).rstrip())
            lines.append("")
        return lines

    def _list(self, key: str, title: str, room: int) -> list[str]:
        """One top list: a title, which heads the columns, and its rows with bars."""
        rows = self.summary["top"][key]
        by = "records" if self.bytes is None else "bytes"
        whole = self.summary._counted if self.bytes is None else self.bytes
        amounts = [row[by] or 0 for row in rows]
        cells = [[title, "bytes", "share", "records"]]
        for row, amount in zip(rows, amounts):
            share = percent(amount, whole)
            cells.append([self._key(key, row), human_bytes(row["bytes"] or 0), share, f"{row['records']:,}"])
        if self.bytes is None:
            cells = [[line[0], *line[2:]] for line in cells]
        head, *texts = aligned(cells, "<>>>")
        bar_room = min(24, room - len(head) - 2)
        lines = [self.style.bold(title) + self.style.dim(head[len(title) :])]
        for text, amount in zip(texts, amounts):
            bar = self.style.bar(amount, max(amounts), bar_room) if bar_room >= 4 else ""
            lines.append(f"{text}  {self.style.dim(bar)}".rstrip())
        return lines

    def _key(self, key: str, row: dict[str, Any]) -> str:
        if key == "protocol":
            return row["name"] or f"protocol {row['protocol']}"
        return cut(shown(str(row[key])), 39, self.style)
