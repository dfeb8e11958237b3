"""The fields that a flow log delivers: ours (`recommended`), AWS's (`default`), all, or as given."""

from __future__ import annotations

import difflib

from .. import _core, synth
from .errors import Problem

# What the verbs ask for, and little more. A flow log's format cannot be changed once it is made.
RECOMMENDED = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status "
    "vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr region az-id pkt-src-aws-service "
    "pkt-dst-aws-service flow-direction traffic-path reject-reason interface-type next-hop-az-id"
).split()

# What an answer needs, and what is not known without it.
NEEDED = (
    (("flow-direction",), "the direction of a record is worked out from addresses, not read"),
    (("tcp-flags",), "client and server are told by port numbers, and opened or reset connections are not seen"),
    (
        ("pkt-srcaddr", "pkt-dstaddr"),
        "behind NAT gateways, load balancers and transit gateways the real ends are not seen",
    ),
    (("action",), "accepted and rejected traffic cannot be told apart"),
    (("log-status",), "seconds without data (NODATA) and lost records (SKIPDATA) are not told"),
    (("vpc-id", "subnet-id", "instance-id"), "records are told by interface alone"),
    (("az-id", "next-hop-az-id"), "traffic between zones, which costs money, is an estimate"),
    (("pkt-src-aws-service", "pkt-dst-aws-service"), "traffic of AWS's own services is not told from the internet's"),
    (("traffic-path",), "the way out (internet gateway, endpoint, transit gateway) is not known"),
    (("reject-reason",), "blocks by VPC block public access or encryption controls look like a security group's"),
)

_TAG_FIELDS = {"instance-tag": "instance", "interface-tag": "network-interface", "asg-tag": "auto-scaling-group"}


def names_of(format: object, transit: bool) -> list[str]:
    """The fields of `recommended`, `default`, `all`, a '${a} ${b}' string, or names. Raises FormatError.

    transit: of a transit gateway, where `recommended` and `default` are all of its fields.
    """
    if isinstance(format, str) and format in ("recommended", "default", "all"):
        if transit:
            return list(_core.Format.transit_gateway().fields)
        if format == "recommended":
            return list(RECOMMENDED)
        fields = _core.Format.default().fields if format == "default" else _core.Format.all().fields
        return list(fields)
    if isinstance(format, _core.Format):
        return list(format.fields)
    text = format if isinstance(format, str) else " ".join(format)  # type: ignore[arg-type]
    return list(_core.Format.parse(text).fields)


def log_format(names: list[str]) -> str:
    """As CreateFlowLogs takes it."""
    return " ".join("${" + name + "}" for name in names)


def problems_of(text: str, transit: bool, where: str = "--format") -> list[Problem]:
    """What is wrong with a LogFormat: AWS knows 72 fields, and a product has its own of them."""
    try:
        names = list(_core.Format.parse(text).fields)
    except _core.FormatError as error:
        return [
            Problem(where, str(error).partition("format: ")[2] or str(error), "give fields as '${version} ${srcaddr}'")
        ]
    if any(not word.startswith("${") for word in text.split()):
        return [Problem(where, f"'{text[:60]}' is not of the form AWS takes", "give fields as '${version} ${srcaddr}'")]
    products = {str(field["name"]): str(field["product"]) for field in _core.fields()}
    other = "vpc" if transit else "transit-gateway"
    problems = []
    for name in names:
        if name not in products:
            near = difflib.get_close_matches(name, products, n=1)
            fix = f"did you mean {near[0]}?" if near else "`flowlogs fields` lists those there are"
            problems.append(Problem(where, f"'{name}' is no field", fix))
        elif products[name] == other:
            mine, its = ("transit gateway", "VPC") if transit else ("VPC", "transit gateway")
            problems.append(
                Problem(where, f"{name} is a field of {its} flow logs, and this is one of a {mine}", "leave it out")
            )
    return problems


def tag_fields_of(names: list[str]) -> dict[str, int]:
    """The kinds of resource whose tags the fields show, and how many tags of each: {"instance": 2}."""
    found: dict[str, int] = {}
    for name in names:
        second = name.endswith("-tag-2")
        kind = _TAG_FIELDS.get(name[:-2] if second else name)
        if kind is not None:
            found[kind] = max(found.get(kind, 0), 2 if second else 1)
    return found


def losses_of(names: list[str]) -> list[str]:
    """What answers lack with these fields of a VPC flow log."""
    losses = []
    for fields, what in NEEDED:
        missing = [name for name in fields if name not in names]
        if missing:
            losses.append(f"without {' and '.join(missing)}: {what}")
    return losses


def bytes_per_record(names: list[str]) -> int:
    """The mean length of a line of these fields, measured on a made-up log."""
    log: bytes = synth.generate(records=300, seed=1, format=names, header=False)
    return round(len(log) / max(1, log.count(b"\n")))
