"""Where the values of a filter do occur that matched nothing: in another column, at another time (CONTRACT L11)."""

from __future__ import annotations

import re
from datetime import tzinfo

import flowlogs as fl
from flowlogs import _core, windows
from flowlogs._text import Style, count, cut

_MOST_TESTS = 8
_ADDRESSES = ("srcaddr", "dstaddr", "pkt_srcaddr", "pkt_dstaddr")
_PORTS = ("srcport", "dstport")
# Columns whose values stand in these fields.
_DERIVED = {**dict.fromkeys(("client", "server", "own", "peer"), _ADDRESSES), "server_port": _PORTS}


def told(logs: fl.Query, where: list[str], sets: dict[str, list[str]], window: bool, zone: tzinfo | None) -> str:
    """What to say, or "". One pass over all records, `logs`. window: the records were those of a window, too."""
    known = set(logs.columns)
    style = Style(False, False, zone)
    tests = [test for text in where for test in _core._tests_of(text, sets)]
    tests = [(columns, name, rest.rstrip(), negated) for columns, name, rest, negated in tests if not negated]
    del tests[_MOST_TESTS:]
    tried = {f"{name}{rest}": related(columns, known) for columns, name, rest, _ in tests}
    queries = {("as written", text): logs.filter(text) for text in tried}
    for _, name, rest, _ in tests:
        for column in tried[f"{name}{rest}"]:
            queries[column, f"{name}{rest}"] = logs.filter(f"{column}{rest}")
    counts = [query.agg(n="count()") for query in queries.values()]
    if window:
        matching = logs
        for expression in where:
            matching = matching.filter(expression)
        counts.append(matching.agg(n="count()", start="min(start)", end="max(end)"))
    if not counts:
        return ""
    tables = _core._collect_each(counts)
    if window and tables[-1][0]["n"]:
        times = windows.spoken(tables[-1][0]["start"], tables[-1][0]["end"], style)
        return f"those that match --where are from {times}" if where else f"they are from {times}"
    found = {place: table[0]["n"] for place, table in zip(queries, tables)}
    told = []
    for _, name, rest, _ in tests:
        text = f"{name}{rest}"
        if found["as written", text] or not tried[text]:
            continue
        equal = re.fullmatch(r"\s*==?\s*(.*)", rest, re.S)
        value = cut(equal[1].strip("'\"") if equal else rest.strip(), 60, style)
        places = [(column, found[column, text]) for column in tried[text] if found[column, text]]
        kind = "address" if tried[text][0] in _ADDRESSES else "port" if tried[text][0] in _PORTS else "id"
        if not places:
            told.append(f"{value} occurs in no {kind} field" if equal else f"no {kind} field is {value}")
        for column, records in places:
            field = column.replace("_", "-")
            told.append((f"{value} occurs as {field}" if equal else f"{field} is {value}") + f" in {count(records, 'record')}")
    if not told and len(tried) > 1 and all(found["as written", text] for text in tried):
        told = [f"{cut(text, 60, style)} alone matches {count(found['as written', text], 'record')}" for text in tried]
    return "; ".join(told)


def related(columns: list[str], known: set[str]) -> list[str]:
    """The other fields of the inputs that values of the columns could stand in: addresses, ports, ids."""
    ids = [str(field["column"]) for field in fl.fields() if str(field["name"]).endswith(("-id", "-eni", "-arn", "-name"))]
    for group in (_ADDRESSES, _PORTS, ids):
        if all(column in group or _DERIVED.get(column) == group for column in columns):
            return [field for field in group if field in known and field not in columns]
    return []
