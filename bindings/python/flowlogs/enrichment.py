"""What tables say of addresses and ids: files become columns behind srcaddr, peer, interface-id, ... (docs/enrichment.md)."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

from . import _core
from ._core import ArgumentError, EnrichmentTable

# Names of a first column that is an address or a prefix.
_PREFIX_NAMES = ("prefix", "network", "cidr", "ip_prefix", "ip_range", "address", "ip")


def tables(enrich: Any) -> list[EnrichmentTable]:
    """The tables of files, and EnrichmentTables; of a mapping, names stand before the columns."""
    if isinstance(enrich, (str, os.PathLike, EnrichmentTable)):
        enrich = [enrich]
    named: list[tuple[str, Any]] = []
    for each in [enrich] if isinstance(enrich, Mapping) else enrich:
        named += each.items() if isinstance(each, Mapping) else [("", each)]
    found: list[EnrichmentTable] = []
    for name, each in named:
        if isinstance(each, EnrichmentTable):
            if name:
                raise ArgumentError(f"enrich: {name}: a name is for a file; an EnrichmentTable has its columns already")
            found.append(each)
            continue
        path = os.fsdecode(os.path.expanduser(each))
        if os.path.isdir(path):
            raise ArgumentError(f"enrich: {path}: it is a directory; what `flowlogs aws inventory` wrote is given as inventory=, --inventory")
        found.append(read(path, name))
    return found


def read(path: str, name: str = "") -> EnrichmentTable:
    """The table of one file, told by its content. A name stands before its columns, with a dot."""
    try:
        with open(path, "rb") as file:
            head = file.read(1 << 12)
            is_mmdb = path.endswith(".mmdb") or b"\0" in head
            content = b"" if is_mmdb else head + file.read()
    except OSError as error:
        raise ArgumentError(f"enrich: {path}: {error.strerror}") from None
    try:
        if is_mmdb:
            return _core._read_mmdb(path, name)
        if not content.strip():
            raise ArgumentError("it is empty")
        text = content.decode("utf-8-sig")
        return _of_json(text, name) if text.lstrip().startswith("{") else _of_csv(text, name)
    except UnicodeDecodeError:
        raise ArgumentError(f"enrich: {path}: it is neither UTF-8 text nor .mmdb") from None
    except csv.Error as error:
        raise ArgumentError(f"enrich: {path}: it is no CSV: {error}; a quotation mark may lack its second one") from None
    except ArgumentError as error:
        told = str(error)
        raise ArgumentError(told if path in told else f"enrich: {path}: {told}") from None


def table_of(rows: Iterable[tuple[str, dict[str, str], int | None]], fields: Iterable[str] = ()) -> EnrichmentTable:
    """A table of (key, values by column, since): keys are addresses and prefixes, or what the fields have."""
    numbers: dict[tuple[tuple[str, str], ...], int] = {}
    entries = []
    for key, values, since in rows:
        entries.append((key, numbers.setdefault(tuple(values.items()), len(numbers)), since))
    return _core._enrichment_table([dict(row) for row in numbers], entries, fields=list(fields))


def _of_json(text: str, name: str) -> EnrichmentTable:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ArgumentError(f"it is no JSON: {error}") from None
    if not isinstance(value.get("prefixes"), list):
        raise ArgumentError("of JSON only AWS's ip-ranges.json is read, and this has no list `prefixes`")
    services: dict[str, dict[str, dict[str, Any]]] = {}  # by prefix and service
    for item in [*value["prefixes"], *value.get("ipv6_prefixes", [])]:
        prefix = (item.get("ip_prefix") or item.get("ipv6_prefix")) if isinstance(item, dict) else None
        if not isinstance(prefix, str):
            raise ArgumentError(f"of JSON only AWS's ip-ranges.json is read, and this has no prefix: {json.dumps(item)[:80]}")
        services.setdefault(prefix, {})[str(item.get("service", ""))] = item
    dot = name and name + "."
    rows = []
    for prefix, items in services.items():
        service = _service_of(prefix, services)
        item = items.get(service) or next(iter(items.values()))
        values = {"aws_service": service, "aws_region": item.get("region", ""), "aws_border_group": item.get("network_border_group", "")}
        rows.append((prefix, {dot + column: str(value) for column, value in values.items()}, None))
    return table_of(rows)


def _service_of(prefix: str, services: dict[str, dict[str, Any]]) -> str:
    """Of several services the one that says most: AMAZON is all that AWS has, EC2 what customers and other services use. Where
    AMAZON alone has the prefix, the service of the longest one around it that says more."""
    import ipaddress

    def best(names: Iterable[str]) -> str:
        return min(names, key=lambda service: (service == "AMAZON", service == "EC2", service))

    found = best(services[prefix])
    if found != "AMAZON":
        return found
    try:
        network = ipaddress.ip_network(prefix)
    except ValueError:
        return found  # the table says what is wrong with it
    for length in range(network.prefixlen - 1, -1, -1):
        around = services.get(str(network.supernet(new_prefix=length)))
        if around and best(around) != "AMAZON":
            return best(around)
    return found


def _of_csv(text: str, name: str) -> EnrichmentTable:
    from .windows import parse_time

    first_line = text.split("\n", 1)[0]
    lines = csv.reader(io.StringIO(text, newline=""), delimiter="\t" if "\t" in first_line else ",")
    header = [cell.strip() for cell in next(lines, [])]
    if len(header) < 2:
        raise ArgumentError("its first line has to name at least two columns: prefix,team")
    key = header[0].lower().replace("-", "_").replace(" ", "_")
    known = {field["column"]: field["name"] for field in _core.fields() if field["type"] == "text"}
    fields = [known[key]] if key in known else []
    if not fields and key not in _PREFIX_NAMES:
        raise ArgumentError(
            f"its first column is called {header[0][:40]!r}: it is {', '.join(_PREFIX_NAMES[:-1])} or {_PREFIX_NAMES[-1]} of addresses, "
            "or a field with text such as account-id"
        )
    for i, column in enumerate(header):
        if not column or column in header[:i]:
            what = f"{column!r} twice" if column else f"no column at its place {i + 1}"
            raise ArgumentError(f"its first line names {what}")
    dot = name and name + "."
    columns = [dot + column for column in header[1:]]
    since_at = next((i for i, column in enumerate(header) if column.lower() == "since"), None)

    def rows() -> Iterable[tuple[str, dict[str, str], int | None]]:
        for cells in lines:
            if not cells or (len(cells) == 1 and not cells[0].strip()):
                continue
            if len(cells) != len(header):
                raise ArgumentError(f"line {lines.line_num}: {len(cells)} cells, and the first line has {len(header)}")
            since = None
            if since_at is not None and cells[since_at].strip():
                try:
                    since = parse_time(cells[since_at].strip())
                except ValueError as error:
                    raise ArgumentError(f"line {lines.line_num}: {error}") from None
            values = {column: cell.strip() for column, cell in zip(columns, cells[1:])}
            if since_at:
                del values[columns[since_at - 1]]
            yield cells[0].strip(), values, since

    return table_of(rows(), fields)
