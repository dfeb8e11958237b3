"""What holds for every verb of the command: formats, windows, damage, inputs (CONTRACT V)."""

import csv
import gzip
import io
import json

import pytest

import flowlogs as fl

# Each verb that reads FILES, with the arguments before them.
READERS = {
    "summary": [],
    "top": ["srcaddr"],
    "query": ["--group-by", "srcaddr,bytes"],
    "who": ["10.0.0.138"],
    "conversations": [],
    "timeline": ["--bin", "1m"],
    "records": [],
    "convert": ["-o", "ndjson"],
    "check": [],
}
WINDOWED = [verb for verb in READERS if verb != "check"]
TABLES = ["top", "query", "conversations", "timeline", "records"]
TWO_DAYS = "interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action\n" + "".join(
    f"eni-a 10.0.0.{host} 10.0.0.9 {40000 + host} 443 6 1 {100 * host + day} {1600000000 + day * 86400} "
    f"{1600000060 + day * 86400} ACCEPT\n"
    for day in (0, 1)
    for host in (1, 2, 138)
)


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "two-days.log"
    path.write_text(TWO_DAYS)
    return path


@pytest.mark.parametrize("verb", READERS)
def test_a_damaged_input_gives_its_answer_and_exit_code_2(command, tmp_path, noise, verb):  # CONTRACT V5, P5
    cut = tmp_path / "cut.log.gz"
    content = gzip.compress(noise.read_bytes() * 50)
    cut.write_bytes(content[: len(content) // 2])
    process = command(verb, *READERS[verb], cut)
    assert process.returncode == 2 and process.stdout
    assert process.stderr.count("cut.log.gz: not read to its end") == 1, process.stderr


def test_damage_of_either_side_of_a_diff(command, tmp_path, noise):
    cut = tmp_path / "cut.log.gz"
    cut.write_bytes(gzip.compress(noise.read_bytes())[:-30])
    for sides in ([cut, noise], [noise, cut]):
        process = command("diff", "--by", "srcaddr", *sides)
        assert process.returncode == 2 and process.stdout.startswith("srcaddr\tchange"), process.stderr
        assert process.stderr.count("cut.log.gz: not read to its end") == 1
    with pytest.raises(fl.InputError) as error:
        fl.scan(noise).diff(fl.scan(cut), by="srcaddr")
    assert error.value.table.by == ["srcaddr"]


@pytest.mark.parametrize("verb", ["summary", "who", "conversations", "timeline"])
def test_a_method_raises_damage_with_its_answer(tmp_path, noise, verb):  # CONTRACT P5, P8
    cut = tmp_path / "cut.log.gz"
    cut.write_bytes(gzip.compress(noise.read_bytes())[:-30])
    arguments = READERS[verb][:1] if verb == "who" else []
    with pytest.raises(fl.InputError, match="cut.log.gz") as error:
        getattr(fl.scan(cut), verb)(*arguments)
    answer = getattr(fl.scan(cut, on_error="skip"), verb)(*arguments)
    assert error.value.table == answer and answer["stats"]["errors"]


@pytest.mark.parametrize("verb", READERS)
def test_no_files_a_missing_file_and_an_empty_glob_are_errors(command, tmp_path, verb):  # CONTRACT V5, P5
    for files in ([], [tmp_path / "missing.log"], [tmp_path / "*.none"]):
        process = command(verb, *READERS[verb], *files)
        assert process.returncode == 2 and process.stdout == "" and process.stderr.startswith("flowlogs: ")


@pytest.mark.parametrize("verb", READERS)
def test_standard_input_gives_what_a_file_gives(command, noise, verb):
    assert command(verb, *READERS[verb], "-", stdin=noise.read_bytes()).stdout == command(verb, *READERS[verb], noise).stdout


@pytest.mark.parametrize("verb", WINDOWED)
def test_a_window_leaves_the_records_that_overlap_it(command, log, verb):  # CONTRACT V3
    whole, first = command(verb, *READERS[verb], log), command(verb, *READERS[verb], "--until", "1600050000", log)
    assert first.stdout != whole.stdout
    assert command(verb, *READERS[verb], "--end", "2020-09-14T04:20:00+02:00", log).stdout == first.stdout
    second = command(verb, *READERS[verb], "--since", "2020-09-14", log)
    assert second.stdout == command(verb, *READERS[verb], "--start", "1600041600", log).stdout
    assert second.stdout not in (first.stdout, whole.stdout)
    none = command(verb, *READERS[verb], "--since", "1h", log)
    assert none.returncode == 0
    if verb != "who":
        assert "none of 6 records is in the window; they are from 2020-09-13 12:26:40Z" in none.stderr


def test_a_time_that_is_none_and_an_empty_window_are_usage_errors(command, log):
    for times in (["--since", "yesterday"], ["--since", "2020-09-14", "--until", "2020-09-13"]):
        process = command("query", *times, log)
        assert process.returncode == 2 and process.stdout == "" and process.stderr.startswith("flowlogs: ")


@pytest.mark.parametrize("verb", ["summary", "who", "timeline", "conversations"])
def test_times_are_shown_to_people_where_they_want_them(command, log, verb):  # CONTRACT V2, V3
    text = command(verb, *READERS[verb], "--tz", "Europe/Berlin", "-o", "table", log).stdout
    assert "2020-09-13 14:26:40+02:00" in text and "2020-09-13 12:26" not in text
    assert "newest" in text and "CloudWatch usually lags 5 min, S3 10 min" in text
    assert command(verb, *READERS[verb], "--tz", "Berlin", log).returncode == 2


@pytest.mark.parametrize("verb", TABLES)
def test_the_formats_tell_the_same(command, log, verb):  # CONTRACT V2
    arguments = [verb, *READERS[verb]]
    rows = json.loads(command(*arguments, "-o", "json", log).stdout)
    if verb == "timeline":
        rows = rows["bins"]
    assert [json.loads(line) for line in command(*arguments, "-o", "ndjson", log).stdout.splitlines()] == rows
    texts = [["" if value is None else str(value) for value in row.values()] for row in rows]
    for format, delimiter in (("csv", ","), ("tsv", "\t")):
        header, *found = csv.reader(io.StringIO(command(*arguments, "-o", format, log).stdout), delimiter=delimiter)
        assert header == list(rows[0]) and found == texts
    assert command(*arguments, log).stdout == command(*arguments, "-o", "tsv", log).stdout
    path = log.parent / "answer.csv"
    assert command(*arguments, "-o", path, log).stdout == ""
    assert path.read_bytes() == command(*arguments, "-o", "csv", log, encoding=None).stdout


def test_tabs_and_backslashes_are_escaped_and_formulas_made_inert(command, tmp_path):  # CONTRACT V2
    log = tmp_path / "evil.log"
    log.write_text('srcaddr instance-tag bytes\n10.0.0.1 =cmd%28%29 1\n10.0.0.2 a%09b%5Cc%0Ad 2\n10.0.0.3 @x 3\n10.0.0.4 -1 4\n')
    for verb in (["top", "instance-tag"], ["query", "--group-by", "instance-tag"], ["records"], ["convert"]):
        tsv = command(*verb, "-o", "tsv", log).stdout
        assert "a\\tb\\\\c\\nd" in tsv and "=cmd()" in tsv
        cells = [cell for row in csv.reader(io.StringIO(command(*verb, "-o", "csv", log).stdout)) for cell in row]
        assert not [cell for cell in cells if cell[:1] in ("=", "@", "+", "-")], cells
        assert "'=cmd()" in cells and "'@x" in cells and "'-1" in cells


@pytest.mark.parametrize("verb", WINDOWED)
def test_filters_sets_and_internal_prefixes_are_taken_by_every_verb(command, log, verb):  # CONTRACT L4, L5, V4
    (log.parent / "set.txt").write_text("10.0.0.1  # one\n# none\n10.0.0.138\n")
    arguments = [verb, *READERS[verb]]
    plain = command(*arguments, "--where", "srcaddr in (10.0.0.1, 10.0.0.138)", log)
    assert command(*arguments, "--set", f"two={log.parent}/set.txt", "--where", "srcaddr in @two", log).stdout == plain.stdout
    assert command(*arguments, "--where", f"srcaddr in @{log.parent}/set.txt", log).stdout == plain.stdout
    internal = command(*arguments, "--internal", "10.0.0.1/32,10.0.0.128/25", "--where", "srcaddr in internal", log)
    assert internal.stdout == plain.stdout


@pytest.mark.parametrize("verb", WINDOWED)
def test_identical_records_can_be_dropped(command, log, verb):  # CONTRACT D2
    once = json.loads if verb in ("summary", "who", "timeline") else str
    json_of = ["-o", "json"] if verb != "convert" else []
    arguments = [verb, *READERS[verb], *json_of]
    twice = once(command(*arguments, "--dedup", log, log).stdout)
    plain = once(command(*arguments, log).stdout)
    if isinstance(plain, dict):
        for answer in (plain, twice):
            del answer["stats"], answer["formats" if verb == "summary" else next(iter(answer))]
    assert twice == plain


# Nothing matched


def said(process):
    assert process.returncode == 0
    (line,) = [line for line in process.stderr.splitlines() if "none of" in line]
    return line.partition("; ")[2]


@pytest.mark.parametrize(
    "where, told",
    [
        ("srcaddr = 10.0.0.9", "10.0.0.9 occurs as dstaddr in 6 records"),
        ("dstaddr = '10.0.0.1' and bytes > 0", "10.0.0.1 occurs as srcaddr in 2 records"),
        ("srcport = 443", "443 occurs as dstport in 6 records"),
        ("dstport in (40001, 40002)", "srcport is in (40001, 40002) in 4 records"),
        ("client = 10.0.0.9", "10.0.0.9 occurs as dstaddr in 6 records"),
        ("src = 1.2.3.4", "1.2.3.4 occurs in no address field"),
        ("srcaddr = 10.0.0.1 and srcport = 40002", "srcaddr = 10.0.0.1 alone matches 2 records; srcport = 40002 alone matches 2 records"),
        ("srcaddr = 10.0.0.9 or (srcport between 1 and 1k)", "10.0.0.9 occurs as dstaddr in 6 records; dstport is between 1 and 1k in 6 records"),
        ("bytes = 7", ""),
        ("not addr in 10.0.0.0/8", ""),
    ],
)  # fmt: skip
def test_where_the_value_does_occur_is_said(command, log, where, told):  # CONTRACT L11
    for verb in (["query"], ["query", "--agg", "count()"], ["summary"]):
        assert said(command(*verb, "--where", where, log)) == told


def test_the_time_of_what_matches_is_said(command, log):  # CONTRACT L11
    process = command("query", "--since", "2021-01-01", "--where", "srcaddr = 10.0.0.2", log)
    assert said(process) == "those that match --where are from 2020-09-13 12:26:40Z - 2020-09-14 12:27:40Z  (1 d)"
    process = command("query", "--since", "2021-01-01", "--where", "dstaddr = 10.0.0.2", log)
    assert said(process) == "10.0.0.2 occurs as srcaddr in 2 records"


def test_what_can_be_read_once_is_not_asked_again(command, log):
    process = command("query", "--where", "srcaddr = 10.0.0.9", "-", stdin=log.read_bytes())
    assert process.stderr == "flowlogs: none of 6 records matches --where\n"


# What was seen twice


def test_the_share_that_was_seen_twice_is_said_and_once_changes_it(command, tmp_path):  # CONTRACT D2
    log = tmp_path / "log"
    line = "{} 10.0.0.1 {} 1 2 6 1 100 1600000000 1600000060 ACCEPT\n"
    log.write_text(
        TWO_DAYS.partition("\n")[0] + "\n" + line.format("eni-a", "10.0.0.2") + line.format("eni-b", "10.0.0.2")
        + line.format("eni-a", "10.0.0.3") + "eni-b 10.0.0.7 10.0.0.2 1 2 6 1 100 1600000000 1600000060 ACCEPT\n"
    )  # fmt: skip
    told = "flowlogs: 25.0 % of the records are of packets that another interface saw too; --once counts them once\n"
    for arguments, rows, once in (
        (["query", "--agg", "count()"], "count\n4\n", "count\n3\n"),
        (["top", "dstaddr", "-n", "1", "--by", "flows"], "10.0.0.2\t300\t3\t3\t75\n", "10.0.0.2\t200\t2\t2\t66.67\n"),
        (["records", "--fields", "bytes"], "bytes\n100\n100\n100\n100\n", "bytes\n100\n100\n100\n"),
        (["records", "-o", "raw"], "eni-b 10.0.0.1 10.0.0.2", "eni-a 10.0.0.1 10.0.0.2"),
    ):
        every = command(*arguments, log)
        assert rows in every.stdout and every.stderr == told
        counted = command(*arguments, "--once", log)
        assert once in counted.stdout and counted.stderr == "" and counted.stdout != every.stdout
    assert command("query", "--agg", "count()", "--where", "interface-id = 'eni-a'", log).stderr == ""
    assert command("summary", log).stderr == ""
