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
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, Union

    from .inventory import Known

    Path = Union[str, "os.PathLike[str]"]

SEVERITIES = ("low", "medium", "high")
# The keys of a finding (CONTRACT I1), in order.
KEYS = (
    "id", "kind", "severity", "direction", "outcome", "actor", "targets", "interface", "technique", "first_seen", "last_seen",
    "records", "score", "evidence", "baseline", "why", "rerun", "next_step",
)  # fmt: skip
DIRECTIONS = ("inbound", "outbound", "internal")
OUTCOMES = ("rejected", "unanswered", "answered", "payload")
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
    show the evidence; None: the query's filters and sources.
    """
    require_records(query, "detect")
    columns_of(query, "detect", "srcaddr", "dstaddr", "start")
    lists = lists or {}
    options: dict[str, Any] = {
        "thresholds": {name: _number(value, f"threshold {name}") for name, value in (thresholds or {}).items()},
        "kinds": items_of(kinds),
        "lists": {name: [_prefix(value, f"list {name}") for value in values_of(lists[name])] for name in lists},
        "resolvers": [_prefix(value, "resolvers") for value in items_of(resolvers)],
        "policy": None if policy is None else read_policy(policy, inventory),
        "baseline": None if baseline is None else read_baseline(baseline),
    }
    for name, most in (("max_flows", max_flows), ("max_contacts", max_contacts)):
        if most is not None:
            if not _is_count(most) or most == 0:
                raise _core.ArgumentError(f"detect: {name}: {most!r} is no number from 1")
            options[name] = most
    rules = [] if suppress is None else read_suppressions(suppress)
    made, stats = query._detect(options)
    tail = " ".join(shlex.quote(word) for word in (_files_of(query, stats) if rerun is None else rerun))
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


def _files_of(query: _core.Query, stats: _core.Stats) -> list[str]:
    """The sources as FILES of a command: bytes and the like, which have no name there, are given as standard input. Before
    them the query's filters, and the format, where the inputs do not tell it.
    """
    names = ["-" if re.fullmatch(r"<\w+>", name) else name for name in query._sources]
    words = ["--"] if any(name[:1] == "-" and name != "-" for name in names) else []
    if len(stats.formats) == 1 and not stats.headers and not any(name.endswith(".parquet") for name in names):
        fields = stats.formats[0]["fields"]
        if all(fields != list(known.fields) for known in (_core.Format.default(), _core.Format.transit_gateway())):
            words = ["--format", " ".join(fields), *words]
    filters = [word for text in query._filters for word in ("--where", text)]
    return [*filters, *words, *names]


# ---- Files -----------------------------------------------------------------------------------------------------------


def _load(source: Path, what: str) -> str:
    try:
        with open(os.path.expanduser(os.fspath(source)), encoding="utf-8-sig") as file:
            return file.read()
    except OSError as error:
        raise _core.ArgumentError(f"{what}: {os.fspath(source)}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _core.ArgumentError(f"{what}: {os.fspath(source)}: it is not UTF-8 text") from None


def _json(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise _core.ArgumentError(f"{name}: it is not JSON: {error}") from None


def _number(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _core.ArgumentError(f"{what}: {value!r} is no number")
    return float(value)


def _prefix(value: Any, where: str) -> str:
    """Of an address or a prefix."""
    if not isinstance(value, str):
        raise _core.ArgumentError(f"{where}: {value!r} is no address or prefix")
    try:
        return str(network_of(value))
    except ValueError as error:
        raise _core.ArgumentError(f"{where}: {error}") from None


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
                value = None if value is None else str(value)
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
        source = _json(_load(source, "baseline"), f"baseline: {name}")
    if not isinstance(source, dict) or "flowlogs_baseline" not in source:
        raise _core.ArgumentError(f"baseline: {name}: it is no baseline; `flowlogs detect --save-baseline FILE` writes one")
    if source["flowlogs_baseline"] != _BASELINE_VERSION:
        raise _core.ArgumentError(
            f"baseline: {name}: it is of version {source['flowlogs_baseline']}, and this flowlogs reads version "
            f"{_BASELINE_VERSION}; write it anew with `flowlogs detect --save-baseline FILE`"
        )
    missing = [key for key in ("start", "end", "hosts", "protocols", "admin_pairs") if key not in source]
    if missing:
        raise _core.ArgumentError(f"baseline: {name}: it has no {', '.join(missing)}")
    wrong = [key for key, is_right in _BASELINE.items() if key in source and not is_right(source[key])]
    if wrong:
        raise _core.ArgumentError(
            f"baseline: {name}: {', '.join(wrong)}: not as `flowlogs detect --save-baseline FILE` writes it"
        )
    return {**source, "name": name}


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _is_host(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and _is_count(value.get("hours"))
        and _is_count(value.get("max_out_bytes"))
        and isinstance(value.get("by_hour"), dict)
        and all(hour in _HOURS and _is_count(number) for hour, number in value["by_hour"].items())
    )


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


_HOURS = {str(hour) for hour in range(24)}
_BASELINE: dict[str, Callable[[Any], bool]] = {
    "start": _is_count,
    "end": _is_count,
    "hosts": lambda value: isinstance(value, dict) and all(map(_is_host, value.values())),
    "interfaces": lambda value: isinstance(value, dict) and all(map(_is_count, value.values())),
    "protocols": _are_texts,
    "admin_pairs": _are_texts,
}


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
        source = _json(text, name) if text.lstrip()[:1] in ("{", "[") else _policy_of_lines(text, name)
    zones, allow = _policy_parts(source, name)
    zones = {zone: [one for value in values for one in _members(value, inventory, f"{name}: zone {zone}")]
             for zone, values in zones.items()}  # fmt: skip
    edges = []
    for text in allow:
        found = _EDGE.fullmatch(text)
        if not found:
            raise _core.ArgumentError(f"{name}: '{text}' is no edge; it is FROM -> TO SERVICES, as web -> db tcp/5432")
        for zone in found[1], found[2]:
            if zone not in zones and zone not in ("*", "outside"):
                raise _core.ArgumentError(f"{name}: '{text}': no zone is called {zone}; there are {', '.join(zones)}, outside, *")
        for service in re.split(r"[\s,]+", found[3]) if found[3] else ["any"]:
            edges.append((found[1], found[2], *_service(service, text, name), f"{found[1]} -> {found[2]} {service}"))
    return {"zones": zones, "edges": edges}


def _policy_parts(source: Any, name: str) -> tuple[dict[str, list[str]], list[str]]:
    """The zones and the edges of a policy, which are what they should be."""
    if not isinstance(source, dict) or not isinstance(source.get("zones"), dict) or not source["zones"]:
        raise _core.ArgumentError(
            f'{name}: it has no zones; they are {{"zones": {{"web": ["10.0.1.0/24"]}}}}, or lines `zone NAME PREFIX...`'
        )
    for key in source:
        if key not in ("zones", "allow"):
            raise _core.ArgumentError(f"{name}: it has {key}; there are zones and allow")
    zones: dict[str, list[str]] = {}
    zone_of: dict[str, str] = {}
    for zone, given in source["zones"].items():
        if zone in ("*", "outside") or not re.fullmatch(r"[^\s:,]+", zone):
            raise _core.ArgumentError(
                f"{name}: no zone can be called '{zone}': outside is what is in no zone, * any; blanks, : and , end a name"
            )
        values = zones[zone] = [given] if isinstance(given, str) else given
        if not _are_texts(values):
            raise _core.ArgumentError(
                f"{name}: zone {zone}: it is a list of prefixes, @NAME and tag:KEY=VALUE, as texts"
            )
        for value in values:
            other = zone_of.setdefault(value, zone)
            if other != zone:
                raise _core.ArgumentError(f"{name}: {value} is in two zones, {other} and {zone}")
    allow = source.get("allow", [])
    allow = [allow] if isinstance(allow, str) else allow
    if not _are_texts(allow):
        raise _core.ArgumentError(f'{name}: allow: it is a list of texts, as "web -> db tcp/5432"')
    return zones, allow


def _members(value: str, inventory: Known | None, where: str) -> Iterable[str]:
    """Of a zone: a prefix is itself; @NAME and tag:KEY=VALUE are what the inventory knows by them."""
    if not value.startswith(("@", "tag:")):
        return [_prefix(value, where)]
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
        elif words[0] == "allow" and len(words) > 1 and _EDGE.fullmatch(" ".join(words[1:])):
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
    if isinstance(source, (str, os.PathLike)):
        name = f"suppress: {os.fspath(source)}"
        given = _json(_load(source, "suppress"), name)
    rules = []
    for number, rule in enumerate(given if isinstance(given, list) else [given], 1):
        where = f"{name}: rule {number}"
        match = rule.get("match") if isinstance(rule, dict) else None
        if not isinstance(match, dict) or not match or not rule.get("reason") or not rule.get("expires"):
            raise _core.ArgumentError(f'{where}: it needs "match", "reason" and "expires"')
        for key in match:
            if key not in _MATCHES:
                raise _core.ArgumentError(f"{where}: nothing is matched by {key}; there are {', '.join(_MATCHES)}")
        made = {key: _matcher(key, value, f"{where}: {key}") for key, value in match.items()}
        if _expiry(rule["expires"], where) > time.time():
            rules.append(made)
    return rules


def _expiry(text: Any, what: str) -> float:
    from .windows import parse_time

    # What parse_time() knows of times ago is nothing that expires.
    if not isinstance(text, (str, int)) or isinstance(text, bool) or not re.match(r"\s*\d{4}(?!\d*[smhd])", str(text)):
        raise _core.ArgumentError(
            f'{what}: "expires": {text!r} is no time; write 2027-01-01, 2027-01-01T12:00:00Z, or seconds since 1970'
        )
    try:
        return float(parse_time(str(text)))
    except _core.Error as error:
        raise _core.ArgumentError(f'{what}: "expires": {error}') from None


def _matcher(key: str, value: Any, what: str) -> Any:
    """A set of texts, or networks for actors and targets."""
    values = value if isinstance(value, list) else [value]
    if not values or not _are_texts(values):
        raise _core.ArgumentError(f"{what}: it is a text, or a list of texts")
    if key not in ("actor", "target"):
        known = {"kind": _core._kinds(), "severity": SEVERITIES, "direction": DIRECTIONS, "outcome": OUTCOMES}.get(key)
        for one in values:
            if known is not None and one not in known:
                raise _core.ArgumentError(f"{what}: there is no '{one}'; there are {', '.join(known)}")
        return set(values)
    made: list[Any] = []
    for one in values:
        try:
            made.append(network_of(one))
        except ValueError as error:
            if re.fullmatch(r"[0-9.]+|[0-9a-fA-F]*:[0-9a-fA-F:.]*|.*/.*", one):
                raise _core.ArgumentError(f"{what}: {error}") from None
            made.append(one)  # an interface
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
