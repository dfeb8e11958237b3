"""The command `flowlogs VERB [options] FILES...`: finds the verb, runs it, turns errors into messages and exit codes.

Exit codes: 0 it ran; 1 problems found by check, findings, a control that fails, or under --strict; 2 wrong usage, or an
input not read to its end; 130 interrupted.
"""

from __future__ import annotations

import os
import sys

# The verbs, with what each does. The module of a verb has its name; none is loaded before it is needed.
VERBS = {
    "summary": "what is in the logs: totals, actions, top lists; also without a verb",
    "top": "the values of a field with the most bytes, packets or flows",
    "query": "any question: filter, group, aggregate, sort",
    "who": "everything about one address, prefix, interface, instance, ...",
    "conversations": "who talked to whom, both directions together, and what became of it",
    "timeline": "bytes, packets and records over time",
    "performance": "rates, unanswered and reset connections, ports in use, zones crossed, drops",
    "cost": "the path of every byte, what is charged on it, and what would save",
    "diff": "what changed between two times or two sets of files",
    "suggest-rules": "rules of security groups that admit what was accepted, and little else",
    "detect": "what deserves a look: scans, brute force, exfiltration, exposed ports, ...",
    "audit": "coverage, gaps, retention, who got in, and the controls that this supports; evidence packs",
    "troubleshoot": "why two hosts cannot talk: where it is rejected, dropped or not answered",
    "records": "the records themselves, or some of their fields, or the original lines",
    "tail": "the last records, and with --follow those that come",
    "convert": "the records as NDJSON, CSV, TSV or Parquet",
    "explain": "one line, field by field, in words",
    "check": "every problem and every bad value, with line numbers",
    "fields": "the fields of flow logs and what they mean",
    "generate": "a made-up log of any version, the same for the same seed",
}
# Verbs of two words. The module is called group_verb.
GROUPS = {
    "aws": {
        "enable": "switches flow logs on: a plan first, then what is missing",
        "status": "what is logged and what is not, how it is delivered, what it costs",
        "streams": "the streams of a log group, one for each interface",
        "disable": "removes what enable made, and nothing else",
        "inventory": "what stands behind the ids in the records, in files",
    },
    "lab": {
        "up": "the tutorial's network, two instances and their flow log; --emulated needs no account",
        "traffic": "sees to it that records arrive",
        "check": "whether each step of the tutorial holds, up to the records",
        "down": "removes all of it",
    },
}
LATER = "report ingest merge".split()

USAGE = """usage: flowlogs VERB [options] FILES...
       flowlogs FILES...                   the same as flowlogs summary FILES...

FILES are paths, directories, globs, or - for standard input; plain text, gzip, zstd, or Parquet (by pyarrow, duckdb or
polars: pip install 'flowlogs[frames]'); s3://BUCKET/PREFIX, cloudwatch://GROUP, cloudwatch://GROUP?stream=NAME
(by boto3: pip install 'flowlogs[aws]').

verbs:
{verbs}

`flowlogs VERB --help` tells a verb's options, with an example. `flowlogs --version` tells versions.

example: flowlogs tests/data/internet-noise-v2.log
"""


def main(argv: list[str] | None = None) -> int:
    """Runs the command and returns its exit code. argv: the arguments after the command's name; None: the process's."""
    if argv is None:
        argv = sys.argv[1:]
        _end_at_interrupt()
    # A stream that the caller has closed is None; what goes there is lost, as he wished.
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")
    try:
        code = _run(argv)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        _tidy()
        return 130
    except BrokenPipeError:
        _drop_output()  # whoever read it has what it wanted
        return 0
    except OSError as error:
        _drop_output()
        sys.stderr.write(f"flowlogs: standard output: cannot be written: {error.strerror}\n")
        return 2


def _drop_output() -> None:
    """What is still buffered for stdout goes nowhere, quietly."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        pass  # no real file, as under a test


# Files that are being written and have not got their names yet, and temporary folders.
UNFINISHED: set[str] = set()


def _end_at_interrupt() -> None:
    """Ctrl-C ends the process at once with 130, and leaves nothing behind.

    A scan ends by KeyboardInterrupt as well; what follows it (many groups that are merged, a large table that is written)
    does not look at signals, and would make a person wait.
    """
    import _thread
    import signal

    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def wait() -> None:
        while os.read(reader, 1) != bytes([signal.SIGINT]):
            pass
        _tidy()
        os._exit(130)

    _thread.start_new_thread(wait, ())


def _tidy() -> None:
    from flowlogs.cli import progress

    progress.stop()
    for path in list(UNFINISHED):
        try:
            os.unlink(path)
        except OSError:
            _remove_folder(path)


def _remove_folder(path: str) -> None:
    import shutil

    for _ in range(10):  # another thread may still write into it
        if not os.path.isdir(path):
            return
        shutil.rmtree(path, ignore_errors=True)


def _run(argv: list[str]) -> int:
    first = argv[0] if argv else None
    if first in ("-h", "--help", "help"):
        sys.stdout.write(_usage())
        return 0
    if first in ("-V", "--version"):
        from flowlogs import _core

        sys.stdout.write(_core.version_text().rstrip("\n") + "\n")
        return 0
    if first is None:
        sys.stderr.write("flowlogs: no FILES given\n\n" + _usage())
        return 2
    if first in VERBS:
        return _run_verb(first, argv[1:])
    if first in GROUPS:
        return _run_group(first, argv[1:])
    if not first.startswith("-") and not os.path.exists(first):
        if first in LATER:
            sys.stderr.write(f"flowlogs: the verb '{first}' is not built yet; there are {', '.join(VERBS)}\n")
            return 2
        import difflib

        near = difflib.get_close_matches(first, VERBS, n=1)
        if near and not any(character in first for character in "/.*?["):
            sys.stderr.write(f"flowlogs: '{first}' is neither a verb nor a file; did you mean {near[0]}?\n")
            return 2
    return _run_verb("summary", argv)


def _run_group(group: str, argv: list[str]) -> int:
    verbs = GROUPS[group]
    if argv and argv[0] in verbs:
        return _run_verb(f"{group} {argv[0]}", argv[1:])
    told = "".join(f"  {group} {verb:<{14 - len(group)}}{what}\n" for verb, what in verbs.items())
    if argv and argv[0] in ("-h", "--help", "help"):
        sys.stdout.write(f"usage: flowlogs {group} VERB [options]\n\nverbs:\n{told}")
        return 0
    what = f"'{argv[0]}' is no verb of {group}" if argv else f"{group} needs a verb"
    sys.stderr.write(f"flowlogs: {what}; there are {', '.join(verbs)}\n")
    return 2


def _run_verb(verb: str, argv: list[str]) -> int:
    from importlib import import_module

    import flowlogs as fl
    from flowlogs.cli import common

    module = import_module(f"flowlogs.cli.{verb.replace(' ', '_').replace('-', '_')}")
    try:
        parser = common.Parser(verb, module.HELP, module.EXAMPLE, module.FILES)
        module.add_options(parser)
        args = parser.parse(argv)
        return int(module.run(args))
    except common.HelpGiven:
        return 0
    except common.UsageError as error:
        common.complain(f"{error}; see `flowlogs {verb} --help`" if error.hint else str(error))
    except fl.Error as error:
        common.complain(str(error))
    except common.WriteError as error:
        common.complain(str(error))
    except MemoryError:
        common.complain("out of memory")
    return 2


def _usage() -> str:
    verbs = dict(VERBS)
    verbs.update((f"{group} {verb}", what) for group, some in GROUPS.items() for verb, what in some.items())
    return USAGE.format(verbs="\n".join(f"  {verb:<15}{what}" for verb, what in verbs.items()))
