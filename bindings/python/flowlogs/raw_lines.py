"""The lines of records as they stand in the input, under headers, so that they can be read again."""

from __future__ import annotations

from . import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


class RawLines:
    """Iterates over pieces of text: a header, and again one when the format changes, and lines, each with its end.

    records     int: how many there were
    unreadable  [text]: headers that will not be known as one
    stats       Stats: of what was read; at the end
    """

    def __init__(self, query: _core.Query) -> None:
        self._chunks = query._chunks()
        self.records = 0
        self.unreadable: list[str] = []

    @property
    def stats(self) -> _core.Stats:
        return self._chunks.stats

    def __iter__(self) -> Iterator[bytes]:
        written: _core.Format | None = None
        for chunk in self._chunks:
            for format, lines in chunk:
                if format != written:
                    yield self._header(format, first=written is None).encode() + b"\n"
                    written = format
                yield _without_time(lines) if format.leading_time else lines
                self.records += lines.count(b"\n")

    def _header(self, format: _core.Format, first: bool) -> str:
        header = format.header
        try:
            readable = _core.Format.from_header(header).fields == format.fields and (first or len(format) > 1)
        except _core.FormatError:
            readable = False
        if not readable:
            self.unreadable.append(header)
        return header


def _without_time(lines: bytes) -> bytes:
    """The lines without the time that CloudWatch puts before each: it is no value, and no header can tell of it."""
    return b"".join(line.split(None, 1)[1] for line in lines.splitlines(keepends=True))
