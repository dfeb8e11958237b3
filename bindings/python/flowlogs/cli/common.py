"""What the verbs share: options, the scan, the output, the last words on stderr."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from typing import IO, Any, NoReturn

import flowlogs as fl
from flowlogs._text import Style, count, shown

# How an answer can be written, and the endings of file names that choose it.
FORMATS = ("table", "csv", "tsv", "json", "ndjson", "raw")
LATER_FORMATS = ("parquet", "arrow")
ENDINGS = {".csv": "csv", ".tsv": "tsv", ".json": "json", ".ndjson": "ndjson", ".jsonl": "ndjson", ".txt": "table",
           ".log": "raw"}  # fmt: skip


class UsageError(Exception):
    """The command was called in a wrong way. hint: the verb's --help helps."""

    def __init__(self, message: str, hint: bool = True) -> None:
        super().__init__(message)
        self.hint = hint


class HelpGiven(Exception):
    """--help was asked for, and printed."""


class WriteError(Exception):
    """The output cannot be written."""


def complain(message: str) -> None:
    """Writes "flowlogs: message" to stderr; further lines (an expression with a caret) are indented."""
    lines = message.split("\n")
    text = "\n".join(["flowlogs: " + shown(lines[0]), *("  " + shown(line) for line in lines[1:])]) + "\n"
    try:
        sys.stderr.write(text)
    except UnicodeEncodeError:
        sys.stderr.write(text.encode("ascii", "backslashreplace").decode("ascii"))


# ---- Options ---------------------------------------------------------------------------------------------------------


class Parser(argparse.ArgumentParser):
    """The options of one verb. Options and FILES may stand in any order; a value may begin with a hyphen (--sort -bytes)."""

    def __init__(self, verb: str, what: str, example: str, files: str) -> None:
        super().__init__(
            prog=f"flowlogs {verb}",
            usage=f"flowlogs {verb} [options] {files}",
            description=what,
            epilog=f"example: {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self._dashed: set[str] = set()

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise HelpGiven

    def allow_dash(self, *options: str) -> None:
        """The value of these options may begin with a hyphen."""
        self._dashed.update(options)

    def parse(self, argv: list[str]) -> argparse.Namespace:
        for argument in argv:
            if "\0" in argument:
                raise UsageError("an argument holds a NUL byte", hint=False)
        joined: list[str] = []
        rest = iter(argv)
        for argument in rest:
            if argument == "--":
                joined += [argument, *rest]
            elif argument in self._dashed:
                value = next(rest, None)
                joined += [argument] if value is None else [f"{argument}={value}"]
            else:
                joined.append(argument)
        return self.parse_intermixed_args(joined)

    def add_input_options(self) -> None:
        group = self.add_argument_group("input")
        group.add_argument("files", nargs="*", metavar="FILES", help=argparse.SUPPRESS)
        group.add_argument("--format", "--log-format", metavar="FORMAT", dest="log_format",
                           help="format of files without a header, as '${version} ${srcaddr} ...' or plain names")  # fmt: skip
        group.add_argument("--threads", metavar="N", type=_positive, help="worker threads (default: the CPUs allowed)")

    def add_strict(self) -> None:
        self.add_argument("--strict", action="store_true", help="exit with 1 if lines were skipped or values were bad")

    def add_where(self) -> None:
        self.add_argument("--where", metavar="FILTER", type=_text, action="append", default=[],
                          help="only records for which this is true: \"rejected and dstport in (22, 3389)\"")  # fmt: skip
        self.allow_dash("--where")

    def add_output(self, formats: tuple[str, ...]) -> None:
        self.add_argument("-o", "--output", metavar="FORMAT|FILE",
                          help=f"{', '.join(formats)}, or a file whose ending names it")  # fmt: skip


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number from 1")
    return int(text)


def limit(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of rows")
    return int(text)


def _text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError("the text is not UTF-8") from None
    return text


def scan(args: argparse.Namespace) -> fl.Query:
    """The records of FILES for which --where is true. Damage is left to finish()."""
    if not args.files:
        raise UsageError("no FILES given; - is standard input")
    logs = fl.scan(args.files, format=args.log_format, threads=args.threads, on_error="skip")
    for expression in getattr(args, "where", []):
        logs = logs.filter(expression)
    return logs


# ---- Output ----------------------------------------------------------------------------------------------------------


def style_of(stream: IO[str]) -> Style:
    """Colours on a terminal that wants them (NO_COLOR, TERM=dumb); bars where its encoding has them."""
    colour = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Style(colour, (stream.encoding or "").lower().replace("-", "").startswith("utf"))


def width_of(stream: IO[str]) -> int:
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


class Output:
    """Where the answer goes and how it is written. With a file: it appears, whole, when the with-block ends well."""

    def __init__(self, wish: str | None, formats: tuple[str, ...], terminal: str = "table", pipe: str = "tsv") -> None:
        self.path: str | None = None
        self._file: IO[bytes] | None = None
        self._temporary: str | None = None
        self.is_terminal = wish is None and sys.stdout.isatty()
        self.style = Style(False, True)
        self.width = 80
        if wish is None:
            self.format = terminal if sys.stdout.isatty() else pipe
        else:
            self.format = self._format_of(wish, formats)
        if self.path is None:
            self.is_terminal = sys.stdout.isatty()
            self.style, self.width = style_of(sys.stdout), width_of(sys.stdout)

    def _format_of(self, wish: str, formats: tuple[str, ...]) -> str:
        later = os.path.splitext(wish)[1][1:] if wish not in LATER_FORMATS else wish
        if later in LATER_FORMATS:
            raise UsageError(f"-o {later} is not built yet; there are {', '.join(formats)}", hint=False)
        found = wish
        if wish not in FORMATS:
            ending = os.path.splitext(wish)[1].lower()
            if ending not in ENDINGS:
                raise UsageError(f"-o {wish}: neither a format ({', '.join(formats)}) nor a file whose ending names one "
                                 f"({', '.join(ENDINGS)})")  # fmt: skip
            found, self.path = ENDINGS[ending], wish
        if found not in formats:
            raise UsageError(f"-o {wish}: this verb writes {', '.join(formats)}, not {found}")
        return found

    def __enter__(self) -> Output:
        if self.path is None:
            return self
        try:
            if os.path.exists(self.path) and not os.path.isfile(self.path):
                self._file = open(self.path, "wb")  # a pipe or a device
            else:
                self._path = os.path.realpath(self.path)
                handle, self._temporary = tempfile.mkstemp(prefix=".flowlogs-", dir=os.path.dirname(self._path))
                self._file = os.fdopen(handle, "wb")
        except OSError as error:
            raise WriteError(f"{self.path}: cannot be written: {error.strerror}") from None
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if self._file is None:
            return
        try:
            self._file.close()
            if self._temporary is not None and kind is None:
                mask = os.umask(0)
                os.umask(mask)
                os.chmod(self._temporary, 0o666 & ~mask)
                os.replace(self._temporary, self._path)
                self._temporary = None
        except OSError as failure:
            raise WriteError(f"{self.path}: cannot be written: {failure.strerror}") from None
        finally:
            if self._temporary is not None:
                os.unlink(self._temporary)

    def write(self, data: str | bytes) -> None:
        if isinstance(data, str):
            encoding = sys.stdout.encoding if self.is_terminal else "utf-8"
            data = data.encode(encoding or "utf-8", "backslashreplace")
        try:
            if self._file is not None:
                self._file.write(data)
            else:
                sys.stdout.buffer.write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise WriteError(f"{self.path or 'standard output'}: cannot be written: {error.strerror}") from None

    def write_table(self, table: fl.Table) -> None:
        text = table.render(self.format)  # type: ignore[arg-type]
        self.write(self._headed(text))

    def write_tables(self, tables: Any) -> int:
        """Writes tables of the same columns as one, piece by piece. Returns the number of rows."""
        rows = 0
        for table in tables:
            if self.format == "table":
                if len(table) or not rows:  # widths depend on the rows: each piece has its own, and its own header
                    self.write(self._headed(table.render("table")))
            else:
                if rows == 0 and self.format != "json":
                    self.write(table._render_header(self.format))
                if len(table):
                    if self.format == "json":
                        self.write(",\n" if rows else "[\n")
                    self.write(table._render_rows(self.format))
            rows += len(table)
        if self.format == "json":
            self.write("\n]\n" if rows else "[]\n")
        return rows

    def _headed(self, text: str) -> str:
        if not self.is_terminal:
            return text
        head, newline, rest = text.partition("\n")
        return self.style.bold(head) + newline + rest

    def write_json(self, value: Any) -> None:
        import json

        self.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


# ---- Last words ------------------------------------------------------------------------------------------------------


def finish(args: argparse.Namespace, stats: fl.Stats, matched: int | None = None) -> int:
    """Says on stderr what the answer leaves out; returns the exit code. matched: records that --where left, if known."""
    complain_of_damage(stats)
    wrong = []
    if stats.problems:
        wrong.append(f"{count(sum(stats.problems.values()), 'line')} skipped ({_reasons(stats.problems)})")
    if stats.bad_values:
        wrong.append(f"{count(sum(stats.bad_values.values()), 'bad value')} read as missing ({_reasons(stats.bad_values)})")
    if wrong:
        complain(f"{', '.join(wrong)}; `flowlogs check` shows where")
    if stats.records == 0:
        complain("no records in the input")
    elif matched == 0 and args.where:
        complain(f"none of {count(stats.records, 'record')} matches --where")
    if stats.errors:
        return 2
    return 1 if wrong and getattr(args, "strict", False) else 0


def complain_of_damage(stats: fl.Stats) -> None:
    for error in stats.errors[:10]:
        complain(f"{error['source']}: not read to its end: {at_offset(error)}")
    if len(stats.errors) > 10:
        complain(f"{len(stats.errors) - 10} more inputs were not read to their end")


def at_offset(error: dict[str, Any]) -> str:
    """The message of damage, with its place unless it tells that itself."""
    message, offset = error["message"], error["offset"]
    return message if str(offset) in message else f"{message} (at byte {offset:,})"


def _reasons(counts: dict[str, int]) -> str:
    return ", ".join(f"{number:,} {reason}" for reason, number in counts.items())
