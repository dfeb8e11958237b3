"""Scenarios: what is planted is in the log, where and when the truth says."""

import json
import subprocess
import sys

import pytest

import flowlogs as fl

KINDS = {
    "port-scan", "host-sweep", "brute-force", "exfiltration", "beaconing", "traffic-spike", "new-talker", "unusual-protocol",
    "exposed-admin-port", "denial-of-service", "listed-address", "blocked-egress", "lateral-movement", "answered-probe",
    "dns-bypass", "policy-violation", "long-connection", "logging-gap", "data-loss",
}  # fmt: skip


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenario")
    log, truth = folder / "incidents.log", folder / "truth.json"
    fl.generate(scenario="incidents", seed=11, output=log, truth=truth)
    return str(log), json.loads(truth.read_text())


def test_every_kind_is_planted_and_told(planted):
    _, truth = planted
    assert {entry["kind"] for entry in truth["incidents"]} == KINDS
    assert truth["seed"] == 11
    for entry in truth["incidents"]:
        assert truth["start"] <= entry["start"] < entry["end"] <= truth["end"], entry
        assert entry["why"]
        assert entry["actor"] or entry["targets"]


@pytest.mark.parametrize("kind", sorted(KINDS - {"logging-gap", "data-loss"}))
def test_the_records_are_there(planted, kind):
    log, truth = planted
    for entry in truth["incidents"]:
        if entry["kind"] != kind:
            continue
        actor = f"(srcaddr = {entry['actor']} or dstaddr = {entry['actor']})" if entry["actor"] else "srcport >= 0"
        # An actor that the gateway stands for is in the records of its own interface all the same.
        for target in entry["targets"][:20] or [None]:
            where = actor if target is None else f"{actor} and (srcaddr = {target} or dstaddr = {target})"
            (row,) = fl.scan(log).filter(where).agg(n="count()", first="min(start)", last="max(end)").collect().to_dicts()
            assert row["n"] > 0, (entry, target)
            assert row["first"] < entry["end"] and row["last"] >= entry["start"], (entry, target)


def test_a_gap_has_no_record_and_a_loss_is_told(planted):
    log, truth = planted
    for entry in truth["incidents"]:
        if entry["kind"] not in ("logging-gap", "data-loss"):
            continue
        where = f"interface-id = '{entry['interface']}' and end >= {entry['start']} and start < {entry['end']}"
        statuses = {row["log_status"] for row in fl.scan(log).filter(where).group_by("log-status").agg(n="count()").collect()}
        assert ("SKIPDATA" in statuses) if entry["kind"] == "data-loss" else not statuses
        outside = f"interface-id = '{entry['interface']}' and end < {entry['start']}"
        assert fl.scan(log).filter(outside).count() > 10


def test_what_passes_the_nat_gateway_is_told_by_three_legs_in_the_same_bytes():
    log = fl.generate(scenario="quiet-week", days=1, seed=2, format="interface-type srcaddr dstaddr pkt-srcaddr pkt-dstaddr bytes")
    rows = fl.scan(log).filter("interface-type = 'nat_gateway'").group_by("srcaddr", "dstaddr", "pkt-srcaddr", "pkt-dstaddr").agg(
        bytes="sum(bytes)").collect().to_dicts()  # fmt: skip
    inside = lambda address: address.startswith("10.")  # noqa: E731
    (nat,) = {row["srcaddr"] for row in rows if inside(row["srcaddr"]) and not inside(row["dstaddr"])}
    from_inside, to_outside = {}, {}
    for row in rows:
        if row["dstaddr"] == nat and row["pkt_dstaddr"] != nat:
            from_inside[row["pkt_dstaddr"]] = from_inside.get(row["pkt_dstaddr"], 0) + row["bytes"]
        if row["srcaddr"] == nat and row["pkt_srcaddr"] == nat:
            to_outside[row["dstaddr"]] = to_outside.get(row["dstaddr"], 0) + row["bytes"]
    assert len(from_inside) > 20
    assert from_inside == to_outside


@pytest.mark.parametrize("format", ["all", "v5", "v11"])
def test_every_format_is_read_without_a_problem(format):
    log = fl.generate(scenario="incidents", days=1, seed=3, format=format)
    stats = fl.scan(log, on_error="raise").agg(n="count()").collect().stats
    assert stats.problems == {}
    assert stats.bad_values == {}
    assert stats.records > 200_000


def test_the_past_ends_where_the_incidents_begin():
    (past,) = fl.scan(fl.generate(scenario="past", days=1, seed=4)).agg(last="max(end)", first="min(start)").collect().to_dicts()
    (now,) = fl.scan(fl.generate(scenario="incidents", days=1, seed=4)).agg(first="min(start)").collect().to_dicts()
    assert past["first"] < past["last"] < now["first"] + 60


def test_users_come_by_day_and_fewer_at_the_weekend(tmp_path):
    fl.generate(scenario="quiet-week", days=4, start="2026-09-03", hosts=41, seed=5, output=tmp_path / "log")  # from a Thursday
    rows = fl.scan(str(tmp_path / "log")).filter("dstport = 443 and action = 'ACCEPT'").group_by("bin(start, 1d)").agg(
        n="count()").collect().to_dicts()  # fmt: skip
    by_day = [row["n"] for row in rows]
    assert len(by_day) == 4
    assert max(by_day[2:]) < 0.9 * min(by_day[:2])


def test_wrong_options_are_told():
    with pytest.raises(fl.ArgumentError, match="'weekend' is none; there are incidents, past, quiet-week"):
        fl.generate(scenario="weekend")
    with pytest.raises(fl.ArgumentError, match="truth is of a scenario"):
        fl.generate(truth="x.json")
    with pytest.raises(fl.ArgumentError, match="too few for a scenario"):
        fl.generate(scenario="past", hosts=3)


def test_records_and_a_scenario_do_not_go_together(command):
    ran = command("generate", "--scenario", "past", "--records", "5")
    assert ran.returncode == 2 and ran.stdout == "" and "--days and --hosts say how much" in ran.stderr


def test_a_truth_that_cannot_be_written_is_told_with_its_path(command, tmp_path):
    path = tmp_path / "no" / "truth.json"
    ran = command("generate", "--scenario", "past", "--days", "1", "--truth", path, "-o", tmp_path / "log")
    assert ran.returncode == 2 and ran.stderr == f"flowlogs: --truth: {path}: No such file or directory\n"
    with pytest.raises(FileNotFoundError):
        fl.generate(scenario="past", days=1, truth=path)


def test_the_command_writes_log_and_truth(tmp_path):
    log, truth = tmp_path / "log.gz", tmp_path / "truth.json"
    subprocess.run(
        [sys.executable, "-m", "flowlogs", "generate", "--scenario", "incidents", "--days", "1", "--seed", "9",
         "--truth", str(truth), "-o", str(log)], check=True)  # fmt: skip
    assert fl.scan(str(log)).count() > 200_000
    assert json.loads(truth.read_text())["seed"] == 9
