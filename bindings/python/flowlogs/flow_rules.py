"""From the flows of a target to the rules that admit them, and the replay of all flows through these rules.

Flows come as rows of groups, those of a peer behind each other: first what was accepted, then decide(), then what was
rejected, make(), prepare(), and what was rejected again. See suggest_rules.py.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left

from ._text import count
from .answers import service_of
from .covering import MIXED, Cover, is_private, ranges
from .security_groups import WITH_PORTS, Existing, Inventory, Rule, protocol_text, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from .security_groups import Address
    from .suggest_rules import Target

    Key = tuple[str, int, "int | None"]  # direction, protocol, port

DIRECTIONS = ("ingress", "egress")
_WORLD = {32: "0.0.0.0/0", 128: "::/0"}
_WIDE = 1 << 24  # addresses that were not seen, of one service


class Bounds:
    def __init__(self, prefixes: int, ports: int, rules: int, public: int, public_egress: bool) -> None:
        self.prefixes, self.ports, self.rules, self.public = prefixes, ports, rules, public
        self.open = DIRECTIONS if public_egress else DIRECTIONS[:1]


class Flow:
    """What is known of a flow."""

    __slots__ = ("first", "last", "records", "told")

    def __init__(self) -> None:
        self.records = 0
        self.first: int | None = None
        self.last: int | None = None
        self.told = ""

    def add(self, records: int, first: int | None, last: int | None, told: str) -> None:
        self.records += records
        if first is not None:
            if self.first is None or first < self.first:
                self.first = first
            last = first if last is None or last < first else last
        if last is not None and (self.last is None or last > self.last):
            self.last = last
        if told > self.told:
            self.told = told


class _Made:
    """A rule that is suggested. loose: it admits a port or an address that was not seen with the other."""

    def __init__(self, rule: Rule, kind: str, span: Any, seen_ports: int, seen: int) -> None:
        self.rule, self.seen, self.unseen = rule, seen, rule.addresses - seen
        self.kind = kind if kind != "prefix" or self.unseen else "address"
        self.loose = bool(self.unseen or span.unseen)
        self.unseen_ports = 0 if rule.ports is None else rule.ports[1] - rule.ports[0] + 1 - seen_ports
        self.flow = Flow()
        self.rejected = [0, 0]  # flows, records


class _Finder:
    """Which of some rules admit a flow. They are what has a `rule`."""

    def __init__(self, rules: Iterable[Any]) -> None:
        self._rules: dict[str, list[tuple[Rule, Any]]] = {direction: [] for direction in DIRECTIONS}
        for one in rules:
            self._rules[one.rule.direction].append((one.rule, one))
        self._near: dict[Key, list[tuple[Rule, Any]]] = {}

    def all(self, key: Key, address: Address) -> list[Any]:
        near = self._near.get(key)
        if near is None:
            near = [pair for pair in self._rules[key[0]] if pair[0].has_port(key[1], key[2])]
            if len(self._near) < 65536:
                self._near[key] = near
        return [one for rule, one in near if rule.has_peer(address)] if near else near


class Set:
    """The flows of a target, and the rules that are made of them."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.flows: dict[Key, dict[Address, Flow]] = {}
        self.records = self.unplaced = 0
        self._open: dict[tuple[int, int | None], dict[Address, dict[str, Flow]]] = {}
        self._single: list[tuple[Key, Key, Address, Any]] = []  # flows of one client's port; what they are if that is the server's
        self._moved: set[tuple[Key, Address]] = set()
        self._rejected: dict[Key, set[Address]] = {}
        self._spans: dict[tuple[str, int], tuple[int, int, int]] = {}
        self.made: list[_Made] = []
        self.over: list[tuple[str, int, int]] = []  # direction, family, rules
        self._last: Any = None
        self.counts = dict.fromkeys(("flows", "records", "admitted", "admitted_records", "by_budget", "also_accepted_records"), 0)
        self._top: list[Any] = []
        self._change_rows: list[dict[str, Any]] = []
        self.existing: list[Existing] = []
        self.names: dict[str, str] = {}

    # ---- Accepted

    def accept(self, row: dict[str, Any], address: Address) -> None:
        records, protocol = row["records"], row["protocol"]
        self.records += records
        if row["own"] is None or row["direction"] is None or protocol is None:
            self.unplaced += records
            return
        port = row["server_port"] if protocol in WITH_PORTS else None
        if protocol in WITH_PORTS and port is None:
            self.unplaced += records
            return
        facts = (records, row.get("first"), row.get("last"), row["told"] or "unknown")
        if row["server"] is None:
            ways = self._open.setdefault((protocol, port), {}).setdefault(address, {})
            ways.setdefault(row["direction"], Flow()).add(*facts)
        else:
            direction = "ingress" if row["server"] == row["own"] else "egress"
            key = direction, protocol, port
            client = "src" if row["direction"] == direction else "dst"  # side of the client's port
            low = row[f"{client}_min"]
            if facts[3] == "port" and low is not None and low == row[f"{client}_max"]:
                other = DIRECTIONS[direction == "ingress"], protocol, low
                self._single.append((key, other, address, facts))
            else:
                self.flows.setdefault(key, {}).setdefault(address, Flow()).add(*facts)

    def _decide_single(self) -> None:
        """Of two ports that may both be a server's, the engine takes the one that looks more like it. Clients that use low ports
        (load balancers, NAT gateways) then have a service that only one connection used: it is one of the other port, if
        others of the same peer, or more of all, tell that service by SYN or by several ports of clients.
        """
        sure = {key: (set(peers), sum(flow.records for flow in peers.values())) for key, peers in self.flows.items()}
        nothing: tuple[set[Address], int] = set(), 0
        for key, other, address, facts in self._single:
            (here, records), (there, more) = sure.get(key, nothing), sure.get(other, nothing)
            if address not in here and (address in there or more > records):
                self._moved.add((key, address))
                key = other
            self.flows.setdefault(key, {}).setdefault(address, Flow()).add(*facts)
        self._single = []

    def decide(self) -> None:
        """Where nothing tells who began: the side of the earliest record; both, if they are of the same second."""
        self._decide_single()
        self.undecided = 0
        for (protocol, port), peers in self._open.items():
            for address, ways in peers.items():
                self.undecided += 1
                whole = Flow()
                for flow in ways.values():
                    whole.add(flow.records, flow.first, flow.last, flow.told)
                for direction, flow in ways.items():
                    if flow.first == whole.first:
                        self.flows.setdefault((direction, protocol, port), {})[address] = whole
        self._open = {}
        for (direction, protocol), ports in self._ports().items():
            if len(ports) > 1:
                self._spans[direction, protocol] = min(ports), max(ports), len(ports)

    def _ports(self) -> dict[tuple[str, int], list[int]]:
        ports: dict[tuple[str, int], list[int]] = {}
        for direction, protocol, port in self.flows:
            ports.setdefault((direction, protocol), []).append(-1 if port is None else port)
        return ports

    # ---- Rejected

    def _refused(self, row: dict[str, Any], address: Address) -> tuple[Key, Address] | None:
        """What a rule would have to admit for these packets; None: their flow was accepted, or nothing tells whose they are."""
        direction, protocol = row["direction"], row["protocol"]
        if direction is None or protocol is None or row["own"] is None:
            return None
        has_ports = protocol in WITH_PORTS
        key = direction, protocol, row["dstport"] if has_ports else None
        if has_ports and key[2] is None:
            return None
        if row["server"] is None:
            if any(address in self.flows.get((way, protocol, key[2]), ()) for way in DIRECTIONS):
                return None
        else:
            way = "ingress" if row["server"] == row["own"] else "egress"
            request = way, protocol, row["server_port"] if has_ports else None
            if address in self.flows.get(request, ()) or (request, address) in self._moved:
                return None
        return None if address in self.flows.get(key, ()) else (key, address)

    def note_rejected(self, row: dict[str, Any], address: Address, bounds: Bounds) -> None:
        found = self._refused(row, address)
        if found is None:
            return
        key = found[0]
        if key not in self.flows:
            # Rules may come to hold ports that nobody was let in to, if there are too many of them.
            low, high, number = self._spans.get(key[:2], (0, -1, 0))
            if key[2] is None or not low <= key[2] <= high or number <= bounds.ports:
                return
        self._rejected.setdefault(key, set()).add(address)


    # ---- Rules

    def make(self, bounds: Bounds, things: Inventory | None) -> None:
        self.kept: list[tuple[Rule, int, int]] = []  # services not open to the world, though to many: public peers, rejected ones
        covers: list[tuple[Cover, int, str, int, Any]] = []  # cover, how many, direction, family, ports
        for (direction, protocol), ports in sorted(self._ports().items()):
            peers = {port: set(self.flows[direction, protocol, None if port < 0 else port]) for port in ports}
            refused = {(-1 if port is None else port): some for (d, p, port), some in self._rejected.items() if (d, p) == (direction, protocol)}
            for span in ranges(peers, refused, bounds.ports):
                inside = [port for port in ports if span.first <= port <= span.last]
                against = {a for port, some in refused.items() if span.first <= port <= span.last for a in some} - span.peers
                self._make_range(direction, protocol, span, inside, against, bounds, things, covers)
        self._fit(covers, bounds)
        self.wide: list[tuple[Rule, int]] = []  # services whose prefixes hold far more than was seen: how many addresses
        for cover, number, direction, family, (protocol, span, inside) in covers:
            unseen_here = cover.costs[number - 1] % MIXED
            if family == 32 and unseen_here >= _WIDE:
                self.wide.append((Rule(direction, protocol, _span(span), _WORLD[family]), unseen_here))
            peers_seen = sorted(value for f, value in span.peers if f == family)  # those of a group that is named, too
            for first, bits in cover.prefixes(number):
                rule = Rule(direction, protocol, _span(span), f"{text_of((family, first))}/{family - bits}")
                seen = bisect_left(peers_seen, first + (1 << bits)) - bisect_left(peers_seen, first)
                self.made.append(_Made(rule, "prefix", span, len(inside), seen))
        for family in (32, 128):
            for direction in DIRECTIONS:
                number = sum(one.rule.direction == direction and one.rule.family in (0, family) for one in self.made)
                if number > bounds.rules:
                    self.over.append((direction, family, number))
        order = {direction: i for i, direction in enumerate(DIRECTIONS)}
        self.made.sort(key=lambda one: (order[one.rule.direction], one.rule.protocol or 0, one.rule.ports or (0, 0), one.rule.is_named,
                                        one.rule.family, one.rule.first, one.rule.peer))  # fmt: skip

    def _make_range(
        self, direction: str, protocol: int, span: Any, inside: list[int], against: set[Address], bounds: Bounds, things: Inventory | None,
        covers: list[Any],
    ) -> None:  # fmt: skip
        left = set(span.peers)
        for family, world in _WORLD.items():
            public = sum(f == family and not is_private(value, family) for f, value in left)
            if direction not in bounds.open or protocol not in WITH_PORTS or span.unseen or public < bounds.public:
                continue
            refused = sum(f == family for f, _ in against)
            if refused:
                self.kept.append((Rule(direction, protocol, _span(span), world), public, refused))
                continue
            seen = {address for address in left if address[0] == family}
            left -= seen
            rule = Rule(direction, protocol, _span(span), world)
            self.made.append(_Made(rule, "public", span, len(inside), len(seen)))
        if things is not None and self.target.vpc is not None:
            for group, members in list(self._groups(left, against, things)):
                left -= members
                self.names[group] = things.names.get(group, group)
                rule = Rule(direction, protocol, _span(span), group, members)
                self.made.append(_Made(rule, "group", span, len(inside), len(members & span.peers)))
        for family in (32, 128):
            some = [value for f, value in left if f == family]
            if some:
                cover = Cover(some, (value for f, value in against if f == family), family, bounds.prefixes)
                covers.append((cover, cover.within(bounds.prefixes), direction, family, (protocol, span, inside)))

    def _groups(self, left: set[Address], against: set[Address], things: Inventory) -> Iterator[tuple[str, set[Address]]]:
        """Groups of the same VPC that hold peers, and none that was rejected: first those of which most members were seen."""
        near: dict[str, set[Address]] = {}
        for address in left:
            for group in things.groups_of(address, self.target.vpc):
                if group not in near:
                    near[group] = things.members(group) or set()
        seen = set(left)
        for group, members in list(near.items()):
            # The default group is that of whatever was given none.
            if members & against or (things.groups.get(group, ("",))[0] == "default" and not members <= seen):
                del near[group]
        rest = set(left)
        while near:
            def worth(group: str) -> tuple[float, int, str]:
                members = near[group]
                return -len(members & seen) / len(members), -len(members & rest), group

            best = min(near, key=worth)
            members = near.pop(best)
            if members & rest:
                rest -= members
                yield best, members

    def _fit(self, covers: list[Any], bounds: Bounds) -> None:
        """Fewer prefixes where they cost least, until a direction has no more rules than AWS takes."""
        for direction in DIRECTIONS:
            for family in (32, 128):
                mine = [i for i, one in enumerate(covers) if one[2:4] == (direction, family)]
                others = sum(one.rule.direction == direction and one.rule.family in (0, family) for one in self.made)

                def more(i: int) -> int:
                    cover, number = covers[i][:2]
                    return int(cover.costs[number - 2] - cover.costs[number - 1])

                heap = [(more(i), i) for i in mine if covers[i][1] > covers[i][0].fewest]
                heapq.heapify(heap)
                over = others + sum(covers[i][1] for i in mine) - bounds.rules
                while over > 0 and heap:
                    i = heapq.heappop(heap)[1]
                    covers[i] = (covers[i][0], covers[i][1] - 1, *covers[i][2:])
                    over -= 1
                    if covers[i][1] > covers[i][0].fewest:
                        heapq.heappush(heap, (more(i), i))

    # ---- The replay

    def prepare(self, changes: list[Rule], things: Inventory | None) -> None:
        """Sends the accepted flows through the rules, and is ready for the rejected ones."""
        self._finder = _Finder(self.made)
        self._changes = changes
        self._change_rows = [{"rule": rule.text, "rejected": {"flows": 0, "records": 0, "top": []}} for rule in changes]
        self.admitted = self.admitted_records = self.accepted_flows = self.accepted_records = 0
        self.told = {"syn": 0, "port": 0, "unknown": 0}
        self.guessed = 0
        if things is not None:
            self.existing = [one for group in self.target.groups for one in things.rules.get(group, ())]
        uses: dict[int, tuple[Flow, list[int]]] = {id(one): (Flow(), [0]) for one in self.existing}
        existing = _Finder(self.existing)
        for key, peers in self.flows.items():
            for address, flow in peers.items():
                self.accepted_flows += 1
                self.accepted_records += flow.records
                self.told["syn" if flow.told.startswith("syn") else flow.told] += 1
                self.guessed += flow.told == "port" and (key[2] or 0) >= 32768
                found = False
                for one in self._finder.all(key, address):
                    found = True
                    one.flow.add(flow.records, flow.first, flow.last, flow.told)
                self.admitted += found
                self.admitted_records += flow.records * found
                for rule in existing.all(key, address):
                    use, flows = uses[id(rule)]
                    use.add(flow.records, flow.first, flow.last, flow.told)
                    flows[0] += 1
        self._uses = uses

    def replay_rejected(self, row: dict[str, Any], address: Address, limit: int) -> None:
        found = self._refused(row, address)
        records = row["records"]
        if found is None:
            if row["own"] is not None and row["protocol"] is not None:
                self.counts["also_accepted_records"] += records
            return
        is_new, self._last = found != self._last, found
        key = found[0]
        self.counts["flows"] += is_new
        self.counts["records"] += records
        first = None
        strict = False
        for one in self._finder.all(key, address):
            first = first or one
            strict = strict or not one.loose
            one.rejected[0] += is_new
            one.rejected[1] += records
        if first is not None:
            self.counts["admitted"] += is_new
            self.counts["admitted_records"] += records
            self.counts["by_budget"] += is_new and not strict
            _note(self._top, is_new, key, address, records, limit, first.rule.text)
        for rule, change in zip(self._changes, self._change_rows):
            if rule.direction == key[0] and rule.has_port(key[1], key[2]) and rule.has_peer(address):
                rejected = change["rejected"]
                rejected["flows"] += is_new
                rejected["records"] += records
                _note(rejected["top"], is_new, key, address, records, limit, None)

    def answer(self, limit: int, bounds: Bounds) -> dict[str, Any]:
        rules: dict[str, list[dict[str, Any]]] = {direction: [] for direction in DIRECTIONS}
        there = {one.rule: one for one in self.existing}
        for one in self.made:
            rule = one.rule
            ports = rule.ports or (None, None)
            rules[rule.direction].append(
                {
                    "text": rule.text,
                    "protocol": protocol_text(rule.protocol),
                    "from_port": ports[0],
                    "to_port": ports[1],
                    "service": service_of(ports[0], rule.protocol) if ports[0] == ports[1] else None,
                    "cidr": None if rule.is_named else rule.peer,
                    "group": rule.peer if rule.is_named else None,
                    "group_name": self.names.get(rule.peer),
                    "kind": one.kind,
                    "seen": one.seen,
                    "unseen": one.unseen,
                    "unseen_ports": one.unseen_ports,
                    "rejected": {"flows": one.rejected[0], "records": one.rejected[1]},
                    "records": one.flow.records,
                    "first_seen": one.flow.first,
                    "last_seen": one.flow.last,
                    "exists_as": (there[rule].id or there[rule].group) if rule in there else None,
                }
            )
        for change in self._change_rows:
            change["rejected"]["top"] = _rows(change["rejected"]["top"], limit)
        return {
            "target": self.target.id,
            "kind": self.target.kind,
            "name": self.target.name,
            "groups": self.target.groups,
            "records": self.records,
            **rules,
            "replay": {
                "accepted": {"flows": self.accepted_flows, "admitted": self.admitted, "records": self.accepted_records,
                             "admitted_records": self.admitted_records},
                "rejected": self.counts,
            },
            "admits_rejected": _rows(self._top, limit),
            "existing": [self._existing(one) for one in self.existing],
            "changes": self._change_rows,
            "told_by": self.told,
            "unplaced": self.unplaced,
            "warnings": warnings_of(self, bounds),
        }  # fmt: skip

    def _existing(self, one: Existing) -> dict[str, Any]:
        use, (flows,) = self._uses[id(one)]
        inside = [made.rule for made in self.made if made.rule != one.rule and made.rule.is_inside(one.rule)]
        equal = any(made.rule == one.rule for made in self.made)
        return {
            "group": one.group,
            "rule_id": one.id,
            "text": one.rule.text,
            "description": one.description,
            "seen": None if not one.rule.is_known else bool(use.records),
            "records": use.records,
            "flows": flows,
            "first_seen": use.first,
            "last_seen": use.last,
            "narrower": [] if equal else [rule.text for rule in inside],
        }


def warnings_of(one: Set, bounds: Bounds) -> list[str]:
    told = []
    if not one.records and not one.counts["records"] and not one.counts["also_accepted_records"]:
        told.append("no record is at its interfaces")
    if one.target.others:
        told.append(
            f"interfaces of it have other groups, too ({', '.join(one.target.others)}): what one of them admits, these rules admit once more"
        )
    for direction, family, number in one.over:
        told.append(
            f"{number} {direction} rules for IPv{4 if family == 32 else 6} are more than the {bounds.rules} that a group may have "
            "(AWS's default; it can be raised): take a smaller --max-ports, or put prefixes into a prefix list"
        )
    for rule, public, refused in one.kept:
        told.append(
            f"{rule.direction} {rule.service} is not opened to all: {count(public, 'public peer')} were let through, and "
            f"{refused:,} never were; if it was an ACL that rejected them, --where accepted leaves them out"
        )
    closed = [rule for rule, *_ in one.kept] + [rule for rule, _ in one.wide if rule.protocol not in WITH_PORTS]
    wide = [rule for rule in one.wide if rule[0].direction in bounds.open and rule[0] not in closed]
    out = [rule for rule in one.wide if rule[0].direction not in bounds.open and rule[0] not in closed]
    barred = [rule for rule in one.wide if rule[0] in closed]
    for rules, fix in ((wide, ", or, if all the world is meant, a lower --public-threshold"), (out, ", or, if all the world is meant, --public-egress"),
                       (barred, "")):  # fmt: skip
        if rules:
            services = ", ".join(f"{rule.direction} {rule.service}" for rule, _ in rules)
            told.append(
                f"the prefixes of {services} hold {sum(unseen for _, unseen in rules):,} addresses that were not seen: take a larger "
                f"--max-prefixes, a prefix list{fix}"
            )
    if one.admitted < one.accepted_flows:
        told.append(f"{one.accepted_flows - one.admitted} accepted flows are not admitted; this is a bug, please report it")
    return told


def _span(span: Any) -> tuple[int, int] | None:
    return None if span.first < 0 else (span.first, span.last)


def _note(top: list[Any], is_new: bool, key: Key, address: Address, records: int, limit: int, rule: str | None) -> None:
    """Keeps those with the most records: [records, key, address, rule]. The rows of one flow come behind each other."""
    if not is_new and top and top[-1][1:3] == [key, address]:
        top[-1][0] += records
        return
    if len(top) >= 4 * max(limit, 16):
        top[:] = heapq.nsmallest(limit, top, key=_by_records)
    top.append([records, key, address, rule])


def _by_records(row: Any) -> Any:
    return -row[0], row[1][0], row[1][1], row[1][2] or 0, row[2]


def _rows(top: list[Any], limit: int) -> list[dict[str, Any]]:
    rows = []
    for records, (direction, protocol, port), address, rule in heapq.nsmallest(limit, top, key=_by_records):
        asked = Rule(direction, protocol, None if port is None else (port, port), text_of(address))
        row = {"peer": text_of(address), "direction": direction, "ports": asked.service, "service": service_of(port, protocol), "records": records}
        rows.append(row if rule is None else {**row, "rule": rule})
    return rows
