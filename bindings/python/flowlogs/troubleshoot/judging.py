"""What became of an attempt: one word of CONTRACT I2, how sure that is, and the records that decided."""

from __future__ import annotations

from .connections import (
    ACK,
    FIN,
    RST,
    SYN,
    Attempt,
    begin,
    finish,
    flags_of,
    is_rejected,
    is_transit,
    lost,
    order,
    place_of,
    source_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Row = dict[str, Any]

GOOD = ("working", "late-packets-only")
BAD = (
    "request-rejected", "reply-rejected", "no-reply", "reset-by-peer", "rejected-bpa", "rejected-encryption",
    "dropped-at-transit-gateway", "idle-expired",
)  # fmt: skip
VERDICTS = (*GOOD, *BAD, "intermittent", "not-seen")
CONFIDENCES = ("certain", "likely", "possible")
IDLE = 350  # seconds: Nitro v6 and load balancers forget a silent connection; others after
IDLE_LONG = 5 * 86400
_REASONS = {"BPA": "rejected-bpa", "EC": "rejected-encryption"}
# Of a transit gateway's packets: what is less is a loss, and not why nothing works.
_LOST_SHARE = 0.01
# The way of a request, from side to side.
_WAY = {"source": 0, "transit-gateway": 2, None: 2.5, "destination": 4}


class Outcome:
    """What one attempt came to. rows: those that decided. good_until, bad_since: seconds, or None."""

    def __init__(
        self, attempt: Attempt, verdict: str, confidence: str, rows: list[Row], *alternatives: str, reason: Any = None
    ) -> None:
        self.attempt = attempt
        self.verdict = verdict
        self.confidence = confidence
        self.alternatives = alternatives
        self.reason = reason
        self.rows = sorted(rows, key=order)
        self.good_until: int | None = None
        self.bad_since: int | None = None

    @property
    def is_good(self) -> bool:
        return self.verdict in GOOD


def rank_of(row: Row, up: bool) -> float:
    """How far along the request's way an interface stands."""
    side = row["_side"]
    enters = (row.get("direction") == "ingress") == up
    if side == "middle":  # what comes in there is still on the client's side
        return 1 if enters else 3
    return _WAY[side] + (0.3 if side == "transit-gateway" and not enters else 0)


def judge(attempt: Attempt, one_action: str | None) -> Outcome:
    """one_action: the only action in all records, if there is only one."""
    made = _judge(attempt, one_action)
    timed = any("start" in row for row in attempt.rows)
    if timed and made.is_good:
        passed = [row for row in attempt.rows if not is_rejected(row)]
        made.good_until = max(map(finish, passed or attempt.rows))
    elif timed:
        made.bad_since = min(map(begin, made.rows or attempt.rows))
        if made.verdict == "idle-expired":
            before = [row for row in attempt.rows if not is_rejected(row) and begin(row) <= made.bad_since]
            made.good_until = max(map(finish, before), default=None)
    return made


def _judge(attempt: Attempt, one_action: str | None) -> Outcome:
    ups, downs, rows = attempt.ups, attempt.downs, attempt.rows
    for row in rows:
        word = _REASONS.get(str(row.get("reject_reason")).upper())
        if word and row.get("action") != "ACCEPT":
            return Outcome(attempt, word, "certain", [r for r in rows if r.get("reject_reason") == row["reject_reason"]])
    dropped = _dropped(attempt)
    if dropped is not None:
        return dropped
    passed = {"up": [row for row in ups if not is_rejected(row)], "down": [row for row in downs if not is_rejected(row)]}
    kinds: dict[str, list[Row]] = {"real": [], "late": [], "idle": []}
    for row in rows:
        if is_rejected(row):
            kinds[_kind_of(row, passed)].append(row)
    if kinds["real"]:
        return _rejected(attempt, kinds["real"], passed)
    tcp = attempt.connection.protocol in (6, None)
    has_flags = any(flags_of(row) is not None for row in rows) if tcp else False
    if kinds["idle"]:
        silence = min(_silence(row, passed) for row in kinds["idle"])
        if not has_flags:
            return Outcome(attempt, "idle-expired", "possible", kinds["idle"], "late-packets-only", reason=silence)
        sure = "certain" if silence >= IDLE_LONG else "likely"
        return Outcome(attempt, "idle-expired", sure, kinds["idle"], *([] if sure == "certain" else ["request-rejected"]), reason=silence)
    if kinds["late"]:
        closed = any((flags_of(row) or 0) & (FIN | RST) for row in passed["up"] + passed["down"])
        late = kinds["late"] + [row for row in rows if not is_rejected(row) and (flags_of(row) or 0) & (FIN | RST)]
        if closed:
            return Outcome(attempt, "late-packets-only", "certain", late)
        return Outcome(attempt, "late-packets-only", "likely" if has_flags else "possible", late, "request-rejected")
    return _unrejected(attempt, passed, has_flags, one_action)


# ---- Rejected --------------------------------------------------------------------------------------------------------


def _silence(row: Row, passed: dict[str, list[Row]]) -> int:
    """Seconds since the last packet that was let through."""
    before = [finish(one) for one in passed["up"] + passed["down"] if begin(one) <= begin(row)]
    return max(0, begin(row) - max(before)) if before else 0


def _kind_of(row: Row, passed: dict[str, list[Row]]) -> str:
    """late: behind the connection's end; idle: behind a silence in which it was forgotten; real: neither."""
    if row.get("protocol", 6) != 6 or "start" not in row:
        return "real"
    flags = flags_of(row)
    if flags is not None and flags & SYN:
        return "real"
    before = {way: [one for one in some if begin(one) <= finish(row)] for way, some in passed.items()}
    everything = before["up"] + before["down"]
    if any((flags_of(one) or 0) & (FIN | RST) for one in everything):
        return "late"
    quiet = _silence(row, passed) >= IDLE
    if flags is None:  # no field tells: it worked both ways before, and this way here, or it did not
        here = (place_of(row), source_of(row))
        if not before["up"] or not before["down"] or all((place_of(one), source_of(one)) != here for one in everything):
            return "real"
        return "idle" if quiet else "late"
    if quiet and everything:
        return "idle"
    return "late" if flags & (FIN | RST) and before["up"] and before["down"] else "real"


def _rejected(attempt: Attempt, rejects: list[Row], passed: dict[str, list[Row]]) -> Outcome:
    up_ids = {id(row) for row in attempt.ups}
    ups = [row for row in rejects if id(row) in up_ids]
    tcp = attempt.connection.protocol in (6, None)
    if ups:
        flags = [flags_of(row) for row in ups]
        if not tcp or any(one is not None and one & SYN for one in flags):
            guessed = attempt.connection.told == "guess" or (attempt.connection.told == "asked" and passed["down"])
            if guessed and attempt.connection.protocol != 6:
                return Outcome(attempt, "request-rejected", "likely" if not passed["down"] else "possible", ups, "reply-rejected")
            return Outcome(attempt, "request-rejected", "certain", ups)
        if all(one is None for one in flags):
            return Outcome(attempt, "request-rejected", "likely", ups, "late-packets-only", "idle-expired")
        if passed["up"] or passed["down"]:  # an open connection, cut by a change of rules
            return Outcome(attempt, "request-rejected", "likely", ups, "idle-expired")
        return Outcome(attempt, "request-rejected", "possible", ups, "late-packets-only", "idle-expired")
    answered = any((flags_of(row) or 0) & SYN for row in rejects)
    at = {place_of(row) for row in rejects}
    asked = [row for row in passed["up"] if place_of(row) in at] or passed["up"]
    rows = rejects + asked
    if answered or (not tcp and asked):
        return Outcome(attempt, "reply-rejected", "certain", rows)
    if asked:
        return Outcome(attempt, "reply-rejected", "likely", rows, "late-packets-only")
    return Outcome(attempt, "reply-rejected", "possible", rows, "late-packets-only", "idle-expired")


def _dropped(attempt: Attempt) -> Outcome | None:
    """Drops of a transit gateway, unless they are few of a connection that is answered."""
    counters: dict[str, int] = {}
    packets = 0
    rows = []
    for row in attempt.rows:
        if is_transit(row):
            packets += row.get("packets") or 0
        if lost(row):
            rows.append(row)
            for name, number in lost(row).items():
                counters[name] = counters.get(name, 0) + number
    total = sum(counters.values())
    if not total:
        return None
    answered = bool(attempt.downs and attempt.ups)
    if answered and total < _LOST_SHARE * packets:
        return None
    reason = dict(sorted(counters.items(), key=lambda one: (-one[1], one[0])))
    if answered:
        return Outcome(attempt, "dropped-at-transit-gateway", "likely", rows, "working", reason=reason)
    return Outcome(attempt, "dropped-at-transit-gateway", "certain", rows, reason=reason)


# ---- Not rejected ----------------------------------------------------------------------------------------------------


def _unrejected(attempt: Attempt, passed: dict[str, list[Row]], has_flags: bool, one_action: str | None) -> Outcome:
    ups, downs = passed["up"], passed["down"]
    up_flags = down_flags = 0
    for row in ups:
        up_flags |= flags_of(row) or 0
    for row in downs:
        down_flags |= flags_of(row) or 0
    tcp = attempt.connection.protocol == 6
    if not downs:
        return _silent(attempt, ups, up_flags, has_flags, one_action)
    if has_flags and tcp and down_flags & RST and not down_flags & SYN and (up_flags & SYN or not ups):
        sure = "certain" if ups else "likely"
        return Outcome(attempt, "reset-by-peer", sure, ups + downs, *([] if ups else ["working"]))
    if not ups:
        return Outcome(attempt, "working", "possible", downs, "no-reply")
    if _reply_is_lost(ups, downs):
        return Outcome(attempt, "no-reply", "likely", ups + downs, "working")
    if all(is_transit(row) for row in ups + downs):
        return Outcome(attempt, "working", "likely", ups + downs, "reply-rejected")
    if tcp and not has_flags and _is_bare(downs):
        return Outcome(attempt, "working", "likely", ups + downs, "reset-by-peer")
    if tcp and has_flags and up_flags & SYN and not down_flags & (SYN | ACK) and _is_bare(downs):
        return Outcome(attempt, "working", "likely", ups + downs, "reset-by-peer")
    return Outcome(attempt, "working", "certain", ups + downs)


def _is_small(rows: list[Row]) -> bool:
    """Packets too small to hold data, as those of SYN and RST; also if nothing tells."""
    packets, size = sum(row.get("packets") or 0 for row in rows), sum(row.get("bytes") or 0 for row in rows)
    return size <= 80 * packets


def _is_bare(rows: list[Row]) -> bool:
    """Few and small packets: they may be refusals."""
    return 0 < sum(row.get("packets") or 0 for row in rows) <= 3 and _is_small(rows)


def _reply_is_lost(ups: list[Row], downs: list[Row]) -> bool:
    """The source's interface saw the request and no reply, which the destination's did."""
    return any(row["_side"] == "source" for row in ups) and {row["_side"] for row in downs} == {"destination"}


def _silent(attempt: Attempt, ups: list[Row], up_flags: int, has_flags: bool, one_action: str | None) -> Outcome:
    sides = {row["_side"] for row in ups}
    alternatives = []
    if "destination" not in sides:
        alternatives.append("request-rejected")  # at an interface that is not in the logs
    if one_action == "ACCEPT" or all(is_transit(row) for row in ups):
        alternatives += ["request-rejected", "reply-rejected"]
    if attempt.connection.protocol == 17:
        return Outcome(attempt, "no-reply", "possible", ups, "working", *alternatives)
    if attempt.connection.protocol != 6:
        return Outcome(attempt, "no-reply", "likely", ups, *alternatives)
    if has_flags and up_flags & SYN and not up_flags & FIN:
        return Outcome(attempt, "no-reply", "certain" if "destination" in sides else "likely", ups, *alternatives)
    # Without a SYN it began before, or nothing tells. Data say that it was open: TCP sends none before an answer.
    sure = "possible" if has_flags or not _is_small(ups) else "likely"
    return Outcome(attempt, "no-reply", sure, ups, *(["working", *alternatives] if sure == "possible" else [*alternatives, "working"]))
