"""flowlogs fields: the fields of flow logs."""

from __future__ import annotations

import argparse
import difflib
import textwrap

import flowlogs as fl
from flowlogs._text import Style
from flowlogs.cli.common import TABLE_FORMATS, Output, Parser, UsageError, limit

HELP = "The 72 fields of VPC and transit gateway flow logs: name, version that brought it, type, unit, meaning."
EXAMPLE = "flowlogs fields --version 3 --product vpc"
FILES = "[NAME...]"
FORMATS = TABLE_FORMATS
COLUMNS = [
    ("name", "text"),
    ("column", "text"),
    ("since", "int64"),
    ("product", "text"),
    ("type", "text"),
    ("unit", "text"),
    ("meaning", "text"),
]


def add_options(parser: Parser) -> None:
    parser.add_argument("files", nargs="*", metavar="NAME", help=argparse.SUPPRESS)
    parser.add_argument("--version", metavar="N", type=limit, help="only fields that version N has: those since 2 to N")
    parser.add_argument("--product", choices=("vpc", "transit-gateway"), help="only fields that this product has")
    parser.add_output(FORMATS)


def run(args: argparse.Namespace) -> int:
    fields = fl.fields()
    if args.files:
        wanted = [name.replace("_", "-") for name in args.files]
        known = [str(field["name"]) for field in fields]
        for name in wanted:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                raise UsageError(
                    f"no field is called '{name}'" + (f"; did you mean {near[0]}?" if near else ""), hint=False
                )
        fields = [field for field in fields if field["name"] in wanted]
    if args.version is not None:
        fields = [field for field in fields if field["since"] <= args.version]
    if args.product is not None:
        fields = [field for field in fields if field["product"] in (args.product, "both")]
    with Output(args.output, FORMATS) as output:
        if output.format == "table" and output.path is None:
            output.write(listing(fields, output.style, output.width))
        elif output.format == "json":
            output.write_json(fields)
        else:
            output.write_table(fl.Table._from_rows(COLUMNS, fields))
    return 0


def listing(fields: list[dict[str, object]], style: Style, width: int) -> str:
    """For people: meanings wrapped beside the names."""
    lines = [style.bold(f"{'name':<27}{'since':>5}  {'type':<7}{'product':<17}meaning")]
    room = max(24, width - 58)
    for field in fields:
        meaning = str(field["meaning"]) + (f" ({field['unit']})" if field["unit"] else "")
        wrapped = textwrap.wrap(meaning, room) or [""]
        head = f"{field['name']:<27}{field['since']:>5}  {field['type']:<7}{field['product']:<17}"
        lines += [head + wrapped[0], *(" " * 58 + line for line in wrapped[1:])]
    return "\n".join(lines) + "\n"
