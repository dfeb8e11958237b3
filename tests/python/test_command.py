"""The command, run as users run it: verbs, options, outputs."""

import csv
import gzip
import io
import json
import os
import pathlib
import re
import shlex

import pytest

import flowlogs as fl
from flowlogs.cli import VERBS

HEADER = fl.Format.default().header


# The command itself


def test_files_without_a_verb_are_a_summary(command, samples):  # CONTRACT V
    with_verb = command("summary", *samples)
    without = command(*samples)
    assert without.stdout == with_verb.stdout and without.returncode == 0
    assert without.stdout.startswith("112 records in 3 inputs\n")
    assert command("--threads", 2, *samples).stdout == with_verb.stdout


def test_no_files_is_a_usage_error(command):  # CONTRACT V5
    for arguments in ([], ["summary"], ["query"], ["records"], ["check"], ["top"], ["top", "srcaddr"], ["explain"]):
        process = command(*arguments)
        assert process.returncode == 2 and process.stdout == "" and process.stderr.startswith("flowlogs: "), arguments


def test_version_names_what_is_inside(command):  # CONTRACT V7
    process = command("--version")
    assert process.returncode == 0
    for part in ("flowlogs " + fl.__version__, "kernel", "Abseil", "RE2"):
        assert part in process.stdout
    assert re.search(r"zlib|ISA-L", process.stdout)


def test_help_tells_all_verbs(command):
    text = command("--help").stdout
    assert command("help").stdout == command("-h").stdout == text
    for verb in VERBS:
        assert re.search(rf"^  {verb} ", text, re.MULTILINE)


@pytest.mark.parametrize("verb", VERBS)
def test_every_help_has_an_example_that_works(command, verb, noise):  # CONTRACT V7
    process = command(verb, "--help")
    assert process.returncode == 0 and process.stderr == ""
    example = process.stdout.partition("example: ")[2].replace("\\\n", " ")
    words = shlex.split(example)
    assert words[:2] == ["flowlogs", verb]
    ran = command(*words[1:], cwd=noise.parent.parent.parent)
    seen_twice = re.compile(r"flowlogs: \d+\.\d % of the records are of packets that another interface saw too; --once .*\n")
    has_findings = verb == "detect"  # CONTRACT V5
    assert ran.returncode == has_findings and ran.stdout and seen_twice.sub("", ran.stderr) == ""


def test_options_and_files_stand_in_any_order(command, samples):
    one, two, three = samples
    expected = command("query", "--agg", "count()", one, two, three)
    assert (
        command("query", one, "--agg=count()", two, "--threads", 1, three).stdout == expected.stdout == "count\n112\n"
    )
    assert command("query", "--agg", "count()", "--", one, two, three).stdout == expected.stdout


def test_a_mistyped_verb_or_option_is_told(command, noise):
    for arguments, told in [
        (["sumary", noise], "did you mean summary"),
        (["merge", noise], "not built yet"),
        (["query", "--nosuch", noise], "--nosuch"),
        (["query", "--threads", "x", noise], "'x'"),
        (["query", "--threads", "0", noise], "'0'"),
        (["query", "--limit", "-1", noise], "limit"),
        (["query", "--having", "n > 1", noise], "there are none"),
        (["summary", "-o", "parquet", noise], "this verb writes"),
        (["query", "-o", "xml", noise], "xml"),
        (["summary", "-o", "csv", noise], "csv"),
        (["top", "srcaddr", "--by", "size", noise], "size"),
    ]:
        process = command(*arguments)
        assert process.returncode == 2 and told in process.stderr and process.stdout == "", process.stderr
        assert all(line.startswith(("flowlogs: ", "  ")) for line in process.stderr.splitlines())


# Inputs


def test_standard_input_is_a_file_called_minus(command, samples):
    gz = pathlib.Path(next(path for path in samples if path.endswith(".gz"))).read_bytes()
    text = gzip.decompress(gz)
    process = command("-o", "json", "-", stdin=text * 3)
    summary = json.loads(process.stdout)
    assert summary["records"] == 9 and summary["stats"]["headers"] == 3 and "action" not in summary["actions"]
    assert command("query", "--agg", "count()", "-", stdin=gz).stdout == "count\n3\n"
    assert command("top", "srcaddr", "-", stdin=text).returncode == 0


def test_a_missing_file_is_an_error_without_an_answer(command, tmp_path, noise):  # CONTRACT P5, V5
    for verb in ("summary", "query", "records", "check", "top"):
        process = command(verb, *(["srcaddr"] if verb == "top" else []), noise, tmp_path / "missing.log")
        assert process.returncode == 2 and process.stdout == "" and "missing.log" in process.stderr


def test_a_damaged_input_gives_its_answer_and_exit_code_2(command, tmp_path, noise):  # CONTRACT V5, P5
    cut = tmp_path / "cut.log.gz"
    content = gzip.compress(noise.read_bytes() * 50)
    cut.write_bytes(content[: len(content) // 2])
    for arguments in (["summary"], ["query", "--agg", "count()"], ["records"], ["check"], ["top", "srcaddr"]):
        process = command(*arguments, cut)
        assert process.returncode == 2 and process.stdout and "cut.log.gz" in process.stderr, arguments
    count = int(command("query", "--agg", "count()", cut).stdout.split()[1])
    assert 0 < count < 99 * 50
    assert command("records", cut).stdout.count("\n") == count + 1


def test_a_format_can_be_given(command):  # CONTRACT V4
    for option in ("--format", "--log-format"):
        for form in ("srcaddr bytes", "${srcaddr} ${bytes}", "srcaddr,bytes"):
            process = command("records", option, form, "-", stdin=b"10.0.0.1 5\n")
            assert process.stdout == "srcaddr\tbytes\n10.0.0.1\t5\n"
    process = command("records", "--format", "${srcadr} ${byts}", "-", stdin=b"10.0.0.1 5\n")
    assert process.returncode == 2 and "srcaddr" in process.stderr
    process = command("records", "-", stdin=b"10.0.0.1 5\n")
    assert process.returncode == 2 and "2 values in each line and no header: give the format" in process.stderr


# Expressions


def test_a_wrong_expression_shows_a_caret(command, noise):  # CONTRACT L1
    process = command("query", "--where", "dstport = 22 and dstport 80", noise)
    assert process.returncode == 2
    lines = process.stderr.splitlines()
    assert lines[0].startswith("flowlogs: ") and lines[1] == "  dstport = 22 and dstport 80"
    assert lines[2] == "  " + " " * 25 + "^"
    for arguments in (["--group-by", "bin(start"], ["--agg", "median(bytes)"], ["--where", "dstprt = 1"]):
        process = command("query", *arguments, noise)
        assert process.returncode == 2 and process.stderr.splitlines()[-1].strip() == "^"
    assert command("query", "--where", b"dstport = '\xff'", noise).returncode == 2


# query


def test_query_answers_as_python_does(command, noise):
    process = command(
        *["query", "--where", "rejected", "--group-by", "dstport", "--agg", "flows=count(),sources=distinct(srcaddr)"],
        *["--sort", "-flows", "--limit", "5", "-o", "json", noise],
    )
    query = fl.scan(noise).filter("rejected").group_by("dstport").agg(flows=fl.count(), sources=fl.distinct("srcaddr"))
    assert json.loads(process.stdout) == query.sort("flows", descending=True).head(5).to_dicts()
    assert process.returncode == 0 and process.stderr == ""


def test_lists_are_split_at_commas_outside_of_parentheses(command, noise):
    process = command(
        "query", "--group-by", "prefix(srcaddr, 8), t=bin(start, 1d)", "--agg", "count(), sum(bytes)", noise
    )
    assert process.stdout.splitlines()[0] == "prefix_srcaddr_8\tt\tcount\tsum_bytes"


def test_sort_takes_several_columns(command, noise):  # CONTRACT V1
    process = command(
        "query", "--group-by", "srcaddr", "--agg", "n=count()", "--sort", "-n,srcaddr", "-o", "json", noise
    )
    expected = fl.scan(noise).group_by("srcaddr").agg(n="count()").sort("n", descending=True).sort("srcaddr")
    assert json.loads(process.stdout) == expected.to_dicts()
    process = command("query", "--group-by", "srcaddr", "--sort", "nosuch", noise)
    assert process.returncode == 2 and "nosuch" in process.stderr


def test_query_without_groups_gives_rows(command, noise):
    rows = list(csv.DictReader(io.StringIO(command("query", "--limit", 3, "-o", "csv", noise).stdout)))
    assert len(rows) == 3 and rows[0]["srcaddr"] == "89.248.165.164"
    sorted_rows = json.loads(command("query", "--sort=-bytes", "--limit", 2, "-o", "json", noise).stdout)
    assert sorted_rows == fl.scan(noise).sort("bytes", descending=True).head(2).to_dicts()


def test_several_filters_must_all_hold(command, noise):
    process = command("query", "--where", "rejected", "--where", "protocol = tcp", "--agg", "count()", noise)
    assert process.stdout.split()[1] == str(fl.scan(noise).filter("rejected and protocol = tcp").count())


# records


def test_records_are_the_rows_of_the_file(command, noise):
    assert command("records", noise).stdout.splitlines()[1:] == [
        line.replace(" ", "\t") for line in noise.read_text().splitlines()[1:]
    ]
    assert json.loads(command("records", "-o", "json", noise).stdout) == fl.scan(noise).to_dicts()
    ndjson = command("records", "-o", "ndjson", "--where", "rejected", noise).stdout
    assert [json.loads(line) for line in ndjson.splitlines()] == fl.scan(noise).filter("rejected").to_dicts()
    assert json.loads(command("records", "-o", "json", "--where", "dstport = 1", noise).stdout) == []


def test_records_can_be_cut_to_fields(command, noise):
    process = command("records", "--fields", "srcaddr,net=prefix(dstaddr, 16)", "--limit", 1, noise)
    assert process.stdout == "srcaddr\tnet\n89.248.165.164\t10.0.0.0/16\n"


def test_raw_gives_the_original_lines_which_can_be_read_again(command, samples, tmp_path):  # CONTRACT V2
    process = command("records", "-o", "raw", *samples)
    lines = process.stdout.splitlines()
    assert lines[0] == HEADER and len(lines) == 113 and HEADER not in lines[1:]
    again = tmp_path / "again.log"
    assert command("records", "-o", again, *samples).stdout == ""
    assert again.read_text() == process.stdout
    assert command("records", "-o", "json", again).stdout == command("records", "-o", "json", *samples).stdout


def test_raw_writes_the_header_again_when_the_format_changes(command):  # CONTRACT V2
    text = b"version srcaddr\r\n2   10.0.0.1\r\nsrcaddr,vpc-id\n10.0.0.2,vpc-1\n\n10.0.0.3,vpc-2"
    raw = command("records", "-o", "raw", "-", stdin=text, encoding=None)
    expected = command("records", "-o", "json", "-", stdin=text).stdout
    assert command("records", "-o", "json", "-", stdin=raw.stdout).stdout == expected
    assert len(json.loads(expected)) == 3 and raw.stderr == ""
    assert raw.stdout.splitlines()[0] == b"version srcaddr" and b"srcaddr,vpc-id" in raw.stdout.splitlines()


def test_raw_of_a_cloudwatch_export_can_be_read_again(command, line):  # CONTRACT F2
    text = ("2021-09-02T21:31:05.000Z " + line(srcport=1) + "2021-09-02T21:31:06.000Z " + line(srcport=2)).encode()
    raw = command("records", "-o", "raw", "-", stdin=text).stdout
    assert raw == HEADER + "\n" + line(srcport=1) + line(srcport=2)


def test_raw_bytes_are_untouched(command):
    text = b"version srcaddr interface-id\n2 10.0.0.1 \xff\xfe\x1b[31m\n"
    assert command("records", "-o", "raw", "-", stdin=text, encoding=None).stdout == text


def test_raw_warns_of_a_header_that_will_not_be_known(command):
    process = command("records", "-o", "raw", "--format", "srcaddr one two three", "-", stdin=b"10.0.0.1 a b c\n")
    assert "read the output with --format" in process.stderr and process.returncode == 0
    process = command("records", "-o", "raw", "--fields", "srcaddr", "-", stdin=b"")
    assert process.returncode == 2 and "--fields" in process.stderr


# top


def test_top_answers_with_shares(command, noise):
    rows = json.loads(command("top", "srcaddr", "--by", "flows", "-n", 3, "-o", "json", noise).stdout)
    assert list(rows[0]) == ["srcaddr", "bytes", "packets", "flows", "percent"]
    assert rows[0] == {"srcaddr": "217.12.208.8", "bytes": 1880, "packets": 47, "flows": 47, "percent": 47.47}
    everything = json.loads(command("top", "srcaddr", "-n", 1000, "-o", "json", noise).stdout)
    assert abs(sum(row["percent"] for row in everything) - 100) < 0.5
    assert [row["bytes"] for row in everything] == sorted((row["bytes"] for row in everything), reverse=True)


def test_top_takes_any_key(command, noise):
    for key, name in [("service", "service"), ("prefix(srcaddr, 8)", "prefix_srcaddr_8"), ("t=bin(start, 1m)", "t")]:
        process = command("top", key, noise)
        assert process.returncode == 0 and process.stdout.split("\t")[0] == name


def test_top_leaves_the_null_group_out_and_says_how_many(command, line):  # CONTRACT L10
    nothing = "2 123456789012 eni-0a - - - - - - - 1600000100 1600000159 - NODATA\n"
    text = (line() + nothing * 3).encode()
    for key in ("srcaddr", "prefix(srcaddr, 16)", "service", "service(dstport)", "net=prefix(srcaddr, 16)"):
        process = command("top", key, "-o", "json", "-", stdin=text)
        assert len(json.loads(process.stdout)) == 1
        assert "3 records without" in process.stderr and process.returncode == 0


def test_top_works_where_the_input_lacks_a_sum(command):
    text = b"version srcaddr\n2 10.0.0.1\n"
    rows = json.loads(command("top", "srcaddr", "--by", "flows", "-o", "json", "-", stdin=text).stdout)
    assert rows == [{"srcaddr": "10.0.0.1", "flows": 1, "percent": 100.0}]
    process = command("top", "srcaddr", "-", stdin=text)
    assert process.returncode == 2 and "bytes" in process.stderr


# explain, check, fields


def test_explain_tells_values_in_words(command):
    line = "2 123456789010 eni-1 172.31.9.69 203.0.113.4 49761 443 6 20 4249 1418530010 - REJECT OK"
    rows = {row["field"]: row for row in json.loads(command("explain", line, "-o", "json").stdout)}
    assert list(rows) == fl.Format.default().fields
    assert rows["protocol"] == {"field": "protocol", "value": "6", "name": "tcp", "meaning": "IANA protocol number"}
    assert rows["srcaddr"]["name"] == "private" and rows["dstaddr"]["name"] == "public"
    assert rows["start"]["name"] == "2014-12-14 04:06:50Z" and rows["dstport"]["name"] == "https"
    assert (rows["end"]["value"], rows["end"]["name"]) == (None, None)
    assert command("explain", *line.split(), "-o", "json").stdout == command("explain", line, "-o", "json").stdout


def test_explain_takes_a_format_and_standard_input(command, noise):
    process = command("explain", "--format", "tcp-flags traffic-path new-field", "18 8 x", "-o", "json")
    assert [row["name"] for row in json.loads(process.stdout)] == ["SYN|ACK", "internet gateway", None]
    rows = json.loads(command("explain", "-", "-o", "json", stdin=noise.read_bytes()).stdout)
    assert len(rows) == 99 * 14 and rows[0]["line"] == 2


def test_explain_shows_bad_values_and_refuses_what_is_no_record(command, line):
    process = command("explain", line(srcport="x").strip(), "-o", "json")
    bad = [row for row in json.loads(process.stdout) if row["name"] == "bad value"]
    assert process.returncode == 1 and [(row["field"], row["value"]) for row in bad] == [("srcport", "x")]
    process = command("explain", "2 3 4")
    assert process.returncode == 2 and "3 values" in process.stderr and process.stdout == ""


def test_check_finds_every_problem_and_bad_value(command, line, tmp_path):
    path = tmp_path / "bad.log"
    path.write_text(line() * 500 + "2 3 4 5 6 7 8 9 10 11 12 13 14\n" + line() * 499 + line(dstport="x"))
    process = command("check", path)
    assert process.returncode == 1
    assert f"{path}:501: too-few-values" in process.stdout and f"{path}:1001: bad-value: dstport" in process.stdout
    stats = json.loads(command("check", "-o", "json", path).stdout)
    assert stats == fl.scan(path).check().to_dict()  # CONTRACT V6: the object of P6 itself
    assert (stats["records"], stats["problems"], stats["bad_values"]) == (1000, {"too-few-values": 1}, {"dstport": 1})
    query = command("query", "--agg", "count()", path)
    assert query.returncode == 0 and query.stdout == "count\n1000\n"
    assert query.stderr == "flowlogs: 1 line skipped (1 too-few-values); `flowlogs check` shows where\n"
    assert command("query", "--agg", "count()", "--strict", path).returncode == 1


def test_check_of_good_logs_ends_with_0(command, samples):
    process = command("check", *samples)
    assert process.returncode == 0 and "no problems" in process.stdout and process.stderr == ""


def test_fields_lists_and_filters(command):
    rows = json.loads(command("fields", "-o", "json").stdout)
    assert rows == fl.fields()
    assert len(command("fields").stdout.splitlines()) == 73
    assert list(csv.DictReader(io.StringIO(command("fields", "-o", "csv").stdout)))[3]["name"] == "srcaddr"
    two = json.loads(command("fields", "--version", 2, "-o", "json").stdout)
    assert [row["since"] for row in two] == [2] * 14
    gateway = json.loads(command("fields", "--product", "transit-gateway", "-o", "json").stdout)
    assert {row["product"] for row in gateway} == {"transit-gateway", "both"}
    assert [row["name"] for row in json.loads(command("fields", "pkt_srcaddr", "-o", "json").stdout)] == ["pkt-srcaddr"]
    assert "did you mean srcaddr" in command("fields", "srcadr").stderr


# Outputs


def test_a_pipe_gets_tsv_and_json_on_demand(command, noise):  # CONTRACT V2
    assert command("query", "--group-by", "action", noise).stdout == "action\tcount\nACCEPT\t32\nREJECT\t67\n"
    table = command("query", "--group-by", "action", "-o", "table", noise).stdout
    assert [line.split() for line in table.splitlines()] == [["action", "count"], ["ACCEPT", "32"], ["REJECT", "67"]]


@pytest.mark.parametrize("ending, format", [(".csv", "csv"), (".tsv", "tsv"), (".json", "json"), (".ndjson", "ndjson")])
def test_the_ending_of_a_file_chooses_its_format(command, noise, tmp_path, ending, format):  # CONTRACT V2
    path = tmp_path / ("answer" + ending)
    path.write_text("old")
    process = command("query", "--group-by", "action", "-o", path, noise)
    assert process.returncode == 0 and process.stdout == ""
    assert path.read_text() == command("query", "--group-by", "action", "-o", format, noise).stdout
    assert os.listdir(tmp_path) == [path.name]


def test_a_file_appears_whole_or_not_at_all(command, noise, tmp_path):
    path = tmp_path / "answer.csv"
    assert command("query", "--where", "nosuch = 1", "-o", path, noise).returncode == 2
    assert os.listdir(tmp_path) == []
    process = command("query", "-o", tmp_path / "missing" / "x.csv", noise)
    assert process.returncode == 2 and "cannot be written" in process.stderr


def test_the_output_may_replace_the_input(command, noise, tmp_path):
    path = tmp_path / "a.log"
    path.write_bytes(noise.read_bytes())
    assert command("records", "-o", path, "--where", "rejected", path).returncode == 0
    assert fl.scan(path).count() == 67


def test_nothing_matched_is_said(command, noise):
    process = command("query", "--where", "dstport = 1", "--group-by", "srcaddr", noise)
    assert process.returncode == 0 and process.stdout == "srcaddr\tcount\n"
    assert process.stderr == "flowlogs: none of 99 records matches --where; 1 occurs in no port field\n"
    assert command("summary", "-", stdin=b"").stderr == "flowlogs: no records in the input\n"
