"""Everything about one address, network, interface, instance, ... Query.who() is the way in.

What is sent and received is told from its side: of an address or a prefix, what stands on the one or the other side of
the records; of an interface, an instance, a subnet, ..., what left and entered there. Bytes and packets are counted once,
also where several interfaces saw them; records and actions are of all records.

MEMORY  The engine groups by peer and service, in as much memory as the limit max_group_bytes allows; here its groups are
read in order, a few thousand at a time, and the largest are kept, besides one entry a service.
"""

from __future__ import annotations

import heapq
import re

from . import _core
from ._text import Grid, Style, count, human_bytes, percent, shown, wrapped
from .answers import Answer, collect, columns_of, finished, greatest, least, merged, network_of, order_of, require_records
from .conversations import Plan
from .windows import spoken

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from .inventory import Known

# How an id begins, and the fields that hold such ids.
_IDS = (
    ("eni-", "an interface", ("interface_id", "tgw_src_eni", "tgw_dst_eni")),
    ("i-", "an instance", ("instance_id",)),
    ("vpc-", "a VPC", ("vpc_id", "tgw_src_vpc_id", "tgw_dst_vpc_id")),
    ("subnet-", "a subnet", ("subnet_id", "tgw_src_subnet_id", "tgw_dst_subnet_id")),
    ("nat-", "a regional NAT gateway", ("resource_id",)),
    ("tgw-attach-", "a transit gateway attachment", ("tgw_attachment_id",)),
    ("tgw-", "a transit gateway", ("tgw_id",)),
)
_ACCOUNT = ("an account", ("account_id", "tgw_src_vpc_account_id", "tgw_dst_vpc_account_id"))
_ROLES = ("server", "client", "unknown")


class Who(Answer):
    """One address, network, interface, ...: a dict, ready for JSON, that prints as a report. Its keys are attributes.

    subject      {"text": as asked, "kind": "address", "prefix", "interface", ..., "scope": of an address or None}
    records      int: that it is in, on any side
    first_seen, last_seen   int or None: the start of its first and the end of its last record
    sent, received          {"bytes", "packets"}: from its side
    actions      {"ACCEPT": records, "REJECT": records}
    conversations   int: connections (five-tuples), and
    states       {"answered": n, ...}: of its conversations, as of Query.conversations()
    server_of    [{"service", "peers", "connections", "records", "rejected", "bytes_sent", "bytes_received"}]: what others
                 ask of it; client_of: what it asks of others; other: where nothing tells who began (ICMP). Those with
                 the most bytes, without
    rejected_server_of, rejected_client_of, rejected_other   {"services", "records": how many, "top": [as above]}: those of
                 which every record was rejected, such as the ports that scanners tried; the top by records
    peers        [{"peer", "service", "direction": "inbound", "outbound" or None, "bytes_sent", "bytes_received", "records",
                 "rejected", "first_seen", "last_seen"}]: those with the most bytes; direction: who began
    interfaces   [{"interface_id", "own": the interface's address, "records", "first_seen", "last_seen", ...}]: where it was
                 seen, with the ids of what they belong to; of an inventory, "name" too
    stats        the dict of Stats

    """

    def _lines(self, width: int, style: Style) -> list[str]:
        subject = self["subject"]
        head = style.bold(shown(subject["text"]))
        what = subject["kind"] if subject["scope"] is None else f"{subject['scope']} {subject['kind']}"
        roles = []
        for title, key in (("server of", "server_of"), ("client of", "client_of")):
            names = [shown(row["service"] or "-") for row in self[key]]
            if names:
                roles.append(f"{title} {', '.join(names[:3])}" + (f" and {len(names) - 3} more" if len(names) > 3 else ""))
        head += f", {what}" + "".join(f"; {role}" for role in roles)
        if not self["records"]:
            return [head, "  is in none of the records"]
        lines = [head, *(f"  {style.dim(f'{name:<15}')}{text}" for name, text in self._totals(style))]
        for key, title, peers in (
            ("server_of", "Server of", "clients"),
            ("client_of", "Client of", "servers"),
            ("other", "Other", "peers"),
        ):
            rejected = self[f"rejected_{key}"]
            if self[key] or rejected["services"]:
                lines.append("")
            if self[key]:
                lines += self._services(self[key], title, peers, width, style)
            if rejected["services"]:
                lines += self._rejected(key, rejected, width, style)
        if self["peers"]:
            lines += ["", *self._peers(width, style)]
        if self["interfaces"]:
            lines += ["", *self._interfaces(width, style)]
        return lines

    def _totals(self, style: Style) -> list[tuple[str, str]]:
        rows = [("seen", spoken(self["first_seen"], self["last_seen"], style))]
        for way in ("sent", "received"):
            if self[way]["bytes"] is not None:
                text = human_bytes(self[way]["bytes"])
                if self[way]["packets"] is not None:
                    text += f" in {count(self[way]['packets'], 'packet')}"
                rows.append((way, text))
        text = f"{self['records']:,}"
        colours = {"ACCEPT": style.green, "REJECT": style.red}
        actions = [
            colours.get(action, str)(f"{shown(action)} {records:,}") + f" ({percent(records, self['records'])})"
            for action, records in self["actions"].items()
        ]
        rows.append(("records", text + (": " + ", ".join(actions) if actions else "")))
        if self["conversations"] is not None:
            rows.append(("connections", f"{self['conversations']:,}"))
        states = [f"{number:,} {state}" for state, number in self["states"].items() if number]
        if states:
            rows.append(("conversations", ", ".join(states)))
        return rows

    def _services(self, rows: list[dict[str, Any]], title: str, peers: str, width: int, style: Style) -> list[str]:
        grid = Grid()
        grid.add(title, [shown(row["service"] or "-") for row in rows], cut=True)
        grid.add(peers, [f"{row['peers']:,}" for row in rows], ">")
        grid.add("connections", [f"{row['connections']:,}" for row in rows], ">", rank=2)
        self._add_amounts(grid, rows)
        return grid.lines(width, style)

    def _rejected(self, key: str, rejected: dict[str, Any], width: int, style: Style) -> list[str]:
        asked = {"server_of": "Asked of it, and all", "client_of": "Asked by it, and all", "other": "All"}[key]
        text = f"{asked} rejected: {count(rejected['services'], 'service')}, {count(rejected['records'], 'record')}: "
        text += ", ".join(shown(row["service"] or "-") for row in rejected["top"])
        more = rejected["services"] - len(rejected["top"])
        first, *rest = wrapped(text + (f" and {more:,} more" if more else ""), width - 2)
        return [style.red(first), *(style.red("  " + line) for line in rest)]

    def _peers(self, width: int, style: Style) -> list[str]:
        rows = self["peers"]
        grid = Grid()
        grid.add("Top peers", [shown(row["peer"] or "-") for row in rows], cut=True)
        grid.add("service", [shown(row["service"] or "-") for row in rows])
        grid.add("direction", [row["direction"] or "-" for row in rows])
        self._add_amounts(grid, rows)
        seen = [style.time(row["last_seen"]) if row["last_seen"] is not None else "-" for row in rows]
        grid.add("last seen", seen, rank=4)
        return grid.lines(width, style)

    @staticmethod
    def _add_amounts(grid: Grid, rows: list[dict[str, Any]]) -> None:
        for way in ("sent", "received"):
            amounts = [row[f"bytes_{way}"] for row in rows]
            if any(amount is not None for amount in amounts):
                grid.add(way, ["-" if amount is None else human_bytes(amount) for amount in amounts], ">")
        grid.add("records", [f"{row['records']:,}" for row in rows], ">", rank=3)
        if any(row["rejected"] for row in rows):
            cells = ["" if not row["rejected"] else "all" if row["rejected"] == row["records"] else f"{row['rejected']:,}" for row in rows]
            grid.add("rejected", cells, ">", rank=1)

    def _interfaces(self, width: int, style: Style) -> list[str]:
        rows = self["interfaces"]
        grid = Grid()
        grid.add("Seen at", [shown(row["interface_id"] or "-") for row in rows], cut=True)
        if any(row.get("name") for row in rows):
            grid.add("name", [shown(row["name"] or "-") for row in rows], cut=True)
        grid.add("address", [row["own"] or "-" for row in rows])
        grid.add("records", [f"{row['records']:,}" for row in rows], ">")
        for rank, name in enumerate(_LABELS, 1):
            cells = [shown(row.get(name) or "-") for row in rows]
            if any(cell != "-" for cell in cells):
                grid.add(name.replace("_", "-"), cells, rank=rank)
        return grid.lines(width, style)


# Of an interface: what it belongs to.
_LABELS = ("instance_id", "subnet_id", "vpc_id", "az_id", "interface_type", "account_id")


def who(query: _core.Query, subject: str, *, limit: int = 10, inventory: Known | None = None) -> Who:
    """The Who of a query's records; Query.who() tells of the arguments."""
    require_records(query, "who")
    known = columns_of(query, "who", "srcaddr", "dstaddr")
    asked = _Subject(str(subject), known)
    plan = _Plan(query, asked, known)
    names: Mapping[str, str] | None = None
    if inventory is not None:
        from . import inventory as things

        names = things.read(inventory).names
    tables = collect(plan.queries)
    return finished(plan.fold(tables, limit, names), tables)  # type: ignore[no-any-return]


class _Subject:
    """What is asked for: which records it is in, and which of them leave and enter it."""

    def __init__(self, text: str, known: set[str]) -> None:
        self.text = text = text.strip()
        self.scope = None
        self.test: str | None = None  # of addresses
        if re.fullmatch(r"[0-9]{12}", text):
            self._of_fields(*_ACCOUNT, known)
            return
        for begin, what, fields in _IDS:
            if text.startswith(begin):
                self._of_fields(what, fields, known)
                return
        if text.startswith("@"):
            self.kind = "set"
            self._of_addresses(f"in {text}", known)
            return
        try:
            network = network_of(text)
        except ValueError as error:
            wrong = f": {error}" if re.fullmatch(r"[0-9a-fA-F.:]+/?\d*(%.*)?", text) else ""
            raise _core.ArgumentError(
                f"who: '{text}' is no address, prefix or id{wrong}; write 10.0.0.5, 10.0.0.0/16, 2001:db8::/32, an id "
                f"such as {', '.join(begin + '...' for begin, *_ in _IDS)}, an account of 12 digits, or @NAME of an inventory or a set"
            ) from None
        is_prefix = "/" in text
        self.kind = "prefix" if is_prefix else "address"
        if not is_prefix:
            self.scope = _core._scope(str(network.network_address))
        self._of_addresses(f"in {network}" if is_prefix else f"= {network.network_address}", known)

    def _of_addresses(self, test: str, known: set[str]) -> None:
        self.test = test
        packet = {side: f" or pkt_{side} {test}" if f"pkt_{side}" in known else "" for side in ("srcaddr", "dstaddr")}
        self.sent = f"srcaddr {test}" + packet["srcaddr"]
        self.received = f"dstaddr {test}" + packet["dstaddr"]
        self.any = f"{self.sent} or {self.received}"

    def _of_fields(self, what: str, fields: tuple[str, ...], known: set[str]) -> None:
        fields = tuple(name for name in fields if name in known)
        if not fields:
            raise _core.ArgumentError(
                f"who: '{self.text}' is {what}, and no input has the field for it; `flowlogs fields` tells in which "
                "version of the logs it comes"
            )
        self.kind = what.partition(" ")[2]
        value = "'" + self.text.replace("'", "''") + "'"

        def either(names: Iterable[str]) -> str:
            return " or ".join(f"{name} = {value}" for name in names)

        self.any = either(fields)
        sides = {side: [name for name in fields if f"_{side}_" in name] for side in ("src", "dst")}
        if all(sides.values()):
            # Of a transit gateway, that knows both ends.
            self.sent, self.received = either(sides["src"]), either(sides["dst"])
            plain = [name for name in fields if name not in sides["src"] + sides["dst"]]
            if plain and known.isdisjoint(("tgw_id", "tgw_attachment_id")):
                self.sent += f" or ({either(plain)}) and direction = egress"
                self.received += f" or ({either(plain)}) and direction = ingress"
        else:
            self.sent = f"({self.any}) and direction = egress"
            self.received = f"({self.any}) and direction = ingress"


class _Plan:
    """The queries behind a Who, for one pass."""

    def __init__(self, query: _core.Query, asked: _Subject, known: set[str]) -> None:
        self.asked = asked
        self.sums: list[str] = [name for name in ("bytes", "packets") if name in known]
        self.has_service = known.issuperset(("srcport", "dstport", "protocol"))
        query = query.filter(asked.any)
        once = query.once()
        times = {name: f"{kind}({field})" for name, kind, field in (("first_seen", "min", "start"), ("last_seen", "max", "end")) if field in known}
        facts = {"records": "count()", **times}

        self.queries = {"totals": query.agg(**facts, connections="connections()")}
        if "action" in known:
            self.queries["actions"] = query.group_by("action").agg(records="count()")
        sums = {name: f"sum({name})" for name in self.sums}
        for way, test, own, peer in (
            ("sent", asked.sent, "srcaddr", "dstaddr"),
            ("received", asked.received, "dstaddr", "srcaddr"),
        ):
            service = {"service": "service"} if self.has_service else {"service": "protocol"} if "protocol" in known else {}
            keys = {"peer": peer, **service, "own": own, "server": "server"}
            self.keys = list(keys)
            everything = {f"all_{name}": text for name, text in sums.items()}
            self.queries[way] = query.filter(test).group_by(**keys).agg(**facts, **everything)
            if sums:
                self.queries[f"{way} once"] = once.filter(test).group_by(**keys).agg(**sums)
            if "action" in known:
                rejected = query.filter(test).filter("rejected")
                self.queries[f"{way} rejected"] = rejected.group_by(**keys).agg(rejected="count()")
        self.queries.update({f"connections {role}": each for role, each in self._connections(query).items()})
        if "interface_id" in known:
            labels = {name: f"max({name})" for name in _LABELS if name in known}
            places = query.group_by("interface_id", "own").agg(**facts, **labels)
            self.queries["interfaces"] = places.sort("records", descending=True).head(10)
        self.conversations = Plan(query, False, "who")
        self.queries.update({f"state {name}": each for name, each in self.conversations.queries.items()})

    def _connections(self, query: _core.Query) -> dict[str, _core.Query]:
        """Connections by service, for each role, or, where filters cannot tell the role, with what tells it."""
        keys = {"service": "service"} if self.has_service else {}

        def counted(query: _core.Query, **more: str) -> _core.Query:
            return query.group_by(**keys, **more).agg(connections="connections()") if keys or more else query.agg(connections="connections()")

        if self.asked.test is None:
            return {"of any": counted(query, own="own", server="server")}
        tests = {role: f"{role} {self.asked.test}" for role in ("server", "client")}
        return {role: counted(query.filter(test)) for role, test in {**tests, "unknown": "server is null"}.items()}

    def fold(self, tables: dict[str, _core.Table], limit: int, names: Mapping[str, str] | None) -> Who:
        totals = tables["totals"][0]
        stats = tables["totals"].stats
        amounts = {way: dict.fromkeys(("bytes", "packets")) for way in ("sent", "received")}
        for way in amounts:
            amounts[way].update(dict.fromkeys(self.sums, 0))  # type: ignore[arg-type]
        roles: dict[str, dict[Any, dict[str, Any]]] = {role: {} for role in _ROLES}
        peers = heapq.nlargest(max(1, limit), self._peers(tables, amounts, roles), key=_size)[: max(0, limit)]
        for name, table in tables.items():
            if not name.startswith("connections "):
                continue
            for row in table:
                role = name.partition(" ")[2] if "server" not in row else _role(row)
                entry = roles[role].get(row.get("service"))
                if entry is not None:
                    entry["connections"] += row["connections"]
        lists, rejected = {}, {}
        for role in _ROLES:
            entries = sorted(roles[role].values(), key=_size, reverse=True)
            lists[role] = [entry for entry in entries if entry["rejected"] < entry["records"]][: max(0, limit)]
            lost = [entry for entry in entries if entry["rejected"] == entry["records"]]
            lost.sort(key=lambda entry: -entry["records"])
            records = sum(entry["records"] for entry in lost)
            rejected[role] = {"services": len(lost), "records": records, "top": lost[: max(0, limit)]}
        actions = tables.get("actions", ())
        states = self.conversations.fold(
            {name: tables[f"state {name}"] for name in self.conversations.queries}, 0
        )
        values = {
            "subject": {"text": self.asked.text, "kind": self.asked.kind, "scope": self.asked.scope},
            "records": totals["records"],
            "first_seen": totals.get("first_seen"),
            "last_seen": totals.get("last_seen"),
            **amounts,
            "actions": {row["action"]: row["records"] for row in actions if row["action"] is not None},
            "conversations": totals["connections"],
            "states": states["states"],
            "server_of": lists["server"],
            "client_of": lists["client"],
            "other": lists["unknown"],
            "rejected_server_of": rejected["server"],
            "rejected_client_of": rejected["client"],
            "rejected_other": rejected["unknown"],
            "peers": peers,
            "interfaces": [_with_name(row, names) for row in tables.get("interfaces", ())],
            "stats": stats.to_dict(),
        }
        return Who(values, stats)

    def _peers(
        self, tables: dict[str, _core.Table], amounts: dict[str, dict[str, Any]], roles: dict[str, dict[Any, Any]]
    ) -> Iterator[dict[str, Any]]:
        """A row a peer, service and role. What they add up to goes into `amounts` and `roles` on the way."""
        block: object = None
        held: dict[str, dict[str, Any]] = {}  # by role
        for key, way, row in self._groups(tables):
            if key != block:
                yield from held.values()
                block, held = key, {}
            role = _role(row)
            service = row.get("service")
            if isinstance(service, int):  # an input without ports
                service = _core._word("protocol", service) or f"protocol {service}"
            entry = roles[role].get(service)
            if entry is None:
                entry = roles[role][service] = {"service": service, "peers": 0, "connections": 0, **self._nothing()}
            peer = held.get(role)
            if peer is None:
                direction = {"server": "inbound", "client": "outbound"}.get(role)
                peer = held[role] = {"peer": row["peer"], "service": service, "direction": direction, **self._nothing()}
                peer.update(first_seen=None, last_seen=None)
                entry["peers"] += 1
            for total in (peer, entry):
                total["records"] += row["records"]
                total["rejected"] += row["rejected"]
                if "bytes" in self.sums:
                    total[f"bytes_{way}"] += row["bytes"] or 0
            for name in self.sums:
                amounts[way][name] += row[name] or 0
            peer["first_seen"] = least((peer["first_seen"], row.get("first_seen")))
            peer["last_seen"] = greatest((peer["last_seen"], row.get("last_seen")))
        yield from held.values()

    def _nothing(self) -> dict[str, Any]:
        nothing = 0 if "bytes" in self.sums else None
        return {"records": 0, "rejected": 0, "bytes_sent": nothing, "bytes_received": nothing}

    def _groups(self, tables: dict[str, _core.Table]) -> Iterator[tuple[Any, str, dict[str, Any]]]:
        """The groups of both ways, those of one peer and service together."""
        ways = [self._way(tables, way) for way in ("sent", "received")]
        return heapq.merge(*ways, key=lambda group: group[0])

    def _way(self, tables: dict[str, _core.Table], way: str) -> Iterator[tuple[Any, str, dict[str, Any]]]:
        names = [name for name in (f"{way} once", f"{way} rejected") if name in tables]
        for row, found in merged(tables[way], *((tables[name], self.keys) for name in names)):
            row["rejected"] = 0
            for name in self.sums:
                row[name] = row[f"all_{name}"]  # where the interface that counts has no record of it (CONTRACT D2)
            for other in found:
                row.update(other or ())
            yield (order_of(row["peer"], is_address=True), order_of(row.get("service"))), way, row


def _with_name(row: dict[str, Any], names: Mapping[str, str] | None) -> dict[str, Any]:
    return row if names is None else {"interface_id": row["interface_id"], "name": names.get(row["interface_id"]), **row}


def _role(row: dict[str, Any]) -> str:
    if row["server"] is None:
        return "unknown"
    return "server" if row["server"] == row["own"] else "client"


def _size(row: dict[str, Any]) -> tuple[int, int]:
    return (row["bytes_sent"] or 0) + (row["bytes_received"] or 0), row["records"]
