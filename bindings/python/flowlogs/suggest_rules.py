"""The rules of security groups that admit what was accepted, and as little else as can be. Query.suggest_rules() is the way in.

A security group is stateful: rules are of requests, in from clients and out to servers, and answers need none. A *flow* is a
direction, a protocol, a port of the server and a peer, of all connections and interfaces of one target. Flow logs do not
tell who began an ICMP exchange, or one between equal ports: the side of the earliest record did, both if they are equal.

What was rejected and never accepted is judged packet by packet: a rule that would admit it is one that admits its own
destination port from or to its peer. Packets of flows that were accepted at other times (late ones, an ACL's) are no such.

MEMORY  The engine groups by peer and port, in as much memory as the limit max_group_bytes allows. Here an entry is kept for
each accepted flow, and of what was rejected only the addresses that asked for a port which others were let in to.
"""

from __future__ import annotations

import re

from . import _core
from ._text import Grid, Style, count, duration, shown, wrapped
from .answers import Answer, collect, columns_of, finished, greatest, network_of, require_records, rows_of
from .flow_rules import DIRECTIONS, Bounds, Set
from .security_groups import ICMP, ICMPV6, Inventory, address_of, parse_rule, read, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from .inventory import Known
    from .security_groups import Address

MAX_PREFIXES, MAX_PORTS, PUBLIC = 10, 20, 50
# AWS's quota of rules in a direction, which holds for IPv4 and for IPv6, each on its own. It can be raised.
MAX_RULES = 60
_ENOUGH = 30 * 86400


class Rules(Answer):
    """Rules by target: a dict, ready for JSON, that prints as a report. Its keys are attributes as well.

    targets     [{"target": the id, "kind": "interface", "security group", ..., "name", "groups": [of its interfaces],
                "records", "ingress": [rule], "egress": [rule], "replay", "admits_rejected": [...], "existing": [...],
                "changes": [...], "told_by", "unplaced", "warnings"}], the most accepted records first; see docs/suggest-rules.md
    start, end  int or None: of the first and the last record of the logs; records: int
    span        int: seconds between them
    warnings    [text]: what keeps the rules from being all that is needed, or more than that
    options     the bounds that they were made with
    stats       the dict of Stats
    """

    def to_table(self) -> _core.Table:
        """The rules of all targets as a Table."""
        texts, numbers = ("protocol", "service", "cidr", "group", "group_name", "kind"), ("seen", "unseen", "unseen_ports", "records")
        kinds = [("target", "text"), ("direction", "text"), *((name, "text") for name in texts), ("from_port", "int64"), ("to_port", "int64"),
                 *((name, "int64") for name in numbers), ("rejected_flows", "int64"), ("first_seen", "time"), ("last_seen", "time"),
                 ("exists_as", "text")]  # fmt: skip
        rows = [
            {**rule, "target": target["target"], "direction": direction, "rejected_flows": rule["rejected"]["flows"]}
            for target in self["targets"] for direction in DIRECTIONS for rule in target[direction]
        ]  # fmt: skip
        return _core.Table._from_rows(kinds, [{name: row[name] for name, _ in kinds} for row in rows])

    def to_terraform(self) -> str:
        """Resources aws_vpc_security_group_ingress_rule and ..._egress_rule."""
        from . import rule_files

        return rule_files.terraform(self)

    def to_cli(self) -> str:
        """A shell script: aws ec2 authorize-security-group-ingress and -egress, one call a direction."""
        from . import rule_files

        return rule_files.cli(self)

    def _lines(self, width: int, style: Style) -> list[str]:
        lines: list[str] = []
        for target in self["targets"]:
            lines += [*([""] if lines else []), *self._target(target, width, style)]
        if not lines:
            lines.append("nothing was accepted: there is nothing to admit")
        for i, text in enumerate(self["warnings"]):
            lines += [*([] if i else [""]), *self._warning(text, width, style)]
        return lines

    def _target(self, target: dict[str, Any], width: int, style: Style) -> list[str]:
        name = f" ({shown(target['name'])})" if target["name"] else ""
        flows = target["replay"]["accepted"]["flows"]
        lines = [
            f"{style.bold(shown(target['target']))}{name}, {target['kind']}: {count(flows, 'accepted flow')}, "
            f"{count(len(target['ingress']), 'ingress rule')}, {count(len(target['egress']), 'egress rule')}"
        ]
        for direction in DIRECTIONS:
            if target[direction]:
                lines += ["", *self._rules(direction, target[direction], width, style)]
        lines += ["", *self._replay(target["replay"], width)]
        if target["admits_rejected"]:
            lines += ["Rejected, and admitted by these rules:", *self._rejected(target["admits_rejected"], width, style)]
        for change in target["changes"]:
            rejected = change["rejected"]
            lines += ["", f"{style.bold('With ' + change['rule'])}: {count(rejected['flows'], 'rejected flow')} "
                      f"({count(rejected['records'], 'record')}) would be admitted"]  # fmt: skip
            if rejected["top"]:
                lines += self._rejected(rejected["top"], width, style)
        if target["existing"]:
            lines += ["", *self._existing(target["existing"], width, style)]
        for i, text in enumerate(target["warnings"]):
            lines += [*([] if i else [""]), *self._warning(text, width, style)]
        return lines

    @staticmethod
    def _warning(text: str, width: int, style: Style) -> list[str]:
        first, *rest = wrapped(text, width - 2)
        return [style.red("! ") + first, *("  " + line for line in rest)]

    def _rules(self, direction: str, rules: list[dict[str, Any]], width: int, style: Style) -> list[str]:
        grid = Grid()
        grid.add(direction, [rule["text"].split(" ")[1] for rule in rules])
        grid.add("service", [shown(rule["service"] or "") for rule in rules], rank=3)
        grid.add("from" if direction == "ingress" else "to", [_peer(rule) for rule in rules], cut=True)
        grid.add("seen", [f"{rule['seen']:,}" for rule in rules], ">")
        grid.add("not seen", [_large(rule["unseen"]) for rule in rules], ">")
        if any(rule["unseen_ports"] for rule in rules):
            grid.add("ports not seen", [f"{rule['unseen_ports']:,}" if rule["unseen_ports"] else "" for rule in rules], ">", rank=2)
        if any(rule["rejected"]["flows"] for rule in rules):
            grid.add("rejected", [f"{rule['rejected']['flows']:,}" if rule["rejected"]["flows"] else "" for rule in rules], ">")
        grid.add("records", [f"{rule['records']:,}" for rule in rules], ">", rank=1)
        grid.add("last seen", [_time(rule["last_seen"], style) for rule in rules], rank=4)
        return grid.lines(width, style)

    @staticmethod
    def _replay(replay: dict[str, Any], width: int) -> list[str]:
        accepted, rejected = replay["accepted"], replay["rejected"]
        text = f"Replayed: {accepted['admitted']:,} of {count(accepted['flows'], 'accepted flow')} admitted; of "
        text += f"{count(rejected['flows'], 'rejected flow')} {rejected['admitted']:,}"
        if rejected["admitted"]:
            text += f" ({count(rejected['admitted_records'], 'record')}), {rejected['by_budget']:,} of them by what was not seen of a rule"
        return wrapped(text + ".", width)

    @staticmethod
    def _rejected(rows: list[dict[str, Any]], width: int, style: Style) -> list[str]:
        grid = Grid()
        grid.add("peer", [row["peer"] for row in rows])
        grid.add("asked for", [f"{row['direction']} {row['ports']}" for row in rows])
        grid.add("records", [f"{row['records']:,}" for row in rows], ">")
        if any(row.get("rule") for row in rows):
            grid.add("admitted by", [row.get("rule") or "" for row in rows], cut=True)
        return ["  " + line for line in grid.lines(width - 2, style)]

    @staticmethod
    def _existing(rows: list[dict[str, Any]], width: int, style: Style) -> list[str]:
        grid = Grid()
        grid.add("rule that is there", [row["rule_id"] or row["group"] for row in rows], rank=2)
        grid.add("admits", [row["text"] for row in rows], cut=True)
        grid.add("last use", ["cannot be told" if row["seen"] is None else _time(row["last_seen"], style) if row["seen"] else "not seen"
                              for row in rows])  # fmt: skip
        grid.add("records", [f"{row['records']:,}" if row["seen"] else "" for row in rows], ">", rank=1)
        narrower = [", ".join(text.partition(" ")[2] for text in row["narrower"][:3]) for row in rows]
        if any(narrower):
            narrower = [text + (f" and {len(row['narrower']) - 3} more" if len(row["narrower"]) > 3 else "") for text, row in zip(narrower, rows)]
            grid.add("narrower", narrower, cut=True)
        return grid.lines(width, style)


def _peer(rule: dict[str, Any]) -> str:
    return str(rule["group"] or rule["cidr"]) + (f" ({shown(rule['group_name'])})" if rule["group_name"] else "")


def _large(number: int) -> str:
    if not number:
        return ""
    return f"{number:,}" if number <= 1 << 32 else f"about 2^{(number + number // 2).bit_length() - 1}"


def _time(seconds: int | None, style: Style) -> str:
    return "-" if seconds is None else style.time(seconds)


# ---- The way from records to rules -----------------------------------------------------------------------------------


def suggest_rules(
    query: _core.Query,
    targets: Iterable[str] = (),
    *,
    inventory: Known | None = None,
    max_prefixes: int = MAX_PREFIXES,
    max_ports: int = MAX_PORTS,
    max_rules: int = MAX_RULES,
    public_threshold: int = PUBLIC,
    public_egress: bool = False,
    changes: Iterable[str] | str = (),
    limit: int = 10,
) -> Rules:
    """The Rules of a query's records; Query.suggest_rules() tells of the arguments."""
    require_records(query, "suggest-rules")
    options = {"max_prefixes": max_prefixes, "max_ports": max_ports, "max_rules": max_rules, "public_threshold": public_threshold}
    for name, value in options.items():
        if value < 1:
            raise _core.ArgumentError(f"suggest-rules: {name} is {value}; it is a number from 1")
    options["public_egress"] = public_egress
    known = columns_of(query, "suggest-rules", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "action")
    things = None if inventory is None else read(inventory)
    members = things.members if things is not None else lambda _: None
    wanted = [parse_rule(text, members) for text in ([changes] if isinstance(changes, str) else changes)]
    asked = [_target(text, known, things) for text in ([targets] if isinstance(targets, str) else targets)]
    at = "interface_id" if "interface_id" in known else "own"
    times = {name: f"{kind}({field})" for name, kind, field in (("first", "min", "start"), ("last", "max", "end")) if field in known}

    queries = {"totals": query.agg(records="count()", **times), "rejects": query.filter("rejected").agg(n="count()")}
    ports = {f"{side}_{kind}": f"{kind}({side}port)" for side in ("src", "dst") for kind in ("min", "max")}
    jobs: list[Target | None] = list(asked) or [None]
    for i, job in enumerate(jobs):
        one = query if job is None else query.filter(job.test)
        place = [] if job is not None or at == "own" else [at]
        keys = ["peer", "protocol", "direction", *place, "own", "server", "server_port"]
        queries[f"{i} accepted"] = one.filter("accepted").group_by(*keys).agg(records="count()", told="max(orientation)", **ports, **times)
        queries[f"{i} rejected"] = one.filter("rejected").group_by("peer", "protocol", "dstport", *keys[2:]).agg(records="count()")
    tables = collect(queries)

    totals, stats = tables["totals"][0], tables["totals"].stats
    bounds = Bounds(max_prefixes, max_ports, max_rules, public_threshold, public_egress)
    made: list[Set] = []
    bare: set[str] = set()
    for i, job in enumerate(jobs):
        sets: dict[str, Set] = {} if job is None else {job.id: Set(job)}

        def of(row: dict[str, Any], job: Target | None = job, sets: dict[str, Set] = sets) -> Iterable[Set]:
            if job is not None:
                return sets.values()
            return _sets_of(row.get(at), at, things, sets, bare)

        accepted, rejected = tables[f"{i} accepted"], tables[f"{i} rejected"]
        for row, peer in _with_peer(accepted):
            for one_set in of(row):
                one_set.accept(row, peer)
        for one_set in sets.values():
            one_set.decide()
        for row, peer in _with_peer(rejected):
            for one_set in of(row):
                one_set.note_rejected(row, peer, bounds)
        for one_set in sets.values():
            one_set.make(bounds, things)
            one_set.prepare(wanted, things)
        for row, peer in _with_peer(rejected):
            for one_set in of(row):
                one_set.replay_rejected(row, peer, limit)
        made += sets.values()
    made.sort(key=lambda one: (-one.records, one.target.id))
    span = 0 if totals.get("first") is None else max(0, (greatest((totals.get("last"), totals["first"])) or 0) - totals["first"])
    values = {
        "targets": [one.answer(limit, bounds) for one in made if one.records or asked],
        "start": totals.get("first"),
        "end": totals.get("last"),
        "span": span,
        "records": totals["records"],
        "warnings": _warnings(made, None if totals.get("first") is None else span, tables["rejects"][0]["n"], totals["records"], bare),
        "options": options,
        "stats": stats.to_dict(),
    }
    return finished(Rules(values, stats), tables)  # type: ignore[no-any-return]


def _with_peer(table: _core.Table) -> Iterator[tuple[dict[str, Any], Address]]:
    """The rows with the addresses of their peers, by which they are sorted."""
    text, address = None, (0, 0)
    for row in rows_of(table):
        if row["peer"] != text:
            text = row["peer"]
            address = (0, 0) if text is None else address_of(text)
        yield row, address


class Target:
    """Whose rules are asked for. test: which records are at its interfaces."""

    def __init__(self, id: str, kind: str, test: str = "", interfaces: Iterable[str] = (), things: Inventory | None = None) -> None:
        self.id, self.kind, self.test = id, kind, test
        self.groups: list[str] = [id] if kind == "security group" else []
        self.name = None if things is None else things.names.get(id)
        self.others: list[str] = []  # groups that its interfaces have besides
        vpcs = set()
        for interface in interfaces:
            if things is not None and interface in things.interfaces:
                groups, _, vpc, _ = things.interfaces[interface]
                vpcs.add(vpc)
                more = self.others if kind == "security group" else self.groups
                more += (group for group in groups if group not in more and group != id)
        if things is not None and id in things.groups:
            vpcs.add(things.groups[id][1])
        self.vpc = vpcs.pop() if len(vpcs) == 1 else None


_FIELDS = (
    ("eni-", "interface", "interface_id"),
    ("i-", "instance", "instance_id"),
    ("subnet-", "subnet", "subnet_id"),
    ("vpc-", "VPC", "vpc_id"),
)


def _target(text: str, known: set[str], things: Inventory | None) -> Target:
    text = text.strip()
    if text.startswith("sg-"):
        if things is None:
            raise _core.ArgumentError(
                f"suggest-rules: which interfaces have {text} is not in flow logs; give an inventory (`flowlogs aws inventory -o DIR`), or an interface"
            )
        if text not in things.groups:
            raise _core.ArgumentError(f"suggest-rules: {text} is not in the inventory; write it again, or look for the id in security-groups.json")
        found = things.of_group(text)
        if not found:
            raise _core.ArgumentError(f"suggest-rules: no interface of the inventory has {text}: nothing can be told of it")
        return Target(text, "security group", _one_of(found, known, things), found, things)
    for begin, kind, field in _FIELDS:
        if text.startswith(begin):
            found = []
            if things is not None:
                found = [id for id, (_, _, _, ids) in things.interfaces.items() if text == id or text in ids]
            if field in known:
                test = f"{field} = {_quoted(text)}"
            elif found:
                test = _one_of(found, known, things)
            else:
                raise _core.ArgumentError(
                    f"suggest-rules: '{text}' is an id of {kind}s, and no input has {field.replace('_', '-')}; give an inventory that has it, or an address"
                )
            return Target(text, kind, test, found, things)
    if text.startswith("@"):
        return Target(text, "set", f"own in {text}")
    import ipaddress

    try:
        network = network_of(text)
    except ValueError as error:
        named = None if things is None else _named(text, known, things)
        if named is not None:
            return named
        wrong = f": {error}" if re.fullmatch(r"[0-9a-fA-F.:]+(/\d*)?(%.*)?", text) else ""
        raise _core.ArgumentError(
            f"suggest-rules: '{text}' is no target{wrong or _names(text, things)}; write eni-..., sg-..., i-..., subnet-..., an address, "
            "a prefix, a name of the inventory, or @NAME of a set"
        ) from None
    found = []
    if things is not None:
        for id, (_, addresses, _, _) in things.interfaces.items():
            if any(ipaddress.ip_address(text_of(address)) in network for address in addresses):
                found.append(id)
    kind, test = ("prefix", f"own in {network}") if "/" in text else ("address", f"own = {network.network_address}")
    return Target(text, kind, test, found, things)


def _named(text: str, known: set[str], things: Inventory) -> Target | None:
    """What people call so: a security group, or what has interfaces."""
    groups = [id for id, (name, _) in things.groups.items() if text in (name, things.names.get(id))]
    if len(groups) == 1:
        return _target(groups[0], known, things)
    addresses = set(things.known.of_name(text))
    found = [id for id, (_, own, _, _) in things.interfaces.items() if any(text_of(address) in addresses for address in own)]
    return Target(text, "name", _one_of(found, known, things), found, things) if found else None


def _names(text: str, things: Inventory | None) -> str:
    if things is None:
        return ", and names need an inventory (--inventory DIR)"
    return f", and the inventory has no interface of that name{things.known.like(text)}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _one_of(interfaces: list[str], known: set[str], things: Inventory | None) -> str:
    if "interface_id" in known or things is None:
        return f"interface_id in ({', '.join(map(_quoted, interfaces))})"
    return f"own in ({', '.join(text_of(a) for id in interfaces for a in things.interfaces[id][1])})"


def _sets_of(place: str | None, at: str, things: Inventory | None, sets: dict[str, Set], bare: set[str]) -> list[Set]:
    """Without targets: the groups of the interface, or else itself."""
    if place is None:
        return []
    if things is not None and place in things.interfaces:
        ids, kind = things.interfaces[place][0], "security group"
        if not ids:
            bare.add(place)
    else:
        ids, kind = [place], "interface" if at == "interface_id" else "address"
    found = []
    for id in ids:
        if id not in sets:
            interfaces = [place] if things is None or kind == "interface" else things.of_group(id)
            sets[id] = Set(Target(id, kind, "", interfaces, things))
        found.append(sets[id])
    return found


def _warnings(made: list[Set], span: int | None, rejects: int, records: int, bare: set[str]) -> list[str]:
    """span: None if no record tells its time."""
    told = []
    if records and span is None:
        told.append("no input has start: what time the logs are of cannot be told; look at 30 days and more before anything is taken away")
    elif records and span is not None and span < _ENOUGH:
        told.append(
            f"the logs span {duration(span)}: what happens once a month may be in none of them; look at 30 days and more before anything is taken away"
        )
    unplaced = sum(one.unplaced for one in made)
    if unplaced:
        told.append(f"{count(unplaced, 'accepted record')} do not tell which side is the interface's own, or lack a port: no rule is made of them")
    undecided = sum(one.undecided for one in made)
    if undecided:
        told.append(
            f"of {count(undecided, 'flow')} (ICMP, or equal ports on both sides) nothing tells who began: the side of the earliest record is taken"
        )
    if any(key[1] in (ICMP, ICMPV6) for one in made for key in one.flows):
        told.append("flow logs do not hold the type of ICMP: its rules admit every type")
    guessed = sum(one.guessed for one in made)
    if guessed:
        told.append(
            f"{count(guessed, 'flow')} to ports of 32768 and more: the lower port is taken for the server's, since no SYN was seen; "
            "tcp-flags in the format would tell"
        )
    if records and not rejects:
        told.append("there is no REJECT in the logs: what the rules would admit of it cannot be told")
    if bare:
        told.append(f"{count(len(bare), 'interface')} without a security group: left out")
    return told
