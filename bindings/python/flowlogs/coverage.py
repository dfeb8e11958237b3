"""When there are records, of each interface and of the log as a whole, and what AWS skipped.

A gap is a time without a record, not even NODATA, between two records of an interface, that is longer than the interval of
aggregation explains: with an interval of T seconds the packets of two records that follow one another may be 2 T apart. What
comes before an interface's first record and after its last one is no gap. Of the log as a whole (no interface has a record)
the ends of the period that was asked for count too.
"""

from __future__ import annotations

import heapq

from . import _core
from .answers import numbers_of, rows_of, runs_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LATE = 900  # what is newer may not have been delivered yet


class _Span:
    """Records in the order of their starts, and the times between them."""

    def __init__(self, silence: int) -> None:
        self.silence = silence
        self.first: int | None = None
        self.last: int | None = None
        self.gaps: list[tuple[int, int]] = []

    def add(self, begin: int | None, end: int | None) -> None:
        if begin is None:
            return
        end = begin if end is None else max(begin, end)
        if self.last is None:
            self.first, self.last = begin, end
            return
        if begin - self.last > self.silence:
            self.gaps.append((self.last, begin))
        self.last = max(self.last, end)


def of(
    tables: dict[str, _core.Table], place: str | None, interval: int, silence: int, ends: tuple[int | None, int | None, int], limit: int
) -> dict[str, Any]:
    """The coverage of an Audit. place: the column of interfaces; silence: seconds that are no gap yet; ends: since, until, and now."""
    since, until, now = ends
    log = _Span(silence)
    for row in rows_of(tables["coverage"]):
        log.add(row["first"], row.get("last"))
    log_gaps = list(log.gaps)
    if log.first is not None and log.last is not None:
        if since is not None and log.first - since > silence:
            log_gaps.insert(0, (since, log.first))
        end = None if until is None else min(until, now - _LATE)
        if end is not None and end - log.last > silence:
            log_gaps.append((log.last, end))

    whole = covered = gap_total = gap_seconds = with_gaps = 0
    longest: list[tuple[int, str, int, int]] = []
    rows = []
    if place is not None:
        counts = _counts(tables.get("log status"))
        table = tables["interface coverage"]
        firsts, first_null = numbers_of(table, "first")
        lasts, last_null = numbers_of(table, "last") if "last" in table.columns else (None, None)
        spans: dict[Any, _Span] = {}
        for name, begin, stop in runs_of(table, "interface"):
            span = spans[name] = _Span(silence)
            for i in range(begin, stop):
                if not first_null or not first_null[i]:
                    span.add(firsts[i], None if lasts is None or (last_null and last_null[i]) else lasts[i])
        for row in rows_of(tables["interfaces"]):
            name = row["interface"]
            if name is None:
                continue
            span = spans.get(name, _Span(silence))
            gaps = [gap for gap in span.gaps if not _is_of_log(gap, log.gaps, silence)]
            lost = sum(end - begin for begin, end in span.gaps)
            whole += (span.last or 0) - (span.first or 0)
            covered += (span.last or 0) - (span.first or 0) - lost
            gap_total += len(gaps)
            gap_seconds += sum(end - begin for begin, end in gaps)
            with_gaps += bool(gaps)
            longest += [(end - begin, name, begin, end) for begin, end in gaps]
            longest = heapq.nsmallest(max(0, limit), longest, key=lambda gap: (-gap[0], gap[1:]))
            told = counts.get(name, {})
            rows.append(
                {"interface": name, "records": row["records"], "nodata": told.get("NODATA", 0), "skipdata": told.get("SKIPDATA", 0),
                 "first": span.first, "last": span.last, "gaps": len(gaps), "gap_seconds": sum(end - begin for begin, end in gaps)}
            )  # fmt: skip
    elif log.first is not None and log.last is not None:
        whole = log.last - log.first
        covered = whole - sum(end - begin for begin, end in log.gaps)
    total = len(rows)
    rows.sort(key=lambda row: (-row["gap_seconds"], -row["skipdata"], row["interface"]))
    return {
        "interval": interval,
        "longest_silence": silence,
        "share": None if log.first is None else covered / whole if whole else 1.0,
        "interfaces_total": None if place is None else total,
        "interfaces_with_gaps": with_gaps,
        "gaps_total": gap_total,
        "gap_seconds": gap_seconds,
        "gaps": [{"interface": name, "start": begin, "end": end, "seconds": seconds} for seconds, name, begin, end in longest],
        "log_gaps": [{"interface": None, "start": begin, "end": end, "seconds": end - begin} for begin, end in log_gaps],
        "interfaces": rows[: max(0, limit)],
    }


def _is_of_log(gap: tuple[int, int], log_gaps: list[tuple[int, int]], silence: int) -> bool:
    """Whether it is no more than a gap of the log: then it is not one of each interface too."""
    at, end = gap
    for begin, stop in log_gaps:
        if stop > at and begin < end:
            if begin - at > silence:
                return False
            at = max(at, stop)
    return end - at <= silence


def _counts(table: _core.Table | None) -> dict[Any, dict[str, int]]:
    """By interface: how many records of each log-status."""
    made: dict[Any, dict[str, int]] = {}
    for row in table or ():
        told = made.setdefault(row.get("interface"), {})
        told[row["status"]] = told.get(row["status"], 0) + row["records"]
    return made


def losses(table: _core.Table | None, records: int, limit: int) -> dict[str, Any] | None:
    """What AWS skipped, as an Audit tells it."""
    if table is None:
        return None
    counts = _counts(table)
    skipped = {name: told.get("SKIPDATA", 0) for name, told in counts.items() if told.get("SKIPDATA")}
    total = sum(skipped.values())
    worst = sorted(skipped.items(), key=lambda item: (-item[1], str(item[0])))[: max(0, limit)]
    return {
        "records": total,
        "nodata": sum(told.get("NODATA", 0) for told in counts.values()),
        "share": total / records if records else 0.0,
        "interfaces": [{"interface": name, "records": number} for name, number in worst],
    }
