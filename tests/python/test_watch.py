"""flowlogs.watch.Watch, and `flowlogs detect --follow --notify`: each finding once, while records come."""

import http.server
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

import flowlogs as fl
from flowlogs.notify import NotifyError, channel_of
from flowlogs.watch import Watch

HEADER = "interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action\n"
T = 1_760_000_000 // 86400 * 86400 + 3600


def scan_of(host, ports, at=T, target="10.0.0.5"):
    return "".join(f"eni-a {host} {target} 50000 {port} 6 1 40 {at} {at + 1} REJECT\n" for port in ports)


def kinds(findings):
    return [(finding["kind"], finding["actor"], finding["targets"]) for finding in findings]


# ---- Watch -----------------------------------------------------------------------------------------------------------


def test_a_scan_in_pieces_is_one_finding_told_when_it_is_enough():
    with Watch() as watch:
        told = [watch.feed((HEADER + scan_of("198.51.100.7", range(i, i + 10), T + i)).encode()) for i in range(100, 150, 10)]
        assert [len(findings) for findings in told] == [0, 1, 0, 0, 0]
        assert kinds(told[1]) == [("port-scan", "198.51.100.7", ["10.0.0.5"])]
        assert watch.records == 50 and watch.newest == T + 141
        # That it has another target now is the same finding, grown; another actor's is another.
        assert watch.feed((HEADER + scan_of("198.51.100.7", range(1, 41), T + 200, "10.0.0.6")).encode()) == []
        more = watch.feed((HEADER + scan_of("198.51.100.8", range(1, 41), T + 300)).encode())
        assert kinds(more) == [("port-scan", "198.51.100.8", ["10.0.0.5"])]
    assert not os.path.exists(watch.folder)


def test_pieces_find_what_the_whole_finds(noise):
    header, *lines = noise.read_text().splitlines(keepends=True)
    whole = fl.scan(str(noise)).detect().findings
    for size in (len(lines), 40, 7):
        with Watch() as watch:
            found = [f for i in range(0, len(lines), size) for f in watch.feed((header + "".join(lines[i : i + size])).encode())]
        assert [(f["id"], f["kind"]) for f in found] == [(f["id"], f["kind"]) for f in whole]


@pytest.mark.parametrize("options", [{"policy": "no-such-file"}, {"kinds": "scan"}, {"thresholds": {"x": 1}}, {"suppress": [{}]},
                                     {"scan": {"internal": ["10.0.0.1/8"]}}])  # fmt: skip
def test_a_wrong_option_is_an_error_before_anything_is_fed(options):
    with pytest.raises(fl.ArgumentError):
        Watch(**options)


def test_what_ended_too_long_ago_is_forgotten_and_a_finding_comes_back_another_day():
    with Watch(keep=3600) as watch:
        assert watch.feed((HEADER + scan_of("198.51.100.7", range(100, 110), T)).encode()) == []
        # Two hours later those ports do not count any more.
        assert watch.feed((HEADER + scan_of("198.51.100.7", range(110, 120), T + 7200)).encode()) == []
        assert watch.records == 10
        first = watch.feed((HEADER + scan_of("198.51.100.7", range(120, 130), T + 7300)).encode())
        again = watch.feed((HEADER + scan_of("198.51.100.7", range(100, 130), T + 3 * 86400)).encode())
        assert kinds(first) == kinds(again) == [("port-scan", "198.51.100.7", ["10.0.0.5"])]


def test_many_pieces_are_few_files(monkeypatch):
    monkeypatch.setattr("flowlogs.watch._MOST_FILES", 10)
    with Watch() as watch:
        for i in range(14):
            watch.feed((HEADER + scan_of(f"198.51.100.{i}", [443], T + i)).encode())
        assert watch.records == 14 and len(os.listdir(watch.folder)) < 10


def test_formats_without_a_header_and_options_of_both_kinds():
    line = "2 123456789012 eni-a 198.51.100.7 10.0.0.5 50000 {} 6 1 40 1760000000 1760000060 REJECT OK\n"
    with Watch(scan={"format": fl.Format.default()}, thresholds={"port-scan.ports": 3}) as watch:
        assert watch.feed("".join(line.format(port) for port in (1, 2)).encode()) == []
        assert len(watch.feed(line.format(3).encode())) == 1
    with pytest.raises(fl.ArgumentError, match="no threshold"), Watch(thresholds={"nosuch": 3}) as watch:
        watch.feed(line.format(1).encode())


# ---- Channels --------------------------------------------------------------------------------------------------------


def test_a_channel_that_is_none_is_told():
    for text in ("mail:me", "sns:topic", "webhook:ftp://x", "exec:", "exec"):
        with pytest.raises(fl.ArgumentError, match="write sns:arn"):
            channel_of(text, lambda region: None)


class Hook(http.server.BaseHTTPRequestHandler):
    answers, got = [], []

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        code = self.answers.pop(0) if self.answers else 200
        if code == 200:
            self.got.append(body)
        self.send_response(code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def hook():
    Hook.answers, Hook.got = [], []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/services/SECRET"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_webhook_that_is_none_does_not_end_the_watch_nor_tells_secrets():
    finding = {"severity": "low", "kind": "port-scan", "actor": "198.51.100.7", "why": "it did"}
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def answer():
            connection, _ = server.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(b"SSH-2.0-none\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(NotifyError, match=f"webhook http://127.0.0.1:{port}/...: its answer is no HTTP"):
            channel_of(f"webhook:http://127.0.0.1:{port}/SECRET?SECRET", None)(finding)
        thread.join()
    for url in ("http://user:SECRET@127.0.0.1/x", "http://127.0.0.1/a b/SECRET", "http://127.0.0.1:1?SECRET"):
        with pytest.raises(NotifyError) as told:
            channel_of(f"webhook:{url}", None)(finding)
        assert "127.0.0.1" in str(told.value) and "SECRET" not in str(told.value)
    with pytest.raises(NotifyError):
        channel_of("webhook:http://[::1/x", None)(finding)


# ---- The command -----------------------------------------------------------------------------------------------------


def wait_for(what, seconds=120):
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_findings_of_a_file_that_grows_are_told_once_and_sent(tmp_path, hook):
    log, heard = tmp_path / "log", tmp_path / "heard"
    log.write_text(HEADER + scan_of("198.51.100.7", range(100, 110)))
    Hook.answers = [503, 503]  # it is sent again
    tell = f"""exec:{sys.executable} -c "import sys; open('{heard}', 'ab').write(sys.stdin.buffer.read() + b'\\\\n')\""""
    command = [sys.executable, "-m", "flowlogs", "detect", "--follow", "--every", "0.1", "-o", "ndjson", "--notify", tell,
               "--internal", "10.0.0.0/8,192.168.0.0/16", "--notify", f"webhook:{hook}", str(log)]  # fmt: skip
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    try:
        wait_for(lambda: list(tmp_path.glob("flowlogs-watch-*")))
        for first in (110, 120, 130):
            with open(log, "a") as file:
                file.write(scan_of("198.51.100.7", range(first, first + 10), T + first))
            time.sleep(0.3)
        wait_for(lambda: heard.exists() and Hook.got)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130 and not list(tmp_path.glob("flowlogs-watch-*"))
    (finding,) = map(json.loads, out.decode().splitlines())
    assert (finding["kind"], finding["actor"]) == ("port-scan", "198.51.100.7") and str(log) in finding["rerun"]
    assert [json.loads(line) for line in heard.read_text().splitlines()] == [finding]
    assert [body["finding"] for body in Hook.got] == [finding] and "port-scan by 198.51.100.7" in Hook.got[0]["text"]
    told = err.decode()
    assert told.count("not sent") == 1 and "answered 503" in told and "SECRET" not in told
    assert "judged together; the newest ended" in told


def test_options_that_do_not_go_together(command, noise):
    for arguments, told in [
        (["--notify", "exec:true"], "go with --follow"),
        (["--follow", "--since", "1h"], "--keep says"),
        (["--follow", "--save-baseline", "x"], "does not go with --follow"),
        (["--follow", "--notify", "mail:x"], "write sns:arn"),
        (["--follow", "--keep", "soon"], "no span of time"),
    ]:
        ran = command("detect", *arguments, noise)
        assert ran.returncode == 2 and told in ran.stderr, ran.stderr


def test_what_cannot_be_judged_by_is_told_before_anything_comes(command, tmp_path):
    (tmp_path / "log").write_text("")
    for arguments, told in [
        (["--policy", "no-such-file"], "policy: no-such-file: No such file or directory"),
        (["--set", "bad=no-such-file"], "--set bad: no-such-file: No such file or directory"),
        (["--kind", "scan"], "no kind of finding is called scan"),
        (["--internal", "10.0.0.1/8"], "did you mean 10.0.0.0/8?"),
    ]:
        ran = command("detect", "--follow", *arguments, tmp_path / "log")
        assert ran.returncode == 2 and told in ran.stderr, ran.stderr
