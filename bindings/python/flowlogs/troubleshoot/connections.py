"""Records made into connections, and connections into attempts: what is judged. Nothing here depends on the order of records."""

from __future__ import annotations

from ..answers import service_of
from .ends import End

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    Row = dict[str, Any]

FIN, SYN, RST, ACK = 1, 2, 4, 16
SKEW = 60  # start and end are so many seconds off at most
LOSSES = ("no-route", "blackhole", "mtu-exceeded", "ttl-expired")


def source_of(row: Row) -> str:
    return str(row.get("pkt_srcaddr") or row["srcaddr"])


def target_of(row: Row) -> str:
    return str(row.get("pkt_dstaddr") or row["dstaddr"])


def place_of(row: Row) -> str | None:
    """Where it was seen: an interface, a regional NAT gateway, an attachment of a transit gateway."""
    return row.get("interface_id") or row.get("resource_id") or row.get("tgw_attachment_id") or row.get("tgw_id")


def is_transit(row: Row) -> bool:
    return row.get("tgw_id") is not None or row.get("tgw_attachment_id") is not None


def flags_of(row: Row) -> int | None:
    """None: nothing tells them (no such field, or no TCP)."""
    return row.get("tcp_flags") if row.get("protocol", 6) == 6 else None


def is_rejected(row: Row) -> bool:
    return row.get("action") == "REJECT"


def lost(row: Row) -> dict[str, int]:
    """Packets that a transit gateway dropped, by its counters."""
    return {name: n for name in LOSSES if (n := row.get(f"packets_lost_{name.replace('-', '_')}") or 0)}


def is_service(port: int | None, protocol: int | None) -> bool:
    """Whether the port is one that something is known to listen at."""
    return "/" not in (service_of(port, protocol) or "/")


def begin(row: Row) -> int:
    return row.get("start") or 0


def finish(row: Row) -> int:
    return max(row.get("end") or 0, begin(row))


def order(row: Row) -> tuple[Any, ...]:
    """By time; then by what the record says, never by where it stood."""
    said = sorted((key, str(value)) for key, value in row.items() if key not in ("_line", "_source"))
    return begin(row), finish(row), str(place_of(row)), said, str(row.get("_source")), row.get("_line") or 0


class Connection:
    """The records of one five-tuple: ups are the client's packets, downs the server's."""

    def __init__(self, client: tuple[str, Any], server: tuple[str, Any], protocol: int | None, told: str) -> None:
        self.client, self.client_port = client
        self.server, self.server_port = server
        self.protocol = protocol
        self.told = told  # who began: "syn", "port", "asked", "guess"
        self.ups: list[Row] = []
        self.downs: list[Row] = []

    @property
    def pair(self) -> tuple[Any, ...]:
        return self.client, self.server, self.server_port, self.protocol


class Attempt:
    """What of a connection is judged at once: all of it, or what is between two changes."""

    def __init__(self, connection: Connection, ups: list[Row], downs: list[Row]) -> None:
        self.connection = connection
        self.ups, self.downs = ups, downs
        self.rows = sorted(ups + downs, key=order)
        self.start = min(map(begin, self.rows))
        self.end = max(map(finish, self.rows))
        for row in self.rows:
            row["_side"] = _side(row, connection)
        _infer_sides(ups, downs)


def _side(row: Row, connection: Connection) -> str | None:
    if is_transit(row):
        return "transit-gateway"
    own = row.get("own")
    if own is None:
        if row.get("pkt_srcaddr") not in (None, row["srcaddr"]) or row.get("pkt_dstaddr") not in (None, row["dstaddr"]):
            return "middle"
        return "middle" if row.get("resource_id") else None
    if own in (connection.client, connection.server):
        return "source" if own == connection.client else "destination"
    if row.get("interface_type") is not None:
        return "middle"
    # Of a host, that shows another of its addresses than the packet has: a secondary one, or a pod's.
    if own == (row["srcaddr"] if source_of(row) == connection.client else row["dstaddr"]):
        return "source" if row.get("instance_id") else "middle"
    return "destination" if row.get("instance_id") else "middle"


def _infer_sides(ups: list[Row], downs: list[Row]) -> None:
    """Where two unknown interfaces saw the request, and one let it through: that one is the source's."""
    through = {place_of(row) for row in ups if row["_side"] is None and not is_rejected(row)}
    stopped = {place_of(row) for row in ups if row["_side"] is None and is_rejected(row)} - through
    if through and stopped:
        for row in ups + downs:
            if row["_side"] is None and place_of(row) in through | stopped:
                row["_side"] = "destination" if place_of(row) in stopped else "source"


def connections_of(rows: Iterable[Row], source: End | None, target: End | None) -> tuple[list[Connection], list[Connection]]:
    """The connections that are asked for, and those that target opened to source."""
    held: dict[Any, list[Row]] = {}
    for row in rows:
        ends = sorted(((source_of(row), row.get("srcport") or 0), (target_of(row), row.get("dstport") or 0)))
        held.setdefault((*ends, row.get("protocol")), []).append(row)
    asked: list[Connection] = []
    reverse: list[Connection] = []
    for (one, other, protocol), group in held.items():
        group.sort(key=order)
        client, told = _client(one, other, group, source, target)
        server = other if client == one else one
        made = Connection(client, server, protocol, told)
        for row in group:
            up = (source_of(row), row.get("srcport") or 0) == client
            (made.ups if up else made.downs).append(row)
        wrong = source is not None and target is not None and not (
            _is_any(group, source, made, up=True) and _is_any(group, target, made, up=False)
        )
        (reverse if wrong else asked).append(made)
    return asked, reverse


def _is_any(rows: list[Row], end: End, connection: Connection, up: bool) -> bool:
    """Whether the client (up), or the server, is one of the end's addresses."""
    if (connection.client if up else connection.server) in end:
        return True
    ups = {id(row) for row in connection.ups}
    return any((row["srcaddr"] if (id(row) in ups) == up else row["dstaddr"]) in end for row in rows)


def _client(one: Any, other: Any, rows: list[Row], source: End | None, target: End | None) -> tuple[Any, str]:
    """Which end began, and how that is known."""
    port = None if target is None else target.port
    votes: dict[str, Any] = {}
    for row in rows:
        sender = (source_of(row), row.get("srcport") or 0)
        receiver = other if sender == one else one
        if row.get("client") is not None:
            votes.setdefault(str(row.get("orientation")), sender if row["client"] == row["srcaddr"] else receiver)
    for word in ("syn", "syn-ack"):
        if word in votes:
            return votes[word], "syn"
    if port is not None and (one[1] == port) != (other[1] == port):
        return (other if one[1] == port else one), "asked"
    if "port" in votes:
        senders = {(source_of(row), row.get("srcport") or 0) for row in rows}
        server = other if votes["port"] == one else one
        if senders == {server} and any(map(is_rejected, rows)) and not is_service(server[1], rows[0].get("protocol")):
            return server, "port"  # rejected, without an answer, and from a port of no service: a client's
        return votes["port"], "port"
    if source is not None and target is not None and (one[0] in source) != (other[0] in source):
        return (one if one[0] in source else other), "asked"
    # What is let through at an interface that rejects the other way was the request.
    rejected = {(place_of(row), source_of(row)) for row in rows if is_rejected(row)}
    for row in rows:
        if not is_rejected(row) and (place_of(row), target_of(row)) in rejected and (place_of(row), source_of(row)) not in rejected:
            return (source_of(row), row.get("srcport") or 0), "guess"
    first = rows[0]
    return (source_of(first), first.get("srcport") or 0), "guess"


def attempts_of(connection: Connection) -> list[Attempt]:
    """The connection, cut where its five-tuple was opened again, and where what is done with its packets changed."""
    ups, downs = connection.ups, connection.downs
    cuts: list[int] = []
    seen: dict[Any, Row] = {}  # the last record of a place and way that opens
    closed: dict[Any, int] = {}  # a place: the least end of a record after which a SYN opens anew
    client = connection.client
    for row in sorted(ups + downs, key=order):
        up, place, flags = source_of(row) == client, place_of(row), flags_of(row)
        opens = connection.protocol != 6 or flags is None or flags & SYN
        if opens and "start" in row:
            before = seen.get((place, up))
            changed = before is not None and is_rejected(before) != is_rejected(row)
            if connection.protocol == 6 and flags is None:
                changed = changed and not is_rejected(row)  # a REJECT behind data may be late
            again = bool(up and flags and flags & SYN and place in closed and begin(row) > closed[place])
            if changed or again:
                cuts.append(begin(row))
                closed.pop(place, None)
            seen[place, up] = row
        if flags and flags & (FIN | RST) or flags is not None and not up and not is_rejected(row):
            closed[place] = min(closed.get(place, finish(row)), finish(row))
    edges: list[int] = []
    for cut in sorted(cuts):
        if not edges or cut > edges[-1] + SKEW:
            edges.append(cut)
    parts: list[tuple[list[Row], list[Row]]] = [([], []) for _ in range(len(edges) + 1)]
    for way, rows in enumerate((ups, downs)):
        for row in rows:
            middle = (begin(row) + finish(row)) / 2
            parts[sum(middle >= edge for edge in edges)][way].append(row)
    return [Attempt(connection, *part) for part in parts if part[0] or part[1]]
