"""generate(): made-up flow logs that look like real ones. The same options give the same bytes everywhere."""

from __future__ import annotations

import os

from . import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from typing import Any, BinaryIO, Union

    Path = Union[str, "os.PathLike[str]"]
    Format = Union[_core.Format, str, Iterable[str], None]
    Time = Union[int, str, datetime]


def generate(*, records: int = 1000, seed: int = 0, format: Format = "default", start: Time = "2026-09-01T00:00:00Z",
             hosts: int | None = None, header: bool = True, gzip: bool | None = None, output: Path | BinaryIO | None = None,
             scenario: str = "", days: int = 0, truth: Path | None = None) -> Any:  # fmt: skip
    """A made-up flow log: clients, scanners, services, NAT gateways, long connections, IPv6, NODATA and SKIPDATA.

    records  how many records
    seed     another seed, another network and other traffic
    format   "default"; "tgw"; "all", the 54 VPC fields; "v2" to "v11", the fields up to that version ("v6" is the transit
             gateway's); a Format, "${a} ${b}", or names
    start    when the log begins: ISO 8601 (UTC unless it says otherwise), a datetime, or Unix seconds
    hosts    size of the network, 1 to 20,000 (200; 50 in a scenario); 200 hosts make about 50 records a second
    header   begin with the header line
    gzip     compress; None: if output is a path that ends in .gz
    output   a path or a binary file to write to, in bounded memory; None: return the bytes
    scenario days by the clock in place of `records`: "incidents", 2 days with planted incidents; "past", the 5 days before
             them; "quiet-week", 7 days without any (docs/scenarios.md)
    days     another number of them
    truth    where to write what was planted, as JSON

    >>> import flowlogs as fl
    >>> log = fl.generate(records=5000, seed=7)
    >>> fl.scan(log).count()
    5000
    >>> log == fl.generate(records=5000, seed=7)
    True

    Returns the bytes, or None with output. Raises ArgumentError, FormatError; OSError if the path cannot be written.
    """
    blocks = _blocks(records, seed, format, _seconds(start), hosts, header,
                     _ends_in_gz(output) if gzip is None else gzip, scenario, days, truth)  # fmt: skip
    if output is None:
        return b"".join(blocks)
    if isinstance(output, (str, os.PathLike)):
        with open(output, "wb") as file:
            for block in blocks:
                file.write(block)
    else:
        for block in blocks:
            output.write(block)
    return None


def _blocks(records: int, seed: int, format: Format, start: int, hosts: int | None, header: bool, gzip: bool,
            scenario: str = "", days: int = 0, truth: Path | None = None) -> Iterator[bytes]:  # fmt: skip
    """The log in pieces. Wrong options are raised by the call, not by the first piece. The truth is written at once."""
    if not scenario and (days or truth is not None):
        raise _core.ArgumentError(f"generate: {'days' if days else 'truth'} is of a scenario; give scenario= too")
    if hosts is None:
        hosts = 50 if scenario else 200
    generator = _core._Generator(records=records, seed=seed, format=format, start=start, hosts=hosts, header=header,
                                 scenario=scenario, days=days)  # fmt: skip
    if truth is not None:
        with open(truth, "w", encoding="utf-8") as file:
            file.write(generator.truth)
    return _compressed(generator) if gzip else iter(generator)


def _compressed(blocks: Iterable[bytes]) -> Iterator[bytes]:
    import zlib

    # 31: a gzip header, without name and time: the same bytes each time.
    compressor = zlib.compressobj(6, zlib.DEFLATED, 31)
    for block in blocks:
        yield compressor.compress(block)
    yield compressor.flush()


def _ends_in_gz(output: object) -> bool:
    return isinstance(output, (str, os.PathLike)) and os.fspath(output).endswith(".gz")


def _seconds(time: Time) -> int:
    if isinstance(time, int):
        return time
    from datetime import datetime, timezone

    if isinstance(time, str):
        text = time.strip()
        if text.isascii() and text.isdigit():
            return int(text[:20])
        try:
            time = datetime.fromisoformat(text[:-1] + "+00:00" if text[-1:] in "Zz" and text else text)
        except ValueError:
            raise _core.ArgumentError(
                f"generate: start: '{text}' is no time; write 2026-09-01T00:00:00Z, or seconds since 1970"
            ) from None
    if not isinstance(time, datetime):
        raise TypeError(f"generate: start is a str, a datetime or an int, not {type(time).__name__}")
    if time.tzinfo is None:
        time = time.replace(tzinfo=timezone.utc)
    return int(time.timestamp())
