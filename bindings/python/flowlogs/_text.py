"""Text for people: units, times, bars, light colours, and log content made harmless for a terminal."""

from __future__ import annotations

import time

# Characters that act on what shows them instead of being shown: C0, DEL, C1, line separators, marks that turn the direction
# of the text.
_CONTROL = {
    code: "".join(f"\\x{byte:02x}" for byte in chr(code).encode())
    for code in [*range(0x20), *range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A)]
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
    value = float(number)
    for unit in ("kB", "MB", "GB", "TB", "PB", "EB"):
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


def iso_time(seconds: int) -> str:
    """2021-09-02 21:31:05Z, UTC; the number itself far outside of the calendar."""
    if not 0 <= seconds <= 253402300799:  # the end of the year 9999
        return str(seconds)
    return time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(seconds))


def duration(seconds: int) -> str:
    """The two largest units: 3 d 4 h, 1 min 5 s."""
    parts = []
    for size, unit in ((31557600, "y"), (86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if seconds >= size or (size == 1 and not parts):
            parts.append(f"{seconds // size} {unit}")
            seconds %= size
        elif parts:
            break
        if len(parts) == 2:
            break
    return " ".join(parts)


class Style:
    """Light colours and bars, or neither.

    colour: escape sequences are written. unicode: what shows the text knows block characters and dashes.
    """

    def __init__(self, colour: bool = False, unicode: bool = True) -> None:
        self.colour = colour
        self.unicode = unicode
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
