"""What troubleshoot, cost, audit and suggest-rules, which answer with an object, have in common."""

import json
import pathlib
import re

import pytest

import flowlogs as fl

PAGES = pathlib.Path(__file__).parents[2] / "docs"
VERBS = ["troubleshoot", "cost", "audit", "suggest-rules"]
ENDS = {"troubleshoot": ["--from", "10.0.0.138", "--to", "10.0.0.33:6379"]}


@pytest.mark.parametrize("verb", VERBS)
def test_the_page_names_every_key(verb, command, noise):  # docs/CONTRACT.md V6
    page = (PAGES / f"{verb}.md").read_text()
    answer = json.loads(command(verb, *ENDS.get(verb, []), "-o", "json", noise).stdout)
    assert [key for key in answer if f"`{key}`" not in page] == []


@pytest.mark.parametrize("verb", VERBS)
def test_json_is_what_the_method_gives(verb, command, noise):  # CONTRACT I, P8
    method = getattr(fl.scan(noise), verb.replace("-", "_"))
    told = json.loads(command(verb, *ENDS.get(verb, []), "-o", "json", noise).stdout)
    made = method(*ENDS[verb][1::2]) if verb in ENDS else method()
    made = json.loads(json.dumps(made))
    for answer in (told, made):
        answer.pop("time", None), answer.get("retention", {}).pop("oldest", None)  # of now
    assert told == made


@pytest.mark.parametrize("verb", VERBS)
def test_rows_are_the_same_in_every_format(verb, command, noise):  # CONTRACT V2
    rows = command(verb, "-o", "csv", noise).stdout.splitlines()
    assert command(verb, "-o", "tsv", noise).stdout.splitlines()[0].split("\t") == rows[0].split(",")
    lines = command(verb, "-o", "ndjson", noise).stdout.splitlines()
    assert len(lines) == len(rows) - 1 > 0 and all(isinstance(json.loads(line), dict) for line in lines)


@pytest.mark.parametrize("verb", VERBS)
def test_nothing_matched_is_said(verb, command, noise):  # CONTRACT L11
    ran = command(verb, "--since", "2022-01-01", noise)
    assert "none of 99 records is in the window; they are from 2021-09-02" in ran.stderr
    assert "none of 99 records matches --where" in command(verb, "--where", "dstport = 1", noise).stderr


@pytest.mark.parametrize("verb, words", [("detect", "high|medium|low"), ("troubleshoot", "certain|likely|possible"), ("audit", "fail|warn")])
def test_fail_on_is_told_from_the_gravest_to_never(verb, words, command):  # CONTRACT V5
    text = " ".join(command(verb, "--help").stdout.split())
    assert re.search(rf"--fail-on [A-Z]+ the least [a-z]+ of a [a-z]+ at which to exit with 1: {words.replace('|', ', ')}; or never", text)


@pytest.mark.parametrize(
    "verb, options, told",
    [
        ("troubleshoot", ["--from", "10.0.0.5/8"], "the prefix is 10.0.0.0/8"),
        ("audit", ["--who", "10.0.0.5/8"], "the prefix is 10.0.0.0/8"),
        ("audit", ["--allow", "10.0.0.5/8"], "the prefix is 10.0.0.0/8"),
        ("suggest-rules", ["--for", "10.0.0.5/8"], "the prefix is 10.0.0.0/8"),
        ("cost", ["--cur", "nowhere.csv"], "nowhere.csv: No such file"),
        ("cost", ["--prices", "nowhere.json"], "nowhere.json: No such file"),
        ("audit", ["--controls", "hipaa"], "there are cis-aws, pci-dss-4, soc2"),
        *((verb, ["--inventory", "nowhere"], "nowhere/manifest.json: No such file or directory; write it with") for verb in VERBS),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(verb, options, told, command, noise):
    ran = command(verb, *options, noise)
    assert ran.returncode == 2 and told in ran.stderr and ran.stdout == ""


def test_lists_may_be_texts_as_of_the_command(noise):
    logs = fl.scan(noise)
    assert logs.detect(kinds="port-scan, host-sweep").findings == logs.detect(kinds=["port-scan", "host-sweep"]).findings != []
    assert logs.detect(resolvers="192.0.2.53,192.0.2.54").findings == logs.detect(resolvers=["192.0.2.53", "192.0.2.54"]).findings
    assert {row["framework"] for row in logs.audit(controls="soc2 cis-aws").controls} == {"soc2", "cis-aws"}


def test_commands_that_are_told_read_what_was_read(command, noise, tmp_path):
    import shlex
    import zipfile

    addresses = tmp_path / "bad ones.txt"
    addresses.write_text("217.12.208.8\n")
    asked = ["--set", f"worse={addresses}", "--where", f"src in @'{addresses}' and src in @worse", "--until", "2021-09-03", noise]
    (finding,) = json.loads(command("detect", "--kind", "port-scan", *asked, "-o", "json").stdout)["findings"]
    told = [shlex.split(finding["rerun"])]
    command("audit", *asked, "--pack", tmp_path / "e.zip")
    with zipfile.ZipFile(tmp_path / "e.zip") as archive:
        queries = json.loads(archive.read("manifest.json"))["queries"]
    told += [shlex.split(queries["totals"])]
    for words in told:
        assert "1630627200" in words
        ran = command(*words[1:])
        assert ran.returncode == 0 and ran.stdout.count("\n") >= 2, ran.stderr
    assert command(*told[1][1:]).stdout.splitlines()[1].split(",")[0] == str(finding["records"])


@pytest.mark.parametrize("verb", ["troubleshoot", "cost", "suggest-rules"])
def test_records_that_are_logged_twice_are_dropped(verb, command, noise, tmp_path):
    again = tmp_path / "again.log"
    again.write_bytes(noise.read_bytes())
    twice = command(verb, *ENDS.get(verb, []), "--dedup", "-o", "json", noise, again)
    once = command(verb, *ENDS.get(verb, []), "-o", "json", noise)
    made, told = json.loads(twice.stdout), json.loads(once.stdout)
    for answer in (made, told):
        answer.pop("stats", None)
        for record in answer.get("evidence", []):
            record.pop("source")
    assert made == told and twice.returncode == once.returncode == 0, twice.stderr


def test_an_audit_is_of_all_records(command, noise):
    assert command("audit", "--dedup", noise).returncode == 2
    with pytest.raises(fl.ArgumentError, match="audit: .*leave dedup out"):
        fl.scan(noise).dedup().audit()


def test_a_field_that_lacks_is_said_with_where_it_is(command, tmp_path):
    log = tmp_path / "log"
    log.write_text("srcaddr dstaddr\n10.0.0.1 10.0.0.2\n")
    ran = command("cost", log)
    assert ran.returncode == 2 and "cost: no input has bytes; a flow log of the recommended format has it (flowlogs aws enable)" in ran.stderr
    log.write_bytes(fl.generate(records=20, format="tgw"))
    ran = command("suggest-rules", log)
    assert ran.returncode == 2 and "no input has action; transit gateways do not log" in ran.stderr


@pytest.mark.parametrize("columns", [60, 100])
@pytest.mark.parametrize("verb", VERBS)
def test_help_is_as_wide_as_the_terminal(verb, columns, command):  # CONTRACT V7
    lines = command(verb, "--help", env={"COLUMNS": str(columns)}).stdout.split("\nexample: ")[0].splitlines()
    paragraph = lines[2 : lines.index("", 2)]
    assert all(len(line) <= columns for line in paragraph) and max(map(len, paragraph)) > columns - 20
