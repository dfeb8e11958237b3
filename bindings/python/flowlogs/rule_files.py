"""Suggested rules as Terraform and as calls of the AWS CLI. What comes from logs is quoted as each of them wants it."""

from __future__ import annotations

import json
import re
import shlex

from ._text import count, duration, iso_time, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_CALLS = {"ingress": "authorize-security-group-ingress", "egress": "authorize-security-group-egress"}
# What AWS takes in a description.
_NOT_DESCRIBED = re.compile(r"[^a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]")


def permissions(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rules of one direction as IpPermissions of the EC2 API: one for each protocol and range of ports."""
    made: dict[tuple[Any, ...], dict[str, Any]] = {}
    for rule in rules:
        key = rule["protocol"], rule["from_port"], rule["to_port"]
        if key not in made:
            first, last = _ports(rule)
            made[key] = {"IpProtocol": rule["protocol"], "FromPort": first, "ToPort": last}
        if rule["group"]:
            name, peer = "UserIdGroupPairs", {"GroupId": rule["group"]}
        elif ":" in rule["cidr"]:
            name, peer = "Ipv6Ranges", {"CidrIpv6": rule["cidr"]}
        else:
            name, peer = "IpRanges", {"CidrIp": rule["cidr"]}
        made[key].setdefault(name, []).append({**peer, "Description": description(rule)})
    return list(made.values())


def description(rule: dict[str, Any]) -> str:
    parts = [f"{rule['service']}, " if rule["service"] else "", f"{count(rule['seen'], 'peer')} seen"]
    if rule["last_seen"] is not None:
        parts.append(f" until {iso_time(rule['last_seen'])}")
    return _NOT_DESCRIBED.sub("_", "".join(parts))[:255]


def _ports(rule: dict[str, Any]) -> tuple[int, int]:
    """As the API wants them: -1 is every type of ICMP; of protocols without ports AWS does not look at them."""
    if rule["from_port"] is not None:
        return rule["from_port"], rule["to_port"]
    return (0, 65535) if rule["protocol"] in ("tcp", "udp") else (-1, -1)


def _group_of(target: dict[str, Any]) -> str | None:
    """The group that the rules go to, if there is no doubt."""
    return target["groups"][0] if len(target["groups"]) == 1 else None


def _word(text: str) -> str:
    """For names of resources and variables."""
    word = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")
    return word if re.match(r"[A-Za-z]", word) else f"of_{word}"


def _words(answer: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """The targets, each with a word that no other one has."""
    used: dict[str, int] = {}
    for target in answer["targets"]:
        word = _word(target["target"])
        used[word] = number = used.get(word, 0) + 1
        yield target, word if number == 1 else f"{word}__{number}"


def _head(answer: dict[str, Any]) -> list[str]:
    if answer["start"] is None:
        return ["no records"]
    told = f"of flow logs from {iso_time(answer['start'])} to {iso_time(answer['end'])} ({duration(answer['span'])})"
    return [f"Suggested by flowlogs suggest-rules, {told}.", *answer["warnings"]]


def _about(target: dict[str, Any]) -> list[str]:
    replay = target["replay"]
    name = f" ({target['name']})" if target["name"] else ""
    lines = [
        f"{target['target']}{name}, {target['kind']}: {replay['accepted']['admitted']} of {replay['accepted']['flows']} accepted flows are "
        f"admitted, and {replay['rejected']['admitted']} of {replay['rejected']['flows']} rejected ones"
    ]
    for row in target["existing"]:
        if row["seen"] is False:
            lines.append(f"not seen in use: {row['rule_id'] or row['group']} ({row['text']})")
    return [*lines, *target["warnings"]]


def _comments(texts: list[str]) -> list[str]:
    return [f"# {shown(text)}" for text in texts]


# ---- Terraform -------------------------------------------------------------------------------------------------------


def _hcl(text: str) -> str:
    """A quoted string of HCL: JSON's escapes, and no templates."""
    return json.dumps(shown(text), ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")


def terraform(answer: dict[str, Any]) -> str:
    lines = _comments(_head(answer))
    for target, word in _words(answer):
        lines += ["", *_comments(_about(target))]
        group = _group_of(target)
        id = _hcl(group or "")
        if group is None and target["ingress"] + target["egress"]:
            id = f"var.{word}_security_group_id"
            lines += [f'variable "{word}_security_group_id" {{', f"  description = {_hcl('The security group of ' + target['target'])}",
                      "  type        = string", "}"]  # fmt: skip
        used: dict[str, int] = {}
        for direction in _CALLS:
            for rule in target[direction]:
                name = f"{word}_{_word(rule['text'].split(' ')[1])}_{_word(rule['group'] or rule['cidr'])}"
                used[direction + name] = number = used.get(direction + name, 0) + 1
                name += f"__{number}" if number > 1 else ""
                kind = f"aws_vpc_security_group_{direction}_rule"
                lines.append("")
                if rule["exists_as"]:
                    lines.append(f"# It is there: terraform import {kind}.{name} {shown(rule['exists_as'])}")
                first, last = map(str, _ports(rule))
                values = [("security_group_id", id), ("ip_protocol", _hcl(rule["protocol"])), ("from_port", first), ("to_port", last)]
                if rule["group"]:
                    values.append(("referenced_security_group_id", _hcl(rule["group"])))
                else:
                    values.append(("cidr_ipv6" if ":" in rule["cidr"] else "cidr_ipv4", _hcl(rule["cidr"])))
                values.append(("description", _hcl(description(rule))))
                width = max(len(key) for key, _ in values)
                lines += [f'resource "{kind}" "{name}" {{', *(f"  {key:<{width}} = {value}" for key, value in values), "}"]
    return "\n".join(lines) + "\n"


# ---- The AWS CLI -----------------------------------------------------------------------------------------------------


def cli(answer: dict[str, Any]) -> str:
    lines = ["#!/bin/sh", *_comments(_head(answer)), "set -eu"]
    for target, word in _words(answer):
        lines += ["", *_comments(_about(target))]
        group = _group_of(target)
        name = f"SG_{word.upper()}"
        id = shlex.quote(group) if group else f'"${{{name}:?set it to the security group of these rules}}"'
        for direction, call in _CALLS.items():
            there = [rule for rule in target[direction] if rule["exists_as"]]
            lines += _comments([f"there already: {rule['exists_as']} ({rule['text']})" for rule in there])
            new = [rule for rule in target[direction] if not rule["exists_as"]]
            if new:
                text = json.dumps(permissions(new), ensure_ascii=True)
                lines.append(f"aws ec2 {call} --group-id {id} --ip-permissions {shlex.quote(text)}")
    return "\n".join(lines) + "\n"
