"""The verbs as methods of Query (CONTRACT P8). What is behind a method is loaded when it is called."""

from __future__ import annotations

from . import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping
    from typing import Any, BinaryIO, Union

    from .audit import Audit
    from .conversations import Conversations
    from .cost import Cost
    from .detect import Detections
    from .diff import Diff
    from .inventory import Known
    from .performance import Performance
    from .suggest_rules import Rules
    from .timeline import Timeline
    from .troubleshoot import Verdict, Verdicts
    from .who import Who

    File = Union[str, "os.PathLike[str]"]
    Target = Union[File, BinaryIO]


def who(self: _core.Query, subject: str, *, limit: int = 10, inventory: Known | None = None) -> Who:
    """Everything about one address, prefix or id, in one pass: what it is (a server or a client of which services), when
    and where it was seen, what it sent and received, its peers, and what became of its conversations.

        print(logs.who("10.0.0.5"))

    subject    an address, a prefix ("10.0.0.0/16"), an id (eni-, i-, subnet-, vpc-, nat-, tgw-, tgw-attach-), an account, or
               "@web-1", a set of the scan
    limit      at most so many services, peers and interfaces
    inventory  as of fl.scan(): interfaces are shown with their names

    Gives a Who, which is a dict and prints as a report. Raises ArgumentError if no input has the id's field, and as
    collect() does; InputError.table is then the Who of what was read.
    """
    from . import who as module

    return module.who(self, subject, limit=limit, inventory=inventory)


def conversations(
    self: _core.Query, *, limit: int | None = 20, ports: bool = False, state: str | None = None
) -> Conversations:
    """Who talked to whom, both directions together, and what became of it, in one pass: answered, rejected, no reply,
    no request, reset. The largest first.

        logs.filter("server_port = 443").conversations(state="no reply").rows

    limit  at most so many rows; None: all
    ports  each connection on its own, with the client's port, instead of all of a client to a server's port together
    state  only those; the counts are of all

    Gives a Conversations, which is a dict and prints as a table; to_table() for DataFrames. Raises as collect() does.
    """
    from . import conversations as module

    return module.conversations(self, limit=limit, ports=ports, state=state)


def timeline(
    self: _core.Query,
    *,
    bin: str | int = "auto",
    by: str | None = None,
    limit: int = 5,
    since: int | None = None,
    until: int | None = None,
) -> Timeline:
    """Bytes, packets and records over time, in one pass. A record's bytes and packets are spread evenly over its time, so
    that long ones are no spikes, and all sums stay exact.

        logs.timeline(bin="5m", by="action").series

    bin    "30s", "5m", "1h", "1d", seconds, or "auto"
    by     a key such as "action", "service" or "prefix(srcaddr, 16)": a series for each value of it
    limit  at most so many series; what is left is one more
    since, until  bins only from and before these seconds since 1970; filter by time as well, or a lot lies outside

    Gives a Timeline, which is a dict and prints as a chart; to_table() for DataFrames. Raises as collect() does.
    """
    from . import timeline as module

    return module.timeline(self, bin=bin, by=by, limit=limit, since=since, until=until)


def performance(self: _core.Query, *, bin: str | int = "auto", limit: int = 10) -> Performance:
    """Rates (bit/s, packet/s, connections a second: p50, p95, max), the shares of connections that were unanswered, reset or
    rejected, by interface and by service; source ports in use, bytes across zones, what transit gateways dropped.

        logs.performance().interfaces[0]["bits_per_second"]["p95"]

    bin    what rates are of: "1m", "5m", "1h", seconds, or "auto"
    limit  at most so many of each list

    Gives a Performance, which is a dict and prints as a report. Latency and retransmissions are not in flow logs. Raises as
    collect() does.
    """
    from . import performance as module

    return module.performance(self, bin=bin, limit=limit)


def cost(
    self: _core.Query,
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
    """The path of every byte, counted once, also where NAT gateways, transit gateways and both ends log the same packets;
    what is charged on it; what would save. Paths sum to the bytes, charges do not.

        print(logs.cost(ip_ranges="ip-ranges.json", by="service"))

    by         what costs are of: "interface", "service" or "conversation"
    limit      at most so many of them
    prices     a file in the place of flowlogs/cost/prices.json, which says where its numbers are from
    inventory  as of fl.scan(): zones, types of interfaces, routes, names
    ip_ranges  AWS's ip-ranges.json: services and regions of its addresses
    maps       CSV of prefixes, or several: prefix, az, region, vpc, kind
    region     of records that do not tell it
    cur        a Cost and Usage Report, CSV or Parquet: billed beside explained

    Gives a Cost, which is a dict and prints as a report. Raises ArgumentError for a file that is not what it should be, else
    as collect() does.
    """
    from . import cost as module

    return module.cost(
        self, by=by, limit=limit, prices=prices, inventory=inventory, ip_ranges=ip_ranges, maps=maps, region=region, cur=cur
    )


def diff(
    self: _core.Query,
    after: _core.Query,
    *,
    by: str | Iterable[str] | None = None,
    measure: str = "bytes",
    factor: float = 2.0,
    min: int = 0,
    rate: bool = False,
    limit: int | None = 20,
) -> Diff:
    """What changed from this query's records to those of `after`: keys that are new, gone, grown or shrunk. One pass if
    both are of the same scan.

        logs.filter("start < -1d").diff(logs.filter("start >= -1d"), by="srcaddr, service")

    by       keys; server and service if the logs have ports, else srcaddr
    measure  "bytes", "packets" (both counted once) or "records"
    factor   grown and shrunk are keys that changed by this factor at least
    min      keys with less on both sides are left out
    rate     compare rates instead of amounts, for times of different length
    limit    at most so many rows, those with the largest difference; None: all

    Gives a Diff, which is a dict and prints as a table; to_table() for DataFrames. Raises as collect() does.
    """
    from . import diff as module

    return module.diff(self, after, by=by, measure=measure, factor=factor, min=min, rate=rate, limit=limit)


def detect(
    self: _core.Query,
    *,
    baseline: str | os.PathLike[str] | dict[str, Any] | None = None,
    lists: Mapping[str, str | os.PathLike[str] | Iterable[str]] | None = None,
    policy: str | os.PathLike[str] | dict[str, Any] | None = None,
    inventory: Known | None = None,
    suppress: str | os.PathLike[str] | list[dict[str, Any]] | None = None,
    resolvers: Iterable[str] | str = (),
    kinds: Iterable[str] | str = (),
    thresholds: Mapping[str, float] | None = None,
) -> Detections:
    """What deserves a look: scans, brute force, exfiltration, beaconing, exposed ports, and more, each with the numbers that
    decided. The input is read twice; what is found does not depend on the order of records, files or threads.

        for finding in logs.detect(baseline="week.json").findings:
            print(finding["severity"], finding["kind"], finding["why"])

    baseline    the past to compare with: a file of save_baseline(), or what baseline() gave
    lists       {name: file or prefixes}: addresses that should not be met (Spamhaus DROP, any list of CIDR)
    policy      who may talk to whom: a file, or {"zones": {"web": ["10.0.1.0/24"]}, "allow": ["outside -> web tcp/443"]}
    inventory   as of fl.scan(): what @NAME and tag:KEY=VALUE are in the zones of a policy
    suppress    findings to leave out: a JSON file, or [{"match": {...}, "reason": "...", "expires": "2027-01-01"}]
    resolvers   outside DNS resolvers that hosts may ask
    kinds       only these
    thresholds  others than the defaults, by name (docs/detect.md): {"port-scan.ports": 30}

    Gives a Detections, which is a dict and prints as a report. Raises ArgumentError for a wrong file or name, else as
    collect() does.
    """
    from . import detect as module

    return module.detect(
        self,
        baseline=baseline,
        lists=lists,
        policy=policy,
        inventory=inventory,
        suppress=suppress,
        resolvers=resolvers,
        kinds=kinds,
        thresholds=thresholds,
    )


def suggest_rules(
    self: _core.Query,
    *targets: str,
    inventory: Known | None = None,
    max_prefixes: int = 10,
    max_ports: int = 20,
    max_rules: int = 60,
    public_threshold: int = 50,
    public_egress: bool = False,
    changes: Iterable[str] | str = (),
    limit: int = 10,
) -> Rules:
    """The fewest rules of security groups that admit what was accepted, and as little else as can be, in one pass; replayed
    over the logs, beside the rules that are there.

        answer = logs.suggest_rules("sg-0123...", inventory="inventory")
        open("rules.tf", "w").write(answer.to_terraform())

    targets       whose rules: eni-..., sg-..., i-..., subnet-..., an address, a prefix, a name of the inventory, "@name" of a
                  set. None: a set of rules for each interface, or, with an inventory, each security group
    inventory     as of fl.scan(): tells groups, their interfaces and their rules
    max_prefixes  at most so many prefixes for a service and direction, of IPv4 and of IPv6; neighbours are merged so that the
                  fewest addresses are admitted that were not seen, and of the rejected ones none where it can be
    max_ports     at most so many ranges of ports for a protocol and direction
    max_rules     at most so many rules in a direction, of IPv4 and of IPv6
    public_threshold  a port with so many public clients and more, and none that was rejected, is open to all
    public_egress  so is a port with so many public servers
    changes       rules of which is told what they would admit of what was rejected: ["ingress tcp/22 from 10.0.0.0/8"]
    limit         at most so many rejected flows of a list

    Gives Rules, which is a dict and prints as a report, and has to_terraform() and to_cli(). Raises ArgumentError for what is no
    target, rule or inventory, else as collect() does.
    """
    from . import suggest_rules as module

    return module.suggest_rules(
        self,
        targets,
        inventory=inventory,
        max_prefixes=max_prefixes,
        max_ports=max_ports,
        max_rules=max_rules,
        public_threshold=public_threshold,
        public_egress=public_egress,
        changes=changes,
        limit=limit,
    )


def audit(
    self: _core.Query,
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
) -> Audit:
    """What the logs prove: coverage, gaps, losses, retention, who got in, and the controls that this supports.

        for control in logs.audit(controls="soc2", pack="evidence.zip").controls:
            print(control["control"], control["status"], control["why"])

    controls        of "cis-aws", "pci-dss-4", "soc2"; None: all
    who             an address, a prefix, or "@web-1", a set of the scan: who reached it, and when
    allow           prefixes outside that may reach administration ports
    inventory       of `flowlogs aws inventory`, as of fl.scan(), which it should be given too: what there is to be logged
    aws             who asks AWS for that, and how buckets and log groups keep the logs, as of fl.scan(); None: the caller that
                    boto3 finds, if a source is of AWS, else nobody is asked
    interval        seconds of aggregation, 60 or 600; None: as the flow logs say, or 600
    since, until    the period that has to be covered, as of fl.scan(), which they should be given too
    retention_days  so long records have to be kept; None: 365
    limit           at most so many of each list
    pack            an evidence pack is written there: FILE.zip or a directory (flowlogs.evidence.verify() checks it)
    at              the time of the audit, in seconds since 1970; None: now

    Gives an Audit, which is a dict and prints as a report. What cannot be known is MANUAL, never PASS. Raises ArgumentError for
    a wrong name or file, AwsError, else as collect() does.
    """
    from . import audit as module

    return module.audit(
        self,
        controls=controls,
        who=who,
        allow=allow,
        inventory=inventory,
        aws=aws,
        interval=interval,
        since=since,
        until=until,
        retention_days=retention_days,
        limit=limit,
        pack=pack,
        at=at,
    )


def troubleshoot(
    self: _core.Query,
    from_: str | None = None,
    to: str | None = None,
    *,
    protocol: str | int | None = None,
    inventory: Known | None = None,
    limit: int = 20,
) -> Verdict | Verdicts:
    """Why two hosts cannot talk: what became of the connections between them, where, since when, and how sure that is.

        print(logs.troubleshoot("10.0.0.5", "10.0.1.7:5432"))
        logs.troubleshoot(from_="web-1", to="db", inventory="inventory").fix

    from_      who asks: an address, a prefix, eni-..., i-..., or a name of the inventory
    to         who is asked, with ":443" for one port; IPv6 with a port is "[2001:db8::1]:443"
    protocol   "tcp", "udp", "icmp", or a number; None: any
    inventory  as of fl.scan(): then the rule is named that rejects
    limit      without both ends: at most so many clients and services

    With both ends it gives a Verdict, which is a dict (CONTRACT I2, docs/troubleshoot.md) and prints as a report; with one or
    none Verdicts, a list of what fails of own hosts, the internet's probes last and as one. Raises ArgumentError for what is no
    end, else as collect() does.
    """
    from . import troubleshoot as module

    return module.troubleshoot(self, from_=from_, to=to, protocol=protocol, inventory=inventory, limit=limit)


def convert(
    self: _core.Query,
    output: Target,
    *,
    format: str | None = None,
    fields: Iterable[str] | None = None,
) -> _core.Stats:
    """Writes the records as NDJSON, CSV, TSV, Parquet or Arrow (by pyarrow), in bounded memory, and gives the Stats.

        logs.convert("flows.parquet")

    output  a path, or a file open for bytes
    format  "ndjson", "csv", "tsv", "parquet", "arrow" (a path: Arrow's file format, a file object: its stream);
            None: as the path ends
    fields  columns and keys; None: all fields that the inputs begin with

    Names have underscores and types are int32, int64 and string, as in AWS's Parquet. Raises as collect() does.
    """
    from . import convert as module

    return module.convert(self, output, format=format, fields=fields)


for _method in (who, conversations, timeline, performance, cost, diff, detect, troubleshoot, suggest_rules, audit, convert):
    _method.__qualname__ = f"Query.{_method.__name__}"
    setattr(_core.Query, _method.__name__, _method)
