"""What in the logs deserves a look. Query.detect() is the way in, docs/detect.md tells of kinds, thresholds and files.

The engine reads, adds up and judges (include/flowlogs/insight/detect.h); here are the files that it is told of, and what is
made of its findings: rerun commands, suppression, and the report.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import time

from . import _core
from ._text import Style, count, cut, shown
from .answers import Answer, columns_of, items_of, network_of, require_records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, Union

    from .inventory import Known

    Path = Union[str, "os.PathLike[str]"]

SEVERITIES = ("low", "medium", "high")
# The keys of a finding (CONTRACT I1), in order.
KEYS = (
    "id", "kind", "severity", "direction", "outcome", "actor", "targets", "interface", "technique", "first_seen", "last_seen",
    "records", "score", "evidence", "baseline", "why", "rerun", "next_step",
)  # fmt: skip
_COLOURS = {"high": Style.red, "medium": Style.bold, "low": Style.dim}
_BASELINE_VERSION = 1


class Detections(Answer):
    """The findings: a dict, ready for JSON, that prints as a report. Its keys are attributes as well.

    findings    [{"id", "kind", "severity", "direction", "outcome", "actor", "targets", "interface", "technique", "first_seen",
                "last_seen", "records", "score", "evidence", "baseline", "why", "rerun", "next_step"}], severe first
    background  {"records", "sources", "targets", "services", "share_of_flows", "share_of_contacts", "text"}: the noise of
                the internet, which no finding tells of, and what share of flows was looked at
    suppressed  int: findings that a rule of suppress= took away
    policy      {"used", "never_used", "violations", "violating_records"}, with policy=
    stats       the dict of Stats
    """

    def __init__(self, values: dict[str, Any], stats: _core.Stats, seen: dict[str, Any]) -> None:
        super().__init__(values, stats)
        self._seen = seen
        self._window: tuple[int | None, int | None] = (None, None)

    def baseline(self) -> dict[str, Any]:
        """What was normal in these logs, as save_baseline() writes it."""
        return {"flowlogs_baseline": _BASELINE_VERSION, **self._seen}

    def save_baseline(self, path: Path) -> None:
        """Writes what was normal in these logs, for detect(baseline=path) of later ones."""
        text = json.dumps(self.baseline(), indent=1, sort_keys=True) + "\n"
        temporary = f"{os.fspath(path)}.part"
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)

    def to_table(self) -> _core.Table:
        """The findings as a Table: lists are joined by blanks, evidence is JSON."""
        kinds = [(key, {"records": "int64", "score": "int64", "first_seen": "time", "last_seen": "time"}.get(key, "text"))
                 for key in KEYS]  # fmt: skip
        rows = [
            {**finding, "targets": " ".join(finding["targets"]), "evidence": json.dumps(finding["evidence"])}
            for finding in self["findings"]
        ]
        return _core.Table._from_rows(kinds, rows)

    def worst(self) -> str | None:
        """The greatest severity of all findings."""
        return max((finding["severity"] for finding in self["findings"]), key=SEVERITIES.index, default=None)

    def _lines(self, width: int, style: Style) -> list[str]:
        findings = self["findings"]
        lines = [style.bold(count(len(findings), "finding")) + (f", {self['suppressed']} suppressed" if self["suppressed"] else "")]
        for finding in findings:
            colour = _COLOURS[finding["severity"]]
            lines += [
                "",
                f"{colour(style, finding['severity']):<6}  {style.bold(finding['kind'])}  "
                + shown(" -> ".join([finding["actor"], *_few(finding["targets"])]))
                + (f"  {finding['outcome']}" if finding["outcome"] else ""),
                "  " + shown(finding["why"]),
                style.dim(f"  {style.time(finding['first_seen'])} to {style.time(finding['last_seen'])}, "
                          f"{count(finding['records'], 'record')}, {finding['id']}"),
                "  next: " + finding["next_step"],
                style.dim("  " + shown(finding["rerun"])),
            ]  # fmt: skip
        if "policy" in self:
            policy = self["policy"]
            lines += ["", style.bold("policy") + f": {count(policy['violations'], 'violating flow')}, "
                      f"{count(policy['violating_records'], 'record')}"]  # fmt: skip
            lines += [f"  used   {shown(use['edge'])}  {count(use['records'], 'record')}" for use in policy["used"]]
            lines += [f"  never  {shown(edge)}" for edge in policy["never_used"]]
        background = self["background"]
        lines += ["", cut(background["text"], max(width, 40), style)]
        if background["share_of_flows"] < 1:
            lines.append(f"too many flows for max_flows: of outside clients about {background['share_of_flows']:.2%} were looked at")
        return lines


def _few(targets: list[str]) -> list[str]:
    if not targets:
        return []
    return [targets[0] if len(targets) == 1 else f"{targets[0]} and {len(targets) - 1} more"]


def detect(
    query: _core.Query,
    *,
    baseline: Path | dict[str, Any] | None = None,
    lists: Mapping[str, Path | Iterable[str]] | None = None,
    policy: Path | dict[str, Any] | None = None,
    inventory: Known | None = None,
    suppress: Path | list[dict[str, Any]] | None = None,
    resolvers: Iterable[str] | str = (),
    kinds: Iterable[str] | str = (),
    thresholds: Mapping[str, float] | None = None,
    rerun: list[str] | None = None,
    max_flows: int | None = None,
    max_contacts: int | None = None,
) -> Detections:
    """The Detections of a query's records; Query.detect() tells of the arguments. rerun: the last words of the commands that
    show the evidence; None: the query's sources.
    """
    require_records(query, "detect")
    columns_of(query, "detect", "srcaddr", "dstaddr")
    options: dict[str, Any] = {
        "thresholds": dict(thresholds or {}),
        "kinds": items_of(kinds),
        "lists": {name: values_of(values) for name, values in (lists or {}).items()},
        "resolvers": items_of(resolvers),
        "policy": None if policy is None else read_policy(policy, inventory),
        "baseline": None if baseline is None else read_baseline(baseline),
    }
    if max_flows is not None:
        options["max_flows"] = max_flows
    if max_contacts is not None:
        options["max_contacts"] = max_contacts
    rules = [] if suppress is None else read_suppressions(suppress)
    made, stats = query._detect(options)
    tail = " ".join(shlex.quote(word) for word in (query._sources if rerun is None else rerun))
    findings, suppressed = [], 0
    for finding in made["findings"]:
        where, show = finding.pop("where"), finding.pop("show")
        once = "--once " if finding["direction"] == "internal" and finding["outcome"] != "rejected" else ""
        finding["rerun"] = f"flowlogs query {once}--where {shlex.quote(where)} {show} {tail}"
        if any(_matches(rule, finding) for rule in rules):
            suppressed += 1
        else:
            findings.append({key: finding[key] for key in KEYS})
    values = {"findings": findings, "background": made["background"], "suppressed": suppressed}
    if "policy" in made:
        values["policy"] = made["policy"]
    answer = Detections({**values, "stats": stats.to_dict()}, stats, made["seen"])
    answer._window = made["start"], made["end"]
    query._raise_if_damaged(stats, answer)
    return answer


# ---- Files -----------------------------------------------------------------------------------------------------------


def _load(source: Path, what: str) -> str:
    try:
        with open(os.path.expanduser(os.fspath(source)), encoding="utf-8-sig") as file:
            return file.read()
    except OSError as error:
        raise _core.ArgumentError(f"{what}: {os.fspath(source)}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _core.ArgumentError(f"{what}: {os.fspath(source)}: it is not UTF-8 text") from None


def values_of(values: Path | Iterable[str]) -> list[str]:
    """Values of a list, or those in a file: one a line, with comments from # or ;, or JSON lines with "cidr" (Spamhaus DROP)."""
    if not isinstance(values, (str, os.PathLike)):
        return list(values)
    return parse_values(_load(values, "list"))


def parse_values(text: str) -> list[str]:
    values = []
    for line in text.splitlines():
        if line.lstrip().startswith("{"):
            try:
                value = json.loads(line).get("cidr")  # the last line of Spamhaus' tells of the others
            except ValueError:
                value = line.strip()
        else:
            value = re.sub(r"(^|\s)[#;].*", "", line).strip()
        if value:
            values.append(value)
    return values


def read_baseline(source: Path | dict[str, Any]) -> dict[str, Any]:
    name = "given"
    if not isinstance(source, dict):
        name = os.path.basename(os.fspath(source))
        try:
            source = json.loads(_load(source, "baseline"))
        except ValueError as error:
            raise _core.ArgumentError(f"baseline: {name}: it is not JSON: {error}") from None
    if not isinstance(source, dict) or source.get("flowlogs_baseline") != _BASELINE_VERSION:
        raise _core.ArgumentError(f"baseline: {name}: it is no baseline; `flowlogs detect --save-baseline FILE` writes one")
    missing = [key for key in ("start", "end", "hosts", "protocols", "admin_pairs") if key not in source]
    if missing:
        raise _core.ArgumentError(f"baseline: {name}: it has no {', '.join(missing)}")
    return {**source, "name": name}


_EDGE = re.compile(r"\s*(\S+)\s*->\s*([^\s:]+)\s*:?\s*(.*?)\s*")
_SERVICE = re.compile(r"(?:(tcp|udp|sctp|any)/)?(\d+)(?:-(\d+))?|(any|tcp|udp|sctp|icmp|ipv6-icmp|gre|esp|ah|[0-9]+)")
_NUMBERS = {"any": -1, "tcp": 6, "udp": 17, "sctp": 132, "icmp": 1, "ipv6-icmp": 58, "gre": 47, "esp": 50, "ah": 51}


def read_policy(source: Path | dict[str, Any], inventory: Known | None = None) -> dict[str, Any]:
    """{"zones": {name: [prefix]}, "allow": ["web -> db tcp/5432"]} as the engine takes it; a file is JSON or lines such as
    `zone web 10.0.1.0/24` and `allow web -> db tcp/5432`.
    """
    name = "policy"
    if not isinstance(source, dict):
        name = f"policy: {os.fspath(source)}"
        text = _load(source, "policy")
        source = json.loads(text) if text.lstrip().startswith("{") else _policy_of_lines(text, name)
    zones = {zone: [prefixes] if isinstance(prefixes, str) else list(prefixes) for zone, prefixes in source.get("zones", {}).items()}
    if not zones:
        raise _core.ArgumentError(f"{name}: it has no zones")
    zones = {zone: [one for value in values for one in _members(value, inventory, f"{name}: zone {zone}")]
             for zone, values in zones.items()}  # fmt: skip
    edges = []
    for text in source.get("allow", []):
        found = _EDGE.fullmatch(text)
        if not found:
            raise _core.ArgumentError(f"{name}: '{text}' is no edge; it is FROM -> TO SERVICES, as web -> db tcp/5432")
        for zone in found[1], found[2]:
            if zone not in zones and zone not in ("*", "outside"):
                raise _core.ArgumentError(f"{name}: '{text}': no zone is called {zone}; there are {', '.join(zones)}, outside, *")
        for service in re.split(r"[\s,]+", found[3]) if found[3] else ["any"]:
            edges.append((found[1], found[2], *_service(service, text, name), f"{found[1]} -> {found[2]} {service}"))
    return {"zones": zones, "edges": edges}


def _members(value: str, inventory: Known | None, where: str) -> Iterable[str]:
    """Of a zone: a prefix is itself; @NAME and tag:KEY=VALUE are what the inventory knows by them."""
    if not value.startswith(("@", "tag:")):
        return [value]
    if inventory is None:
        raise _core.ArgumentError(f"{where}: {value} is told by an inventory; give one (--inventory DIR)")
    from .inventory import read

    known = read(inventory)
    key, _, text = value[4:].partition("=")
    found = known.sets.get(value[1:]) if value[0] == "@" else known.tagged.get((key, text))
    if not found:
        raise _core.ArgumentError(f"{where}: the inventory knows no address by {value}")
    return found


def _policy_of_lines(text: str, name: str) -> dict[str, Any]:
    zones: dict[str, list[str]] = {}
    allow = []
    for number, line in enumerate(text.splitlines(), 1):
        words = re.sub(r"(^|\s)#.*", "", line).split()
        if not words:
            continue
        if words[0] == "zone" and len(words) > 2:
            zones.setdefault(words[1], []).extend(prefix for word in words[2:] for prefix in word.split(",") if prefix)
        elif words[0] == "allow" and len(words) > 3:
            allow.append(" ".join(words[1:]))
        else:
            raise _core.ArgumentError(f"{name}:{number}: neither `zone NAME PREFIX...` nor `allow FROM -> TO SERVICES`: {line.strip()}")
    return {"zones": zones, "allow": allow}


def _service(text: str, edge: str, name: str) -> tuple[int, int, int]:
    found = _SERVICE.fullmatch(text.lower())
    if found and found[2]:
        first = int(found[2])
        last = int(found[3] or first)
        if first <= last <= 65535:
            return _NUMBERS[found[1] or "any"], first, last
    elif found:
        return _NUMBERS.get(found[4], -1), 0, 65535
    raise _core.ArgumentError(f"{name}: '{edge}': '{text}' is no service; it is tcp/443, udp/8000-8100, icmp, tcp or any")


_MATCHES = ("id", "kind", "severity", "direction", "outcome", "actor", "target", "interface")


def read_suppressions(source: Path | list[dict[str, Any]]) -> list[dict[str, Any]]:
    """[{"match": {"kind": "port-scan", "actor": "192.0.2.0/24"}, "reason": "our scanner", "expires": "2027-01-01"}], or a file
    of that in JSON. Rules whose time is over are left out.
    """
    name = "suppress"
    given: Any = source
    if not isinstance(source, list):
        name = f"suppress: {os.fspath(source)}"
        try:
            given = json.loads(_load(source, "suppress"))
        except ValueError as error:
            raise _core.ArgumentError(f"{name}: it is not JSON: {error}") from None
    rules = []
    for number, rule in enumerate(given if isinstance(given, list) else [given], 1):
        match = rule.get("match") if isinstance(rule, dict) else None
        if not isinstance(match, dict) or not match or not rule.get("reason") or not rule.get("expires"):
            raise _core.ArgumentError(f'{name}: rule {number}: it needs "match", "reason" and "expires"')
        for key in match:
            if key not in _MATCHES:
                raise _core.ArgumentError(f"{name}: rule {number}: nothing is matched by {key}; there are {', '.join(_MATCHES)}")
        if _expiry(rule["expires"], f"{name}: rule {number}") > time.time():
            rules.append({key: _matcher(key, value, f"{name}: rule {number}") for key, value in match.items()})
    return rules


def _expiry(text: Any, what: str) -> float:
    from .windows import parse_time

    try:
        return float(parse_time(str(text)))
    except _core.Error as error:
        raise _core.ArgumentError(f'{what}: "expires": {error}') from None


def _matcher(key: str, value: Any, what: str) -> Any:
    """A set of texts, or networks for actors and targets."""
    values = value if isinstance(value, list) else [value]
    if key not in ("actor", "target"):
        return {str(one) for one in values}
    made: list[Any] = []
    for one in values:
        try:
            made.append(network_of(str(one)))
        except ValueError as error:
            if "/" in str(one):
                raise _core.ArgumentError(f"{what}: {key}: {error}") from None
            made.append(str(one))  # an interface
    return made


def _matches(rule: dict[str, Any], finding: dict[str, Any]) -> bool:
    for key, wanted in rule.items():
        if key == "actor":
            if not _is_in(finding["actor"], wanted):
                return False
        elif key == "target":
            # Every target: a rule for one host does not hide what was done to others.
            if not finding["targets"] or not all(_is_in(target, wanted) for target in finding["targets"]):
                return False
        elif str(finding[key]) not in wanted:
            return False
    return True


def _is_in(text: str, wanted: list[Any]) -> bool:
    import ipaddress

    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text in wanted
    return any(not isinstance(one, str) and address.version == one.version and address in one for one in wanted)
