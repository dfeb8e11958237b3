"""The answers: a Verdict, and the list of them."""

from __future__ import annotations

from .. import _core
from .._text import Grid, Style, count, human_bytes, shown, wrapped
from ..answers import Answer
from .judging import CONFIDENCES, GOOD

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_COLUMNS = (
    ("from", "text"), ("to", "text"), ("server_port", "int64"), ("protocol", "int64"), ("service", "text"), ("verdict", "text"),
    ("reason", "text"), ("confidence", "text"), ("interface", "text"), ("direction", "text"), ("side", "text"), ("attempts", "int64"),
    ("last_working", "time"), ("first_failing", "time"), ("why", "text"), ("next_step", "text"),
)  # fmt: skip


class Verdict(Answer):
    """What became of what one end asked of another: a dict, ready for JSON, that prints as a report. Its keys are attributes.

    from, to        as asked; in a list, as found. Also server_port, protocol, service: None if several or any
    verdict         working, request-rejected, reply-rejected, no-reply, reset-by-peer, rejected-bpa, rejected-encryption,
                    dropped-at-transit-gateway, late-packets-only, idle-expired, intermittent, not-seen
    reason          of not-seen: never-logged, no-flow-log, skipdata, one-action-log, not-yet-delivered, other-address, no-traffic;
                    of drops {counter: packets}; else None
    confidence      certain, likely or possible; alternatives: other verdicts that the records allow
    at              {"interface", "direction", "side": source, destination, middle, transit-gateway or None}: what decided there
    attempts        int: connections and openings of them that were judged
    last_working, first_failing   seconds since 1970, or None
    hops            [{"interface", "side", "own", "request": {"records", "packets", "bytes", "rejected", "lost"}, "reply": {...}}];
                    shared: behind a NAT gateway, where the packets of all its clients cannot be told apart
    evidence        the records that decided, at most six, each with its source and line
    rules           with an inventory: what allows or denies these packets, in the order of their way
    fix             with an inventory: a command of AWS that lets them pass, or ""
    blind_spots     what these logs cannot tell; why: one sentence; next_step
    """

    def __init__(self, values: dict[str, Any], stats: _core.Stats, seen: tuple[int | None, int | None] = (None, None)) -> None:
        super().__init__(values, stats)
        self._seen = seen  # the first and the last second of the logs
        self._matched: int | None = None  # records that were asked for

    @property
    def fails(self) -> bool:
        """Whether it is anything but working or harmless; the internet's probes are not."""
        return self["verdict"] not in GOOD and not self.get("background", False)

    def row(self) -> dict[str, Any]:
        """Flat: for tables."""
        reason = self["reason"]
        if isinstance(reason, dict):
            reason = " ".join(f"{name}={number}" for name, number in reason.items())
        return {**{name: self.get(name) for name, _ in _COLUMNS}, **self["at"], "reason": reason}

    def to_table(self) -> _core.Table:
        return _core.Table._from_rows(list(_COLUMNS), [self.row()])

    def head(self, style: Style) -> str:
        colour = style.green if self["verdict"] in GOOD else style.red if self["verdict"] != "not-seen" else style.bold
        name = self["verdict"] + (f": {self['reason']}" if isinstance(self["reason"], str) else "")
        where = f"{self['from']} -> {self['to']}" + (f" {self['service']}" if self["service"] else "")
        return f"{colour(name)} ({self['confidence']})  {style.bold(shown(where))}"

    def _lines(self, width: int, style: Style) -> list[str]:
        lines = [self.head(style), *("  " + line for line in wrapped(shown(self["why"]), width - 2)), ""]
        for name, text in self._facts(style):
            first, *rest = wrapped(shown(text), max(40, width - 14))
            lines += [f"  {style.dim(f'{name:<10}')}  {first}", *(" " * 14 + line for line in rest)]
        if self["hops"]:
            lines += ["", *("  " + line for line in self._hops(width - 2, style))]
        if self["rules"]:
            lines += ["", *("  " + line for line in self._rules(width - 2, style))]
        if self["evidence"]:
            lines += ["", *("  " + line for line in self._evidence(width - 2, style))]
        if self["blind_spots"]:
            first, *rest = wrapped(shown("; ".join(self["blind_spots"])), max(40, width - 14))
            lines += ["", style.dim("  not told    " + first), *(style.dim(" " * 14 + line) for line in rest)]
        return lines

    def _facts(self, style: Style) -> list[tuple[str, str]]:
        at = self["at"]
        rows = []
        place = ", ".join(str(at[name]) for name in ("interface", "direction", "side") if at[name])
        if place:
            rows.append(("at", place))
        for name, key in (("worked", "last_working"), ("fails", "first_failing")):
            if self[key] is not None:
                word = "until" if name == "worked" else "from"
                rows.append((name, f"{word} {style.time(self[key])}"))
        if self["alternatives"]:
            rows.append(("or", ", ".join(self["alternatives"])))
        rows.append(("next", self["next_step"]))
        if self["fix"]:
            rows.append(("fix", self["fix"]))
        return rows

    def _hops(self, width: int, style: Style) -> list[str]:
        hops = self["hops"]
        grid = Grid()
        grid.add("hop", [shown(hop["interface"] or "-") for hop in hops], cut=True)
        grid.add("side", [(hop["side"] or "?") + (", onwards" if hop.get("shared") else "") for hop in hops])
        grid.add("address", [hop["own"] or "-" for hop in hops], rank=2)
        for way in ("request", "reply"):
            grid.add(way, [_amount(hop[way]) for hop in hops])
        return grid.lines(width, style)

    def _rules(self, width: int, style: Style) -> list[str]:
        rules = self["rules"]
        grid = Grid()
        grid.add("rules", [f"{rule['side']} {rule['of']}" for rule in rules])
        grid.add("", [rule["id"] for rule in rules], rank=1)
        grid.add("", [{True: "allows", False: style.red("denies"), None: "unknown"}[rule["allows"]] for rule in rules])
        grid.add("by", [shown(rule["rule"]) for rule in rules], cut=True)
        return grid.lines(width, style)

    def _evidence(self, width: int, style: Style) -> list[str]:
        rows = self["evidence"]
        grid = Grid()
        starts = [style.time(row["start"]) if "start" in row else "-" for row in rows]
        grid.add("evidence", starts)
        grid.add("at", [shown(str(row.get("interface_id") or row.get("tgw_attachment_id") or "-")) for row in rows], rank=1, cut=True)
        for name in ("src", "dst"):
            grid.add(name, [_end(row.get(f"pkt_{name}addr") or row[f"{name}addr"], row.get(f"{name}port")) for row in rows])
        if any(row.get("action") for row in rows):
            grid.add("", [str(row.get("action", "-")) for row in rows])
        if any(row.get("tcp_flags") is not None for row in rows):
            grid.add("flags", [_flags(row.get("tcp_flags")) for row in rows], rank=2)
        if any("line" in row for row in rows):
            grid.add("line", [str(row.get("line") or "-") for row in rows], ">", rank=3)
        return grid.lines(width, style)


def _amount(way: dict[str, Any]) -> str:
    if not way["records"]:
        return "-"
    text = f"{way['packets']:,} packets" if way["packets"] else count(way["records"], "record")
    if way["bytes"]:
        text += f", {human_bytes(way['bytes'])}"
    if way["rejected"]:
        text += ", all rejected" if way["rejected"] == way["records"] else f", {way['rejected']} of {count(way['records'], 'record')} rejected"
    return text + (f", {way['lost']:,} lost" if way["lost"] else "")


def _end(address: str, port: int | None) -> str:
    return address if not port else f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _flags(flags: int | None) -> str:
    if flags is None:
        return "-"
    return "|".join(name for bit, name in ((2, "SYN"), (16, "ACK"), (1, "FIN"), (4, "RST"), (8, "PSH"), (32, "URG")) if flags & bit) or "0"


class Verdicts(list):  # type: ignore[type-arg]
    """Verdicts of what fails, the most attempts first; last, the internet's probes as one (background). Prints as a report."""

    def __init__(self, verdicts: list[Verdict], stats: _core.Stats, seen: tuple[int | None, int | None], left: int, judged: int) -> None:
        super().__init__(verdicts)
        self._stats = stats
        self._seen = seen
        self._matched: int | None = None
        self._left = left
        self._judged = judged

    def to_table(self) -> _core.Table:
        return _core.Table._from_rows(list(_COLUMNS), [verdict.row() for verdict in self])

    def to_text(self, width: int = 80, style: Style | None = None) -> str:
        """The report, at most `width` columns wide where names are not longer."""
        style = style or Style()
        failing = [verdict for verdict in self if verdict.fails]
        lines = [style.bold(f"{count(len(failing), 'failure')} of own hosts") + f", {count(self._judged, 'connection')} in all"]
        for verdict in self:
            lines.append("")
            if verdict.get("background"):
                lines += wrapped(shown(verdict["why"]), width)
                continue
            lines += [verdict.head(style), *("  " + line for line in wrapped(shown(verdict["why"]), width - 2))]
            lines += ["  " + line for line in wrapped("next: " + (verdict["fix"] or verdict["next_step"]), width - 2)]
        if self._left:
            lines += ["", f"and {count(self._left, 'client and service', 'clients and services')} with fewer; limit= (-n) shows them"]
        return "\n".join(lines) + "\n"

    def __str__(self) -> str:
        return self.to_text().rstrip("\n")

    __repr__ = __str__


def worst_of(verdicts: list[Verdict]) -> str | None:
    """The greatest confidence of those that fail."""
    return min((verdict["confidence"] for verdict in verdicts if verdict.fails), key=CONFIDENCES.index, default=None)
