"""Query.conversations() and `flowlogs conversations`."""

import collections
import csv
import io
import json

import pytest

import flowlogs as fl

V3 = "interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action tcp-flags"
STATES = ["answered", "rejected", "no reply", "no request", "reset"]


def flow(source, destination, action="ACCEPT", flags="-", at="eni-a", packets=2, bytes=100, start=1000, end=1059, protocol=6):
    """A line of V3; source and destination are "address:port"."""
    ends = [text.rpartition(":")[::2] for text in (source, destination)]
    (srcaddr, srcport), (dstaddr, dstport) = ends
    return f"{at} {srcaddr} {dstaddr} {srcport} {dstport} {protocol} {packets} {bytes} {start} {end} {action} {flags}\n"


def scan(*lines):
    return fl.scan((V3 + "\n" + "".join(lines)).encode())


CLIENT, SERVER = "10.0.0.1:40000", "10.0.0.2:443"
SYN, SYN_ACK, RST, FIN = 2, 18, 4, 1


@pytest.mark.parametrize(
    "state, lines",
    [
        ("answered", [flow(CLIENT, SERVER), flow(SERVER, CLIENT)]),
        ("answered", [flow(CLIENT, SERVER, flags=SYN | FIN), flow(SERVER, CLIENT, flags=SYN_ACK | FIN)]),
        ("answered", [flow(CLIENT, SERVER, flags=SYN), flow(SERVER, CLIENT, flags=SYN_ACK), flow(SERVER, CLIENT, flags=RST)]),
        # A reset of a connection that began before these records is none of the attempt.
        ("answered", [flow(CLIENT, SERVER, flags=0), flow(SERVER, CLIENT, flags=RST)]),
        # A late packet is rejected; the conversation was not.
        ("answered", [flow(CLIENT, SERVER), flow(SERVER, CLIENT), flow(CLIENT, SERVER, "REJECT", flags=RST)]),
        ("rejected", [flow(CLIENT, SERVER, "REJECT")]),
        ("rejected", [flow(CLIENT, SERVER, "REJECT", flags=SYN)]),
        ("rejected", [flow(CLIENT, SERVER), flow(SERVER, CLIENT, "REJECT")]),
        # The sender's interface let it go, the receiver's did not let it in.
        ("no reply", [flow(CLIENT, SERVER, flags=SYN)]),
        ("no reply", [flow(CLIENT, SERVER)]),
        ("no request", [flow(SERVER, CLIENT)]),
        ("rejected", [flow(SERVER, CLIENT, "REJECT")]),
        ("reset", [flow(CLIENT, SERVER, flags=SYN), flow(SERVER, CLIENT, flags=RST)]),
        ("answered", [flow(CLIENT, SERVER, "-"), flow(SERVER, CLIENT, "-")]),
    ],
)
def test_the_state_follows_from_both_directions(state, lines):
    answer = scan(*lines).conversations()
    assert [row["state"] for row in answer.rows] == [state]
    assert answer.states == {**dict.fromkeys(STATES, 0), state: 1} and answer.conversations == 1
    assert scan(*lines[::-1]).conversations().rows == answer.rows  # whatever the order


def test_both_directions_are_one_row():
    up = [flow(CLIENT, SERVER, packets=3, bytes=70, start=1000, end=1010), flow("10.0.0.1:40001", SERVER, packets=1, bytes=5)]
    down = [flow(SERVER, CLIENT, packets=4, bytes=4000, start=1001, end=1090)]
    (row,) = scan(*up, *down).conversations().rows
    assert row == {
        "client": "10.0.0.1",
        "server": "10.0.0.2",
        "server_port": 443,
        "service": "https",
        "protocol": 6,
        "state": "answered",
        "start": 1000,
        "end": 1090,
        "packets_to_server": 4,
        "bytes_to_server": 75,
        "packets_to_client": 4,
        "bytes_to_client": 4000,
        "records": 3,
        "rejected": 0,
        "connections": 2,
    }
    first, second = scan(*up, *down).conversations(ports=True).rows
    assert (first["client_port"], first["bytes_to_server"], first["bytes_to_client"], first["state"]) == (
        40000, 70, 4000, "answered",
    )  # fmt: skip
    assert (second["client_port"], second["bytes_to_server"], second["bytes_to_client"], second["state"]) == (
        40001, 5, 0, "no reply",
    )  # fmt: skip
    assert "connections" not in first


def test_who_began_by_flags_beats_the_ports():  # CONTRACT D1
    lines = [flow("10.0.0.9:22", "10.0.0.8:50000", flags=SYN), flow("10.0.0.8:50000", "10.0.0.9:22", flags=SYN_ACK)]
    (row,) = scan(*lines).conversations().rows
    assert (row["client"], row["server"], row["server_port"], row["state"]) == ("10.0.0.9", "10.0.0.8", 50000, "answered")


def test_where_nothing_tells_who_began_the_earlier_side_did():
    echo = [
        flow("10.0.0.2:0", "10.0.0.1:0", protocol=1, start=1000, bytes=84),
        flow("10.0.0.1:0", "10.0.0.2:0", protocol=1, start=1001, bytes=85),
    ]
    ntp = [
        flow("10.0.0.5:123", "10.0.0.6:123", protocol=17, start=1005),
        flow("10.0.0.6:123", "10.0.0.5:123", protocol=17, start=1004),
    ]
    lonely = [flow("10.0.0.7:0", "10.0.0.8:0", "REJECT", protocol=1)]
    for ports in (False, True):
        rows = {row["service"]: row for row in scan(*echo, *ntp).conversations(ports=ports).rows}
        icmp, time = rows["icmp"], rows["ntp"]
        assert (icmp["client"], icmp["server"], icmp["bytes_to_server"], icmp["bytes_to_client"]) == (
            "10.0.0.2", "10.0.0.1", 84, 85,
        )  # fmt: skip
        assert icmp["server_port"] is None and icmp["state"] == "answered" and icmp["records"] == 2
        assert (time["client"], time["server"], time["server_port"]) == ("10.0.0.6", "10.0.0.5", 123)
    (row,) = scan(*lonely).conversations().rows
    assert (row["client"], row["state"], row["connections"]) == ("10.0.0.7", "rejected", 1)


def test_packets_that_two_interfaces_saw_count_once():  # CONTRACT D2
    at_client = [flow(CLIENT, SERVER, at="eni-1", bytes=70), flow(SERVER, CLIENT, at="eni-1", bytes=500)]
    at_server = [flow(CLIENT, SERVER, at="eni-2", bytes=70), flow(SERVER, CLIENT, at="eni-2", bytes=500)]
    others = [
        flow("10.0.0.1:40009", "10.0.0.3:80", at="eni-1"),  # so that it is known whose interfaces they are
        flow("10.0.0.2:40009", "10.0.0.3:80", at="eni-2"),
    ]
    rows = scan(*at_client, *at_server, *others).conversations().rows
    (row,) = [row for row in rows if row["server"] == "10.0.0.2"]
    assert (row["bytes_to_server"], row["bytes_to_client"], row["records"]) == (70, 500, 4)
    # Rejected on its way in: the sender's interface has let it go, and the state is still told by both.
    refused = [flow(CLIENT, SERVER, at="eni-1"), flow(CLIENT, SERVER, "REJECT", at="eni-2")]
    rows = scan(*refused, *others).conversations().rows
    (row,) = [row for row in rows if row["server"] == "10.0.0.2"]
    assert (row["bytes_to_server"], row["records"], row["rejected"]) == (100, 2, 1)


def expected(logs, ports=False):
    """Conversations of the records, one after the other, by the derived columns."""
    names = "client server server_port protocol srcaddr dstaddr srcport dstport".split()
    groups = collections.defaultdict(lambda: {"up": [], "down": []})
    columns = [*names, "packets", "bytes", "start", "end", "action"]
    rows = logs.filter("srcaddr is not null").select(*columns).to_dicts()
    counted = collections.Counter(tuple(row.values()) for row in logs.once().filter("srcaddr is not null").select(*columns).to_dicts())
    for row in rows:
        if row["client"] is None:
            continue
        up = row["srcaddr"] == row["client"]
        if ports and row["srcaddr"] == row["dstaddr"]:
            up = row["dstport"] == row["server_port"]
        key = (row["client"], row["server"], row["server_port"], row["protocol"])
        key += ((row["srcport"] if up else row["dstport"]),) if ports else ()
        values = tuple(row.values())
        once = counted[values] > 0
        counted[values] -= 1
        groups[key]["up" if up else "down"].append({**row, "once": once})
    return groups


@pytest.fixture(scope="module")
def made():
    return fl.generate(records=6000, seed=11, format="v5", hosts=30)


@pytest.mark.parametrize("ports", [False, True])
def test_a_generated_log_gives_what_a_loop_over_its_records_gives(made, ports):
    logs = fl.scan(made)
    answer = logs.conversations(limit=None, ports=ports)
    groups = expected(logs, ports)
    found = {}
    for row in answer.rows:
        if row["server_port"] is None:
            continue
        key = (row["client"], row["server"], row["server_port"], row["protocol"])
        found[key + ((row["client_port"],) if ports else ())] = row
    told = {key: sides for key, sides in groups.items() if key[2] is not None}
    assert set(told) <= set(found)
    for key, sides in told.items():
        row = found[key]
        every = sides["up"] + sides["down"]
        assert row["records"] == len(every)
        assert row["start"] == min(one["start"] for one in every) and row["end"] == max(one["end"] for one in every)
        assert row["rejected"] == sum(one["action"] == "REJECT" for one in every)
        for side, to in (("up", "server"), ("down", "client")):
            counted = [one for one in sides[side] if one["once"]] or sides[side]
            known = [one["bytes"] for one in counted if one["bytes"] is not None]
            assert row[f"bytes_to_{to}"] == (sum(known) if known or not counted else None)
            assert row[f"packets_to_{to}"] == sum(one["packets"] for one in counted)
        if not ports:
            five = {(min(e := [(o["srcaddr"], o["srcport"]), (o["dstaddr"], o["dstport"])]), max(e)) for o in every}
            assert row["connections"] == len(five)
        accepted = {side: any(one["action"] == "ACCEPT" for one in sides[side]) for side in sides}
        if accepted["up"] and accepted["down"]:
            assert row["state"] in ("answered", "reset")
        elif not accepted["up"] and sides["up"]:
            assert row["state"] == "rejected"
    assert sum(row["records"] for row in answer.rows) == logs.filter("srcaddr is not null").count()
    assert sum(answer.states.values()) == answer.conversations == len(answer.rows)
    assert all(answer.states[state] for state in ("answered", "rejected"))


def test_the_limit_takes_the_largest_and_counts_all(made):
    logs = fl.scan(made)
    everything = logs.conversations(limit=None)
    sizes = [(row["bytes_to_server"] or 0) + (row["bytes_to_client"] or 0) for row in everything.rows]
    assert sizes == sorted(sizes, reverse=True)
    for limit in (0, 1, 7, 20, 10**6):
        some = logs.conversations(limit=limit)
        assert some.rows == everything.rows[:limit]
        assert (some.states, some.start, some.end) == (everything.states, everything.start, everything.end)
    rejected = logs.conversations(state="rejected", limit=5)
    assert rejected.rows == [row for row in everything.rows if row["state"] == "rejected"][:5]
    assert rejected.states == everything.states


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_threads_do_not_matter(made, threads):  # CONTRACT F10
    assert fl.scan(made, threads=threads).conversations() == fl.scan(made, threads=3).conversations()


def test_services_are_named_as_the_engine_names_them(made):
    logs = fl.scan(made)
    named = {(row["server_port"], row["protocol"]): row["service"] for row in logs.group_by("server_port", "protocol", "service").collect()}
    for row in logs.conversations(limit=None).rows:
        assert row["service"] == named[row["server_port"], row["protocol"]]


def test_gateways_know_no_action(made):
    logs = fl.scan(fl.generate(records=500, seed=2, format="tgw"))
    answer = logs.conversations(limit=None)
    assert answer.conversations and answer.states["rejected"] == 0
    assert sum(row["records"] for row in answer.rows) == logs.filter("srcaddr is not null").count()


def test_fewer_fields_give_what_they_can():
    (row,) = fl.scan(b"srcaddr dstaddr\n10.0.0.1 10.0.0.2\n10.0.0.2 10.0.0.1\n").conversations().rows
    assert row["state"] == "answered" and row["bytes_to_server"] is row["start"] is row["service"] is None
    with pytest.raises(fl.ArgumentError, match="no input has srcaddr"):
        fl.scan(b"version dstaddr\n2 10.0.0.2\n").conversations()
    empty = fl.scan(b"").conversations()
    assert empty.rows == [] and empty.conversations == 0 and str(empty) == "0 conversations"
    with pytest.raises(fl.ArgumentError, match="'lost' is no state"):
        fl.scan(b"").conversations(state="lost")
    for query in (fl.scan(b"").head(3), fl.scan(b"").group_by("bytes")):
        with pytest.raises(fl.ArgumentError, match="conversations: it takes a scan"):
            query.conversations()


def test_damage_is_raised_with_the_answer(tmp_path, noise):  # CONTRACT P5
    import gzip

    path = tmp_path / "cut.gz"
    content = gzip.compress(noise.read_bytes() * 50)
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(fl.InputError) as caught:
        fl.scan(path).conversations()
    assert caught.value.table.rows
    assert fl.scan(path, on_error="skip").filter("rejected").conversations().rows


# The report, the table, the command


def test_the_report_fits_and_loses_no_conversation(made):
    answer = fl.scan(made).conversations(limit=12)
    for width in (40, 60, 80, 120, 200):
        lines = answer.to_text(width).splitlines()
        assert len([line for line in lines if "answered" in line or "rejected" in line or "no re" in line]) >= 12
        assert max(map(len, lines[2:])) <= max(width, 74)  # what cannot be shorter is not cut
    assert "connections" in answer.to_text(200) and "connections" not in answer.to_text(70)
    assert f"and {answer.conversations - 12:,} smaller" in str(answer)


def test_rows_are_a_table_too(made):
    answer = fl.scan(made).conversations(limit=5)
    table = answer.to_table()
    assert table.to_dicts() == answer.rows and table.types["bytes_to_server"] == "int64"
    assert json.loads(json.dumps(answer)) == answer.to_dict()


def test_the_command_gives_the_same_rows(command, noise):
    expected = fl.scan(noise).conversations(limit=20).rows
    assert json.loads(command("conversations", "-o", "json", noise).stdout) == expected
    rows = list(csv.DictReader(io.StringIO(command("conversations", "-o", "csv", "-n", "all", noise).stdout)))
    assert len(rows) == 77 and list(rows[0]) == list(expected[0])
    assert len(command("conversations", "-n", 3, noise).stdout.splitlines()) == 4
    rows = json.loads(command("conversations", "--state", "no-reply", "-o", "json", noise).stdout)
    assert rows == []
    rows = json.loads(command("conversations", "--ports", "--state", "answered", "-o", "json", noise).stdout)
    assert {row["state"] for row in rows} == {"answered"} and rows[0]["client_port"] == 58758
    text = command("conversations", "-o", "table", noise).stdout
    assert text.startswith("77 conversations: 10 answered, 67 rejected\n") and "newest " in text.splitlines()[-1]
    assert command("conversations", "--state", "lost", noise).returncode == 2
    assert command("conversations", "-n", "x", noise).returncode == 2
