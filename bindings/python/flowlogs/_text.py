"""Text for people: units, times, bars, light colours, and log content made harmless for a terminal."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import tzinfo

# Characters that act on what shows them instead of being shown: C0, DEL, C1, line separators, marks that turn the
# direction of the text.
_CONTROL = {
    code: "".join(f"\\x{byte:02x}" for byte in chr(code).encode())
    for code in [
        *range(0x20),
        *range(0x7F, 0xA0),
        0x61C,
        0x200E,
        0x200F,
        *range(0x2028, 0x202F),
        *range(0x2066, 0x206A),
    ]
}


def shown(text: str) -> str:
    """The text with control characters as \\xNN: safe on a terminal, one line."""
    return text.translate(_CONTROL)


def count(number: int, noun: str, plural: str = "") -> str:
    """1 record, 1,234 records."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def human_bytes(number: int) -> str:
    """4.51 MB: three digits that count, powers of 1000."""
    if number < 1000:
        return f"{number} B"
    value, unit = float(number), "B"
    for unit in ("kB", "MB", "GB", "TB", "PB", "EB"):  # noqa: B007 (the last one counts)
        value /= 1000
        if value < 999.5:
            break
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f} {unit}"


def percent(part: int, whole: int) -> str:
    """36.6 %. Only nothing is 0.0, and only all is 100.0: "<0.1 %", ">99.9 %"."""
    if whole <= 0:
        return "-"
    share = 100 * part / whole
    if 0 < share < 0.05:
        return "<0.1 %"
    return ">99.9 %" if 99.95 <= share < 100 else f"{share:.1f} %"


def iso_time(seconds: int, zone: tzinfo | None = None) -> str:
    """2021-09-02 21:31:05Z, or with a zone 2021-09-02 23:31:05+02:00; the number itself far outside of the calendar."""
    if not 0 <= seconds <= 253402300799:  # the end of the year 9999
        return str(seconds)
    if zone is not None:
        from datetime import datetime

        try:
            return datetime.fromtimestamp(seconds, zone).isoformat(" ", "seconds")
        except (OverflowError, ValueError):  # the zone takes it beyond the year 9999
            return str(seconds)
    return time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(seconds))


def listed(texts: list[str], word: str = "and") -> str:
    """a, b and c."""
    return f" {word} ".join([*([", ".join(texts[:-1])] if len(texts) > 1 else []), *texts[-1:]])


def duration(seconds: int) -> str:
    """The two largest units: 3 d 4 h, 1 min 5 s."""
    parts: list[str] = []
    for size, unit in ((31557600, "y"), (86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if seconds >= size or (size == 1 and not parts):
            parts.append(f"{seconds // size} {unit}")
            seconds %= size
        elif parts:
            break
        if len(parts) == 2:
            break
    return " ".join(parts)


def age(seconds: int) -> str:
    """The largest unit: 3 y, 5 min."""
    return " ".join(duration(seconds).split(" ")[:2])


class Style:
    """Light colours and bars, or neither.

    colour: escape sequences are written. unicode: what shows the text knows block characters and dashes. zone: where
    times are shown (a datetime.tzinfo); None: UTC.
    """

    def __init__(self, colour: bool = False, unicode: bool = True, zone: tzinfo | None = None) -> None:
        self.colour = colour
        self.unicode = unicode
        self.zone = zone
        self.dash = "–" if unicode else "-"
        self.ellipsis = "…" if unicode else "..."

    def _wrap(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and text else text

    def bold(self, text: str) -> str:
        return self._wrap("1", text)

    def dim(self, text: str) -> str:
        return self._wrap("2", text)

    def red(self, text: str) -> str:
        return self._wrap("31", text)

    def green(self, text: str) -> str:
        return self._wrap("32", text)

    def time(self, seconds: int) -> str:
        return iso_time(seconds, self.zone)

    def sparkline(self, amounts: list[int]) -> str:
        """A character each: the highest is full, and only nothing is empty."""
        steps = " ▁▂▃▄▅▆▇█" if self.unicode else " .:-=+*#%@"
        most, top = max(amounts, default=0), len(steps) - 1
        return "".join(steps[0 if a <= 0 else max(1, -(-top * a // most))] for a in amounts)

    def bar(self, part: int, whole: int, width: int) -> str:
        """A bar of at most `width` characters, in eighths of one where the terminal can."""
        if whole <= 0 or part <= 0:
            return ""
        if not self.unicode:
            return "#" * max(1, round(width * part / whole))
        eighths = max(1, round(8 * width * part / whole))
        return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()


def cut(text: str, width: int, style: Style) -> str:
    return text if len(text) <= width else text[: max(0, width - len(style.ellipsis))] + style.ellipsis


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` columns, broken at blanks."""
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + word
    return lines


def width_of(line: str) -> int:
    """Columns on the screen, escape sequences aside."""
    width, escape = 0, False
    for character in line:
        if character == "\x1b":
            escape = True
        elif not escape:
            width += 1
        elif character == "m":
            escape = False
    return width


def aligned(rows: list[list[str]], sides: str) -> list[str]:
    """The rows as lines of equally wide cells. sides: a "<" or ">" a column."""
    if not rows:
        return []
    widths = [max(width_of(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = []
        for cell, side, width in zip(row, sides, widths):
            blank = " " * (width - width_of(cell))
            cells.append(blank + cell if side == ">" else cell + blank)
        lines.append("  ".join(cells))
    return lines


class Grid:
    """A table for people that fits: of too many columns the least important leave, then long texts are cut.

    >>> grid = Grid()
    >>> grid.add("client", ["10.0.0.1", "10.0.0.2"])
    >>> grid.add("bytes", ["1.2 MB", "80 B"], side=">")
    >>> grid.add("remark", ["it talks a lot", "-"], rank=1)
    >>> print("\\n".join(grid.lines(24, Style())))
    client     bytes
    10.0.0.1  1.2 MB
    10.0.0.2    80 B
    """

    _LEAST = 12  # a column that is cut keeps so much

    def __init__(self) -> None:
        self._columns: list[tuple[str, list[str], str, int, bool]] = []

    def add(self, title: str, cells: list[str], side: str = "<", rank: int = 0, cut: bool = False) -> None:
        """rank: the higher, the earlier it leaves; 0 stays. cut: the cells may be shortened. Cells may have colours."""
        self._columns.append((title, cells, side, rank, cut))

    def lines(self, width: int, style: Style) -> list[str]:
        columns = list(self._columns)

        def widths() -> list[int]:
            return [max(map(width_of, [title, *cells])) for title, cells, *_ in columns]

        while sum(widths()) + 2 * (len(columns) - 1) > width and any(column[3] for column in columns):
            columns.remove(max(columns, key=lambda column: column[3]))
        over = sum(widths()) + 2 * (len(columns) - 1) - width
        while over > 0:
            sizes = [size if column[4] else 0 for size, column in zip(widths(), columns)]
            longest = max(sizes, default=0)
            if longest <= self._LEAST:
                break
            place = sizes.index(longest)
            title, cells, side, rank, can_cut = columns[place]
            columns[place] = (title, [cut(cell, longest - 1, style) for cell in cells], side, rank, can_cut)
            over -= 1
        rows = [[column[0] for column in columns]]
        rows += [[column[1][i] for column in columns] for i in range(len(columns[0][1]) if columns else 0)]
        head, *rest = aligned(rows, "".join(column[2] for column in columns))
        return [style.bold(head.rstrip()), *(line.rstrip() for line in rest)]
