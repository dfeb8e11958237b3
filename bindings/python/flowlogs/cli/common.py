"""What the verbs share: options, the scan, the output, the last words on stderr."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import tzinfo
from typing import IO, Any, NoReturn

import flowlogs as fl
from flowlogs import convert, windows
from flowlogs._text import Style, count, percent, shown, wrapped
from flowlogs.cli import UNFINISHED, progress
from flowlogs.cli.terminal import style_of, width_of

# How an answer can be written, and the endings of file names that choose it.
FORMATS = ("table", "csv", "tsv", "json", "ndjson", "parquet", "arrow", "raw", "dot")
TABLE_FORMATS = FORMATS[:7]  # of an answer that is a fl.Table
ENDINGS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".json": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".txt": "table",
    ".log": "raw",
    ".dot": "dot",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".tf": "terraform",
    ".sh": "cli",
}


# --limit-...: max_... of fl.scan().
LIMITS = {
    "line-bytes": "a longer line is a problem (default: 1Mi)",
    "inflated-bytes": "a compressed input of more ends there (default: none)",
    "inflate-ratio": "a compressed input that grows more ends there (default: 1000)",
    "event-bytes": "an input ends at an envelope that inflates to more (default: 64Mi)",
    "group-bytes": "memory for groups; more is an error (default: half of what the process may use)",
}


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
    progress.stop()
    try:
        sys.stderr.write(text)
    except UnicodeEncodeError:
        sys.stderr.write(text.encode("ascii", "backslashreplace").decode("ascii"))


# ---- Options ---------------------------------------------------------------------------------------------------------


def _paragraphs(text: str) -> str:
    """As wide as argparse writes the options: COLUMNS, the terminal, or 80. Lines that are indented stay."""
    width = max(40, shutil.get_terminal_size().columns - 2)
    made = []
    for paragraph in text.split("\n\n"):
        lines = paragraph.split("\n")
        made.append(paragraph if any(line.startswith(" ") for line in lines) else "\n".join(wrapped(" ".join(lines), width)))
    return "\n\n".join(made)


class Parser(argparse.ArgumentParser):
    """The options of one verb. They and FILES stand in any order; values may begin with a hyphen (--sort -bytes)."""

    def __init__(self, verb: str, what: str, example: str, files: str) -> None:
        super().__init__(
            prog=f"flowlogs {verb}",
            usage=f"flowlogs {verb} [options] {files}",
            description=_paragraphs(what),
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
        after: list[str] = []  # what stands after --
        rest = iter(argv)
        for argument in rest:
            if argument == "--":
                after = list(rest)
            elif argument in self._dashed:
                value = next(rest, None)
                joined += [argument] if value is None else [f"{argument}={value}"]
            else:
                joined.append(argument)
        args = self.parse_intermixed_args(joined)
        if after and not hasattr(args, "files"):
            raise UsageError(f"unrecognized arguments: {' '.join(after)}")
        args.files = [*getattr(args, "files", []), *after]
        if hasattr(args, "since"):
            args.window = windows.Window(
                *(None if text is None else windows.parse_time(text) for text in (args.since, args.until))
            )
        args.zone = windows.zone_of(args.tz) if getattr(args, "tz", None) else None
        return args

    def add_input_options(self, window: bool = True) -> None:
        """window: whether the verb can look at a part of the time."""
        group = self.add_argument_group("input")
        group.add_argument("files", nargs="*", metavar="FILES", help=argparse.SUPPRESS)
        group.add_argument(
            "--format",
            "--log-format",
            metavar="FORMAT",
            dest="log_format",
            help="format of files without a header, as '${version} ${srcaddr} ...' or plain names",
        )
        group.add_argument("--threads", metavar="N", type=_positive, help="worker threads (default: the CPUs allowed)")
        group.add_argument(
            "--internal",
            metavar="CIDR,...",
            action="append",
            default=[],
            help="the prefixes that are `internal` (default: the VPCs of --inventory, else the interfaces' own addresses)",
        )
        group.add_argument(
            "--inventory",
            metavar="DIR",
            action="append",
            default=[],
            help="what `flowlogs aws inventory -o DIR` wrote: its VPCs are `internal`, and `in @NAME` knows its things by id and name "
            "(instances, interfaces, groups, subnets, VPCs, load balancers, ...)",
        )
        group.add_argument(
            "--set",
            metavar="NAME=FILE",
            action="append",
            default=[],
            dest="sets",
            help="what `in @NAME` means: the values in FILE, one a line, # or ; for comments, or Spamhaus' DROP in JSON; `in @FILE` "
            "does without a name",
        )
        group.add_argument(
            "--enrich",
            metavar="[NAME=]FILE",
            action="append",
            default=[],
            help="a table whose columns stand behind addresses and ids, as dstaddr.aws_service: AWS's ip-ranges.json, CSV, .mmdb "
            "(docs/enrichment.md)",
        )
        group.add_argument(
            "--mmap",
            action="store_true",
            help="map plain files into memory instead of reading them: faster where the page cache holds them in large pieces. "
            "A file that becomes shorter while it is mapped ends the process with SIGBUS",
        )
        for name, what in _limits().items():
            group.add_argument(f"--limit-{name}", metavar="N", type=_quantity, help=what)
        group = self.add_caller()
        for name in ("accounts", "regions"):
            group.add_argument(
                f"--{name}", metavar="NAME,...", action="append", default=[], help=f"of s3:// only what is of these {name}"
            )
        if not window:
            return
        group = self.add_argument_group(
            "time", "TIME is 2026-09-01, 2026-09-01T12:00:00Z, seconds since 1970, or 2h for two hours ago (s, m, h, d)."
        )
        group.add_argument("--since", "--start", metavar="TIME", help="only records that end at TIME or later")
        group.add_argument("--until", "--end", metavar="TIME", help="only records that begin before TIME")
        group.add_argument("--tz", metavar="NAME", help="show times to people as in Europe/Berlin (default: UTC)")
        self.allow_dash("--since", "--start", "--until", "--end")

    def add_caller(self) -> Any:
        """--profile, --region, --role-arn, --endpoint-url (CONTRACT V4)."""
        group = self.add_argument_group("AWS")
        group.add_argument("--profile", metavar="NAME", help="of ~/.aws/config (default: AWS_PROFILE, or what boto3 finds)")
        group.add_argument("--region", metavar="REGION", help="as eu-west-1 (default: AWS_REGION, or the profile's)")
        group.add_argument("--role-arn", metavar="ARN", help="a role to be assumed first")
        group.add_argument("--endpoint-url", metavar="URL", help="another place than AWS (default: AWS_ENDPOINT_URL)")
        return group

    def add_strict(self) -> None:
        self.add_argument("--strict", action="store_true", help="exit with 1 if lines were skipped or values were bad")

    def add_where(self, dedup: bool = True) -> None:
        """dedup: whether the verb can do without knowing where a record stood."""
        self.add_argument(
            "--where",
            metavar="FILTER",
            type=_text,
            action="append",
            default=[],
            help='only records for which this is true: "rejected and dstport in (22, 3389)"',
        )
        self.allow_dash("--where")
        if not dedup:
            return
        self.add_argument(
            "--dedup", action="store_true", help="drop records that are identical to an earlier one (overlapping flow logs)"
        )

    def add_fail_on(self, what: str, gravest_first: tuple[str, ...], default: str, found: str) -> None:
        """--fail-on, which exit_code() obeys (CONTRACT V5). what: the words are of; found: what makes the verb fail."""
        words = ", ".join(gravest_first)
        self.add_argument(
            "--fail-on",
            metavar=what,
            choices=(*gravest_first, "never"),
            default=default,
            help=f"the least {what.lower()} of {found} at which to exit with 1: {words}; or never (default: {default})",
        )
        self.set_defaults(fail_words=gravest_first)

    def add_once(self) -> None:
        self.add_argument(
            "--once", action="store_true", help="count packets once that several interfaces saw (reads the input twice)"
        )

    def add_output(self, formats: tuple[str, ...]) -> None:
        self.add_argument(
            "-o", "--output", metavar="FORMAT|FILE", help=f"{', '.join(formats)}, or a file whose ending names it"
        )


def _limits() -> dict[str, str]:
    return {name: what for name, what in LIMITS.items() if "max_" + name.replace("-", "_") in fl._LIMITS}


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number from 1")
    return int(text)


def limit(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of rows")
    return int(text)


def limit_or_all(text: str) -> int | None:
    return None if text == "all" else limit(text)


def _quantity(text: str) -> int:
    found = re.fullmatch(r"(\d{1,18})(k|M|G|T|Ki|Mi|Gi|Ti)?", text, re.ASCII)
    factors = {"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
    number = int(found[1]) * factors.get(found[2] or "", 1) if found else 0
    if not 1 <= number < 2**63:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number such as 1000, 64k or 1Gi")
    return number


def _text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError("the text is not UTF-8") from None
    return text


def scan(args: argparse.Namespace) -> fl.Query:
    """The records of FILES in the window for which --where is true. Damage is left to finish()."""
    logs = scan_of(args, args.files, getattr(args, "window", None))
    for expression in getattr(args, "where", []):
        logs = logs.filter(expression)
    if getattr(args, "dedup", False):
        logs = logs.dedup()
    once = getattr(args, "once", None)  # None: the verb has its own way
    return logs if once is None else logs.once() if once else logs._tell_twice()


def scan_of(args: argparse.Namespace, files: list[Any], window: windows.Window | None = None) -> fl.Query:
    """The records of the files in the window, as the input options say."""
    if not files:
        raise UsageError("no FILES given; - is standard input")
    options: dict[str, Any] = {}
    sets = sets_of(args)
    if sets:
        options["sets"] = sets
    internal = items_of(args.internal)
    if internal:
        options["internal"] = internal
    options["inventory"] = inventory_of(args)
    options["enrich"] = _tables(args)
    for name in _limits():
        key = name.replace("-", "_")
        value = getattr(args, f"limit_{key}")
        if value is not None:
            options[f"max_{key}"] = value
    shown_progress = progress.start()
    if shown_progress is not None:
        options["progress"] = shown_progress
    options.update(format=args.log_format, threads=args.threads, on_error="skip", mmap=args.mmap)
    if any(is_remote(file) for file in files):
        options.update(aws=caller_of(args), accounts=items_of(args.accounts), regions=items_of(args.regions))
    if window:
        options.update(since=window.since, until=window.until)
    with warnings_told():
        return fl.scan(files, **options)


_warned: set[str] = set()


@contextmanager
def warnings_told() -> Iterator[None]:
    """Warnings for the user become words on stderr, the same ones once."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always", UserWarning)
        yield
    for text in dict.fromkeys(str(warning.message) for warning in found):
        if text not in _warned:
            _warned.add(text)
            complain(text)


def is_remote(file: Any) -> bool:
    return fl._is_remote(file)


def caller_of(args: argparse.Namespace) -> Any:
    """Who calls AWS: a flowlogs.aws.Session, one for all that the command does."""
    from flowlogs.aws.session import Session

    if getattr(args, "made_session", None) is None:
        args.made_session = Session(
            profile=args.profile, region=args.region, role_arn=args.role_arn, endpoint_url=args.endpoint_url
        )
    return args.made_session


def inventory_of(args: argparse.Namespace) -> Any:
    """What --inventory tells, or None: a flowlogs.inventory.Inventory, read once."""
    if getattr(args, "made_inventory", None) is None and getattr(args, "inventory", None):
        from flowlogs import inventory

        with warnings_told():
            args.made_inventory = inventory.read(args.inventory)
    return getattr(args, "made_inventory", None)


def items_of(texts: list[str]) -> list[str]:
    """The items of an option that is given several times, or with commas."""
    return [item for text in texts for item in re.split(r"[\s,]+", text) if item]


def _tables(args: argparse.Namespace) -> list[Any]:
    """--enrich [NAME=]FILE, read once for all scans of the command."""
    made: list[Any] | None = getattr(args, "made_tables", None)
    if made is None:
        made = args.made_tables = []
        if args.enrich:
            from flowlogs import enrichment

            given: list[Any] = []
            for text in args.enrich:
                name, equal, path = text.partition("=")
                is_named = equal and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", name) and not os.path.exists(text)
                given.append({name: path} if is_named else text)
            made += enrichment.tables(given)
    return made


def rerun_of(args: argparse.Namespace) -> list[str]:
    """The input options, filters and FILES of this command, as words of another one that reads the same."""
    given = (
        ("--internal", args.internal), ("--inventory", args.inventory), ("--set", args.sets), ("--enrich", args.enrich),
        ("--format", _given(args.log_format)), ("--accounts", args.accounts), ("--regions", args.regions),
        *((f"--{name}", _given(getattr(args, name.replace("-", "_")))) for name in _CALLER),
        *((f"--limit-{name}", _given(getattr(args, f"limit_{name.replace('-', '_')}"))) for name in _limits()),
        ("--where", getattr(args, "given_where", args.where)),
    )  # fmt: skip
    words = [str(word) for option, values in given for value in values for word in (option, value)]
    for option, at in (("--since", args.window.since), ("--until", args.window.until)):
        words += [option, str(at)] if at is not None else []
    words += ["--dedup"] if getattr(args, "dedup", False) else []
    return [*words, *(["--"] if any(file[:1] == "-" and file != "-" for file in args.files) else []), *args.files]


_CALLER = ("profile", "region", "role-arn", "endpoint-url")


def _given(value: Any) -> list[Any]:
    return [] if value is None else [value]


# ---- Sets ------------------------------------------------------------------------------------------------------------


def sets_of(args: argparse.Namespace) -> dict[str, list[str]]:
    """--set NAME=FILE, and the files that --where and --having name: `in @FILE` becomes `in @` and a name."""
    made: dict[str, list[str]] | None = getattr(args, "made_sets", None)
    if made is not None:
        return made  # the expressions have their names already
    sets = args.made_sets = {}
    for text in args.sets:
        name, equal, path = text.partition("=")
        if not equal or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", name) or not path:
            raise UsageError(f"--set {text}: it is NAME=FILE, and a name has letters, digits, _ - .")
        if name in sets:
            raise UsageError(f"--set {text}: a set called {name} was given before")
        sets[name] = _values_of(path, f"--set {name}")
    known = _known_sets(args)
    args.given_where = list(getattr(args, "where", []))
    for option in ("where", "having"):
        given = getattr(args, option, None)
        if isinstance(given, str):
            setattr(args, option, _name_files(given, sets, known))
        elif given:
            setattr(args, option, [_name_files(text, sets, known) for text in given])
    return sets


def _known_sets(args: argparse.Namespace) -> dict[str, list[str]]:
    """All that `in @NAME` knows."""
    things = inventory_of(args)
    return {**(things.sets if things is not None else {}), **sets_of(args)}


def _name_files(expression: str, sets: dict[str, list[str]], known: dict[str, list[str]]) -> str:
    """The expression with a name for each file that it names: quoted texts, and sets that are known, are left alone."""

    def named(found: re.Match[str]) -> str:
        if found[1] is None:
            return found[0]
        path = found[1][1:]
        if path[:1] in ("'", '"'):
            path = path[1:-1].replace(path[0] * 2, path[0])
        elif path in sets or path in known or not os.path.exists(os.path.expanduser(path)):
            return found[0]  # the language says what is wrong with it
        sets.setdefault(path, _values_of(path, f"@{path}"))
        name = re.sub(r"[^A-Za-z0-9_.-]", "_", path)
        while name in sets and sets[name] is not sets[path]:
            name += "_"
        sets[name] = sets[path]
        return "@" + name

    # A file's name ends where the language's words end; with other characters in it, it goes in quotes: @'my list.txt'.
    text = r"""'(?:[^']|'')*'|"(?:[^"]|"")*\""""
    return re.sub(rf"""(@(?:{text}|[^\s'"(),]+))|{text}""", named, expression)


def _values_of(path: str, what: str) -> list[str]:
    """One value a line. What follows a # or ; at the beginning or behind a blank is a comment; of JSON lines, "cidr"."""
    from flowlogs.detect import parse_values

    try:
        with open(os.path.expanduser(path), encoding="utf-8-sig") as file:
            return parse_values(file.read())
    except OSError as error:
        raise UsageError(f"{what}: {path}: {error.strerror}", hint=False) from None
    except UnicodeDecodeError:
        raise UsageError(f"{what}: {path}: it is not UTF-8 text", hint=False) from None


# ---- Output ----------------------------------------------------------------------------------------------------------


class Output:
    """Where the answer goes and how it is written. With a file: it appears, whole, when the with-block ends well."""

    def __init__(
        self,
        wish: str | None,
        formats: tuple[str, ...],
        terminal: str = "table",
        pipe: str = "tsv",
        zone: tzinfo | None = None,
    ) -> None:
        """zone: where tables for people show times."""
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
        self.style.zone = zone
        if self.format in convert.BINARY:
            if self.is_terminal:
                raise UsageError(f"{self.format} is nothing for a terminal; give -o FILE.{self.format}", hint=False)
            try:
                convert.pyarrow_of(self.format)
            except ImportError as error:
                raise UsageError(str(error), hint=False) from None

    @property
    def for_people(self) -> bool:
        """Whether a table goes to a terminal."""
        return self.format == "table" and self.is_terminal

    @property
    def report_width(self) -> int:
        """For reports that leave columns out where there is no room: a file has room."""
        return self.width if self.is_terminal else max(self.width, 160)

    def _format_of(self, wish: str, formats: tuple[str, ...]) -> str:
        found = wish
        if wish not in FORMATS and wish not in formats:
            ending = os.path.splitext(wish)[1].lower()
            if ending not in ENDINGS:
                raise UsageError(
                    f"-o {wish}: neither a format ({', '.join(formats)}) nor a file whose ending names one "
                    f"({', '.join(ending for ending, format in ENDINGS.items() if format in formats)})"
                )
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
                UNFINISHED.add(self._temporary)
                self._file = os.fdopen(handle, "wb")
        except OSError as error:
            raise WriteError(f"{self.path}: cannot be written: {error.strerror}") from None
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if self._file is None:
            if kind is None:
                sys.stdout.flush()  # before the last words on stderr
            return
        try:
            self._file.close()
            if self._temporary is not None and kind is None:
                mask = os.umask(0)
                os.umask(mask)
                os.chmod(self._temporary, 0o666 & ~mask)
                os.replace(self._temporary, self._path)
                UNFINISHED.discard(self._temporary)
                self._temporary = None
        except OSError as failure:
            raise WriteError(f"{self.path}: cannot be written: {failure.strerror}") from None
        finally:
            if self._temporary is not None:
                with suppress(FileNotFoundError):  # Ctrl-C takes it away, too, from another thread
                    os.unlink(self._temporary)
                UNFINISHED.discard(self._temporary)

    def write(self, data: str | bytes) -> None:
        if isinstance(data, str):
            encoding = sys.stdout.encoding if self.is_terminal else "utf-8"
            data = data.encode(encoding or "utf-8", "backslashreplace")
        if self._file is None:
            progress.pause(for_good=self.is_terminal)
            sys.stdout.buffer.write(data)
            return
        try:
            self._file.write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise WriteError(f"{self.path}: cannot be written: {error.strerror}") from None

    def write_table(self, table: fl.Table) -> None:
        if self.format in convert.BINARY:
            self.write_tables([table])
            return
        self.write(self._headed(self._rendered(table)))

    def _rendered(self, table: fl.Table) -> str:
        if self.format == "table" and self.style.zone is not None:
            times = [name for name, kind in table._kinds if kind == "time"]
            rows = [
                {**row, **{name: None if row[name] is None else self.style.time(row[name]) for name in times}}
                for row in table
            ]
            kinds = [(name, "text" if kind == "time" else kind) for name, kind in table._kinds]
            table = fl.Table._from_rows(kinds, rows)
        return table.render(self.format)  # type: ignore[arg-type]

    def write_tables(self, tables: Any) -> int:
        """Writes tables of the same columns as one, piece by piece. Returns the number of rows."""
        if self.format in convert.BINARY:
            return convert.write(tables, self.format, self.write, is_file=self.path is not None)
        rows = 0
        for table in tables:
            if self.format == "table":
                if len(table) or not rows:  # widths depend on the rows: each piece has its own, and its own header
                    self.write(self._headed(self._rendered(table)))
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

    def write_ndjson(self, values: Any) -> None:
        import json

        self.write("".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values))


# ---- Last words ------------------------------------------------------------------------------------------------------


def footer(
    args: argparse.Namespace, output: Output, start: int | None, end: int | None, told: bool = False
) -> None:
    """The end of an answer for people: the window, the newest record's age, the usual lag (CONTRACT V3)."""
    lines = windows.footer(start, end, getattr(args, "window", None), output.style, told)
    if lines:
        output.write("\n" + "".join(output.style.dim(line) + "\n" for line in lines))


def times_of(logs: fl.Query) -> fl.Query | None:
    """A query for footer(): columns start and end. None if the input knows no times."""
    known = set(logs.columns)
    if "start" not in known:
        return None
    return logs.agg(start="min(start)", end="max(end)" if "end" in known else "max(start)")


def complain_of_twice(stats: fl.Stats) -> None:
    """Says what share of the records shows packets that another interface showed too (CONTRACT D2). It is known, about,
    where a verb that has --once is called without it.
    """
    share = stats._seen_twice
    if share:
        complain(f"{percent(round(share * 10**6), 10**6)} of the records are of packets that another interface saw too; --once counts them once")


def finish(args: argparse.Namespace, stats: fl.Stats, matched: int | None = None) -> int:
    """Says on stderr what the answer leaves out, and returns the exit code. matched: what --where left, if known."""
    complain_of_damage(stats)
    wrong = []
    if stats.problems:
        wrong.append(f"{count(sum(stats.problems.values()), 'line')} skipped ({_reasons(stats.problems)})")
    if stats.bad_values:
        wrong.append(
            f"{count(sum(stats.bad_values.values()), 'bad value')} read as missing ({_reasons(stats.bad_values)})"
        )
    if wrong:
        complain(f"{', '.join(wrong)}; `flowlogs check` shows where")
    if stats.records == 0:
        complain("no records in the input")
    elif matched == 0:
        _complain_of_nothing(args, stats)
    if stats.errors:
        return 2
    return 1 if wrong and getattr(args, "strict", False) else 0


def exit_code(args: argparse.Namespace, code: int, worst: str | None) -> int:
    """The code of finish(), or 1 if the worst that was found is as grave as --fail-on says. worst: None if nothing was."""
    words: tuple[str, ...] = args.fail_words
    if code == 0 and worst in words and args.fail_on != "never":
        return int(words.index(worst) <= words.index(args.fail_on))
    return code


def _complain_of_nothing(args: argparse.Namespace, stats: fl.Stats) -> None:
    """Nothing was left, by --where or by the window: says where the values do occur, or the records are (CONTRACT L11)."""
    window, where = getattr(args, "window", None), getattr(args, "where", [])
    if not window and not where:
        return
    what = "matches --where" if not window else "is in the window" + (" and matches --where" if where else "")
    told = ""
    # What can be read once, was; and what is far away is not fetched for a hint.
    if not stats.errors and not any(
        file == "-" or is_remote(file) or (os.path.exists(file) and not os.path.isfile(file) and not os.path.isdir(file))
        for file in args.files
    ):
        from flowlogs.cli import elsewhere

        try:
            told = elsewhere.told(scan_of(args, args.files), where, _known_sets(args), bool(window), args.zone)
        except fl.Error:
            pass  # it is a hint, no more
    complain(f"none of {count(stats.records, 'record')} {what}{told and '; ' + told}")


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
