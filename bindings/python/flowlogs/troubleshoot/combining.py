"""The outcomes of attempts made into one Verdict: before and after in time, places, and the records that decided."""

from __future__ import annotations

from collections import Counter

from .._text import iso_time
from .connections import SKEW, begin, flags_of, is_rejected, lost, order, place_of, source_of
from .judging import CONFIDENCES, GOOD, VERDICTS, Outcome, rank_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    Row = dict[str, Any]

_EVIDENCE = 6  # records at most


class Decision:
    """What the outcomes together say. deciding: those of the verdict; good: those that worked. note: of time, for `why`."""

    def __init__(self, verdict: str, outcomes: list[Outcome]) -> None:
        self.verdict = verdict
        self.outcomes = outcomes
        self.good = [one for one in outcomes if one.is_good]
        bad = [one for one in outcomes if not one.is_good]
        self.bad = bad
        same = [one for one in outcomes if one.verdict == verdict]
        self.deciding = same or bad or outcomes
        self.confidence = min((one.confidence for one in self.deciding), key=CONFIDENCES.index)
        self.last_working = max((one.good_until for one in outcomes if one.good_until is not None), default=None)
        self.first_failing = min((one.bad_since for one in bad if one.bad_since is not None), default=None)
        self.alternatives: list[str] = []
        self.note = ""

    def add_alternatives(self, names: Iterable[str]) -> None:
        for name in names:
            if name != self.verdict and name not in self.alternatives:
                self.alternatives.append(name)


def decide(outcomes: list[Outcome]) -> Decision:
    """Of the attempts of one pair of ends, or of several: those that fail decide."""
    pairs: dict[Any, list[Outcome]] = {}
    for one in outcomes:
        pairs.setdefault(one.attempt.connection.pair, []).append(one)
    made = [_decide_pair(some) for _, some in sorted(pairs.items(), key=lambda pair: tuple(map(str, pair[0])))]
    if len(made) == 1:
        return made[0]
    failing = [one for one in made if one.verdict not in GOOD]
    chosen = failing or made
    number = Counter(one.verdict for one in chosen)
    verdict = max(number, key=lambda name: (number[name], name == "late-packets-only", -VERDICTS.index(name)))
    if not failing and "late-packets-only" in number:
        verdict = "late-packets-only"
    mine = [one for one in chosen if one.verdict == verdict]
    whole = Decision(verdict, [outcome for one in mine for outcome in one.outcomes])
    whole.confidence = min((one.confidence for one in mine), key=CONFIDENCES.index)
    whole.add_alternatives(name for one in mine for name in one.alternatives)
    whole.add_alternatives(sorted({one.verdict for one in failing}, key=VERDICTS.index))
    whole.note = mine[0].note if len(mine) == 1 else ""
    rest = len(made) - len(failing)
    if failing and rest:
        whole.note += f"; {rest} of {len(made)} pairs of client and service work"
    elif len(failing) > len(mine):
        whole.note += f"; {len(failing) - len(mine)} other pairs of client and service fail in another way"
    return whole


def _decide_pair(outcomes: list[Outcome]) -> Decision:
    outcomes = sorted(outcomes, key=lambda one: (one.attempt.start, one.attempt.end, str(one.attempt.connection.client_port)))
    good = [one for one in outcomes if one.is_good]
    bad = [one for one in outcomes if not one.is_good]
    if not bad:
        late = any(one.verdict == "late-packets-only" for one in good)
        return _with_alternatives(Decision("late-packets-only" if late else "working", outcomes))
    number = Counter(one.verdict for one in bad)
    latest = {one.verdict: place for place, one in enumerate(bad)}
    failing = max(number, key=lambda name: (number[name], latest[name]))
    if not good:
        made = _with_alternatives(Decision(failing, outcomes))
        made.add_alternatives(number)
        return made
    starts = [one.bad_since for one in bad if one.bad_since is not None]
    changed = recovered = False
    if starts:
        changed = max(one.attempt.start for one in good) <= min(starts) + SKEW
        recovered = max(starts) <= min(one.attempt.start for one in good) + SKEW
    if changed and not recovered:
        made = _with_alternatives(Decision(failing, outcomes))
        made.note = f"; before, it worked until {iso_time(made.last_working)}" if made.last_working is not None else ""
    elif recovered and not changed:
        made = _with_alternatives(Decision("late-packets-only" if any(o.verdict == "late-packets-only" for o in good) else "working", outcomes))
        made.note = f"; it failed ({failing}) from {iso_time(made.first_failing or 0)}, and works since {iso_time(min(o.attempt.start for o in good))}"
    elif set(number) == {"idle-expired"}:
        made = _with_alternatives(Decision("idle-expired", outcomes))
        made.note = f"; {len(good)} other attempts work"
    else:
        made = Decision("intermittent", outcomes)
        made.deciding = bad
        made.add_alternatives(number)
    return made


def _with_alternatives(made: Decision) -> Decision:
    best = [one for one in made.deciding if one.confidence == made.confidence]
    made.add_alternatives(name for one in best for name in one.alternatives)
    return made


# ---- Places ----------------------------------------------------------------------------------------------------------


def hops_of(outcomes: list[Outcome]) -> list[dict[str, Any]]:
    """Where the packets of these attempts were seen, in the order of a request's way."""
    found: dict[Any, dict[str, Any]] = {}
    ranks: dict[Any, float] = {}
    times: dict[Any, int] = {}
    for one in outcomes:
        ups = {id(row) for row in one.attempt.ups}
        for row in one.attempt.rows:
            up = id(row) in ups
            key = place_of(row), row["_side"]
            ranks[key] = min(ranks.get(key, 9), rank_of(row, up))
            if up:
                times[key] = min(times.get(key, begin(row)), begin(row))
            hop = found.setdefault(key, _hop(row))
            hop["own"] = hop["own"] or row.get("own")
            way = hop["request" if up else "reply"]
            way["records"] += 1
            for name in ("packets", "bytes"):
                way[name] += row.get(name) or 0
            way["rejected"] += is_rejected(row)
            way["lost"] += sum(lost(row).values())
    return [found[key] for key in sorted(found, key=lambda key: (ranks[key], times.get(key, 0), str(key)))]


def _hop(row: Row) -> dict[str, Any]:
    hop = empty_hop(place_of(row), row["_side"], row.get("own"))
    for name in ("interface_type", "instance_id", "subnet_id", "vpc_id", "tgw_id"):
        if row.get(name) is not None:
            hop[name] = row[name]
    return hop


def empty_hop(place: str | None, side: str | None, own: str | None) -> dict[str, Any]:
    nothing = dict.fromkeys(("records", "packets", "bytes", "rejected", "lost"), 0)
    return {"interface": place, "side": side, "own": own, "request": dict(nothing), "reply": dict(nothing)}


def at_of(made: Decision) -> tuple[dict[str, Any], Row | None]:
    """The place that decides: where packets are rejected or dropped, or the last that saw the request. And its record."""
    nothing = {"interface": None, "direction": None, "side": None}
    if made.verdict in GOOD:
        return nothing, None
    first = min(made.deciding, key=lambda one: (one.bad_since or 0, str(one.attempt.connection.client_port)))
    ups = {id(row) for row in first.attempt.ups}
    rows = [row for row in first.rows if is_rejected(row)] or [row for row in first.rows if lost(row)]
    if rows:  # the first on their way
        row = min(rows, key=lambda row: (rank_of(row, id(row) in ups) if id(row) in ups else -rank_of(row, False), order(row)))
    elif first.verdict == "no-reply" and any(id(row) not in ups for row in first.rows):
        row = min((row for row in first.rows if id(row) not in ups), key=lambda row: (rank_of(row, False), order(row)))
    elif first.verdict == "reset-by-peer":
        row = max(first.rows, key=lambda row: (id(row) not in ups, bool((flags_of(row) or 0) & 4), rank_of(row, False), order(row)))
    else:
        row = max(first.rows, key=lambda row: (id(row) in ups, rank_of(row, True), order(row)))
    direction = row.get("direction")
    if direction is None and row["_side"] in ("source", "destination"):
        direction = "egress" if (row["_side"] == "source") == (id(row) in ups) else "ingress"
    return {"interface": place_of(row), "direction": direction, "side": row["_side"]}, row


def evidence_of(made: Decision) -> list[dict[str, Any]]:
    """The records that decided, few: of the first attempt of the verdict, the last that failed, the last that worked."""
    chosen: list[Row] = []

    def add(rows: Iterable[Row], most: int) -> None:
        for row in rows:
            if most and all(row is not one for one in chosen):
                chosen.append(row)
                most -= 1

    def key(one: Outcome) -> Any:
        return one.attempt.start, one.attempt.end, str(one.attempt.connection.client_port), str(one.attempt.connection.client)

    deciding = sorted(made.deciding, key=key)
    ups = {id(row) for one in deciding for row in one.attempt.ups}
    add(_telling(deciding[0], ups), 4 if made.bad and made.good else _EVIDENCE - 1)
    if made.verdict not in GOOD and made.good:
        add(reversed(_telling(max(made.good, key=key), ups)), 2)
    if len(deciding) > 1:
        add(_telling(deciding[-1], ups), _EVIDENCE - len(chosen))
    return [shown_record(row) for row in sorted(chosen, key=order)]


def _telling(one: Outcome, ups: set[int]) -> list[Row]:
    """Its records, one of each kind first: rejected ones, then one a way and place."""
    rows: list[Row] = []
    kinds: set[Any] = set()
    for row in sorted(one.rows, key=lambda row: (not is_rejected(row), order(row))):
        kind = place_of(row), source_of(row), is_rejected(row)
        (rows.insert(len(kinds), row) if kind not in kinds else rows.append(row))
        kinds.add(kind)
    return rows


def shown_record(row: Row) -> dict[str, Any]:
    made = {"source": row.get("_source"), "line": row.get("_line")}
    made.update((name, value) for name, value in row.items() if value is not None and not name.startswith("_"))
    for name in ("client", "server_port", "orientation", "own"):
        made.pop(name, None)
    return made
