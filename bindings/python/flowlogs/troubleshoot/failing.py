"""What fails, when nobody says between whom: own hosts by client, service and verdict; the internet's probes as one.

Two passes: the engine groups every connection, and those that were rejected, reset, not answered or dropped are counted
here by client and service; the records of the most of them are then judged as any others.
"""

from __future__ import annotations

from collections import Counter

from .. import _core
from .._text import count
from ..answers import collect, finished, service_of
from ..conversations import Plan
from .answer import Verdict, Verdicts
from .combining import decide
from .connections import LOSSES, Connection, attempts_of, connections_of, is_service, source_of
from .ends import End
from .judging import GOOD, Outcome, judge
from .rules import Things
from .unseen import Seen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# What an outside client's failure says of our own side.
_OURS = ("reply-rejected", "rejected-bpa", "rejected-encryption", "dropped-at-transit-gateway", "idle-expired")


_TRACEROUTE = range(33434, 33535)  # ports of UDP, as lib/insight/ports.h has them
_FEW, _MANY = 2, 10  # failures of a service, services of a client
_MOST_SERVERS, _MOST_PORTS = 50, 2000  # that are named in a filter
_LEAST_ROWS = 2000  # of a client and service that are judged


class _Group:
    """One client (or, key[0] None, all of the internet at one server) and one service."""

    def __init__(self) -> None:
        self.failed = 0
        self.servers: set[str] = set()
        self.ports: set[int] = set()  # of many services that were made one


def verdicts(
    query: _core.Query, known: set[str], source: End | None, target: End | None, protocol: int | None, things: Things | None, limit: int
) -> Verdicts:
    from . import MOST, newest, seen_of, totals_of, words  # not at the top: that one imports this

    logs = _asked(query, known, source, target, protocol)
    plan = Plan(logs, True, "troubleshoot")
    queries = {**totals_of(logs, known), **{f"plan {name}": one for name, one in plan.queries.items()}}
    queries["own"] = query.filter("own is not null").group_by("own").agg(records="count()")
    losses = [f"packets_lost_{name.replace('-', '_')}" for name in LOSSES if f"packets_lost_{name.replace('-', '_')}" in known]
    if losses:
        dropped = logs.filter(" or ".join(f"{name} > 0" for name in losses))
        queries["dropped"] = dropped.group_by("client", "server_port", "protocol").agg(records="count()")
    tables = collect(queries)
    seen = seen_of(tables, known)
    own = {row["own"] for row in tables["own"]}
    groups: dict[Any, _Group] = {}
    probes = _Probes()
    judged = 0
    plan_tables = {name[len("plan ") :]: table for name, table in tables.items() if name.startswith("plan ")}
    for conversation in plan.conversations(plan_tables):
        state = conversation.state()
        judged += 1
        if state in ("answered", "no request") and not any(side and side.get("rejected") for side in (conversation.up, conversation.down)):
            continue
        row = conversation.row(plan.sums)
        outside = _core._scope(row["server"]) == "public" and row["server"] not in own
        if conversation.up is None and row["rejected"] and (outside or not is_service(row["server_port"], row["protocol"])):
            # Rejected, without an answer, and from the internet or a port of no service: the sender began.
            row.update(client=row["server"], server=row["client"], server_port=row["client_port"], client_port=row["server_port"])
            row["service"] = service_of(row["server_port"], row["protocol"])
            conversation.up, conversation.down = conversation.down, None
            state = conversation.state()
        if target is None and state == "no reply" and row["protocol"] == 17 and (row["server_port"] or 0) in _TRACEROUTE:
            continue  # nobody is to answer from there
        if source is not None and row["client"] not in source or target is not None and row["server"] not in target:
            continue
        client = row["client"]
        if _core._scope(client) == "public" and client not in own:
            down = conversation.down
            asked_for = target is not None and target.port is not None
            if not (asked_for or down is not None and down.get("rejected") and down.get("action") != "ACCEPT"):
                if state != "answered":
                    probes.add(row, state)
                continue
            client = None
        port = _port_of(row["server_port"], row["protocol"])
        group = groups.setdefault((client, row["server"] if client is None else None, port, row["protocol"]), _Group())
        group.failed += 1
        group.servers.add(row["server"])
    for row in tables.get("dropped", ()):
        key = row["client"], None, _port_of(row["server_port"], row["protocol"]), row["protocol"]
        if row["client"] is not None:
            groups.setdefault(key, _Group()).failed += row["records"]
    _merge_small(groups)
    chosen = sorted(groups, key=lambda key: (-groups[key].failed, tuple(map(str, key))))[: max(0, limit)]
    made: list[Verdict] = []
    stats = tables["totals"].stats
    todo = chosen
    while todo:
        most = max(_LEAST_ROWS, MOST // len(todo))
        parts: dict[str, _core.Query] = {}
        for i, key in enumerate(todo):
            wanted = logs.filter(_test(key, groups[key]))
            parts.update({f"rows {i}": newest(wanted, known, most), f"matched {i}": wanted.agg(n="count()")})
        again = collect(parts)
        tables.damage = tables.damage or again.damage
        behind: list[Any] = []
        for i, key in enumerate(todo):
            blind = words.blind_spots(known, seen.is_transit)
            rows, matched = list(map(dict, again[f"rows {i}"])), again[f"matched {i}"][0]["n"]
            if matched > len(rows):
                blind.append(f"only the newest {len(rows):,} of {matched:,} records of this client and service were judged; ask for both ends")
            found = _judged(rows, key, seen, things, stats, blind)
            clients = {one["from"] for one in found}
            if todo is chosen and key[0] is not None and clients and key[0] not in clients:
                # Something on the way shows its own address; the packets are of others, who are asked for instead.
                for client in sorted(clients & set(map(source_of, rows))):
                    other = (client, *key[1:])
                    if other not in groups:
                        groups[other] = groups[key]
                        behind.append(other)
                    elif other not in chosen and other not in behind:
                        behind.append(other)
                if clients <= set(map(source_of, rows)):
                    continue
            made += found
        todo = behind
    made.sort(key=lambda one: (-one["attempts"], str(one["from"]), str(one["to"]), str(one["service"]), one["verdict"]))
    if probes.records:
        made.append(probes.verdict(stats, known, seen))
    answer = Verdicts(made, stats, (seen.first, seen.last), len(groups) - len(chosen), judged)
    if source is None and target is None:  # else not even a right question may meet a record
        answer._matched = seen.lines
    return finished(answer, tables)  # type: ignore[no-any-return]


def _asked(query: _core.Query, known: set[str], source: End | None, target: End | None, protocol: int | None) -> _core.Query:
    for end in (source, target):
        if end is not None and not end.networks:
            raise _core.ArgumentError(f"troubleshoot: '{end.text}' is in none of the records, and no inventory tells its addresses")
        if end is not None:
            query = query.filter(end.test("addr"))
    if protocol is not None:
        query = query.filter(f"protocol = {protocol}")
    if target is not None and target.port is not None:
        query = query.filter(f"port = {target.port}")
    return query


def _merge_small(groups: dict[Any, _Group]) -> None:
    """A client that fails once or twice at each of many services (a scan) is one group of no port."""
    small: dict[Any, list[Any]] = {}
    for key, group in groups.items():
        if key[2] is not None and group.failed <= _FEW:
            small.setdefault((key[0], key[1], key[3]), []).append(key)
    for (client, server, protocol), keys in small.items():
        if len(keys) > _MANY:
            whole = groups.setdefault((client, server, None, protocol), _Group())
            for key in keys:
                group = groups.pop(key)
                whole.ports.add(key[2])
                whole.failed += group.failed
                whole.servers |= group.servers


def _test(key: Any, group: _Group) -> str:
    client, server, port, protocol = key
    tests = [f"addr = {client if client is not None else server}"]
    if port is not None:
        tests.append(f"port = {port}")
    elif client is not None and group.ports:
        ports = ", ".join(map(str, sorted(group.ports)[:_MOST_PORTS]))
        tests = [f"((src = {client} and dstport in ({ports})) or (dst = {client} and srcport in ({ports})))"]
    if port is None and client is not None and 0 < len(group.servers) <= _MOST_SERVERS:
        tests.append(f"addr in ({', '.join(sorted(group.servers))})")
    if protocol is not None:
        tests.append(f"protocol = {protocol}")
    return f"({' and '.join(tests)})"


def _judged(
    rows: list[dict[str, Any]], key: Any, seen: Seen, things: Things | None, stats: Any, blind: list[str]
) -> list[Verdict]:
    from . import fill_own, verdict_of

    fill_own(rows, things)
    outcomes = [
        judge(attempt, seen.one_action())
        for connection in connections_of(rows, None, None)[0]
        if key in _keys(connection)
        for attempt in attempts_of(connection)
    ]
    made = []
    for verdict, some in _by_verdict(outcomes).items():
        decision = decide(some)
        if verdict in GOOD or (key[0] is None and verdict not in _OURS and decision.verdict not in _OURS and not _whole(key, outcomes)):
            continue
        connections = [one.attempt.connection for one in decision.deciding]
        servers = sorted({one.server for one in connections})
        clients = sorted({one.client for one in connections})
        ends = {
            "from": clients[0] if len(clients) == 1 else key[0] or f"{len(clients)} outside clients",
            "to": servers[0] if len(servers) == 1 else f"{servers[0]} and {len(servers) - 1} more",
            "server_port": key[2],
            "protocol": key[3],
            "service": service_of(key[2], key[3]),
        }
        values = verdict_of(ends, connections, seen, things, blind, decision)
        made.append(Verdict(values, stats, (seen.first, seen.last)))
    return made


def _whole(key: Any, outcomes: list[Outcome]) -> bool:
    """Of the internet at one service of ours, asked for by its port: whether it is to be told."""
    return True if key[0] is None and all(not one.is_good for one in outcomes) else False


def _port_of(port: int | None, protocol: int | None) -> int | None:
    """The port that stands for a service; ports of UDP that nothing is known to listen at (traceroute, calls, games) are one."""
    return port if protocol in (6, 132) or (protocol == 17 and is_service(port, protocol)) else None


def _keys(connection: Connection) -> list[Any]:
    port = _port_of(connection.server_port, connection.protocol)
    keys: list[Any] = []
    names = [connection.client, *(row["srcaddr"] for row in connection.ups[:1])]
    for client in names:
        keys += [(client, None, port, connection.protocol), (client, None, None, connection.protocol)]
    servers = [connection.server, *(row["dstaddr"] for row in connection.ups[:1])]
    return keys + [(None, server, some, connection.protocol) for server in servers for some in (port, None)]


def _by_verdict(outcomes: list[Outcome]) -> dict[str, list[Outcome]]:
    """Pairs of client and server that come to the same verdict, together."""
    pairs: dict[Any, list[Outcome]] = {}
    for one in outcomes:
        pairs.setdefault(one.attempt.connection.pair, []).append(one)
    made: dict[str, list[Outcome]] = {}
    for some in pairs.values():
        made.setdefault(decide(some).verdict, []).extend(some)
    return made


class _Probes:
    """What the internet tried and nothing came of."""

    def __init__(self) -> None:
        self.records = self.attempts = 0
        self.sources: set[str] = set()
        self.targets: set[str] = set()
        self.services: Counter[str] = Counter()
        self.states: Counter[str] = Counter()
        self.last: int | None = None
        self.first: int | None = None

    def add(self, row: dict[str, Any], state: str) -> None:
        self.records += row["records"]
        self.attempts += 1
        self.sources.add(row["client"])
        self.targets.add(row["server"])
        self.services[row["service"] or "-"] += 1
        self.states[state] += 1
        if row["start"] is not None:
            self.first = row["start"] if self.first is None else min(self.first, row["start"])

    def verdict(self, stats: Any, known: set[str], seen: Seen) -> Verdict:
        most = [name for name, _ in sorted(self.services.items(), key=lambda one: (-one[1], one[0]))[:5]]
        states = ", ".join(f"{number:,} {state}" for state, number in sorted(self.states.items(), key=lambda one: (-one[1], one[0])))
        state = max(self.states, key=lambda name: (self.states[name], name))
        values: dict[str, Any] = {
            "from": "the internet",
            "to": min(self.targets) if len(self.targets) == 1 else f"{len(self.targets)} own hosts",
            "server_port": None,
            "protocol": None,
            "service": None,
            "verdict": {"rejected": "request-rejected", "reset": "reset-by-peer"}.get(state, "no-reply"),
            "reason": None,
            "confidence": "likely",
            "alternatives": [],
            "at": {"interface": None, "direction": None, "side": None},
            "attempts": self.attempts,
            "last_working": None,
            "first_failing": self.first,
            "hops": [],
            "evidence": [],
            "rules": [],
            "blind_spots": [],
            "why": f"the internet's probes: {count(self.attempts, 'connection')} from {count(len(self.sources), 'address', 'addresses')} to "
            f"{count(len(self.targets), 'own host')} ({states}), most to {', '.join(most)}",
            "next_step": "nothing to do: they are what groups and ACLs are for; flowlogs detect tells of those that matter",
            "fix": "",
            "background": True,
        }  # fmt: skip
        return Verdict(values, stats, (seen.first, seen.last))
