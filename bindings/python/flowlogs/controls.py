"""Which controls of which frameworks flow logs support, and how each is judged from the facts of an audit.

A framework's controls are data: number, title in our own words, what of it flow logs can support, which check judges it,
and where the number was looked up. No status says that anybody complies with anything: PASS says that what flow logs can
show of the control was shown, FAIL that the opposite was, WARN that something needs a look, MANUAL that it cannot be known
from what was given, with what to do.
"""

from __future__ import annotations

from ._text import count, iso_time, percent, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Callable

STATUSES = ("FAIL", "WARN", "MANUAL", "PASS")

# Where people administer machines: telnet, SSH, RDP, VNC, WinRM, Docker, radmin; those of lib/insight/ports.h.
ADMIN_PORTS = (22, 23, 2222, 2375, 2376, 3389, 4899, 5900, 5901, 5902, 5903, 5985, 5986)
# Those that the CIS benchmark names.
_CIS_PORTS = (22, 3389)

FRAMEWORKS = {
    "cis-aws": "CIS AWS Foundations Benchmark v5.0.0",
    "pci-dss-4": "PCI DSS v4.0",
    "soc2": "SOC 2, Trust Services Criteria of 2017",
}

_SECURITY_HUB = "AWS Security Hub user guide, control {}, related requirements"
_PCI = "the requirement's text as others quote it; PCI SSC's own document was not seen"
_SOC = "the criterion as Prowler's soc2_aws.json quotes it; AICPA's own document was not seen"

# framework, number, title, what flow logs support of it, check, where it was looked up.
CONTROLS: tuple[tuple[str, str, str, str, str, str], ...] = (
    ("cis-aws", "3.7", "Flow logs are on in every VPC",
     "each VPC has an active flow log that holds rejected traffic, and it delivers", "vpcs", _SECURITY_HUB.format("EC2.6")),
    ("cis-aws", "5.2", "No network ACL admits everybody to administration ports",
     "no entry of an ACL admits 0.0.0.0/0 or ::/0 to SSH or RDP; whether any address outside was answered there", "acls",
     _SECURITY_HUB.format("EC2.21")),
    ("cis-aws", "5.3", "No security group admits every IPv4 address to administration ports",
     "no rule of a group admits 0.0.0.0/0 to SSH or RDP; whether any address outside was answered there", "groups4",
     "Prowler's cis_5.0_aws.json; CIS's own document was not seen"),
    ("cis-aws", "5.4", "No security group admits every IPv6 address to administration ports",
     "no rule of a group admits ::/0 to SSH or RDP; whether any address outside was answered there", "groups6",
     "Prowler's cis_5.0_aws.json; CIS's own document was not seen"),
    ("pci-dss-4", "1.2.5", "Services, protocols and ports in use are known and approved",
     "the list of services on which public addresses were answered, to be compared with the approved one", "services", _PCI),
    ("pci-dss-4", "1.3.1", "Traffic into the cardholder environment is only what is necessary",
     "no public address was answered on an administration port", "admin", _SECURITY_HUB.format("EC2.13, EC2.14, EC2.21") + " (v4.0.1)"),
    ("pci-dss-4", "1.4.2", "From untrusted networks only published services are reached",
     "no public address was answered on an administration port", "admin", _PCI),
    ("pci-dss-4", "10.2.1", "Logs are on and active for all components",
     "interfaces write flow log records, all the time", "coverage", _PCI),
    ("pci-dss-4", "10.2.2", "Entries tell when, what, whence, on which resource, and whether it succeeded",
     "the format has the fields for time, source, destination, resource and outcome; users are not in flow logs", "fields", _PCI),
    ("pci-dss-4", "10.3.2", "Log files cannot be modified by individuals",
     "the bucket's Object Lock and versioning", "lock", _PCI),
    ("pci-dss-4", "10.4.1", "Logs are reviewed every day",
     "nothing: a review is what people and their tools do", "review", _PCI),
    ("pci-dss-4", "10.5.1", "Logs are kept for 12 months, the last 3 at hand",
     "the oldest record was read; how bucket or log group expire what they hold", "retention",
     _SECURITY_HUB.format("S3.15") + " (v4.0.1); the requirement's text as others quote it"),
    ("pci-dss-4", "10.7.2", "Failures of logging are detected and dealt with",
     "times without records, and flows that AWS skipped", "loss", _PCI),
    ("soc2", "CC6.6", "Access from outside the boundaries is restricted",
     "no public address was answered on an administration port", "admin", _SOC),
    ("soc2", "CC6.7", "Data is protected while it is transmitted",
     "whether packets within the network were encrypted, where encryption-status is in the format", "encryption", _SOC),
    ("soc2", "CC7.2", "Components are monitored for anomalies",
     "the records that monitoring needs are there, all the time", "coverage", _SOC),
)  # fmt: skip

def judge(facts: dict[str, Any], frameworks: Iterable[str]) -> list[dict[str, Any]]:
    """The controls of the frameworks, each with its status and why. facts: the keys of an Audit, but controls."""
    judged = []
    for framework, number, title, supports, check, source in CONTROLS:
        if framework in frameworks:
            status, why, next_step = _CHECKS[check](facts)
            judged.append(
                {"framework": framework, "control": number, "title": title, "status": status, "why": why,
                 "next_step": next_step, "supports": supports, "check": check, "source": source}
            )  # fmt: skip
    return judged


def _names(values: Iterable[Any], most: int = 5) -> str:
    values = list(values)
    return ", ".join(shown(str(value)) for value in values[:most]) + (f" and {len(values) - most:,} more" if len(values) > most else "")


# ---- What is logged --------------------------------------------------------------------------------------------------

_GIVE = "give --inventory DIR (of `flowlogs aws inventory`), or --profile and --region"


def _known(facts: dict[str, Any], *kinds: str) -> str | None:
    """Why these kinds of resources are not known; None if they are."""
    for kind in kinds:
        if kind not in facts["population"]["lists"]:
            told = facts["population"]["missing"].get(kind)
            return f"it is not known: {told}" if told else "flow logs do not tell what is configured"
    return None


def _whence(facts: dict[str, Any], kind: str) -> str:
    """Which call told of the population, of what, and when."""
    return "; ".join(
        f"{one['call']} of {one['account']} in {one['region']}, {iso_time(one['time'])}" for one in facts["population"]["lists"][kind]
    )


def _vpcs(facts: dict[str, Any]) -> tuple[str, str, str]:
    unknown = _known(facts, "flow-logs", "vpcs")
    if unknown:
        return "MANUAL", unknown, _GIVE
    vpcs = facts["population"]["vpcs"]
    where = f"({_whence(facts, 'vpcs')})"
    bare = [vpc["id"] for vpc in vpcs if not vpc["flow_logs"]]
    failing = [vpc["id"] for vpc in vpcs if vpc["flow_logs"] and not vpc["delivers"]]
    partly = [vpc["id"] for vpc in vpcs if vpc["delivers"] and vpc["traffic"] == "ACCEPT"]
    if bare or failing:
        parts = [f"{_names(bare)} without a flow log of the VPC" if bare else "", f"{_names(failing)} with one that does not deliver" if failing else ""]
        return ("FAIL", f"of {count(len(vpcs), 'VPC')}: " + "; ".join(part for part in parts if part) + f" {where}",
                "`flowlogs aws enable --vpc ID --to ...`; `flowlogs aws status` tells why one does not deliver")  # fmt: skip
    if partly:
        return "WARN", f"{_names(partly)}: only accepted traffic is logged {where}", "make a flow log of all traffic"
    if not vpcs:
        return "MANUAL", f"there is no VPC {where}", "name the region and account that are meant"
    return "PASS", f"{count(len(vpcs), 'VPC')}, each with a flow log that delivers {where}", ""


def _coverage(facts: dict[str, Any]) -> tuple[str, str, str]:
    coverage, population = facts["coverage"], facts["population"]
    if not facts["period"]["records"]:
        return "MANUAL", "no record was read", "name the files, bucket or log group of the period"
    if coverage is None:
        return "MANUAL", "no input has start: times without records cannot be told", "add start and end to the format"
    bare, silent = population["not_logged"], population["silent"]
    if bare:
        return "FAIL", f"{count(len(bare), 'interface')} in use without a flow log: {_names(bare)} ({_whence(facts, 'network-interfaces')})", \
            "`flowlogs aws enable --vpc ID --to ...`"  # fmt: skip
    if coverage["log_gaps"]:
        return "FAIL", f"no interface has a record, not even NODATA: {_spans(coverage['log_gaps'])}", \
            "look in CloudTrail for DeleteFlowLogs, in `flowlogs aws status` for errors, and whether all files were read"  # fmt: skip
    if coverage["gaps_total"]:
        return "WARN", (f"{count(coverage['gaps_total'], 'gap')} at {count(coverage['interfaces_with_gaps'], 'interface')}: "
                        f"{_spans(coverage['gaps'])}; an instance that was stopped looks the same"), \
            "compare with what was stopped or detached then (CloudTrail: StopInstances, DetachNetworkInterface)"  # fmt: skip
    if silent:
        return "WARN", f"{count(len(silent), 'interface')} in use and logged, without a record in what was read: {_names(silent)}", \
            "see whether their records are in another bucket or log group"  # fmt: skip
    if coverage["interfaces_total"] is None:
        return "MANUAL", "no input has interface-id: only the log as a whole has no gap", "add interface-id to the format"
    text = f"{count(coverage['interfaces_total'], 'interface')} without a gap of more than {coverage['longest_silence'] // 60} min between first and last record"
    if population["source"] == "records":
        return "MANUAL", f"{text}; which interfaces there should be, the records do not tell", _GIVE
    return "PASS", f"{text}; all of {population['interfaces']:,} in use have records ({_whence(facts, 'network-interfaces')})", ""


def _spans(gaps: list[dict[str, Any]]) -> str:
    told = [
        (f"{shown(gap['interface'])} " if gap.get("interface") else "") + f"{iso_time(gap['start'])} to {iso_time(gap['end'])}"
        for gap in gaps[:3]
    ]
    return "; ".join(told) + (f"; and {len(gaps) - 3:,} more" if len(gaps) > 3 else "")


def _loss(facts: dict[str, Any]) -> tuple[str, str, str]:
    skip, coverage = facts["skipdata"], facts["coverage"]
    if not facts["period"]["records"]:
        return "MANUAL", "no record was read", "name the files, bucket or log group of the period"
    if skip is None or coverage is None:
        return "MANUAL", "no input has log-status and start: what AWS skipped cannot be told", "add log-status, start and end to the format"
    parts = []
    if skip["records"]:
        parts.append(f"{skip['records']:,} SKIPDATA of {count(facts['period']['records'], 'record')} ({percent(skip['records'], facts['period']['records'])})")
    if coverage["log_gaps"]:
        parts.append(f"no record at all: {_spans(coverage['log_gaps'])}")
    if coverage["gaps_total"]:
        parts.append(f"{count(coverage['gaps_total'], 'gap')} at {count(coverage['interfaces_with_gaps'], 'interface')}")
    if parts:
        failed = skip["share"] >= facts["thresholds"]["skipdata_share"] or bool(coverage["log_gaps"])
        return ("FAIL" if failed else "WARN"), "; ".join(parts), "show when each was noticed and what was done; `flowlogs detect --follow` tells of new ones"
    return "MANUAL", "none in these records; that one would be noticed is not in flow logs", \
        "show the alarm: `flowlogs detect --follow --notify ...` tells logging-gap and data-loss"  # fmt: skip


def _fields(facts: dict[str, Any]) -> tuple[str, str, str]:
    lacking = [field for field in ("start", "srcaddr", "dstaddr", "action", "interface-id") if field not in facts["fields"]]
    if not facts["period"]["records"]:
        return "MANUAL", "no record was read", "name the files, bucket or log group of the period"
    if lacking:
        return "WARN", f"no input has {', '.join(lacking)}", "make the flow log again with them: `flowlogs aws enable --format recommended`"
    actions = facts["actions"]
    absent = [action for action in ("ACCEPT", "REJECT") if not actions.get(action)]
    if absent:
        return "MANUAL", f"no record is {' or '.join(absent)}: is it what happened, or what is logged?", "see that the flow log's traffic type is ALL"
    return "PASS", "time, source, destination, interface and outcome are in the records", ""


# ---- Who got in ------------------------------------------------------------------------------------------------------


def _admin(
    facts: dict[str, Any], ports: tuple[int, ...] = ADMIN_PORTS, wanted: Callable[[dict[str, Any]], bool] = lambda row: True
) -> tuple[str, str, str]:
    admin = facts["admin"]
    if admin is None:
        return "MANUAL", "no input has addresses, ports and protocol", "add srcaddr, dstaddr, srcport, dstport, protocol and action to the format"
    found = [row for row in admin["exposed"] if row["port"] in ports and wanted(row)]
    if found:
        told = [f"{row['server']} port {row['port']} answered {count(row['clients'], 'public address', 'public addresses')}" for row in found]
        return "FAIL", f"{_names(told, 3)}", \
            "close the port to the internet, or name the networks that may: --allow CIDR"  # fmt: skip
    if not facts["actions"].get("ACCEPT"):
        return "MANUAL", "no record is ACCEPT: who was let in is not in these records", "read the log of accepted traffic too"
    none = f"no public address was answered on an administration port in {count(facts['period']['records'], 'record')}"
    if admin["allowed_clients"]:
        none += f", but for {count(admin['allowed_clients'], 'address', 'addresses')} of --allow"
    coverage, seconds = facts["coverage"], facts["thresholds"]["least_seconds"]
    if coverage is None or coverage["log_gaps"] or coverage["gaps_total"] or (facts["skipdata"] or {}).get("records"):
        return "MANUAL", f"{none}, which are not complete", "see the gaps and SKIPDATA of this report"
    if facts["period"]["end"] - facts["period"]["start"] < seconds:
        return "MANUAL", f"{none}, of less than {seconds // 3600} h", "audit a longer time"
    if facts["population"]["source"] == "records" or facts["population"]["not_logged"] or facts["population"]["silent"]:
        return "MANUAL", f"{none}; whether these are of all interfaces, {'the records do not tell' if facts['population']['source'] == 'records' else 'see population'}", _GIVE
    return "PASS", f"{none}, of all {facts['population']['interfaces']:,} interfaces ({_whence(facts, 'network-interfaces')})", ""


def _groups(family: str) -> Callable[[dict[str, Any]], tuple[str, str, str]]:
    def check(facts: dict[str, Any]) -> tuple[str, str, str]:
        if family == "6":
            return _rules(facts, "security-groups", lambda row: row["cidr"] == "::/0", lambda row: row["ipv6_clients"] > 0)
        return _rules(facts, "security-groups", lambda row: row["cidr"] == "0.0.0.0/0", lambda row: row["clients"] > row["ipv6_clients"])

    return check


def _rules(
    facts: dict[str, Any], kind: str, wanted: Callable[[dict[str, Any]], bool], seen: Callable[[dict[str, Any]], bool]
) -> tuple[str, str, str]:
    """wanted: of the rules that admit everybody; seen: of the servers that answered."""
    unknown = _known(facts, kind)
    if unknown:
        status, why, next_step = _admin(facts, _CIS_PORTS, seen)
        if status == "FAIL":
            return "WARN", f"{why}; by which rule, the records do not tell", _GIVE
        return "MANUAL", unknown, _GIVE
    found = [row for row in facts["population"]["open"] if row["kind"] == kind and wanted(row)]
    where = f"({_whence(facts, kind)})"
    real = [row for row in found if not row["default"]]
    if real:
        return "FAIL", f"{_names(f'''{row['id']} admits {row['cidr']} to port {row['port']}''' for row in real)} {where}", "narrow the rule"
    number = sum(one["items"] for one in facts["population"]["lists"][kind])
    if found:
        return "WARN", f"only default ones admit everybody: {_names(sorted({row['id'] for row in found}))} {where}", \
            "narrow them, or see that the security groups do"  # fmt: skip
    return "PASS", f"none of {number:,} admits everybody to port {' or '.join(map(str, _CIS_PORTS))} {where}", ""


def _acls(facts: dict[str, Any]) -> tuple[str, str, str]:
    return _rules(facts, "network-acls", lambda row: True, lambda row: True)


def _services(facts: dict[str, Any]) -> tuple[str, str, str]:
    services = facts["public_services"]
    if services is None:
        return "MANUAL", "no input has addresses, ports and protocol", "add them to the format"
    if not services:
        return "MANUAL", "no public address was let in in these records; what may be used is not in flow logs", "compare with the approved list"
    told = [f"{row['service'] or '-'} ({count(row['servers'], 'server')})" for row in services]
    return "MANUAL", f"public addresses were let in to {_names(told, 8)}", "compare with the approved list; `flowlogs detect --policy FILE` does it by machine"


# ---- How the logs are kept -------------------------------------------------------------------------------------------


def _value(place: dict[str, Any], name: str) -> Any:
    return place["facts"].get(name, {}).get("value")


def _errors(places: list[dict[str, Any]], *names: str) -> str:
    return "; ".join(f"{place['place']}: {place['facts'][name]['error']}" for place in places for name in names
                     if place["facts"].get(name, {}).get("error"))  # fmt: skip


def _lock(facts: dict[str, Any]) -> tuple[str, str, str]:
    places = facts["places"]
    buckets = [place for place in places if place["kind"] == "s3"]
    if not places:
        return "MANUAL", "the files were read from a disk: how the place that holds the logs protects them is not known", \
            "audit s3://BUCKET/PREFIX itself"  # fmt: skip
    told = _errors(buckets, "versioning", "object_lock")
    if told:
        return "MANUAL", told, "allow s3:GetBucketVersioning and s3:GetBucketObjectLockConfiguration"
    groups = [place["place"] for place in places if place["kind"] == "cloudwatch"]
    status, parts, next_steps = [], [], []
    for place in buckets:
        lock, versioning = _value(place, "object_lock"), _value(place, "versioning")
        call = f"s3:GetObjectLockConfiguration, {iso_time(place['facts']['object_lock']['time'])}"
        if lock and lock.get("mode") == "COMPLIANCE":
            status.append("PASS")
            parts.append(f"{place['place']}: Object Lock, COMPLIANCE for {count(lock['days'], 'day')} ({call})")
        elif lock:
            status.append("WARN")
            how = f"{lock['mode']} for {count(lock['days'], 'day')}, which who may bypass it can" if lock.get("mode") else "without a default: each object needs its own"
            parts.append(f"{place['place']}: Object Lock, {how} ({call})")
            next_steps.append("set a default retention in COMPLIANCE mode")
        elif versioning == "Enabled":
            status.append("WARN")
            parts.append(f"{place['place']}: versioning without Object Lock: versions can be deleted ({call})")
            next_steps.append("set Object Lock")
        else:
            status.append("FAIL")
            parts.append(f"{place['place']}: neither Object Lock nor versioning ({call})")
            next_steps.append("set versioning and Object Lock on the bucket")
    if groups:
        status.append("MANUAL")
        parts.append(f"{_names(groups)}: events of CloudWatch Logs cannot be changed, but groups and streams be deleted")
        next_steps.append("show who may call logs:DeleteLogGroup, logs:DeleteLogStream and logs:PutRetentionPolicy")
    return min(status, key=STATUSES.index), "; ".join(parts), "; ".join(dict.fromkeys(next_steps))


def _retention(facts: dict[str, Any]) -> tuple[str, str, str]:
    retention = facts["retention"]
    oldest = retention["oldest"] if retention else None
    if oldest is None:
        return "MANUAL", "no record with a time was read", "read the whole bucket or log group"
    wanted, at_hand = facts["thresholds"]["retention_days"], facts["thresholds"]["at_hand_days"]
    read = f"the oldest record read is of {iso_time(oldest['time'])}, {oldest['age_days']:,} days old ({shown(oldest['source'] or '-')})"
    short: list[str] = []
    slow: list[str] = []
    unknown: list[str] = []
    kept: list[str] = []
    for place in facts["places"]:
        told = _errors([place], "retention", "lifecycle")
        if told:
            unknown.append(told)
            continue
        days = place["keeps_days"]
        (short if days is not None and days < wanted else kept).append(
            f"{place['place']} keeps them for {'ever' if days is None else count(days, 'day')}"
        )
        if place["cold_after_days"] is not None and place["cold_after_days"] < at_hand:
            slow.append(f"{place['place']} moves them into an archive after {count(place['cold_after_days'], 'day')}")
    if short:
        return "FAIL", f"{'; '.join(short)}, which is less than {wanted}; {read}", "lengthen the lifecycle rule or retention"
    if unknown:
        return "MANUAL", f"{'; '.join(unknown)}; {read}", "allow the call, then run it again"
    if not facts["places"]:
        return "MANUAL", f"{read}; it was read from a disk: how long the place that holds the logs keeps them is not known", \
            "audit s3://... or cloudwatch://... itself"  # fmt: skip
    if slow:
        return "WARN", f"{'; '.join(slow)}, which is less than {at_hand}; {read}", "move them later"
    if oldest["age_days"] < wanted:
        return "WARN", f"{'; '.join(kept)}; {read}: a record of {wanted} days ago was not read", \
            "read from the beginning (without --since), or say since when there is a flow log"  # fmt: skip
    missing = at_hand - retention["days_with_records_at_hand"]
    if missing > 1:  # today is not over
        return "WARN", f"{'; '.join(kept)}; {read}; of the last {at_hand} days {missing} have no record in what was read", "read up to today"
    return "PASS", f"{'; '.join(kept)}; {read}; records of each of the last {at_hand} days were read", ""


def _encryption(facts: dict[str, Any]) -> tuple[str, str, str]:
    encryption = facts["encryption"]
    if encryption is None:
        return "MANUAL", "no input has encryption-status", "set VPC Encryption Controls to monitor, and add encryption-status to the format"
    if not encryption["known"]:
        return "MANUAL", "encryption-status is missing in all records: VPC Encryption Controls are off", "set them to monitor"
    if encryption["not_encrypted"]:
        return "WARN", f"{encryption['not_encrypted']:,} of {count(encryption['known'], 'record')} with a status were not encrypted by Nitro or a TLS endpoint of AWS", \
            "`flowlogs query --where 'encryption-status = 0' --group-by srcaddr,dstaddr,dstport` tells which; an application may encrypt by itself"  # fmt: skip
    if encryption["unknown"]:
        return "WARN", f"of {count(encryption['unknown'], 'record')} the status is not known; all others were encrypted", "see which interfaces write none"
    return "PASS", f"all of {count(encryption['known'], 'record')} were encrypted", ""


def _review(facts: dict[str, Any]) -> tuple[str, str, str]:
    return "MANUAL", "that somebody looks every day is not in flow logs", "show it; `flowlogs detect` each day, or --follow, does the looking"


_CHECKS: dict[str, Callable[[dict[str, Any]], tuple[str, str, str]]] = {
    "vpcs": _vpcs,
    "acls": _acls,
    "groups4": _groups("4"),
    "groups6": _groups("6"),
    "services": _services,
    "admin": _admin,
    "coverage": _coverage,
    "fields": _fields,
    "lock": _lock,
    "review": _review,
    "retention": _retention,
    "loss": _loss,
    "encryption": _encryption,
}
