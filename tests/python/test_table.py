"""fl.Table and fl.Stats."""

import csv
import io
import json

import pytest

import flowlogs as fl


@pytest.fixture
def table(noise):
    groups = fl.scan(noise).filter("rejected").group_by("srcaddr").agg(n="count()", mean="mean(bytes)")
    return groups.sort("n", descending=True).head(20).collect()


def test_a_table_is_rows_and_columns(table):
    assert table.columns == ["srcaddr", "n", "mean"]
    assert table.types == {"srcaddr": "text", "n": "int64", "mean": "double"}
    assert len(table) == len(table["srcaddr"]) == len(table.to_dicts())
    assert table[0] == {"srcaddr": "217.12.208.8", "n": 47, "mean": 40.0}
    assert table[-1] == table.to_dicts()[-1] == table[len(table) - 1]
    assert table[1:3] == table.to_dicts()[1:3] and table[::-2] == table.to_dicts()[::-2]
    assert list(table) == table.to_dicts()
    assert [row["n"] for row in table] == table["n"]


def test_wrong_indexes_are_told(table):
    with pytest.raises(KeyError, match="no column 'bytes'.*srcaddr, n, mean"):
        table["bytes"]
    with pytest.raises(IndexError):
        table[len(table)]
    with pytest.raises(TypeError):
        table[1.5]


def test_columns_are_found_with_hyphens_too(noise):
    table = fl.scan(noise).select("log-status").head(1).collect()
    assert table.columns == ["log_status"] and table["log-status"] == ["OK"]


def test_times_are_integers_and_iso_only_for_people(noise):  # CONTRACT V2
    table = fl.scan(noise).select("start").head(1).collect()
    assert table["start"] == [1630619088]
    assert json.loads(table.to_json()) == [{"start": 1630619088}]
    assert "2021-09-02T21:44:48Z" in table.to_text() and "2021-09-02T21:44:48Z" in table._repr_html_()


def test_texts_of_a_table_agree(table):  # CONTRACT V2
    rows = table.to_dicts()
    assert json.loads(table.to_json()) == json.loads(table.render("json")) == rows
    assert [json.loads(line) for line in table.render("ndjson").splitlines()] == rows
    read = csv.DictReader(io.StringIO(table.to_csv()))
    assert [{**row, "n": int(row["n"]), "mean": float(row["mean"])} for row in read] == rows
    assert table.render("tsv").splitlines()[1].split("\t")[0] == "217.12.208.8"
    assert str(table) == table.to_text().rstrip("\n")
    with pytest.raises(fl.ArgumentError, match="no format"):
        table.render("xml")


def test_repr_shows_the_first_rows(table):
    lines = repr(table).splitlines()
    assert lines[0] == f"<flowlogs.Table {len(table)} rows x 3 columns>"
    assert lines[1].split() == ["srcaddr", "n", "mean"] and len(lines) == 2 + min(len(table), 20)
    big = fl.scan(b"1\n" * 50, format="bytes").select("bytes").collect()
    assert repr(big).splitlines()[-1] == "... 30 more"


def test_html_is_escaped():  # CONTRACT P2
    evil = '<script>alert("1")</script>&\''
    table = fl.scan(f"version interface-id\n2 {evil.replace(' ', '')}\n".encode()).collect()
    html = table._repr_html_()
    assert "<script" not in html and "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;" in html
    named = fl.scan(b"version srcaddr <b>x</b>\n2 - y\n").collect()._repr_html_()
    assert "<b>" not in named and "&lt;b&gt;x&lt;/b&gt;" in named


def test_control_characters_do_not_reach_a_terminal():
    table = fl.scan(b"version interface-id\n2 \x1b[31mred\xc2\x9b\n").collect()
    assert "\x1b" not in str(table) and "\x9b" not in str(table) and "\x1b" not in repr(table)


def test_bytes_that_are_no_utf8_are_shown_as_escapes():
    table = fl.scan(b"version interface-id\n2 a\xffb\xc3\n").collect()
    assert table["interface_id"] == [r"a\xffb\xc3"] == [json.loads(table.to_json())[0]["interface_id"]]
    assert r"a\xffb\xc3" in table.to_csv()


def test_stats_have_everything(line):  # CONTRACT P6, F9
    text = "version srcaddr srcport log-status\n2 10.0.0.1 1 OK\n\n2 x y OK\n2 - - NODATA\n2 - - SKIPDATA\n2 3\n"
    stats = fl.scan(text.encode()).check()
    assert stats.to_dict() == {
        "bytes": len(text),
        "lines": 7,
        "records": 4,
        "headers": 1,
        "blank": 1,
        "problems": {"too-few-values": 1},
        "bad_values": {"srcaddr": 1, "srcport": 1},
        "nodata": 1,
        "skipdata": 1,
        "skipped": 0,
        "formats": [{"fields": ["version", "srcaddr", "srcport", "log-status"], "records": 4}],
        "new_fields": [],
        "inputs": 1,
        "errors": [],
        "complete": True,
        "samples": stats.samples,
    }
    assert [(s["source"], s["line"], s["text"]) for s in stats.samples] == [
        ("<bytes>", 4, "2 x y OK"),
        ("<bytes>", 4, "2 x y OK"),
        ("<bytes>", 7, "2 3"),
    ]
    for name, value in stats.to_dict().items():
        assert getattr(stats, name) == value
    assert json.loads(stats.to_json()) == stats.to_dict()
    assert stats.lines == stats.records + stats.headers + stats.blank + sum(stats.problems.values())
    assert "problems=1" in repr(stats)
