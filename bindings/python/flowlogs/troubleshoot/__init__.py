"""Why two hosts cannot talk: what flow logs tell of a connection, and what they cannot. Query.troubleshoot() is the way in.

The engine filters, orients and sorts; the records between the two ends (at most MOST, the newest) are made into connections
(connections.py), each attempt is judged (judging.py), and they are put together (combining.py). Where there are none, the
rest of the logs tells why (unseen.py). An inventory names the rule (rules.py, gates.py). Without two ends, what fails is
looked for first (failing.py).
"""

from __future__ import annotations

import time

from .. import _core
from ..answers import collect, columns_of, finished, require_records, service_of
from . import gates as gate
from . import words
from .answer import Verdict, Verdicts, worst_of
from .combining import Decision, at_of, decide, empty_hop, evidence_of, hops_of
from .connections import Connection, attempts_of, connections_of
from .ends import End, end_of
from .judging import CONFIDENCES, VERDICTS, judge
from .rules import Things, read
from .unseen import REASONS, Seen, unseen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..inventory import Known

__all__ = ["CONFIDENCES", "REASONS", "VERDICTS", "Verdict", "Verdicts", "troubleshoot", "worst_of"]

MOST = 20_000  # records that are judged
# What is read of a record, where the inputs have it.
_FIELDS = (
    "interface_id srcaddr dstaddr srcport dstport protocol packets bytes start end action tcp_flags pkt_srcaddr pkt_dstaddr "
    "reject_reason instance_id subnet_id vpc_id interface_type traffic_path resource_id tgw_id tgw_attachment_id "
    "tgw_pair_attachment_id packets_lost_no_route packets_lost_blackhole packets_lost_mtu_exceeded packets_lost_ttl_expired"
).split()
_DERIVED = ("own", "direction", "client", "orientation")
_PROTOCOLS = {"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58, "ipv6-icmp": 58, "sctp": 132, "gre": 47, "esp": 50}


def troubleshoot(
    query: _core.Query,
    *,
    from_: str | None = None,
    to: str | None = None,
    protocol: str | int | None = None,
    inventory: Known | None = None,
    limit: int = 20,
    now: float | None = None,
) -> Verdict | Verdicts:
    """The Verdict of a query's records, or the Verdicts; Query.troubleshoot() tells of the arguments. now: seconds since 1970."""
    require_records(query, "troubleshoot")
    known = columns_of(query, "troubleshoot", "srcaddr", "dstaddr")
    things = read(inventory)
    number = protocol_of(protocol)
    source = None if from_ is None else end_of(from_, "from", query, known, things)
    target = None if to is None else end_of(to, "to", query, known, things)
    if source is None or target is None:
        from . import failing

        return failing.verdicts(query, known, source, target, number, things, limit)
    return _between(query, known, source, target, number, things, time.time() if now is None else now)


def protocol_of(protocol: str | int | None) -> int | None:
    if protocol is None:
        return None
    text = str(protocol).strip().lower()
    if text in _PROTOCOLS:
        return _PROTOCOLS[text]
    if text.isascii() and text.isdigit() and int(text) < 256:
        return int(text)
    raise _core.ArgumentError(f"troubleshoot: protocol: '{protocol}' is none; write {', '.join(_PROTOCOLS)}, or a number up to 255")


# ---- Two ends --------------------------------------------------------------------------------------------------------


def _between(
    query: _core.Query, known: set[str], source: End, target: End, protocol: int | None, things: Things | None, now: float
) -> Verdict:
    if target.port is not None and known.isdisjoint(("srcport", "dstport")):
        raise _core.ArgumentError(f"troubleshoot: no input has srcport and dstport; ask for {target.text} without the port")
    queries = _queries(query, known, source, target, protocol)
    tables = collect(queries)
    seen = seen_of(tables, known)
    for name, end in (("from", source), ("to", target)):
        if end.idle:
            seen.unsure[name] = seen.any[name] = end.idle
    rows = [dict(row) for row in tables.get("rows", ())]
    fill_own(rows, things)
    asked, reverse = connections_of(rows, source, target)
    blind = words.blind_spots(known, seen.is_transit)
    matched = tables["matched"][0]["n"] if "matched" in tables else 0
    if matched > len(rows):
        blind.append(f"only the newest {len(rows):,} of {matched:,} records between the two were judged; ask for a shorter time, or one port")
    ends = {"from": source.text, "to": target.text, "server_port": target.port, "protocol": protocol}
    ends["service"] = service_of(target.port, protocol if protocol is not None or target.port is None else 6)
    if asked:
        values = verdict_of(ends, asked, seen, things, blind)
        _add_far_legs(values, query, known, target, protocol)
    else:
        values = _not_seen(ends, source, target, protocol, seen, things, blind, reverse, now)
    stats = tables["totals"].stats
    answer = Verdict(values, stats, (seen.first, seen.last))
    answer._matched = seen.lines
    return finished(answer, tables)  # type: ignore[no-any-return]


def _add_far_legs(values: dict[str, Any], query: _core.Query, known: set[str], target: End, protocol: int | None) -> None:
    """Behind an interface that changes addresses (a NAT gateway): its own packets to the target, of all its clients together.

    A pass of its own, where there is such an interface.
    """
    middles = {hop["interface"]: hop["own"] for hop in values["hops"] if hop["side"] == "middle" and hop["own"] is not None}
    if not middles or not known.issuperset(("interface_id", "pkt_srcaddr", "pkt_dstaddr")):
        return
    own = ", ".join(sorted(set(middles.values())))
    legs = query.filter(f"(pkt_srcaddr in ({own}) and {target.test('pkt_dstaddr')}) or ({target.test('pkt_srcaddr')} and pkt_dstaddr in ({own}))")
    if protocol is not None:
        legs = legs.filter(f"protocol = {protocol}")
    if target.port is not None:
        legs = legs.filter(f"port = {target.port}")
    amounts = {name: f"sum({name})" for name in ("packets", "bytes") if name in known}
    action = ["action"] if "action" in known else []
    try:
        rows = legs.group_by("interface_id", "pkt_srcaddr", *action).agg(records="count()", **amounts).collect()
    except _core.Error:
        values["blind_spots"].append("the input can be read once: what a NAT gateway sent on was not looked up")
        return
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        place = row["interface_id"]
        if middles.get(place) is None:
            continue
        hop = found.get(place)
        if hop is None:
            hop = found[place] = empty_hop(place, "middle", middles[place])
            hop["shared"] = True
        way = hop["request" if row["pkt_srcaddr"] == middles[place] else "reply"]
        way["records"] += row["records"]
        way["rejected"] += row["records"] if row.get("action") == "REJECT" else 0
        for name in amounts:
            way[name] += row[name] or 0
    for place, hop in found.items():
        at = max(i for i, one in enumerate(values["hops"]) if one["interface"] == place)
        values["hops"].insert(at + 1, hop)
        asked, came = hop["request"], hop["reply"]
        if values["verdict"] == "no-reply" and asked["records"]:
            told = f"rejected in {asked['rejected']}" if asked["rejected"] else "let through"
            values["why"] += (
                f"; {place} asked {target.text} for all its clients in {asked['records']} records ({told}), and got {came['records'] or 'none'} back"
            )


def columns_read(known: set[str]) -> list[str]:
    return [*(name for name in _FIELDS if name in known), *_DERIVED, "_source", "_line"]


def newest(query: _core.Query, known: set[str], most: int | None = None) -> _core.Query:
    """The records, the newest first, so many at most (MOST); which are left does not depend on their order."""
    columns = columns_read(known)
    by = [name for name in ("end", "start", "srcaddr", "dstaddr", "srcport", "dstport", "action", "interface_id") if name in columns]
    return query.select(*columns).sort(*by, descending=True).head(MOST if most is None else most)


def totals_of(query: _core.Query, known: set[str]) -> dict[str, _core.Query]:
    """What is asked of all records."""
    times = {name: f"{kind}({field})" for name, kind, field in (("first", "min", "start"), ("last", "max", "end")) if field in known}
    queries = {"totals": query.filter("srcaddr is not null").agg(records="count()", **times), "lines": query.agg(records="count()")}
    if "action" in known:
        queries["actions"] = query.filter("action is not null").group_by("action").agg(records="count()")
    return queries


def _queries(query: _core.Query, known: set[str], source: End, target: End, protocol: int | None) -> dict[str, _core.Query]:
    queries = totals_of(query, known)
    place = ["interface_id"] if "interface_id" in known else []
    if "log_status" in known:
        lost = query.filter("log_status = SKIPDATA")
        queries["skipped"] = lost.group_by(*place).agg(records="count()") if place else lost.agg(records="count()")
    ported = known.issuperset(("srcport", "dstport"))
    for name, end in (("from", source), ("to", target)):
        if not end.networks:
            continue
        met = query.filter(end.test("addr"))
        queries[f"any {name}"] = met.agg(records="count()")
        queries[f"unsure {name}"] = met.filter("own is null" + (" and interface_id is not null" if place else "")).agg(records="count()")
        queries[f"own {name}"] = query.filter(end.test("own")).group_by(*place, "own").agg(records="count()").sort("records", descending=True).head(20)
    if not source.networks or not target.networks:
        return queries
    between = query.filter(
        f"({source.test('src')} and {target.test('dst')}) or ({source.test('dst')} and {target.test('src')})"
    )
    wanted = between
    if protocol is not None:
        if "protocol" not in known:
            raise _core.ArgumentError("troubleshoot: no input has protocol; leave it out")
        wanted = wanted.filter(f"protocol = {protocol}")
    if target.port is not None:
        wanted = wanted.filter(f"port = {target.port}")
        once = query.filter(f"dstport = {target.port}")
        most = {"records": "count()"}
        queries["elsewhere"] = once.filter(source.test("src")).group_by(address="dstaddr").agg(**most).sort("records", descending=True).head(3)
        queries["by"] = once.filter(target.test("dst")).group_by(address="srcaddr").agg(**most).sort("records", descending=True).head(3)
    if "interface_type" in known:
        fronts = query.filter("own is not null and interface_type is not null")
        queries["fronts"] = fronts.group_by("own").agg(records="count()").head(10_000)
    queries["rows"] = newest(wanted, known)
    queries["matched"] = wanted.agg(n="count()")
    if ported and "protocol" in known:
        queries["others"] = between.group_by(service="service").agg(records="count()").sort("records", descending=True).head(3)
    return queries


def seen_of(tables: Any, known: set[str]) -> Seen:
    seen = Seen()
    totals = tables["totals"][0]
    seen.records, seen.first, seen.last = totals["records"], totals.get("first"), totals.get("last")
    seen.lines, seen.read = tables["lines"][0]["records"], tables["totals"].stats.records
    if "actions" in tables:
        seen.actions = {row["action"]: row["records"] for row in tables["actions"]}
    seen.skipped = [row for row in tables.get("skipped", ()) if row["records"]]
    for end in ("from", "to"):
        seen.own[end] = list(tables.get(f"own {end}", ()))
        for name, into in (("any", seen.any), ("unsure", seen.unsure)):
            if f"{name} {end}" in tables:
                into[end] = tables[f"{name} {end}"][0]["records"]
    seen.others = [row for row in tables.get("others", ()) if row["service"] is not None]
    seen.elsewhere = list(tables.get("elsewhere", ()))
    seen.by = list(tables.get("by", ()))
    seen.fronts = {row["own"] for row in tables.get("fronts", ())}
    seen.is_transit = "action" not in known and not known.isdisjoint(("tgw_id", "tgw_attachment_id"))
    if seen.is_transit:
        seen.unsure = {"from": 0, "to": 0}
    return seen


def fill_own(rows: list[dict[str, Any]], things: Things | None) -> None:
    """The own address and the direction of records that do not tell, by the inventory, or by what differs in the packet."""
    for row in rows:
        if row.get("own") is not None:
            continue
        owns = things.own_of(row.get("interface_id")) if things is not None else set()
        source, target = row["srcaddr"], row["dstaddr"]
        if (source in owns) != (target in owns):
            row["own"] = source if source in owns else target
        elif row.get("pkt_srcaddr") not in (None, source):  # a foreign sender, of what the interface passes on
            row["own"] = source
        elif row.get("pkt_dstaddr") not in (None, target):
            row["own"] = target
        if row["own"] is not None and row.get("direction") is None:
            row["direction"] = "egress" if row["own"] == source else "ingress"


def verdict_of(
    ends: dict[str, Any], connections: list[Connection], seen: Seen, things: Things | None, blind: list[str], made: Decision | None = None
) -> dict[str, Any]:
    """The keys of a Verdict."""
    if made is None:
        one_action = seen.one_action()
        made = decide([judge(attempt, one_action) for connection in connections for attempt in attempts_of(connection)])
    at, row = at_of(made)
    first = made.deciding[0].attempt.connection
    blind = list(blind)
    if at["interface"] is not None and at["side"] is None:
        blind.append(f"whether {at['interface']} is the client's or the server's is not told by its records; an inventory tells")
    note = words.note_of_newest(made, seen.last)
    if note:
        blind.append(note)
    if any(one.attempt.connection.told == "guess" for one in made.deciding):
        blind.append("nothing tells who began (no SYN, no ports); taken for the client: " + first.client)
    many = len({one.attempt.connection.pair for one in made.deciding}) > 1
    ports = {(one.attempt.connection.server_port, one.attempt.connection.protocol) for one in made.deciding}
    who = ends["from"] if many and ends["from"] else words.label(first.client, things)
    whom = ends["to"] if many and ends["to"] else words.label(first.server, things)
    whom += _port(first) if len(ports) == 1 else f" ({len(ports)} services)"
    sentence = words.why(made, at, who, whom, bool(seen.own["to"]))
    confidence, rules, fix, is_told = made.confidence, [], "", False
    if things is not None and made.verdict not in ("working", "late-packets-only", "reset-by-peer"):
        found = gate.gates_of(things, first, made.verdict, at["side"])
        rules, fix = found.rules, found.fix
        sentence += gate.spoken(found, made.verdict)
        is_told = bool(found.denying)
        if is_told and made.verdict.endswith("-rejected") and confidence == "likely":
            confidence = "certain"  # the rule says what the records allow
    if made.verdict == "request-rejected" and not is_told:
        blind.append("a REJECT does not say whether the security group or the network ACL did it")
    reason = made.deciding[0].reason if made.verdict == "dropped-at-transit-gateway" else None
    return {
        **ends,
        "verdict": made.verdict,
        "reason": reason,
        "confidence": confidence,
        "alternatives": made.alternatives,
        "at": at,
        "attempts": len(made.outcomes),
        "last_working": made.last_working,
        "first_failing": made.first_failing,
        "hops": hops_of(made.deciding),
        "evidence": evidence_of(made),
        "rules": rules,
        "blind_spots": blind,
        "why": sentence,
        "next_step": words.next_step(made, at, row, words.label(first.server, things), things is not None),
        "fix": fix,
    }


def _port(connection: Connection) -> str:
    service = service_of(connection.server_port, connection.protocol)
    if connection.protocol in (6, 17, 132):
        return f" port {connection.server_port}" + (f" ({service})" if service and "/" not in service else "")
    return f" ({service})" if service else ""


def _not_seen(
    ends: dict[str, Any], source: End, target: End, protocol: int | None, seen: Seen, things: Things | None, blind: list[str],
    reverse: list[Connection], now: float,
) -> dict[str, Any]:  # fmt: skip
    found = unseen(source, target, protocol, seen, things, now)
    sentence = found.why
    if reverse:
        sentence += f"; the other way, {reverse[0].client} opened {len(reverse)} to {reverse[0].server}{_port(reverse[0])}"
    rules: list[dict[str, Any]] = []
    fix = ""
    if things is not None and source.networks and target.networks and target.port is not None:
        one, other = source.inside, target.inside
        tried = gate.gates_of(things, Connection((one, None), (other, target.port), protocol or 6, "asked"), "not-seen", None)
        rules, fix = tried.rules, tried.fix
        sentence += gate.spoken(tried, "not-seen")
    return {
        **ends,
        "verdict": "not-seen",
        "reason": found.reason,
        "confidence": found.confidence,
        "alternatives": found.alternatives,
        "at": {"interface": None, "direction": None, "side": None},
        "attempts": 0,
        "last_working": None,
        "first_failing": None,
        "hops": [],
        "evidence": [],
        "rules": rules,
        "blind_spots": blind,
        "why": sentence,
        "next_step": found.next_step,
        "fix": fix,
    }
