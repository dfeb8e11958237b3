"""What flow logs prove, and what they do not: coverage, gaps, losses, retention, who got in, and the controls that this
supports. Query.audit() is the way in, docs/audit.md tells of controls, thresholds and evidence packs.

MEMORY  The engine groups by interface and ten minutes (a minute, if the interval is one). Here its groups are read in order;
what is kept is an entry an interface, and the `limit` longest gaps.
"""

from __future__ import annotations

import heapq
import time

from . import _core, coverage, population
from ._text import Grid, Style, count, duration, human_bytes, iso_time, percent, shown, wrapped
from .answers import Answer, collect, columns_of, finished, items_of, network_of, require_records
from .controls import ADMIN_PORTS, FRAMEWORKS, STATUSES, judge
from .inventory import directories_of
from .conversations import Plan
from .windows import parse_time, spoken

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Iterable
    from typing import Any

    from .inventory import Known

# An interface of which the interval is not known may have the longest one that there is.
_INTERVAL = 600
_SLACK = 60  # start and end are so inexact, at most
_DAY = 86400

THRESHOLDS = {
    "retention_days": 365,  # PCI DSS 10.5.1
    "at_hand_days": 90,
    "skipdata_share": 0.01,
    "least_seconds": _DAY,  # what shows nothing in less says nothing
}
# A reset is a packet without data.
_BARE_PACKET = 42

_SHOWN = 20  # servers in the report

_COLOURS = {"FAIL": Style.red, "WARN": Style.bold, "PASS": Style.green, "MANUAL": Style.dim}


class Audit(Answer):
    """What an audit found: a dict, ready for JSON, that prints as a report. Its keys are attributes as well.

    tool, time, caller   what made it, when, and as whom AWS was asked (None: it was not)
    period       {"start", "end": of the records, "since", "until": as asked for, "records"}
    controls     [{"framework", "control", "title", "status", "why", "next_step", "supports", "check", "source"}]
    statuses     {"FAIL": n, "WARN": n, "MANUAL": n, "PASS": n}
    population   {"source": "records", "inventory" or "aws", "lists": {kind: [{"account", "region", "call", "time", "items"}]},
                 "missing": {kind: why}, "interfaces": n, "not_logged", "silent", "gone": [interfaces], "vpcs", "open": [rules]}
    coverage     None without times, or {"interval", "longest_silence": seconds that are no gap yet, "share": of the time between
                 each interface's first and last record that is covered, "interfaces_total", "interfaces_with_gaps", "gaps_total",
                 "gap_seconds", "gaps": [{"interface", "start", "end", "seconds"}] the longest, "log_gaps": the same of the log,
                 "interfaces": [{"interface", "records", "nodata", "skipdata", "first", "last", "gaps", "gap_seconds"}] worst first}
    skipdata     None without log-status, or {"records", "nodata", "share", "interfaces"}
    encryption   None without encryption-status, or {"statuses": {...}, "known", "unknown", "not_encrypted"}
    retention    {"oldest": {"time", "age_days", "source", "line", "record"}, "newest", "days_with_records",
                 "days_with_records_at_hand"}
    places       [{"place", "kind", "facts": {name: {"call", "time", "value" or "error"}}, "keeps_days", "cold_after_days"}]
    actions      {"ACCEPT": records, "REJECT": records}
    admin        None without ports, or {"ports", "allowed", "allowed_clients", "exposed": [{"server", "port", "service",
                 "clients", "ipv6_clients", "some", "first_seen", "last_seen", "records", "bytes_to_clients"}]}: answered public addresses
    public_services  None without ports, or [{"service", "servers", "clients", "records"}]: to which public addresses were let in
    reached      None, or {"address", "conversations": as of Query.conversations()}: who reached it, and when
    sources      int: files, objects and streams with records; the evidence pack lists all that were read
    fields, thresholds, stats; pack: {"path", "fingerprint", "sources"}, if one was written
    """

    def __init__(self, values: dict[str, Any], stats: _core.Stats) -> None:
        super().__init__(values, stats)
        self._evidence: list[Evidence] = []
        self._reached: Any = None

    def to_table(self) -> _core.Table:
        """The controls as a Table."""
        names = ("framework", "control", "status", "title", "why", "next_step", "supports", "source")
        return _core.Table._from_rows([(name, "text") for name in names], [{name: row[name] for name in names} for row in self["controls"]])

    def worst(self) -> str | None:
        """The worst status of all controls."""
        return min((row["status"] for row in self["controls"]), key=STATUSES.index, default=None)

    # ---- The report --------------------------------------------------------------------------------------------------

    def _lines(self, width: int, style: Style) -> list[str]:
        period = self["period"]
        head = style.bold(f"audit of {count(period['records'], 'record')}") + f", made {style.time(self['time'])}"
        if self["caller"]:
            head += f" by {shown(self['caller'])}"
        lines = [head]
        for name, text in self._facts(style):
            first, *rest = wrapped(text, max(40, width - 14))
            lines += [f"  {style.dim(f'{name:<12}')}{first}", *(f"{'':<14}{part}" for part in rest)]
        for framework, title in FRAMEWORKS.items():
            rows = [row for row in self["controls"] if row["framework"] == framework]
            if rows:
                lines += ["", style.bold(f"{title}: what flow logs support")]
                for i, row in enumerate(rows):
                    same = i + 1 < len(rows) and all(rows[i + 1][key] == row[key] for key in ("status", "why", "next_step"))
                    lines += self._control(row, width, style)[: 1 if same else None]  # told once, below the last of them
        lines += self._tables(width, style)
        told = ", ".join(f"{number} {status}" for status, number in self["statuses"].items() if number)
        lines += ["", f"{told or 'no controls'}. A PASS supports a control; that it is met is for an auditor to say."]
        return lines

    def _control(self, row: dict[str, Any], width: int, style: Style) -> list[str]:
        status = _COLOURS[row["status"]](style, f"{row['status']:<6}")
        lines = [f"  {status}  {row['control']:<7} {row['title']}"]
        texts = [shown(row["why"])] + ([f"next: {row['next_step']}"] if row["next_step"] else [])
        for text in texts:
            lines += [f"          {part}" for part in wrapped(text, max(40, width - 10))]
        return lines

    def _facts(self, style: Style) -> list[tuple[str, str]]:
        period, covered, retention = self["period"], self["coverage"], self["retention"]
        rows = [("period", spoken(period["start"], period["end"], style))]
        if period["since"] is not None or period["until"] is not None:
            ends = [style.time(at) if at is not None else "..." for at in (period["since"], period["until"])]
            rows.append(("asked", " to ".join(ends)))
        people = self["population"]
        text = "" if people["interfaces"] is None else count(people["interfaces"], "interface")
        if not text:
            text = "the records do not tell their interfaces"
        elif people["source"] == "records":
            text += ", as the records show"
        else:
            told = "; ".join(f"{one['call']} of {one['account']} in {one['region']}, {style.time(one['time'])}" for one in people["lists"]["network-interfaces"])
            text += f" in use ({told})"
            for key, what in (("not_logged", "without a flow log"), ("silent", "without a record"), ("gone", "more in the records that are gone")):
                if people[key]:
                    text += f", {len(people[key]):,} {what}"
        rows.append(("population", text))
        if covered is not None:
            share = covered["share"]  # only all is 100.00
            text = "unknown" if share is None else f"{100 * (min(share, 0.9999) if share < 1 else 1):.2f} % of the time"
            text += f", {count(covered['gaps_total'], 'gap')} of interfaces, {count(len(covered['log_gaps']), 'gap')} of the log"
            rows.append(("coverage", text + f" (silence of more than {duration(covered['longest_silence'])})"))
        skip = self["skipdata"]
        if skip is not None:
            rows.append(("losses", f"{skip['records']:,} SKIPDATA ({percent(skip['records'], period['records'])}), {skip['nodata']:,} NODATA"))
        if self["encryption"] is not None:
            known = self["encryption"]
            rows.append(("encryption", ", ".join(f"{number:,} {name}" for name, number in known["statuses"].items() if number) or "no status"))
        if retention["oldest"] is not None:
            oldest = retention["oldest"]
            rows.append(("oldest", f"{style.time(oldest['time'])}, {count(oldest['age_days'], 'day')} old: {shown(oldest['record'] or 'not shown, for the input can be read once')}"
                         + (f" ({shown(oldest['source'])}:{oldest['line']})" if oldest["line"] is not None else "")))  # fmt: skip
        for place in self["places"]:
            rows.append((place["kind"], f"{place['place']}: {_told(place)}"))
        return rows

    def _tables(self, width: int, style: Style) -> list[str]:
        lines: list[str] = []
        admin = self["admin"]
        if admin is not None and admin["exposed"]:
            rows = admin["exposed"][:_SHOWN]
            grid = Grid()
            grid.add("Admin ports that answered the world", [row["server"] for row in rows], cut=True)
            grid.add("service", [f"{row['service']} ({row['port']})" for row in rows])
            grid.add("clients", [f"{row['clients']:,}" for row in rows], ">")
            grid.add("such as", [", ".join(row["some"][:2]) for row in rows], rank=3, cut=True)
            grid.add("sent", ["-" if row["bytes_to_clients"] is None else human_bytes(row["bytes_to_clients"]) for row in rows], ">", rank=2)
            grid.add("first", [_at(row["first_seen"], style) for row in rows], rank=4)
            grid.add("last", [_at(row["last_seen"], style) for row in rows], rank=1)
            lines += ["", *grid.lines(width, style)]
            if len(admin["exposed"]) > _SHOWN:
                lines.append(style.dim(f"and {len(admin['exposed']) - _SHOWN:,} more"))
        covered = self["coverage"]
        if covered is not None and (covered["gaps"] or covered["log_gaps"]):
            gaps = [*covered["log_gaps"], *covered["gaps"]]
            grid = Grid()
            grid.add("Times without a record", [shown(gap["interface"] or "all interfaces") for gap in gaps], cut=True)
            grid.add("from", [style.time(gap["start"]) for gap in gaps])
            grid.add("to", [style.time(gap["end"]) for gap in gaps])
            grid.add("for", [duration(gap["seconds"]) for gap in gaps], ">")
            lines += ["", *grid.lines(width, style)]
            more = covered["gaps_total"] - len(covered["gaps"])
            if more > 0:
                lines.append(style.dim(f"and {more:,} shorter"))
        if self._reached is not None:
            lines += ["", style.bold(f"Who reached {shown(self['reached']['address'])}"), *self._reached._lines(width, style)]
        return lines


def _at(at: int | None, style: Style) -> str:
    return "-" if at is None else style.time(at)


def _told(place: dict[str, Any]) -> str:
    """The facts of a bucket or log group, in words."""
    told = []
    for name, fact in place["facts"].items():
        what = name.replace("_", " ")
        if "error" in fact:
            told.append(f"{what}: {fact['error']}")
        elif name == "lifecycle":
            told.append("expires never" if place["keeps_days"] is None else f"expires after {count(place['keeps_days'], 'day')}")
        elif name == "retention":
            told.append("kept for ever" if place["keeps_days"] is None else f"kept for {count(place['keeps_days'], 'day')}")
        elif name == "object_lock":
            lock = fact["value"]
            told.append("no Object Lock" if lock is None else f"Object Lock {lock['mode'] or 'without a default'}" + (f" {count(lock['days'], 'day')}" if lock["days"] else ""))
        elif name == "public_access_block":
            told.append("public access blocked" if fact["value"] and all(fact["value"].values()) else "public access not blocked entirely")
        else:
            told.append(f"{what} {fact['value'] or 'off'}")
    calls = dict.fromkeys(f"{fact['call']}" for fact in place["facts"].values())
    times = [fact["time"] for fact in place["facts"].values()]
    return f"{', '.join(told)} ({', '.join(calls)}; {iso_time(min(times))})"


# ---- The queries -----------------------------------------------------------------------------------------------------


class Evidence:
    """A query behind an audit: name, the words of a command that asks the same, and, once it is answered, the table."""

    def __init__(self, name: str, query: _core.Query, words: list[str]) -> None:
        self.name, self.query, self.words = name, query, words
        self.table: _core.Table | None = None


class _Asked:
    """The queries of an audit, for one pass."""

    def __init__(self, query: _core.Query) -> None:
        self.query = query
        self.evidence: dict[str, Evidence] = {}
        self.plans: dict[str, _core.Query] = {}  # of conversations

    def ask(self, name: str, keys: dict[str, str], aggregates: dict[str, str], where: str | None = None) -> None:
        query = self.query if where is None else self.query.filter(where)
        asked = (query.group_by(**keys) if keys else query).agg(**aggregates)
        words = ["query", *(["--where", where] if where else [])]
        if keys:
            words += ["--group-by", ", ".join(f"{name}={text}" if name != text else name for name, text in keys.items())]
        words += ["--agg", ", ".join(f"{name}={text}" for name, text in aggregates.items())]
        self.evidence[name] = Evidence(name, asked, words)

    def converse(self, name: str, where: str, without: tuple[str, ...] = ()) -> Plan:
        """without: parts of the plan that are not needed."""
        query = self.query.filter(where)
        plan = Plan(query, ports=False, verb="audit")
        self.plans.update({f"{name} {part}": one for part, one in plan.queries.items() if part not in without})
        self.evidence[name] = Evidence(name, query, ["conversations", "--where", where, "--limit", "all"])
        return plan


def audit(
    query: _core.Query,
    *,
    controls: Iterable[str] | str | None = None,
    who: str | None = None,
    allow: Iterable[str] | str = (),
    inventory: Known | None = None,
    aws: Any = None,
    interval: int | None = None,
    since: str | int | None = None,
    until: str | int | None = None,
    retention_days: int | None = None,
    limit: int = 10,
    pack: str | os.PathLike[str] | None = None,
    at: int | None = None,
    rerun: list[str] | None = None,
) -> Audit:
    """The Audit of a query's records; Query.audit() tells of the arguments. at: the time of the audit, in seconds; rerun: the
    last words of the commands in the evidence pack; None: the query's sources.
    """
    require_records(query, "audit")
    chosen = _frameworks(controls)
    since, until = (parse_time(at) if isinstance(at, str) else at for at in (since, until))
    if interval is not None and interval < 1:
        raise _core.ArgumentError(f"audit: interval is {interval}; AWS aggregates over 60 or 600 seconds")
    networks = [_network("allow", text) for text in items_of(allow)]
    known = columns_of(query, "audit")
    names = _sources_of(query)
    session = _session(aws, names)
    now = int(time.time()) if at is None else at
    directories = [] if inventory is None else directories_of(inventory)  # what it lacks is in the answer
    packing = None
    if pack is not None:
        from . import evidence

        packing = evidence.Packing(pack, names, session, (since, until), population.files_of(directories))
    lists, missing, source = _lists(directories, session)
    seconds = interval or _interval_of(lists)
    silence = 2 * seconds + _SLACK
    asked = _Asked(query)
    place = next((name for name in ("interface_id", "tgw_attachment_id") if name in known), None)
    times = {name: text for name, text, field in (("first", "min(start)", "start"), ("last", "max(end)", "end")) if field in known}
    size = "1m" if silence < 1200 else "10m"
    asked.ask("totals", {}, {"records": "count()", **times})
    asked.ask("sources", {"source": "_source"}, {"records": "count()", **times})
    if "action" in known:
        asked.ask("actions", {"action": "action"}, {"records": "count()"})
    if "start" in known:
        asked.ask("days", {"day": "bin(start, 1d)"}, {"records": "count()"})
        asked.ask("coverage", {"t": f"bin(start, {size})"}, times)
    if place is not None:
        asked.ask("interfaces", {"interface": place}, {"records": "count()", **times})
        if "start" in known:
            asked.ask("interface coverage", {"interface": place, "t": f"bin(start, {size})"}, times)
    if "log_status" in known:
        asked.ask("log status", {**({"interface": place} if place else {}), "status": "log_status"}, {"records": "count()"})
    if "encryption_status" in known:
        asked.ask("encryption", {"status": "encryption_status"}, {"records": "count()"}, "srcaddr is not null")
    plans = {}
    if known.issuperset(("srcaddr", "dstaddr", "srcport", "dstport", "protocol")):
        inbound = "client in public and client not in internal and (server in internal or server in private)"
        accepted = "accepted and " if "action" in known else ""
        ports = ", ".join(map(str, ADMIN_PORTS))
        plans["admin"] = asked.converse("admin", f"{accepted}protocol = tcp and server_port in ({ports}) and {inbound}", ("totals", "connections"))
        asked.ask("public services", {"service": "service"}, {"servers": "distinct(server)", "clients": "distinct(client)", "records": "count()"},
                  accepted + inbound)  # fmt: skip
    if who is not None:
        if not known.issuperset(("srcaddr", "dstaddr")):
            raise _core.ArgumentError("audit: who reached an address is asked for, and no input has srcaddr and dstaddr")
        plans["reached"] = asked.converse("reached", f"server {_test_of(who)}")

    queries = {name: one.query for name, one in asked.evidence.items() if name not in plans}
    try:
        tables = collect({**queries, **asked.plans})
    except _core.ArgumentError as error:
        if not str(error).startswith("dedup:"):
            raise
        raise _core.ArgumentError("audit: it counts the records of each source, which dedup does not tell; leave dedup out") from None
    for name in queries:
        asked.evidence[name].table = tables[name]

    totals = tables["totals"][0]
    stats = tables["totals"].stats
    covered = coverage.of(tables, place, seconds, silence, (since, until, now), limit) if "start" in known else None
    seen = None if place is None else {str(row["interface"]) for row in tables["interfaces"] if row["interface"] is not None}
    values: dict[str, Any] = {
        "tool": f"flowlogs {_core.__version__}",
        "time": now,
        "caller": _caller_of(session),
        "period": {"start": totals.get("first"), "end": totals.get("last"), "since": since, "until": until, "records": totals["records"]},
        "population": _population(source, lists, missing, seen if place == "interface_id" else None, totals.get("last")),
        "coverage": covered,
        "skipdata": coverage.losses(tables.get("log status"), totals["records"], limit),
        "encryption": _encryption(tables.get("encryption")),
        "retention": _retention(query, tables, now, session),
        "places": [],
        "actions": {row["action"]: row["records"] for row in tables.get("actions", ()) if row["action"] is not None},
        "admin": None,
        "public_services": None,
        "reached": None,
        "sources": len(tables["sources"]),
        "fields": sorted(name.replace("_", "-") for name in known if not name.startswith("_")),
        "thresholds": {**THRESHOLDS, **({"retention_days": retention_days} if retention_days is not None else {})},
    }
    if session is not None:
        from .aws import keeping

        values["places"] = keeping.places(session, names)
    if "admin" in plans:
        values["admin"] = _admin(plans["admin"], _part(tables, "admin"), networks)
        services = sorted(tables["public services"], key=lambda row: (-row["records"], str(row["service"])))
        values["public_services"] = services[: max(0, limit)]
    reached = None
    if "reached" in plans:
        reached = plans["reached"].fold(_part(tables, "reached"), limit)
        values["reached"] = {"address": who, "conversations": {key: reached[key] for key in reached if key != "stats"}}
    judged = judge(values, chosen)
    statuses = {status: sum(row["status"] == status for row in judged) for status in STATUSES}
    head = {key: values[key] for key in ("tool", "time", "caller", "period")}
    answer = Audit({**head, "controls": judged, "statuses": statuses, **values, "stats": stats.to_dict()}, stats)
    answer._evidence, answer._reached = list(asked.evidence.values()), reached
    if packing is not None:
        packing.write(answer, query._sources if rerun is None else rerun)
    return finished(answer, tables)  # type: ignore[no-any-return]


def _part(tables: dict[str, Any], name: str) -> dict[str, _core.Table]:
    return {key[len(name) + 1 :]: table for key, table in tables.items() if key.startswith(name + " ")}


def _frameworks(wish: Iterable[str] | str | None) -> list[str]:
    if wish is None:
        return list(FRAMEWORKS)
    names = items_of(wish)
    for name in names:
        if name not in FRAMEWORKS:
            raise _core.ArgumentError(f"audit: '{name}' is no set of controls; there are {', '.join(FRAMEWORKS)}")
    return names


def _network(what: str, text: str) -> Any:
    try:
        return network_of(text.strip())
    except ValueError as error:
        raise _core.ArgumentError(f"audit: {what}: {error}; write 10.0.0.5 or 10.0.0.0/24" + (", or @NAME" if what == "who" else "")) from None


def _test_of(address: str) -> str:
    if address.startswith("@"):
        return f"in {address}"
    network = _network("who", address)
    return f"in {network}" if "/" in address else f"= {network.network_address}"


def _sources_of(query: _core.Query) -> list[str]:
    """The files, objects and streams that the query reads: directories and globs as what is in them."""
    from . import evidence

    return evidence.expanded(query._sources)


def _is_remote(name: str) -> bool:
    return name.startswith(("s3://", "cloudwatch://"))


def _session(aws: Any, names: list[str]) -> Any:
    """Who asks AWS; None: nobody does."""
    if aws is None and not any(map(_is_remote, names)):
        return None
    from .aws.sources import session_of

    return session_of(aws)


def _caller_of(session: Any) -> str | None:
    if session is None:
        return None
    from .aws.errors import AwsError

    try:
        return str(session.caller)
    except AwsError:
        return None  # what stands in for S3 elsewhere may know no callers


def _lists(directories: list[str], session: Any) -> tuple[dict[str, Any], dict[str, str], str]:
    if directories:
        return (*population.of_inventories(directories), "inventory")
    if session is not None:
        return (*population.of_session(session), "aws")
    return {}, {}, "records"


def _population(source: str, *rest: Any) -> dict[str, Any]:
    try:
        return population.described(source, *rest)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        if source != "inventory":
            raise
        raise _core.ArgumentError(
            f"inventory: it is not as AWS describes things ({type(error).__name__}: {error}); write it again"
        ) from None


def _interval_of(lists: dict[str, Any]) -> int:
    """The longest interval of the flow logs; the longest there is if it is not known."""
    logs = [log for one in lists.get("flow-logs", ()) for log in one["items"]]
    return max((int(log.get("MaxAggregationInterval") or _INTERVAL) for log in logs), default=_INTERVAL)


# ---- What the records say of themselves ------------------------------------------------------------------------------


_ENCRYPTION = {0: "not encrypted", 1: "by Nitro", 2: "by the application", 3: "by both"}


def _encryption(table: _core.Table | None) -> dict[str, Any] | None:
    if table is None:
        return None
    statuses = dict.fromkeys(_ENCRYPTION.values(), 0)
    unknown = 0
    for row in table:
        if row["status"] in _ENCRYPTION:
            statuses[_ENCRYPTION[row["status"]]] += row["records"]
        else:
            unknown += row["records"]
    return {"statuses": statuses, "known": sum(statuses.values()), "unknown": unknown, "not_encrypted": statuses["not encrypted"]}


# ---- Retention -------------------------------------------------------------------------------------------------------


def _retention(query: _core.Query, tables: dict[str, _core.Table], now: int, session: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"oldest": None, "newest": tables["totals"][0].get("last"), "days_with_records": 0, "days_with_records_at_hand": 0}
    rows = [row for row in tables["sources"] if row.get("first") is not None]
    if not rows:
        return made
    row = min(rows, key=lambda row: (row["first"], str(row["source"])))
    record = _oldest(query, row["source"], row["first"], session)
    made["oldest"] = {"time": row["first"], "age_days": max(0, now - row["first"]) // _DAY, "source": row["source"],
                      "line": None, "record": None, **record}  # fmt: skip
    days = [day["day"] for day in tables["days"] if day["day"] is not None]
    made["days_with_records"] = len(days)
    made["days_with_records_at_hand"] = sum(now - THRESHOLDS["at_hand_days"] * _DAY < day <= now for day in days)
    return made


def _oldest(query: _core.Query, source: str, start: int, session: Any) -> dict[str, Any]:
    """The record itself, read once more: of what is far away from its source alone."""
    try:
        if _is_remote(source):
            import flowlogs as fl

            query = fl.scan(source, aws=session).filter(f"start = {start}")
        else:
            name = "'" + source.replace("'", "''") + "'"
            query = query.filter(f"start = {start} and _source = {name}")
        for record in query.records():
            return {"record": record.line.rstrip("\r\n"), "line": record.line_number}
    except _core.Error:
        pass  # what can be read once has been
    return {}


# ---- Who got in ------------------------------------------------------------------------------------------------------


def _admin(plan: Plan, tables: dict[str, _core.Table], networks: list[Any]) -> dict[str, Any]:
    """The servers and administration ports that answered public addresses, other than those of `networks`."""
    import ipaddress

    found: dict[tuple[str, int], dict[str, Any]] = {}
    clients: dict[tuple[str, int], set[str]] = {}
    allowed = set()
    for conversation in plan.conversations(tables):
        state = conversation.state()
        row = conversation.row(plan.sums)
        bytes_, packets = row["bytes_to_client"], row["packets_to_client"]
        # Without tcp-flags a refusal is told by its size.
        refused = bytes_ is not None and packets is not None and bytes_ <= _BARE_PACKET * packets and "resets" not in tables
        if state not in ("answered", "no request") or refused:
            continue
        address = ipaddress.ip_address(row["client"])
        if any(address in network for network in networks if network.version == address.version):
            allowed.add(row["client"])
            continue
        key = row["server"], row["server_port"]
        entry = found.setdefault(
            key, {"server": key[0], "port": key[1], "service": row["service"], "clients": 0, "ipv6_clients": 0, "some": [], "first_seen": row["start"],
                  "last_seen": row["end"], "records": 0, "bytes_to_clients": None},
        )  # fmt: skip
        clients.setdefault(key, set()).add(row["client"])
        entry["records"] += row["records"]
        if bytes_ is not None:
            entry["bytes_to_clients"] = (entry["bytes_to_clients"] or 0) + bytes_
        for name, at, better in (("first_seen", row["start"], min), ("last_seen", row["end"], max)):
            entry[name] = at if entry[name] is None else entry[name] if at is None else better(entry[name], at)
    for key, entry in found.items():
        entry["clients"] = len(clients[key])
        entry["ipv6_clients"] = sum(":" in client for client in clients[key])
        entry["some"] = heapq.nsmallest(10, clients[key], key=lambda text: (":" in text, ipaddress.ip_address(text).packed))
    exposed = sorted(found.values(), key=lambda entry: (-entry["clients"], entry["server"], entry["port"]))
    return {"ports": list(ADMIN_PORTS), "allowed": [str(network) for network in networks], "allowed_clients": len(allowed), "exposed": exposed}
