"""What AWS has billed: a Cost and Usage Report (the old columns or those of CUR 2.0), as CSV, gzip or not, or Parquet."""

from __future__ import annotations

import csv
import os
import re
from decimal import Decimal, InvalidOperation

from .. import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Union

    File = Union[str, "os.PathLike[str]"]

# What stands in usage types, behind the region's code; and the charge that explains it.
_USAGE = (
    ("NatGateway-Bytes", "nat-processing"),
    ("DataTransfer-Regional-Bytes", "cross-az"),
    ("DataTransfer-xAZ-", "cross-az"),
    ("DataTransfer-Out-Bytes", "internet-out"),
    ("AWS-Out-Bytes", "inter-region-out"),
    ("TransitGateway-Bytes", "transit-gateway-processing"),
    ("VpcEndpoint-Bytes", "endpoint-processing"),
)
_COLUMNS = {
    "type": ("lineItem/UsageType", "line_item_usage_type"),
    "amount": ("lineItem/UsageAmount", "line_item_usage_amount"),
    "cost": ("lineItem/UnblendedCost", "line_item_unblended_cost"),
    "kind": ("lineItem/LineItemType", "line_item_line_item_type"),
    "start": ("lineItem/UsageStartDate", "line_item_usage_start_date"),
    "end": ("lineItem/UsageEndDate", "line_item_usage_end_date"),
}


def charge_of(usage_type: str) -> str | None:
    """What of an answer explains the usage type."""
    for part, charge in _USAGE:
        if part in usage_type:
            return charge
    return None


def check(path: File) -> None:
    """Raises ArgumentError if it is no report: before the logs are read."""
    next(_lines(os.fspath(path)), None)


def read(path: File, since: int | None, until: int | None) -> dict[str, Any]:
    """Sums of the lines whose usage lies in since..until, at least in part, by usage type and by charge."""
    name = os.fspath(path)
    types: dict[str, list[Decimal]] = {}
    start = end = None
    lines = outside = 0
    for line in _lines(name):
        usage = line["type"]
        charge = charge_of(usage) if usage else None
        if charge is None or (line.get("kind") or "Usage") not in ("Usage", "DiscountedUsage", "SavingsPlanCoveredUsage"):
            continue
        begins, ends = _seconds(line.get("start"), name), _seconds(line.get("end"), name)
        is_late = until is not None and begins is not None and begins >= until
        if is_late or (since is not None and ends is not None and ends <= since):
            outside += 1
            continue
        lines += 1
        start = begins if start is None or (begins is not None and begins < start) else start
        end = ends if end is None or (ends is not None and ends > end) else end
        sums = types.setdefault(usage, [Decimal(0), Decimal(0)])
        for i, key in enumerate(("amount", "cost")):
            try:
                amount = Decimal(str(line[key] or 0))
            except InvalidOperation:
                amount = Decimal("NaN")
            if amount.is_finite():
                sums[i] += amount
            else:
                raise _core.ArgumentError(f"cost: cur: {name}: {_COLUMNS[key][0]} is no number: {line[key]!r}")
    return {"file": name, "lines": lines, "outside": outside, "start": start, "end": end, "types": types}


def _lines(name: str) -> Iterator[dict[str, Any]]:
    try:
        with open(name, "rb") as file:
            head = file.read(4)
        if head == b"PAR1":
            yield from _of_parquet(name)
        else:
            yield from _of_csv(name, head[:2] == b"\x1f\x8b")
    except (OSError, EOFError) as error:
        raise _core.ArgumentError(f"cost: cur: {name}: {getattr(error, 'strerror', None) or error}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise _core.ArgumentError(f"cost: cur: {name}: it is no CSV: {error}") from None


def _of_csv(name: str, is_gzip: bool) -> Iterator[dict[str, Any]]:
    import gzip

    with (gzip.open if is_gzip else open)(name, "rt", encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        places = _found(next(reader, []), name)
        for row in reader:
            if row:
                yield {key: row[place] if place < len(row) else None for key, place in places.items()}


def _of_parquet(name: str) -> Iterator[dict[str, Any]]:
    try:
        from importlib import import_module

        parquet = import_module("pyarrow.parquet")
    except ImportError:
        raise _core.ArgumentError("cost: cur: a Parquet file needs pyarrow: pip install 'flowlogs[frames]'") from None
    try:
        file = parquet.ParquetFile(name)
    except ValueError as error:  # pyarrow's ArrowInvalid
        raise _core.ArgumentError(f"cost: cur: {name}: it is no Parquet file that can be read: {error}") from None
    names = list(file.schema_arrow.names)
    places = _found(names, name)
    for batch in file.iter_batches(columns=[names[place] for place in places.values()]):
        columns = {key: batch.column(batch.schema.get_field_index(names[place])).to_pylist() for key, place in places.items()}
        for i in range(batch.num_rows):
            yield {key: values[i] for key, values in columns.items()}


def _found(header: list[str], name: str) -> dict[str, int]:
    places = {}
    for key, names in _COLUMNS.items():
        place = next((header.index(one) for one in names if one in header), None)
        if place is not None:
            places[key] = place
        elif key in ("type", "amount", "cost"):
            raise _core.ArgumentError(
                f"cost: cur: {name}: it has no column {' or '.join(names)}: is it a Cost and Usage Report?"
            )
    return places


def _seconds(value: Any, name: str) -> int | None:
    """Of 2026-09-01T00:00:00Z, 2026-09-01 00:00:00.000, or a datetime."""
    if value is None or value == "":
        return None
    from datetime import datetime, timezone

    if isinstance(value, datetime):
        return int((value if value.tzinfo else value.replace(tzinfo=timezone.utc)).timestamp())
    found = re.match(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d))?", str(value))
    if not found:
        raise _core.ArgumentError(f"cost: cur: {name}: '{value}' is no date of a report")
    at = datetime.fromisoformat(f"{found[1]}T{found[2] or '00:00:00'}").replace(tzinfo=timezone.utc)
    return int(at.timestamp())
