"""What the packets cost, and why: every byte has one path and any number of charges. Query.cost() is the way in.

Bytes are counted once, also where both ends, NAT gateways and transit gateways log the same packets (packets.py); paths
sum to them. Charges do not: the same byte is processed by a NAT gateway, crosses a zone, and leaves to the internet
(ways.py). Rejected packets are not billed. Prices are of a file (prices.py); what has no price is told, never guessed.
Hours of gateways and endpoints, free tiers and volume discounts are not in flow logs, and not in the answer.

MEMORY  Groups are the engine's, within max_group_bytes; see packets.py. Of --by at most GROUPS are kept at a time; the rest
are one.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from .. import _core
from .._text import Grid, Style, count, human_bytes, listed, percent, shown, wrapped
from ..answers import Answer, collect, columns_of, finished, greatest, require_records
from ..windows import spoken
from . import bill as bills
from .packets import Packets
from .places import Places
from .prices import Prices
from .sums import SAVINGS, Sums, number, priced_as
from .ways import Ways

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Iterable
    from typing import Any, Union

    from ..inventory import Inventory, Known

    File = Union[str, "os.PathLike[str]"]

__all__ = ["BY", "SAVINGS", "Cost", "cost"]
BY = ("interface", "service", "conversation")
_HOURS = "hours of gateways and endpoints, free tiers and volume discounts are not in flow logs, and not counted here"


class Cost(Answer):
    """Paths and charges: a dict, ready for JSON, that prints as a report. Its keys are attributes as well.

    start, end      int or None: of the first and the last record; records: int
    bytes           int: of accepted packets, each once; rejected_bytes: of rejected ones, which are not billed
    cost            float: the sum of the charges that have a price
    paths           [{"path", "bytes", "basis": {"derived", "mapped", "estimate": bytes}}]: they sum to bytes
    charges         [{"charge", "region", "bytes", "price", "cost", "basis": {...}}]; price: of a GB
    unpriced        [{"charge", "region", "bytes", "why"}]
    unknown         [{"missing": [field], "bytes"}]: of the path unknown, what would tell it
    by              "interface", "service" or "conversation", and
    groups          [{that: ..., "bytes", "cost", "unpriced_bytes", "paths": {path: bytes}, "charges": {charge: cost}}], the
                    most expensive first; of an inventory interfaces have a "name"
    groups_left     {"groups", "bytes", "cost"}: of the others
    savings         [{"saving", "bytes", "cost", "how", "flows": [{"from", "to", "service", "bytes"}]}]; cost None: no price
    bill            None, or {"file", "start", "end", "lines", "charges": [{"charge", "billed_gb", "explained_gb",
                    "billed", "explained"}], "types": [{"usage_type", "charge", "amount", "cost"}]}
    doubts          [text]: why some of it may be more, or less
    prices          {"file", "date", "currency", "bytes_per_gb", "sources"}
    stats           the dict of Stats
    """

    def to_table(self) -> _core.Table:
        """The groups as a Table."""
        names = ["client", "server", "service"] if self["by"] == "conversation" else [self["by"]]
        names += ["name"] if any("name" in row for row in self["groups"]) else []
        kinds = [*((name, "text") for name in names), ("bytes", "int64"), ("cost", "double"), ("unpriced_bytes", "int64")]
        return _core.Table._from_rows(kinds, [{name: row[name] for name, _ in kinds} for row in self["groups"]])

    def _lines(self, width: int, style: Style) -> list[str]:
        money = _Money(self["prices"]["currency"])
        head = f"{style.bold(money(self['cost']))} for {human_bytes(self['bytes'])}, counted once"
        if self["unpriced"]:
            head += ", and what is unpriced below"
        lines = [head, *(style.dim(line) for line in wrapped(spoken(self["start"], self["end"], style), width))]
        if self["rejected_bytes"]:
            lines.append(f"{human_bytes(self['rejected_bytes'])} were rejected: not billed")
        if self["paths"]:
            grid = Grid()
            grid.add("path", [row["path"] for row in self["paths"]])
            grid.add("bytes", [human_bytes(row["bytes"]) for row in self["paths"]], ">")
            grid.add("share", [percent(row["bytes"], self["bytes"]) for row in self["paths"]], ">")
            grid.add("told by", [_bases(row["basis"]) for row in self["paths"]], rank=1)
            lines += ["", *grid.lines(width, style)]
        for row in self["unknown"]:
            told = f"{human_bytes(row['bytes'])} unknown for want of {listed(row['missing'])}"
            lines += [f"  {line}" for line in wrapped(told, width - 2)]
        if self["charges"]:
            grid = Grid()
            grid.add("charge", [row["charge"] for row in self["charges"]])
            grid.add("region", [shown(row["region"]) for row in self["charges"]])
            grid.add("bytes", [human_bytes(row["bytes"]) for row in self["charges"]], ">")
            grid.add("a GB", [f"{row['price']:g}" for row in self["charges"]], ">")
            grid.add("cost", [money(row["cost"]) for row in self["charges"]], ">")
            grid.add("told by", [_bases(row["basis"]) for row in self["charges"]], rank=1)
            lines += ["", *grid.lines(width, style)]
        for row in self["unpriced"]:
            lines += wrapped(shown(f"unpriced: {human_bytes(row['bytes'])} {row['charge']}: {row['why']}"), width)
        lines += self._groups(width, style, money)
        if self["savings"]:
            lines += ["", style.bold("What would save")]
        for row in self["savings"]:
            price = "no price" if row["cost"] is None else money(row["cost"])
            flows = ", ".join(f"{flow['from']} to {flow['to']} {human_bytes(flow['bytes'])}" for flow in row["flows"])
            lines += wrapped(f"{price}, {human_bytes(row['bytes'])}: {row['how']} ({flows})", width)
        lines += self._bill(width, style, money)
        sources = self["prices"]["sources"]
        told = shown(f"prices of {self['prices']['date'] or 'no date'}, {self['prices']['file']}")
        if any(isinstance(one, dict) and one.get("third_party") for one in sources.values()):
            told += f", by third parties ({shown(', '.join(sources))}); --prices takes your own"
        lines.append("")
        lines += [line for text in self["doubts"] for line in wrapped(text, width)]
        for text in (told, _HOURS):
            lines += [style.dim(line) for line in wrapped(text, width)]
        return lines

    def _groups(self, width: int, style: Style, money: _Money) -> list[str]:
        rows = self["groups"]
        if not rows:
            return []
        grid = Grid()
        if self["by"] == "conversation":
            names = [f"{row['client'] or '-'} to {row['server'] or '-'} {shown(row['service'] or '-')}" for row in rows]
            grid.add("conversation", names, cut=True)
        else:
            grid.add(self["by"], [shown(row[self["by"]] or "-") for row in rows], cut=True)
            if any(row.get("name") for row in rows):
                grid.add("name", [shown(row["name"] or "-") for row in rows], cut=True)
        grid.add("bytes", [human_bytes(row["bytes"]) for row in rows], ">")
        grid.add("cost", [money(row["cost"]) for row in rows], ">")
        grid.add("unpriced", [human_bytes(row["unpriced_bytes"]) if row["unpriced_bytes"] else "" for row in rows], ">", rank=2)
        grid.add("most of it", [max(row["paths"], key=lambda path: row["paths"][path], default="-") for row in rows], rank=1)
        lines = ["", *grid.lines(width, style)]
        left = self["groups_left"]
        if left["groups"]:
            lines.append(f"and {left['groups']:,} more: {human_bytes(left['bytes'])}, {money(left['cost'])}")
        return lines

    def _bill(self, width: int, style: Style, money: _Money) -> list[str]:
        bill = self["bill"]
        if bill is None:
            return []
        rows = bill["charges"]
        grid = Grid()
        grid.add("charge", [row["charge"] for row in rows])
        for name in ("billed_gb", "explained_gb"):
            grid.add(name.replace("_gb", " GB"), [f"{row[name]:,.3f}" for row in rows], ">")
        for name in ("billed", "explained"):
            grid.add(name, [money(row[name]) for row in rows], ">")
        when = f"{bill['lines']:,} lines of {shown(bill['file'])}, {spoken(bill['start'], bill['end'], style)}"
        return ["", *wrapped(f"{style.bold('Billed beside explained')}: {when}", width), *grid.lines(width, style)]


class _Money:
    def __init__(self, currency: str) -> None:
        self._currency = currency

    def __call__(self, amount: float | Decimal) -> str:
        exact = Decimal(str(amount))
        # Cents, and of small change what there is of it.
        rounded = exact.quantize(Decimal("0.01" if exact >= Decimal("0.1") or not exact else "0.0001"), ROUND_HALF_UP)
        return f"{'<0.0001' if not rounded and exact > 0 else f'{rounded:,}'} {self._currency}"


def _bases(basis: dict[str, int]) -> str:
    return ", ".join(name for name, amount in sorted(basis.items(), key=lambda one: -one[1]) if amount)


def cost(
    query: _core.Query,
    *,
    by: str = "interface",
    limit: int = 10,
    prices: File | None = None,
    inventory: Known | None = None,
    ip_ranges: File | None = None,
    maps: File | Iterable[File] | None = None,
    region: str | None = None,
    cur: File | None = None,
) -> Cost:
    """The Cost of a query's records; Query.cost() tells of the arguments."""
    require_records(query, "cost")
    if by not in BY:
        raise _core.ArgumentError(f"cost: by={by!r}: it is {', '.join(BY[:-1])} or {BY[-1]}")
    known = columns_of(query, "cost", "srcaddr", "dstaddr", "bytes")
    if by == "interface" and "interface_id" not in known and known.isdisjoint(("tgw_id", "tgw_attachment_id", "resource_id")):
        by = "service" if known.issuperset(("srcport", "dstport", "protocol")) else "conversation"
    if by == "service" and not known.issuperset(("srcport", "dstport", "protocol")):
        raise _core.ArgumentError("cost: by service: no input has srcport, dstport and protocol")
    paid = Prices(prices)
    if cur is not None:
        bills.check(cur)
    things: Inventory | None = None
    if inventory is not None:
        from .. import inventory as inventories

        things = inventories.read(inventory)
    places = Places(_files(maps), things.directories if things is not None else (), ip_ranges)
    packets = Packets(query, known, places)
    try:
        tables = collect({**packets.queries, **_totals(query, known, packets)})
    except _core.ArgumentError as error:
        if not str(error).startswith("dedup:"):
            raise
        packets = Packets(query, known, places, is_placed=False)
        tables = collect({**packets.queries, **_totals(query, known, packets)})
    totals, stats = tables["totals"][0], tables["totals"].stats
    packets.read(tables)
    ways = Ways(packets, places, region, _trusts_services(stats))
    ways.hint(tables.get("hints", ()))
    sums = Sums(packets, ways, paid, by, things.names if things is not None else None)
    for flow in packets.flows():
        sums.add(flow)
    start, end = totals.get("first"), greatest((totals.get("last"), totals.get("end")))
    values = {
        "start": start,
        "end": end,
        "records": totals["records"],
        "bytes": sums.bytes,
        "rejected_bytes": (tables["rejected"][0]["bytes"] or 0) if "rejected" in tables else 0,
        **sums.values(max(0, limit)),
        "bill": None if cur is None else _beside(bills.read(cur, start, end), sums, paid),
        "doubts": _doubts(packets, stats),
        "prices": paid.to_dict(sums.sources()),
        "stats": stats.to_dict(),
    }
    return finished(Cost(values, stats), tables)  # type: ignore[no-any-return]


def _totals(query: _core.Query, known: set[str], packets: Packets) -> dict[str, _core.Query]:
    queries = {}
    wanted = (("first", "min", "start"), ("last", "max", "start"), ("end", "max", "end"))
    times = {name: f"{kind}({field})" for name, kind, field in wanted if field in known}
    queries["totals"] = query.agg(records="count()", **times)
    if "action" in known:
        queries["rejected"] = query.once().filter("action = 'REJECT'").agg(bytes="sum(bytes)")
    if "traffic_path" in known:
        far = "pkt_dstaddr" if packets.has_true_ends else "dstaddr"
        at = {"interface_id": "interface_id"} if packets.at else {}
        told = query.filter("traffic_path between 3 and 7").group_by(**at, far=far, traffic_path="traffic_path")
        queries["hints"] = told.agg(records="count()")
    return queries


def _files(given: File | Iterable[File] | None) -> list[File]:
    if given is None:
        return []
    return [given] if isinstance(given, str) or hasattr(given, "__fspath__") else list(given)  # type: ignore[list-item]


def _doubts(packets: Packets, stats: _core.Stats) -> list[str]:
    doubts = []
    if packets.has_blind_relays(stats):
        doubts.append(
            "records without pkt-srcaddr and pkt-dstaddr: what NAT and transit gateways pass on may be counted on both of their "
            "sides; --inventory, or --map with their addresses, names them"
        )
    if stats.skipdata:
        doubts.append(f"{count(stats.skipdata, 'record')} of SKIPDATA: there were packets that were not logged")
    return doubts


def _trusts_services(stats: _core.Stats) -> bool:
    wanted = {"pkt-src-aws-service", "pkt-dst-aws-service"}
    return all(wanted.issubset(one["fields"]) for one in stats.formats if one["records"])


def _beside(read: dict[str, Any], sums: Sums, prices: Prices) -> dict[str, Any]:
    """What was billed beside what the records explain."""
    billed: dict[str, list[Decimal]] = {}
    types = []
    for usage, (amount, cost) in sorted(read["types"].items()):
        charge = bills.charge_of(usage) or ""
        entry = billed.setdefault(charge, [Decimal(0), Decimal(0)])
        entry[0] += amount
        entry[1] += cost
        types.append({"usage_type": usage, "charge": charge, "amount": number(amount), "cost": number(cost)})
    explained: dict[str, list[Decimal]] = {}
    for key, basis in sums.charges.items():
        entry = explained.setdefault(priced_as(key[0]), [Decimal(0), Decimal(0)])
        entry[0] += Decimal(sum(basis.values())) / prices.bytes_per_gb
        entry[1] += sums.amount(key, sum(basis.values()))
    for name, unpriced in sums.no_price.items():
        explained.setdefault(name, [Decimal(0), Decimal(0)])[0] += Decimal(unpriced) / prices.bytes_per_gb
    nothing = [Decimal(0), Decimal(0)]
    charges = [
        {
            "charge": name,
            "billed_gb": number(billed.get(name, nothing)[0]),
            "explained_gb": number(explained.get(name, nothing)[0]),
            "billed": number(billed.get(name, nothing)[1]),
            "explained": number(explained.get(name, nothing)[1]),
        }
        for name in sorted({*billed, *explained})
    ]
    kept = {name: read[name] for name in ("file", "start", "end", "lines", "outside")}
    return {**kept, "charges": charges, "types": types}
