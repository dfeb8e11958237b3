"""Packets, each once: which of all the records that show them is the one that counts (CONTRACT D2), and what the others
tell of their way.

A packet's true ends are pkt-srcaddr and pkt-dstaddr, where the format has them; a NAT gateway and a transit gateway write
other addresses beside them (SPEC 3.3-3.5). All records of one pair of true ends, in one direction, show the same packets:
those of one observer count, in this order:

    the sender's interface; the receiver's; an interface that sends, or receives, for another address (a secondary one, a pod,
    a gateway); where nothing tells whose the interface is; a regional NAT gateway; a transit gateway's log

RELAYS  A NAT gateway (and a load balancer that keeps the client's address) takes packets in under one pair of true ends and
sends them out under another: behind it the gateway itself is an end. What it has seen on its inner side of a party is
subtracted from what it exchanged with it on the outer side; only what is left (a scanner that hits the gateway's address)
counts as packets of its own. A relay is known by interface-type, the inventory or a map; or by its records: the same party
on both sides of one interface.
Without pkt-srcaddr and pkt-dstaddr the inner side does not tell the party. Then, of relays that are known, the records of
the clients' own interfaces are what is subtracted.

MEMORY  Groups are the engine's. They are read in order of their true ends, a few thousand at a time; a number is kept here
for each party and interface that stood on the inner side of a relay or behind another address.
"""

from __future__ import annotations

import heapq
from functools import lru_cache
from itertools import groupby

from .. import _core
from ..answers import order_of, rows_of
from .places import BALANCER, ENDPOINT, GATEWAY, KINDS, NAT, Places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    Row = dict[str, Any]

# Of a row, where the inputs have them: they tell its way.
_WAY = ("traffic_path", "next_hop_az_id", "next_hop_interface_type", "next_hop_vpc_id", "resource_id")
_GATEWAY = ("tgw_id", "tgw_attachment_id", "tgw_src_az_id", "tgw_dst_az_id", "tgw_src_vpc_id", "tgw_dst_vpc_id")
_GATEWAY_FIELDS = frozenset(name.replace("_", "-") for name in _GATEWAY)
_LABELS = ("az_id", "vpc_id", "subnet_id", "region", "interface_type", "instance_id")

scope_of = lru_cache(1 << 16)(_core._scope)


class Interface:
    """What is known of one: from its records, the inventory, a map."""

    __slots__ = ("az", "basis", "instance", "kind", "name", "own", "region", "subnet", "vpc")

    def __init__(self, name: Any) -> None:
        self.name = name
        self.own: set[str] = set()
        self.az: str | None = None
        self.vpc: str | None = None
        self.subnet: str | None = None
        self.region: str | None = None
        self.kind: str | None = None
        self.instance: str | None = None
        self.basis = "derived"  # of the kind


class Packets:
    """The queries of one pass, and what is made of their tables."""

    def __init__(self, query: _core.Query, known: set[str], places: Places, is_placed: bool = True) -> None:
        """is_placed: whether records tell which source they are of: those of dedup() do not."""
        self.known, self.places = known, places
        self.at = "interface_id" if "interface_id" in known else ""
        accepted = query.filter("action = 'ACCEPT' or action is null") if "action" in known else query
        self.has_true_ends = known.issuperset(("pkt_srcaddr", "pkt_dstaddr"))
        self.has_ports = known.issuperset(("srcport", "dstport", "protocol"))
        names = [*_WAY, *_GATEWAY]
        if not self.at:
            names += _LABELS
        self._keys = [name for name in names if name in known]
        self._gateway_keys = [name for name in _GATEWAY if name in known]
        keys = {"srcaddr": "srcaddr", "dstaddr": "dstaddr", **({self.at: self.at} if self.at else {}), "direction": "direction"}
        keys.update({name: name for name in self._keys})
        if self.has_ports:
            keys.update(server="server", service="service")
        sums = {"bytes": "sum(bytes)"}
        for side in ("src", "dst"):
            if f"pkt_{side}_aws_service" in known:
                sums[f"{side}_service"] = f"max(pkt_{side}_aws_service)"
        if "flow_direction" in known:
            sums["told"] = "max(flow_direction)"
        if self.at:  # of records without an interface: regional NAT gateways, transit gateways
            sums.update({name: f"max({name})" for name in ("region", "vpc_id") if name in known})
        if is_placed:
            sums["named_region"] = "max(_region)"
        self.queries: dict[str, _core.Query] = {}
        plain = accepted.filter("bytes > 0")
        if self.has_true_ends:
            both = "pkt_srcaddr is not null and pkt_dstaddr is not null"
            self.queries["true"] = plain.filter(both).group_by(s="pkt_srcaddr", d="pkt_dstaddr", **keys).agg(**sums)
            plain = plain.filter("pkt_srcaddr is null or pkt_dstaddr is null")
        self.queries["plain"] = plain.group_by(**keys).agg(**sums)
        if self.at:
            labels = {name: f"max({name})" for name in _LABELS if name in known}
            ends = query.filter("interface_id is not null and own is not null")
            self.queries["interfaces"] = ends.group_by(self.at, "own").agg(records="count()", **labels)

    def read(self, tables: dict[str, _core.Table]) -> None:
        self._tables = tables
        # Whether a record without interface-id has none; else its format may lack the field.
        formats = [one["fields"] for one in tables["plain"].stats.formats if one["records"]]
        self._names_all = bool(self.at) and all(
            "interface-id" in fields or not _GATEWAY_FIELDS.isdisjoint(fields) for fields in formats
        )
        self.interfaces: dict[Any, Interface] = {}
        self.owner: dict[str, Interface] = {}  # of an address that is an interface's own
        for row in tables.get("interfaces", ()):
            self._add_interface(row)
        self._inside: dict[tuple[Any, str, str], int] = {}
        self._clients: set[str] = set()  # of relays whose records do not tell true ends
        for _ in self._rows() if self.places.has_interfaces else ():
            pass  # who is who
        self._has_regional = False
        self._look_inside()
        if self._inside or self._clients:
            self._find_relays()
        self._nat_vpcs = {one.vpc for one in self.interfaces.values() if one.kind in NAT}

    def has_blind_relays(self, stats: _core.Stats) -> bool:
        """Whether formats lack the true ends, and no gateway of a kind that matters is known."""
        formats = [one["fields"] for one in stats.formats if one["records"]]
        lacks = any("pkt-srcaddr" not in fields and _GATEWAY_FIELDS.isdisjoint(fields) for fields in formats)
        return lacks and not any(one.kind in NAT | GATEWAY for one in self.interfaces.values())

    def _add_interface(self, row: Row) -> None:
        name, own = row[self.at], row["own"]
        one = self.interfaces.get(name)
        if one is None:
            one = self.interfaces[name] = Interface(name)
            described = self.places.interfaces.get(name)
            if described is not None:
                one.az, one.vpc, one.subnet, one.region = described.az, described.vpc, described.subnet, described.region
                one.kind, one.basis = described.kind, "mapped"
        for label in ("az_id", "vpc_id", "subnet_id", "region", "instance_id"):
            field = label.replace("_id", "")
            if row.get(label) is not None:
                setattr(one, field, row[label])
        if row.get("interface_type") is not None:
            one.kind, one.basis = row["interface_type"].lower(), "derived"
        place = self.places.at(own, one.vpc)
        if place is not None and (place.from_map or one.kind is None):
            one.az, one.vpc, one.region = one.az or place.az, one.vpc or place.vpc, one.region or place.region
            if place.kind in NAT | GATEWAY | ENDPOINT | BALANCER and one.kind is None:
                one.kind, one.basis = place.kind, "mapped"
        one.own.add(own)
        self.owner.setdefault(own, one)

    # ---- Rows --------------------------------------------------------------------------------------------------------

    def _rows(self) -> Iterator[Row]:
        """All rows, in order of their true ends s and d."""

        def told(row: Row) -> Row:
            if row["direction"] is None:
                one = self.interface(row) or self._given(row)
                if one is not None and (row["srcaddr"] in one.own) != (row["dstaddr"] in one.own):
                    row["direction"] = "egress" if row["srcaddr"] in one.own else "ingress"
            return row

        def plain() -> Iterator[Row]:
            for row in rows_of(self._tables["plain"]):
                row["s"], row["d"] = row["srcaddr"], row["dstaddr"]
                row["is_true"] = False
                yield told(row)

        def true() -> Iterator[Row]:
            for row in rows_of(self._tables["true"]):
                row["is_true"] = True
                yield told(row)

        if "true" not in self._tables or not len(self._tables["true"]):
            return plain()
        if not len(self._tables["plain"]):
            return true()
        return heapq.merge(true(), plain(), key=lambda row: (_order(row["s"]), _order(row["d"])))

    def has_nat_in(self, vpc: str | None) -> bool:
        """Whether the records of a NAT gateway of the VPC are in the inputs."""
        nats = self._nat_vpcs
        return self._has_regional or (bool(nats) and (vpc is None or None in nats or vpc in nats))

    def _given(self, row: Row) -> Interface | None:
        """An interface whose address its records do not tell, but the inventory or a map."""
        name = row[self.at] if self.at else None
        if name is None:
            return None
        own = self.places.addresses.get(name, set())
        if not own:
            ends = [end for end in (row["srcaddr"], row["dstaddr"]) if end is not None]
            mapped = {end: self.places.at(end) for end in ends}
            own = {end for end, place in mapped.items() if place is not None and place.from_map and place.kind in KINDS}
        for address in own if own and name not in self.interfaces else ():
            self._add_interface({self.at: name, "own": address, **row})
        return self.interfaces.get(name)

    def interface(self, row: Row) -> Interface | None:
        return None if not self.at else self.interfaces.get(row[self.at])

    # ---- Relays ------------------------------------------------------------------------------------------------------

    def _look_inside(self) -> None:
        """What each interface has taken in for, and sent in the name of, another party."""
        for row in self._rows():
            one = self.interface(row)
            if self.is_regional(row):
                inner = self._regional_inner(row)
                self._has_regional = True
                if inner is not None:
                    self._inside[inner] = self._inside.get(inner, 0) + row["bytes"]
                continue
            if one is None:
                continue
            if row["is_true"]:
                key = None
                if row["dstaddr"] in one.own and row["d"] != row["dstaddr"]:
                    key = row[self.at], row["d"], "to"
                elif row["srcaddr"] in one.own and row["s"] != row["srcaddr"]:
                    key = row[self.at], row["s"], "from"
                if key is not None:
                    self._inside[key] = self._inside.get(key, 0) + row["bytes"]
            elif one.kind in NAT:
                near, far = (row["dstaddr"], row["srcaddr"]) if row["dstaddr"] in one.own else (row["srcaddr"], row["dstaddr"])
                if near in one.own and far is not None and scope_of(far) == "private":
                    self._clients.add(far)

    def _find_relays(self) -> None:
        """Which interfaces are relays by their records, and what of relays' parties clients saw themselves."""
        votes: dict[Any, dict[str, int]] = {}
        for row in self._rows():
            one = self.interface(row)
            if one is None:
                continue
            if row["is_true"]:
                outer = self._outer(row, one)
                if outer is not None and (row[self.at], *outer) in self._inside and one.kind is None:
                    begins = row.get("server") == outer[0]  # it began: a NAT gateway does, a load balancer does not
                    voices = votes.setdefault(row[self.at], {"nat": 0, "other": 0})
                    voices["nat" if begins else "other"] += row["bytes"]
            elif self._clients and one.kind not in NAT:
                for near, far, way in ((row["srcaddr"], row["dstaddr"], "to"), (row["dstaddr"], row["srcaddr"], "from")):
                    if near in self._clients and near in one.own and far is not None and scope_of(far) != "private":
                        # The sender's and the receiver's are not both there: the party is outside.
                        self._inside[None, far, way] = self._inside.get((None, far, way), 0) + row["bytes"]
        for name, voices in votes.items():
            one = self.interfaces[name]
            one.basis = "estimate"
            one.kind = "nat_gateway" if one.instance is None and voices["nat"] >= voices["other"] else "relay"
        # Nothing but other parties' packets, and no instance: an attachment of a transit gateway.
        if "instance_id" in self.known:
            candidates = {key[0] for key in self._inside if key[0] in self.interfaces}
            ones = [self.interfaces[name] for name in candidates]
            candidates = {one.name for one in ones if one.kind is None and one.instance is None}
            for row in self._rows() if candidates else ():
                one = self.interface(row)
                if one is not None and row[self.at] in candidates and (row["s"] in one.own or row["d"] in one.own):
                    candidates.discard(row[self.at])
            for name in candidates:
                self.interfaces[name].kind, self.interfaces[name].basis = "transit_gateway", "estimate"

    @staticmethod
    def _outer(row: Row, one: Interface) -> tuple[str, str] | None:
        """Of a row with the interface itself as an end: the other party, and the way."""
        if row["srcaddr"] in one.own and row["s"] == row["srcaddr"] and row["d"] == row["dstaddr"]:
            return row["d"], "to"
        if row["dstaddr"] in one.own and row["d"] == row["dstaddr"] and row["s"] == row["srcaddr"]:
            return row["s"], "from"
        return None

    # ---- Each once ---------------------------------------------------------------------------------------------------

    def flows(self) -> Iterator[Flow]:
        """Every pair of true ends, in each direction once."""
        left = dict(self._inside)
        for (source, destination), rows in groupby(self._rows(), key=lambda row: (row["s"], row["d"])):
            flow = Flow(source, destination)
            for row in rows:
                self._place(row, flow, left)
            flow.elect(self.at)
            yield flow

    def _place(self, row: Row, flow: Flow, left: dict[tuple[Any, str, str], int]) -> None:
        one = self.interface(row)
        kind = one.kind if one is not None else None
        flow.first = flow.first or row
        if self.is_gateway_log(row):
            way = "egress" if row["direction"] == "egress" else "ingress"
            flow.gateway_log[way] = flow.gateway_log.get(way, 0) + row["bytes"]
            flow.by_gateway = True
            flow.rows.append((8 if way == "ingress" else 9, row, one))
        elif self.is_regional(row):
            if self._regional_inner(row) is not None:
                flow.nat += row["bytes"]
                flow.rows.append((6 if row["direction"] != "egress" else 7, row, one))
                return
            for key in self._regional_outer(row):
                self._subtract(row, key, left)
            if row["bytes"]:
                flow.rows.append((6, row, one))
        elif one is None or (kind not in NAT | BALANCER | GATEWAY and kind != "relay"):
            flow.rows.append((_rank(row, one), row, one))
        elif kind in GATEWAY:
            self._place_at_gateway(row, one, flow)
        else:
            self._place_at_relay(row, one, flow, left)

    def _place_at_relay(self, row: Row, one: Interface, flow: Flow, left: dict[tuple[Any, str, str], int]) -> None:
        outer = self._outer(row, one)
        if outer is None or (not row["is_true"] and one.kind in NAT and scope_of(outer[0]) == "private"):
            if one.kind in NAT:
                flow.nat += row["bytes"]
                flow.nat_rows.append((row, one))
            if outer is None:
                flow.rows.append((_rank(row, one), row, one))
            # Else the client's other end is not told: these are the same packets as on the outer side.
        elif self._subtract(row, (row[self.at] if row["is_true"] else None, *outer), left):
            flow.rows.append((_rank(row, one), row, one))

    def _place_at_gateway(self, row: Row, one: Interface, flow: Flow) -> None:
        enters = row["dstaddr"] in one.own
        flow.by_gateway = True
        if enters:
            flow.gateway_in += row["bytes"]
        elif row["is_true"]:
            flow.gateway_out += row["bytes"]
        if not row["is_true"] and (row["srcaddr"] if enters else row["dstaddr"]) in self.owner:
            return  # the interface there tells both ends of the same packets
        flow.rows.append((_rank(row, one), row, one))

    @staticmethod
    def _subtract(row: Row, key: tuple[Any, str, str], left: dict[tuple[Any, str, str], int]) -> bool:
        """Takes from the row what was seen on the inner side; whether something is left."""
        covered = min(row["bytes"], left.get(key, 0))
        if covered:
            left[key] -= covered
            row["bytes"] -= covered
        return bool(row["bytes"])

    # A regional NAT gateway has no interface: its records have, from version 9 on, its id, and its public address where it
    # is an end.

    def is_gateway_log(self, row: Row) -> bool:
        if not self._gateway_keys or (self.at and row[self.at] is not None):
            return False
        return any(row[name] is not None for name in self._gateway_keys)

    def is_regional(self, row: Row) -> bool:
        if row.get("resource_id") is not None:
            return True
        has_none = self._names_all and row[self.at] is None and row["s"] is not None and row["d"] is not None
        return has_none and not self.is_gateway_log(row)

    @staticmethod
    def _regional_inner(row: Row) -> tuple[Any, str, str] | None:
        name = row.get("resource_id") or row.get("vpc_id")
        if scope_of(row["s"]) == "private":
            return name, row["d"], "to"
        return (name, row["s"], "from") if scope_of(row["d"]) == "private" else None

    @staticmethod
    def _regional_outer(row: Row) -> list[tuple[Any, str, str]]:
        """What its inner side may have had of it."""
        name = row.get("resource_id") or row.get("vpc_id")
        to, back = (name, row["d"], "to"), (name, row["s"], "from")
        return [to] if row["direction"] == "egress" else [back] if row["direction"] == "ingress" else [to, back]


class Flow:
    """The packets from one true end to another."""

    __slots__ = (
        "by_gateway", "destination", "first", "gateway_in", "gateway_log", "gateway_out", "nat", "nat_rows",
        "rows", "source",
    )  # fmt: skip

    def __init__(self, source: str | None, destination: str | None) -> None:
        self.source, self.destination = source, destination
        self.rows: list[tuple[int, Row, Interface | None]] = []  # after elect(): those that count
        self.first: Row | None = None
        self.nat = 0  # bytes that NAT gateways saw of it on their inner sides
        self.nat_rows: list[tuple[Row, Interface]] = []
        self.by_gateway = False
        self.gateway_in = self.gateway_out = 0  # bytes at attachments of transit gateways
        self.gateway_log: dict[str, int] = {}

    def elect(self, at: str) -> None:
        if not self.rows:
            return
        best = min(rank for rank, _, _ in self.rows)
        chosen = [one for one in self.rows if one[0] == best]
        if best not in (0, 2, 5):
            # Several on the way may have seen them: those of the VPC, or the interface, that saw the most.
            seen: dict[Any, int] = {}
            for _, row, one in chosen:
                group = _group(row, one, at)
                seen[group] = seen.get(group, 0) + row["bytes"]
            most = max(seen, key=lambda group: (seen[group], str(group)))
            chosen = [entry for entry in chosen if _group(entry[1], entry[2], at) == most]
        self.rows = chosen


def _rank(row: Row, one: Interface | None) -> int:
    """0 of the sender's interface, 2 of the receiver's; see above."""
    if row["direction"] == "egress":
        if row["s"] == row["srcaddr"]:
            return 0
        return 1 if one is not None and one.instance is not None and one.kind is None else 3
    if row["direction"] == "ingress":
        return 2 if row["d"] == row["dstaddr"] else 4
    return 5


def _group(row: Row, one: Interface | None, at: str) -> Any:
    if one is not None and one.vpc is not None:
        return one.vpc
    return row.get("tgw_attachment_id") or row.get("resource_id") or (row[at] if at else None)


@lru_cache(1 << 16)
def _order(address: str | None) -> Any:
    return order_of(address, True)
