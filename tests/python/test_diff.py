"""Query.diff() and `flowlogs diff`."""

import collections
import json

import pytest

import flowlogs as fl

HEADER = "srcaddr bytes start end\n"


def scan(at=1000, **amounts):
    """A record of so many bytes from each host: scan(a=5) is 10.0.0.1 with five; a list is several records."""
    lines = []
    for host, values in amounts.items():
        for value in values if isinstance(values, list) else [values]:
            lines.append(f"10.0.0.{ord(host) - ord('a') + 1} {value} {at} {at + 60}\n")
    return fl.scan((HEADER + "".join(lines)).encode())


def changes(answer):
    return {"abcdefghij"[int(row["srcaddr"].rpartition(".")[2]) - 1]: row["change"] for row in answer.rows}


def test_keys_are_new_gone_grown_or_shrunk():
    before = scan(a=100, b=100, c=100, d=100, e=100)
    after = scan(b=200, c=50, d=199, e=51, f=1)
    answer = before.diff(after, by="srcaddr")
    assert changes(answer) == {"a": "gone", "b": "grown", "c": "shrunk", "f": "new"}  # d and e changed by less than twice
    assert [row["difference"] for row in answer.rows] == [100, -100, -50, 1]  # the largest first
    assert [(row["before"], row["after"]) for row in answer.rows] == [(100, 200), (100, 0), (100, 50), (0, 1)]
    assert (answer.new, answer.gone, answer.grown, answer.shrunk) == (1, 1, 1, 1)
    assert changes(before.diff(after, by="srcaddr", factor=1.5)) == {
        "a": "gone", "b": "grown", "c": "shrunk", "d": "grown", "e": "shrunk", "f": "new",
    }  # fmt: skip


def test_small_keys_and_many_rows_can_be_left_out():
    before, after = scan(a=100, b=2), scan(c=3, d=50)
    assert changes(before.diff(after, by="srcaddr", min=5)) == {"a": "gone", "d": "new"}
    answer = before.diff(after, by="srcaddr", limit=1)
    assert changes(answer) == {"a": "gone"} and answer.new == 2 and answer.gone == 2
    assert len(before.diff(after, by="srcaddr", limit=None).rows) == 4


def test_what_is_compared_can_be_chosen():
    before, after = scan(a=[1, 1, 1], b=[9]), scan(a=[3], b=[3, 3, 3])
    assert before.diff(after, by="srcaddr").rows == []
    answer = before.diff(after, by="srcaddr", measure="records")
    assert changes(answer) == {"a": "shrunk", "b": "grown"} and answer.measure == "records"
    with pytest.raises(fl.ArgumentError, match="packets"):
        before.diff(after, by="srcaddr", measure="size")


def test_nothing_changed_and_nothing_there():
    logs = scan(a=1, b=2)
    answer = logs.diff(logs, by="srcaddr")
    assert answer.rows == [] and (answer.new, answer.gone, answer.grown, answer.shrunk) == (0, 0, 0, 0)
    empty = fl.scan(HEADER.encode())
    assert changes(empty.diff(logs, by="srcaddr")) == {"a": "new", "b": "new"}
    assert changes(logs.diff(empty, by="srcaddr")) == {"a": "gone", "b": "gone"}


def test_one_scan_split_by_time_is_read_in_one_pass(tmp_path):
    log = tmp_path / "both.log"
    log.write_text(HEADER + "10.0.0.1 5 100 160\n10.0.0.2 5 100 160\n10.0.0.2 50 200 260\n10.0.0.3 5 200 260\n")
    logs = fl.scan(log)
    answer = logs.filter("start < 200").diff(logs.filter("start >= 200"), by="srcaddr")
    assert changes(answer) == {"a": "gone", "b": "grown", "c": "new"}
    assert (answer.before["records"], answer.after["records"]) == (2, 2)


def test_rates_make_times_of_different_length_comparable(command, tmp_path):
    log = tmp_path / "log"
    log.write_text(HEADER + "".join(f"10.0.0.1 60 {t} {t + 60}\n" for t in range(0, 3600, 60)))
    arguments = ["diff", "0..2400", "2400..3600", "--by", "srcaddr", "--factor", "1.5", "-o", "json", log]
    (row,) = json.loads(command(*arguments).stdout)
    assert (row["change"], row["before"], row["after"]) == ("shrunk", 2400, 1200 + 60)  # one record is in both
    assert json.loads(command(*arguments, "--rate").stdout) == []


@pytest.mark.parametrize("by", ["srcaddr", "server, service", "prefix(dstaddr, 24)"])
def test_generated_logs_give_what_a_loop_over_their_records_gives(by):
    before, after = (fl.scan(fl.generate(records=2000, seed=seed, format="v5", hosts=20)) for seed in (1, 2))
    answer = before.diff(after, by=by, limit=None, factor=3)
    names = fl._core._split_list(by)
    totals = []
    for logs in (before, after):
        totals.append(collections.Counter())
        for row in logs.once().select(*names, "bytes").to_dicts():
            *key, value = row.values()
            totals[-1][tuple(key)] += value or 0
    expected = {}
    for key in totals[0].keys() | totals[1].keys():
        a, b = totals[0][key], totals[1][key]
        kind = (
            "new" if key not in totals[0] else "gone" if key not in totals[1]
            else "grown" if b >= 3 * a and b > a else "shrunk" if a >= 3 * b and a > b else None
        )  # fmt: skip
        if kind:
            expected[key] = (kind, a, b)
    found = {tuple(row[name] for name in answer.by): (row["change"], row["before"], row["after"]) for row in answer.rows}
    assert found == expected and len(found) > 3
    differences = [abs(row["difference"]) for row in answer.rows]
    assert differences == sorted(differences, reverse=True)


def test_the_command_gives_the_method_s_answer(command, tmp_path):  # CONTRACT P8
    paths = []
    for seed in (1, 2):
        paths.append(tmp_path / f"{seed}.log")
        fl.generate(records=500, seed=seed, output=paths[-1])
    answer = fl.scan(paths[0]).diff(fl.scan(paths[1]), by="service", limit=None)
    process = command("diff", "--by", "service", "-n", "all", "-o", "json", *paths)
    assert json.loads(process.stdout) == answer.rows == answer.to_table().to_dicts()
    assert command("diff", "--by", "service", *paths).stdout.startswith("service\tchange\t")
    table = command("diff", "--by", "service", "-o", "table", *paths).stdout
    assert f"{answer.new} new" in table and table.splitlines()[-1].startswith("newest   ")  # CONTRACT V3
    process = command("diff", "--by", "srcaddr", "--where", "srcaddr = 9.9.9.9", *paths)
    assert process.stderr.count("none of 500 records matches --where; 9.9.9.9 occurs in no address field") == 2


def test_a_set_from_a_file_holds_for_both_sides(command, tmp_path):  # CONTRACT L5
    (tmp_path / "hosts.txt").write_text("10.0.0.1\n")
    for name, text in (("a", "10.0.0.1 5 1 2\n10.0.0.2 5 1 2\n"), ("b", "10.0.0.1 50 1 2\n10.0.0.2 50 1 2\n")):
        (tmp_path / name).write_text(HEADER + text)
    where = f"srcaddr in @{tmp_path}/hosts.txt"
    process = command("diff", "--by", "srcaddr", "--where", where, "-o", "json", tmp_path / "a", tmp_path / "b")
    assert [row["srcaddr"] for row in json.loads(process.stdout)] == ["10.0.0.1"], process.stderr
