"""How much, how fast, and how well it goes. Query.performance() is the way in.

Rates are of bins of time: a record's bytes and packets are spread evenly over its start..end, so that the peak of a bin
inside of a ten-minute record is flattened. A connection is a client with its port, a server with its port, and a
protocol; what became of it is a word of conversations.py. Each interface judges what it saw; a service is judged by the
interfaces of its servers, or where these have no records by those of its clients.

What flow logs do not hold, no answer can: see NOT_IN_LOGS.

MEMORY  As timeline(by interface, by service) and conversations(ports=True): groups are the engine's, within
max_group_bytes. Here a number is kept for each bin of an interface and of a service that is listed, and for each bin in
which a connection of an interface or a server began.
"""

from __future__ import annotations

from collections import Counter, defaultdict

from . import _core
from ._text import Grid, Style, count, duration, human_bytes, percent, shown, wrapped
from .answers import Answer, collect, columns_of, finished, greatest, require_records, runs_of, service_of
from .conversations import Plan
from .timeline import MOST_BINS, Bins, Groups, bins_of, seconds_of
from .windows import Window

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NOT_IN_LOGS = (
    "latency, retransmissions and queues are not in flow logs; neither are packets that an instance drops itself "
    "or loses beyond its allowance (see ethtool -S: bw_in_allowance_exceeded and its neighbours)"
)
# Connections to one destination at a time: what a NAT gateway has of ports (AWS's quota), and Linux by default
# (net.ipv4.ip_local_port_range, 32768 to 60999).
NAT_PORTS, LINUX_PORTS = 55_000, 28_232
_BIN = 60
_FATES = {"no reply": "unanswered", "reset": "reset", "rejected": "rejected"}
_LOSSES = ("no-route", "blackhole", "mtu-exceeded", "ttl-expired")


class Performance(Answer):
    """Rates, fates of connections, ports and paths: a dict, ready for JSON, that prints as a report. Its keys are attributes
    as well.

    bin         int: seconds of the bins that rates are of
    start, end  int or None: of the first and the last record
    interfaces  [{"interface", "bytes", "packets", "bits_per_second", "packets_per_second", "connections",
                "connections_per_second", "unanswered", "reset", "rejected"}], the most bytes first; rates are
                {"p50", "p95", "max"} over the bins from its first to its last, and None where the input cannot tell;
                the last three are shares, 0 to 1, of the connections that it saw begin
    services    [{"service", "server_port", "protocol", "servers", "connections", "bytes", "packets", "bits_per_second",
                "packets_per_second", "connections_per_second", "unanswered", "reset", "rejected", "imbalance"}], the most
                connections first; rates as of interfaces, of both directions, counted once; imbalance: None, or of two and
                more own servers that answer {"busiest", "connections", "times_mean"}: of one server, beside the mean of all
    ports       [{"interface", "dstaddr", "dstport", "protocol", "time", "ports", "limit", "share"}]: source ports to one
                destination in one minute, the largest share of what there are first
    zones       {"bytes", "cross_zone", "paths": [{"from", "to", "bytes"}]} counted once, or None if no input can tell
    gateway     [{"attachment", "packets", "lost", "no_route", "blackhole", "mtu_exceeded", "ttl_expired"}]: packets that a
                transit gateway dropped; None if no input is of one
    missing     [text]: what is not answered for want of a field
    stats       the dict of Stats
    """

    def _lines(self, width: int, style: Style) -> list[str]:
        lines = self._interfaces(width, style) + self._services(width, style) + self._ports(width, style)
        zones = self["zones"]
        if zones is not None:
            share = percent(zones["cross_zone"], zones["bytes"])
            told = f"{human_bytes(zones['cross_zone'])}, {share} of {human_bytes(zones['bytes'])} of which both zones are told"
            lines += ["", f"{style.bold('across zones')}: {told}"]
            for path in zones["paths"]:
                lines.append(f"  {shown(path['from'])} to {shown(path['to'])}: {human_bytes(path['bytes'])}")
        if self["gateway"] is not None:
            lost = [row for row in self["gateway"] if row["lost"]]
            lines += ["", f"{style.bold('dropped by transit gateways')}: {'nothing' if not lost else ''}".rstrip()]
            for row in lost:
                why = ", ".join(f"{row[name.replace('-', '_')]:,} {name}" for name in _LOSSES if row[name.replace("-", "_")])
                lines.append(f"  {shown(row['attachment'] or '-')}: {row['lost']:,} of {row['lost'] + row['packets']:,} packets ({why})")
        lines.append("")
        for text in [*self["missing"], NOT_IN_LOGS]:
            lines += [style.dim(line) for line in wrapped(text, width)]
        return lines

    def _interfaces(self, width: int, style: Style) -> list[str]:
        rows = self["interfaces"]
        lines = [style.bold(f"{count(len(rows), 'interface')} with the most bytes")]
        told = f"Rates are of bins of {duration(self['bin'])}: half of them, 95 of 100, and all are at most so high."
        lines += [style.dim(line) for line in wrapped(told, width)]
        if not rows:
            return lines
        grid = Grid()
        grid.add("interface", [shown(row["interface"] or "-") for row in rows], cut=True)
        grid.add("bytes", ["-" if row["bytes"] is None else human_bytes(row["bytes"]) for row in rows], ">")
        grid.add("bit/s p50 / p95 / max", [_triple(row["bits_per_second"], _bits) for row in rows], ">")
        grid.add("packet/s", [_triple(row["packets_per_second"], _number) for row in rows], ">", rank=2)
        grid.add("conn/s", [_triple(row["connections_per_second"], _number) for row in rows], ">", rank=1)
        _add_fates(grid, rows)
        return [*lines, "", *grid.lines(width, style)]

    def _services(self, width: int, style: Style) -> list[str]:
        rows = self["services"]
        if not rows:
            return []
        grid = Grid()
        grid.add("service", [_service(row) for row in rows], cut=True)
        grid.add("servers", [f"{row['servers']:,}" for row in rows], ">", rank=1)
        grid.add("connections", [f"{row['connections']:,}" for row in rows], ">")
        grid.add("bytes", ["-" if row["bytes"] is None else human_bytes(row["bytes"]) for row in rows], ">", rank=2)
        grid.add("bit/s p50 / p95 / max", [_triple(row["bits_per_second"], _bits) for row in rows], ">", rank=4)
        grid.add("packet/s", [_triple(row["packets_per_second"], _number) for row in rows], ">", rank=6)
        grid.add("conn/s", [_triple(row["connections_per_second"], _number) for row in rows], ">", rank=5)
        _add_fates(grid, rows)
        busiest = [
            "" if one is None else f"{one['busiest']}: {one['times_mean']:.1f} x the mean"
            for one in (row["imbalance"] for row in rows)
        ]
        if any(busiest):
            grid.add("busiest server", busiest, rank=3)
        return ["", *grid.lines(width, style)]

    def _ports(self, width: int, style: Style) -> list[str]:
        rows = self["ports"]
        if not rows:
            return []
        grid = Grid()
        grid.add("source ports in a minute", [f"{row['ports']:,} of {row['limit']:,}" for row in rows], ">")
        grid.add("to", [f"{row['dstaddr']} {service_of(row['dstport'], row['protocol'])}" for row in rows], cut=True)
        grid.add("from", [shown(row["interface"] or "-") for row in rows], cut=True)
        grid.add("at", [style.time(row["time"]) for row in rows], rank=1)
        return ["", *grid.lines(width, style)]


def _service(row: dict[str, Any]) -> str:
    return shown(row["service"] or "-") + (" (udp)" if row["protocol"] == 17 and "/" not in str(row["service"]) else "")


def _bits(number: float) -> str:
    return "0" if number < 0.5 else human_bytes(round(number)).replace("B", "").replace(" ", "").strip()


def _number(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 or number == int(number) else f"{number:.2f}"


def _triple(rate: dict[str, float] | None, show: Any) -> str:
    return "-" if rate is None else " / ".join(show(rate[name]) for name in ("p50", "p95", "max"))


def _add_fates(grid: Grid, rows: list[dict[str, Any]]) -> None:
    for name in _FATES.values():
        cells = ["-" if row[name] is None else percent(round(row[name] * 10**6), 10**6) for row in rows]
        grid.add(name, ["" if cell == "0.0 %" else cell for cell in cells], ">", rank=0 if name != "rejected" else 1)


def performance(query: _core.Query, *, bin: str | int = "auto", limit: int = 10) -> Performance:
    """The Performance of a query's records; Query.performance() tells of the arguments."""
    require_records(query, "performance")
    size = seconds_of(bin, "performance")
    known = columns_of(query, "performance", "start", "srcaddr", "dstaddr")
    at = next((name for name in ("interface_id", "tgw_attachment_id") if name in known), None)
    missing: list[str] = []
    sums = {name: f"sum({name})" for name in ("bytes", "packets") if name in known}
    times = {"_start": "start", **({"_end": "end"} if "end" in known else {})}

    plan = Plan(query, ports=True, verb="performance", at=at)
    queries = {f"fates_{name}": one for name, one in plan.queries.items()}
    queries["totals"] = query.agg(first="min(start)", last="max(start)", **({"end": "max(end)"} if "end" in known else {}))
    if at is not None and sums:
        queries["amounts"] = query.group_by(at, **times).agg(**sums)
    else:
        missing.append("no input has interface-id: rates are not told")
    if known.issuperset(("srcport", "dstport", "protocol")):
        if sums:
            queries["service_amounts"] = query.once().group_by("server_port", "protocol", **times).agg(**sums)
        kinds = ["interface_type"] if "interface_type" in known else []
        to = ([at] if at else []) + ["dstaddr", "dstport", "protocol", *kinds]
        # From a client's side: what is sent to a port that is no client's.
        sent = query.filter("protocol in (6, 17) and dstport < 32768 and srcport >= 1024")
        queries["ports"] = (
            sent.group_by(*to, t="bin(start, 1m)").agg(ports="distinct(srcport)").having("ports > 1")
            .sort("ports", descending=True).head(max(1, limit) * 4)
        )  # fmt: skip
    zones = next(
        (pair for pair in (("az_id", "next_hop_az_id"), ("tgw_src_az_id", "tgw_dst_az_id")) if known.issuperset(pair)), None
    )
    if zones is not None and "bytes" in known:
        ways = query.once().filter(f"{zones[0]} is not null and {zones[1]} is not null")
        queries["zones"] = ways.group_by(here=zones[0], there=zones[1]).agg(bytes="sum(bytes)")
    else:
        missing.append("no input has az-id and next-hop-az-id: what crosses zones is not told")
    losses = [name for name in _LOSSES if f"packets_lost_{name.replace('-', '_')}" in known]
    if losses:
        lost = {name.replace("-", "_"): f"sum(packets-lost-{name})" for name in losses}
        keys = ["tgw_attachment_id"] if "tgw_attachment_id" in known else []
        queries["gateway"] = query.group_by(*keys).agg(**lost, **({"packets": "sum(packets)"} if "packets" in known else {}))

    tables = collect(queries)
    totals, stats = tables["totals"][0], tables["totals"].stats
    totals["last"] = greatest((totals["last"], totals.get("end")))
    plan_tables = {name[len("fates_") :]: table for name, table in tables.items() if name.startswith("fates_")}
    if size is None:
        size = _BIN
        while totals["first"] is not None and (totals["last"] - totals["first"]) // size >= MOST_BINS:
            size *= 10
    interfaces, services = _fates(plan, plan_tables, at, size)
    services.sort(key=lambda row: (-row["connections"], -(row["bytes"] or 0), str(row["service"])))
    services = services[: max(0, limit)]
    listed = {(row["server_port"], row["protocol"]) for row in services}
    rates_of: dict[Any, dict[str, Any]] = {}
    if "service_amounts" in tables:
        rates_of = _rates(tables["service_amounts"], ("server_port", "protocol"), size, None, listed)
    for row in services:
        told = rates_of.get((row["server_port"], row["protocol"]), {})
        row.update({name: told.get(name) for name in ("bits_per_second", "packets_per_second")})
    rates = {} if "amounts" not in tables or at is None else _rates(tables["amounts"], (at,), size, max(0, limit))
    rows = []
    for name in rates:
        seen = interfaces.pop(name, _Seen())
        rows.append({"interface": name, **rates[name], **seen.row(size)})
    rows += [
        {"interface": name, "bytes": None, "packets": None, "bits_per_second": None, "packets_per_second": None, **seen.row(size)}
        for name, seen in (interfaces.items() if not rates and at is not None else ())
    ][: max(0, limit)]
    values = {
        "bin": size,
        "start": totals["first"],
        "end": totals["last"],
        "interfaces": rows,
        "services": services,
        "ports": _ports(tables.get("ports"), at, limit),
        "zones": _zones(tables.get("zones"), limit),
        "gateway": None if not losses else _gateway(tables["gateway"]),
        "missing": missing,
        "stats": stats.to_dict(),
    }
    return finished(Performance(values, stats), tables)  # type: ignore[no-any-return]


# ---- Rates -----------------------------------------------------------------------------------------------------------


def _rates(
    table: _core.Table, keys: tuple[str, ...], size: int, limit: int | None, listed: set[Any] | None = None
) -> dict[Any, dict[str, Any]]:
    """Of the values of the keys with the most bytes, or of those that are listed: sums, and rates over bins."""
    names = [name for name in ("bytes", "packets") if name in table.columns]
    groups = Groups(table, names)
    runs = [
        (value, begin, stop, {name: _total(groups, name, begin, stop) for name in names})
        for value, begin, stop in runs_of(table, *keys)
        if listed is None or value in listed
    ]
    runs.sort(key=lambda run: -run[3].get("bytes", run[3].get("packets", 0)))
    found: dict[Any, dict[str, Any]] = {}
    for value, begin, stop, sums in runs[:limit]:
        starts, ends = _known(groups.starts, begin, stop), _known(groups.ends, begin, stop)
        if not starts:
            continue
        last = max([*starts, *(t - 1 for t in ends)])
        first, length, _ = bins_of(min(starts), last, Window(None, None), size, "performance")
        bins = Bins(first, size, length)
        bins.add_sums(groups, begin, stop)
        found[value] = {
            "bytes": sums.get("bytes"),
            "packets": sums.get("packets"),
            "bits_per_second": _rate(bins.amounts["bytes"], 8 / size) if "bytes" in sums else None,
            "packets_per_second": _rate(bins.amounts["packets"], 1 / size) if "packets" in sums else None,
        }
    return found


def _total(groups: Groups, name: str, begin: int, stop: int) -> int:
    return sum(_known(groups.amounts[name], begin, stop))


def _known(column: tuple[Any, Any], begin: int, stop: int) -> list[int]:
    """The values of these rows that are not null."""
    values, null = column
    return [values[i] for i in range(begin, stop) if null is None or not null[i]]


def _rate(amounts: list[int], factor: float) -> dict[str, float] | None:
    """Nearest ranks."""
    if not amounts:
        return None
    ordered = sorted(amounts)
    return {
        name: ordered[max(0, -(-len(ordered) * share // 100) - 1)] * factor
        for name, share in (("p50", 50), ("p95", 95), ("max", 100))
    }


# ---- What became of connections --------------------------------------------------------------------------------------


class _Seen:
    """The connections of an interface, or of a service."""

    __slots__ = ("begun", "bytes", "fates", "packets")

    def __init__(self) -> None:
        self.fates: Counter[str] = Counter()
        self.begun: Counter[int] = Counter()  # by the number of the bin
        self.bytes = self.packets = 0

    def shares(self) -> dict[str, float | None]:
        whole = sum(number for fate, number in self.fates.items() if fate != "no request")
        return {name: self.fates[fate] / whole if whole else None for fate, name in _FATES.items()}

    def add(self, fate: str, start: int | None, size: int) -> None:
        self.fates[fate] += 1
        if fate != "no request" and start is not None:
            self.begun[start // size] += 1

    def rate(self, size: int) -> dict[str, float] | None:
        if not self.begun:
            return None
        return _rate([self.begun[i] for i in range(min(self.begun), max(self.begun) + 1)], 1 / size)

    def row(self, size: int) -> dict[str, Any]:
        return {"connections": sum(self.fates.values()), "connections_per_second": self.rate(size), **self.shares()}


def _fates(
    plan: Plan, tables: dict[str, _core.Table], at: str | None, size: int
) -> tuple[dict[Any, _Seen], list[dict[str, Any]]]:
    interfaces: dict[Any, _Seen] = defaultdict(_Seen)
    # By server and its port: as the server's interface saw them, as others did.
    own: dict[tuple[Any, ...], _Seen] = defaultdict(_Seen)
    others: dict[tuple[Any, ...], _Seen] = defaultdict(_Seen)
    for conversation in plan.conversations(tables):
        fate = conversation.state()
        row = conversation.row(plan.sums)
        side = conversation.up or conversation.down or {}
        if at is not None:
            interfaces[side[at]].add(fate, row["start"], size)
        key = row["server"], row["server_port"], row["protocol"]
        if key[1] is None and key[2] in (6, 17):
            continue  # nothing tells which side serves
        seen = (own if side.get("own") == row["server"] else others)[key]
        seen.add(fate, row["start"], size)
        for name in ("bytes", "packets"):
            amount = (row[f"{name}_to_server"] or 0) + (row[f"{name}_to_client"] or 0)
            setattr(seen, name, getattr(seen, name) + amount)
    services: dict[tuple[Any, ...], _Seen] = defaultdict(_Seen)
    servers: dict[tuple[Any, ...], list[tuple[int, str, bool]]] = defaultdict(list)
    for key in {**others, **own}:
        seen = own[key] if key in own else others[key]
        whole = services[key[1:]]
        whole.fates.update(seen.fates)
        whole.begun.update(seen.begun)
        whole.bytes += seen.bytes
        whole.packets += seen.packets
        servers[key[1:]].append((seen.fates["answered"], key[0], key in own))
    rows = []
    for (port, protocol), seen in services.items():
        answering = [one for one in servers[port, protocol] if one[2] and one[0]]
        imbalance = None
        if len(answering) > 1:
            most, busiest, _ = max(answering, key=lambda one: (one[0], one[1]))
            mean = sum(one[0] for one in answering) / len(answering)
            imbalance = {"busiest": busiest, "connections": most, "times_mean": most / mean}
        rows.append(
            {
                "service": service_of(port, protocol),
                "server_port": port,
                "protocol": protocol,
                "servers": len(servers[port, protocol]),
                "connections": sum(seen.fates.values()),
                "bytes": seen.bytes if "bytes" in plan.sums else None,
                "packets": seen.packets if "packets" in plan.sums else None,
                "bits_per_second": None,
                "packets_per_second": None,
                "connections_per_second": seen.rate(size),
                **seen.shares(),
                "imbalance": imbalance,
            }
        )
    return interfaces, rows


# ---- Ports, zones, gateways ------------------------------------------------------------------------------------------


def _ports(table: _core.Table | None, at: str | None, limit: int) -> list[dict[str, Any]]:
    rows = []
    for row in table or ():
        most = NAT_PORTS if row.get("interface_type") in ("nat_gateway", "regional_nat_gateway") else LINUX_PORTS
        made = {"interface": row.get(at) if at else None, "dstaddr": row["dstaddr"], "dstport": row["dstport"]}
        made.update(protocol=row["protocol"], time=row["t"], ports=row["ports"], limit=most, share=row["ports"] / most)
        rows.append(made)
    # One line a destination: its fullest minute.
    best: dict[tuple[Any, ...], dict[str, Any]] = {}
    for made in sorted(rows, key=lambda row: -row["share"]):
        best.setdefault((made["interface"], made["dstaddr"], made["dstport"], made["protocol"]), made)
    return list(best.values())[: max(0, limit)]


def _zones(table: _core.Table | None, limit: int) -> dict[str, Any] | None:
    if table is None:
        return None
    paths = [{"from": row["here"], "to": row["there"], "bytes": row["bytes"] or 0} for row in table]
    crossing = sorted((path for path in paths if path["from"] != path["to"]), key=lambda path: -path["bytes"])
    return {
        "bytes": sum(path["bytes"] for path in paths),
        "cross_zone": sum(path["bytes"] for path in crossing),
        "paths": crossing[: max(0, limit)],
    }


def _gateway(table: _core.Table) -> list[dict[str, Any]]:
    rows = []
    for row in table:
        lost = {name.replace("-", "_"): row.get(name.replace("-", "_")) or 0 for name in _LOSSES}
        rows.append({"attachment": row.get("tgw_attachment_id"), "packets": row.get("packets") or 0, "lost": sum(lost.values()), **lost})
    return sorted(rows, key=lambda row: -row["lost"])
