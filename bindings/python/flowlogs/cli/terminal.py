"""What a terminal can show."""

from __future__ import annotations

import os
from typing import TextIO

from flowlogs._text import Style


def style_of(stream: TextIO) -> Style:
    """Colours on a terminal that wants them (NO_COLOR, TERM=dumb); bars where its encoding has them."""
    colour = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Style(colour, (stream.encoding or "").lower().replace("-", "").startswith("utf"))


def width_of(stream: TextIO) -> int:
    """Columns of the terminal; 80 elsewhere."""
    if not stream.isatty():
        return 80
    columns = os.environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdigit() and int(columns) > 0:
        return int(columns)
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except OSError:
        return 80
