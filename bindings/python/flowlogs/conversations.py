"""Who talked to whom, and what became of it. Query.conversations() is the way in.

A conversation is a client, a server, a port of the server and a protocol: all connections between them, or, with
ports=True, each on its own. Its state is one word of five, and follows from the records of both directions:

    answered    packets were let through both ways
    reset       the client began (SYN) and the server answered with RST alone: nothing listens there, or it refuses
    rejected    what the client sent was rejected, all of it, or else every answer was
    no reply    the client's packets were let through and nothing came back (or it is not in the logs)
    no request  the server's packets were let through and the client's are not in the logs: it began before them, or
                they show one direction only

Formats without action (transit gateways) know nothing rejected, those without tcp-flags nothing reset. Where nothing
tells who began (ICMP, or one port on both sides), the client is the side of the earliest record.

MEMORY  The engine groups, in as much memory as the limit max_group_bytes allows; here its groups are read in order, a few
thousand at a time, and the `limit` largest are kept. Of conversations in which nothing tells who began, all of one
protocol and port are kept at a time, and with ports=True all between one client and one server's port.
"""

from __future__ import annotations

import heapq
from operator import itemgetter

from . import _core
from ._text import Grid, Style, count, duration, human_bytes, shown
from .answers import (
    Answer,
    collect,
    columns_of,
    find,
    finished,
    greatest,
    least,
    merged,
    require_records,
    service_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

STATES = ("answered", "rejected", "no reply", "no request", "reset")
_SIDES = ("packets_to_server", "bytes_to_server", "packets_to_client", "bytes_to_client")
_COLOURS = {"answered": Style.green, "rejected": Style.red}


class Conversations(Answer):
    """The largest conversations: a dict, ready for JSON, that prints as a table. Its keys are attributes as well.

    conversations  int: how many there are, listed or not
    states         {"answered": n, "rejected": n, "no reply": n, "no request": n, "reset": n}, of all
    start, end     int or None: of the first and the last record of all
    rows           [{"client", "server", "server_port", "service", "protocol", ("client_port",) "state", "start", "end",
                   "packets_to_server", "bytes_to_server", "packets_to_client", "bytes_to_client", "records", "rejected",
                   "connections"}], by bytes of both directions; rejected is a number of records. None: the input lacks it
    stats          the dict of Stats

    Bytes and packets are counted once, also where several interfaces saw them; records are all records.
    """

    def __init__(self, values: dict[str, Any], stats: _core.Stats, ports: bool, left: int) -> None:
        super().__init__(values, stats)
        self._ports = ports
        self._left = left  # that are asked for, and not listed

    def to_table(self) -> _core.Table:
        """The rows as a Table: to_pandas(), to_polars(), to_csv() and so on."""
        return _core.Table._from_rows(columns(self._ports), self["rows"])

    def graph(self) -> dict[str, list[dict[str, Any]]]:
        """The rows as a graph of addresses: {"nodes": [{"id", "bytes_sent", "bytes_received", "scope"}], "edges":
        [{"source", "target", "services", "states", "bytes", "packets", "conversations"}]}, an edge from a client to a
        server; bytes and packets of both directions, None where the input has no such field.
        """
        nodes: dict[str, dict[str, Any]] = {}
        edges: dict[tuple[str, str], dict[str, Any]] = {}
        for row in self["rows"]:
            ends = row["client"], row["server"]
            edge = edges.setdefault(ends, {"source": ends[0], "target": ends[1], "services": [], "states": [],
                                           "bytes": None, "packets": None, "conversations": 0})  # fmt: skip
            edge["conversations"] += 1
            for names, value in ((edge["services"], row["service"]), (edge["states"], row["state"])):
                if value is not None and value not in names:
                    names.append(value)
            for address in ends:
                nodes.setdefault(address, {"id": address, "bytes_sent": None, "bytes_received": None,
                                           "scope": _core._scope(address)})  # fmt: skip
            for side, sender, receiver in (("to_server", *ends), ("to_client", *ends[::-1])):
                for name in ("bytes", "packets"):
                    amount = row[f"{name}_{side}"]
                    if amount is not None:
                        edge[name] = (edge[name] or 0) + amount
                amount = row[f"bytes_{side}"]
                if amount is not None:
                    nodes[sender]["bytes_sent"] = (nodes[sender]["bytes_sent"] or 0) + amount
                    nodes[receiver]["bytes_received"] = (nodes[receiver]["bytes_received"] or 0) + amount
        return {"nodes": list(nodes.values()), "edges": list(edges.values())}

    def to_dot(self) -> str:
        """The graph for Graphviz: `dot -Tsvg`. Public addresses are ellipses; what was never answered is dashed and red."""
        graph = self.graph()
        most = max((edge["bytes"] or 0 for edge in graph["edges"]), default=0)
        lines = ["digraph conversations {", "  rankdir=LR;", '  node [shape=box, fontname="sans-serif"];', '  edge [fontname="sans-serif", fontsize=10];']
        for node in graph["nodes"]:
            lines.append(f'  "{node["id"]}"{" [shape=ellipse]" if node["scope"] == "public" else ""};')
        for edge in graph["edges"]:
            services = edge["services"][:4] + (["..."] if len(edge["services"]) > 4 else [])
            label = ", ".join(services) + ("" if edge["bytes"] is None else f"\\n{human_bytes(edge['bytes'])}")
            told = [f'label="{label}"', f"penwidth={1 + 4 * (edge['bytes'] or 0) / (most or 1):.2f}"]
            if not {"answered", "no request"} & set(edge["states"]):
                told += ["style=dashed", "color=red"]
            lines.append(f'  "{edge["source"]}" -> "{edge["target"]}" [{", ".join(told)}];')
        return "\n".join([*lines, "}"]) + "\n"

    def _lines(self, width: int, style: Style) -> list[str]:
        rows = self["rows"]
        head = style.bold(count(self["conversations"], "conversation"))
        states = [f"{number:,} {state}" for state, number in self["states"].items() if number]
        if states:
            head += ": " + ", ".join(states)
        if not rows:
            return [head]
        grid = Grid()
        grid.add("client", [self._end(row["client"], row.get("client_port")) for row in rows], cut=True)
        grid.add("server", [self._end(row["server"], None) for row in rows], cut=True)
        grid.add("service", [shown(row["service"] or "-") for row in rows])
        grid.add("state", [_COLOURS.get(row["state"], Style.bold)(style, row["state"]) for row in rows])
        for title, side in (("to server", "to_server"), ("to client", "to_client")):
            cells = ["-" if row[f"bytes_{side}"] is None else human_bytes(row[f"bytes_{side}"]) for row in rows]
            grid.add(title, cells, ">")
        grid.add("records", [f"{row['records']:,}" for row in rows], ">", rank=2)
        if any(row["rejected"] for row in rows):
            grid.add("rejected", [f"{row['rejected']:,}" if row["rejected"] else "" for row in rows], ">", rank=1)
        if not self._ports:
            grid.add("connections", [f"{row['connections']:,}" for row in rows], ">", rank=3)
        grid.add("began", [style.time(row["start"]) if row["start"] is not None else "-" for row in rows], rank=4)
        lasted = ["-" if None in (row["start"], row["end"]) else duration(row["end"] - row["start"]) for row in rows]
        grid.add("lasted", lasted, ">", rank=5)
        lines = [head, "", *grid.lines(width, style)]
        if self._left:
            lines.append(style.dim(f"and {self._left:,} smaller"))
        return lines

    @staticmethod
    def _end(address: str, port: int | None) -> str:
        if port is None:
            return address
        return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def columns(ports: bool) -> list[tuple[str, str]]:
    """The columns of the rows, with their kinds."""
    text = dict.fromkeys(("client", "server", "service", "state"), "text")
    text.update({"start": "time", "end": "time"})
    names = ["client", "server", "server_port", "service", "protocol", *(["client_port"] if ports else []), "state"]
    names += ["start", "end", *_SIDES, "records", "rejected", *([] if ports else ["connections"])]
    return [(name, text.get(name, "int64")) for name in names]


def conversations(
    query: _core.Query,
    *,
    limit: int | None = 20,
    ports: bool = False,
    state: str | None = None,
) -> Conversations:
    """The Conversations of a query's records; Query.conversations() tells of the arguments."""
    require_records(query, "conversations")
    if state is not None and state not in STATES:
        raise _core.ArgumentError(f"conversations: '{state}' is no state; there are {', '.join(STATES)}")
    plan = Plan(query, ports, "conversations")
    tables = collect(plan.queries)
    return finished(plan.fold(tables, limit, state), tables)  # type: ignore[no-any-return]


class Plan:
    """The queries behind the conversations of a query, for one pass, and what is made of their tables.

    at: a column; a conversation is then what one of its values (an interface) saw, `own` is told of it, and all that it
    saw counts.
    """

    def __init__(self, query: _core.Query, ports: bool, verb: str, at: str | None = None) -> None:
        known = columns_of(query, verb, "srcaddr", "dstaddr")
        self.ports = ports
        self.ends = [*([at, "own"] if at else []), "client", "server"]
        if known.issuperset(("srcport", "dstport", "protocol")):
            self.ends.append("server_port")
        if "protocol" in known:
            self.ends.append("protocol")
        self.keys = [*self.ends, "srcaddr", "dstaddr"]
        if ports and "server_port" in self.ends:
            self.keys += ["srcport", "dstport"]
        self.sums: list[str] = [name for name in ("bytes", "packets") if name in known]

        # NODATA and SKIPDATA are nobody's.
        query = query.filter("srcaddr is not null and dstaddr is not null")
        facts = {"records": "count()", "evidence": "max(orientation)"}
        facts.update({f"all_{name}": f"sum({name})" for name in self.sums})
        facts.update({name: f"{kind}({name})" for name, kind in (("start", "min"), ("end", "max")) if name in known})
        if "action" in known:
            facts["action"] = "min(action)"  # ACCEPT if any is
        times = {name: text for name, text in facts.items() if name in ("start", "end")}
        self.queries = {"totals": query.agg(n="count()", **times), "facts": query.group_by(*self.keys).agg(**facts)}
        if self.sums and at is None:
            once = query.once().group_by(*self.keys)
            self.queries["sums"] = once.agg(**{name: f"sum({name})" for name in self.sums})
        if "action" in known:
            self.queries["rejected"] = query.filter("rejected").group_by(*self.keys).agg(rejected="count()")
        if "tcp_flags" in known:
            self.queries["resets"] = query.filter("tcp-flags has RST").group_by(*self.keys).agg(resets="count()")
        if not ports:
            self.queries["connections"] = query.group_by(*self.ends).agg(connections="connections()")

    def fold(self, tables: dict[str, _core.Table], limit: int | None, state: str | None = None) -> Conversations:
        states = dict.fromkeys(STATES, 0)

        def chosen() -> Iterator[Conversation]:
            for conversation in self.conversations(tables):
                its_state = conversation.state()
                states[its_state] += 1
                if state is None or its_state == state:
                    yield conversation

        most = sorted(chosen(), key=Conversation.size, reverse=True) if limit is None else heapq.nlargest(
            max(1, limit), chosen(), key=Conversation.size
        )[: max(0, limit)]
        rows = [conversation.row(self.sums) for conversation in most]
        for row, conversation in zip(rows, most):
            if self.ports:
                row.pop("connections")
            else:
                row.pop("client_port")
                ends = conversation.ends(self.ends)
                if ends[0] is not None:  # without a told client it is one, for the ends say it all
                    row["connections"] = find(tables["connections"], self.ends, ends, self.ends[:2])["connections"]  # type: ignore[index]
        totals = tables["totals"][0]
        stats = tables["facts"].stats
        values = {"conversations": sum(states.values()), "states": states, "rows": rows}
        values.update(start=totals.get("start"), end=totals.get("end"))
        left = (sum(states.values()) if state is None else states[state]) - len(rows)
        return Conversations({**values, "stats": stats.to_dict()}, stats, self.ports, left)

    def conversations(self, tables: dict[str, _core.Table]) -> Iterator[Conversation]:
        """All of them, in the order of their keys, from the tables of the queries."""
        others = [(tables[name], self.keys) for name in ("sums", "rejected", "resets") if name in tables]
        ends_of = itemgetter(*self.ends)
        block: object = None
        held: dict[Any, Conversation] = {}  # the conversations of the block, by what tells them apart in it
        for row, found in merged(tables["facts"], *others):
            ends = ends_of(row)
            if ends != block:
                yield from held.values()
                block, held = ends, {}
            client = row["client"]
            for other in found:
                if other is not None:
                    row.update(other)
            pair = row["srcaddr"], row["dstaddr"]
            ports = row.get("srcport"), row.get("dstport")
            if client is None:
                # Which side is the client is told by row(), from the times.
                key: Any = min((pair, ports), (pair[::-1], ports[::-1]), key=str)
                is_up = (pair, ports) == key
            else:
                talks_to_itself = self.ports and pair[0] == pair[1]
                is_up = pair[0] == client and (not talks_to_itself or ports[1] == row.get("server_port"))
                key = ports[0] if is_up else ports[1]
            conversation = held.get(key)
            if conversation is None:
                conversation = held[key] = Conversation()
            if is_up:
                conversation.up = row
            else:
                conversation.down = row
        yield from held.values()


class Conversation:
    """The groups of one conversation: of the client's packets (up) and of the server's (down)."""

    __slots__ = ("up", "down")

    def __init__(self) -> None:
        self.up: dict[str, Any] | None = None
        self.down: dict[str, Any] | None = None

    def _sides(self) -> list[dict[str, Any]]:
        return [side for side in (self.up, self.down) if side is not None]

    def state(self) -> str:
        if self.down is not None and self.down["client"] is None and _began_before(self.down, self.up):
            self.up, self.down = self.down, self.up  # nothing tells who began: the earlier one
        return state_of(self.up, self.down)

    def ends(self, keys: list[str]) -> list[Any]:
        return [self._sides()[0][name] for name in keys]

    def size(self) -> tuple[int, int, int]:
        byte_count = packets = records = 0
        for side in (self.up, self.down):
            if side is not None:
                byte_count += _sum(side, "bytes") or 0
                packets += _sum(side, "packets") or 0
                records += side["records"]
        return byte_count, packets, records

    def row(self, sums: list[str]) -> dict[str, Any]:
        up, down = self.up, self.down
        sides = self._sides()
        some = sides[0]
        client, server = ("srcaddr", "dstaddr") if up else ("dstaddr", "srcaddr")
        port, protocol = some.get("server_port"), some.get("protocol")
        row = {"client": some[client], "server": some[server], "server_port": port}
        row.update(service=service_of(port, protocol), protocol=protocol)
        row["client_port"] = some.get("srcport" if up else "dstport")
        row["state"] = state_of(up, down)
        row["start"] = least(side.get("start") for side in sides)
        row["end"] = greatest(side.get("end") for side in sides)
        for name in _SIDES:
            field, _, to = name.partition("_to_")
            side = up if to == "server" else down
            # Of a direction that is not there nothing was sent; what the input has no field for is not known.
            row[name] = None if field not in sums else 0 if side is None else _sum(side, field)
        row["records"] = sum(side["records"] for side in sides)
        row["rejected"] = sum(side.get("rejected", 0) for side in sides)
        row["connections"] = 1
        return row


def _sum(side: dict[str, Any], field: str) -> int | None:
    # Where the interface that counts has no record of this direction, what is there counts (CONTRACT D2).
    return side.get(field, side.get(f"all_{field}"))


def _began_before(a: dict[str, Any], b: dict[str, Any] | None) -> bool:
    if b is None:
        return True
    return (a.get("start") or 0) < (b.get("start") or 0)


def state_of(up: dict[str, Any] | None, down: dict[str, Any] | None) -> str:
    """The state, as the head of this file defines it, from the groups of the two directions: records, perhaps rejected,
    resets, action (the least: ACCEPT if any is) and evidence (the greatest: "syn" if the client's SYN is among them,
    "syn-ack" if the server's is).
    """

    def let_through(side: dict[str, Any]) -> bool:
        return not side.get("rejected") or side.get("action") == "ACCEPT"

    if up is None:
        return "no request" if down is not None and let_through(down) else "rejected"
    if not let_through(up):
        return "rejected"
    if down is None:
        return "no reply"
    if not let_through(down):
        return "rejected"
    if up.get("evidence") == "syn" and down.get("resets") and down.get("evidence") != "syn-ack":
        return "reset"
    return "answered"
