"""gzip objects from an S3 server on this machine, beside the same files on disk.

    .venv/bin/python benchmarks/s3.py [--megabytes 1000] [--rounds 5] [--threads N] [--latency-ms 0]

The server knows GetObject (with Range) and ListObjectsV2, hands files out by sendfile(2), in a process of its own, on the same
CPUs: what it takes is told. Both ways answer the same question, taking turns; a ratio is one of medians.
"""

from __future__ import annotations

import argparse
import gzip
import http.server
import multiprocessing
import os
import pathlib
import resource
import shutil
import statistics
import sys
import tempfile
import time
from email.utils import formatdate
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import flowlogs as fl

DISTINCT = 8  # files that are made; the others are links to them


def make_files(root: pathlib.Path, megabytes: float, object_megabytes: float) -> int:
    """gzip files as AWS names them, together of so many bytes."""
    folder = root / "AWSLogs/123456789012/vpcflowlogs/eu-west-1/2025/11/28"
    folder.mkdir(parents=True)
    made: list[pathlib.Path] = []
    total = number = 0
    records = int(object_megabytes * 47_000)
    while total < megabytes * 1e6:
        path = folder / f"123456789012_vpcflowlogs_eu-west-1_fl-0a1b2c3d_20251128T{number // 12 % 24:02}{number % 12 * 5:02}Z_{number:08x}.log.gz"
        if len(made) < DISTINCT:
            path.write_bytes(gzip.compress(fl.generate(records=records, seed=number), 6, mtime=0))
            made.append(path)
        else:
            os.link(made[number % DISTINCT], path)
        total += path.stat().st_size
        number += 1
    return total


def serve(root: str, latency: float, port: object) -> None:
    files = {str(path.relative_to(root)): path for path in sorted(pathlib.Path(root).rglob("*.gz"))}

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            time.sleep(latency)
            url = urlsplit(self.path)
            key = unquote(url.path).partition("/bench/")[2]
            if "list-type" in url.query:
                self._list(parse_qs(url.query))
            elif key in files:
                self._send(files[key])
            else:
                self.send_error(404)

        def _send(self, path: pathlib.Path) -> None:
            size = path.stat().st_size
            first, _, last = self.headers.get("Range", f"bytes=0-{size - 1}").partition("=")[2].partition("-")
            begin, end = int(first), min(int(last or size), size - 1) + 1
            self.send_response(206)
            self.send_header("Content-Length", str(end - begin))
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{size}")
            self.send_header("ETag", f'"{size:x}"')
            self.send_header("Last-Modified", formatdate(path.stat().st_mtime, usegmt=True))
            self.end_headers()
            try:
                with open(path, "rb") as file:
                    while begin < end:
                        sent = os.sendfile(self.connection.fileno(), file.fileno(), begin, end - begin)
                        if sent == 0:
                            break
                        begin += sent
            except OSError:
                self.close_connection = True  # whoever asked has seen enough

        def _list(self, query: dict[str, list[str]]) -> None:
            prefix = query.get("prefix", [""])[0]
            after = query.get("continuation-token", query.get("start-after", [""]))[0]
            keys = [key for key in files if key.startswith(prefix) and key > after]
            page, more = keys[: int(query.get("max-keys", ["1000"])[0])], len(keys) > 1000
            contents = "".join(
                f"<Contents><Key>{escape(key)}</Key><ETag>&quot;{files[key].stat().st_size:x}&quot;</ETag>"
                f"<Size>{files[key].stat().st_size}</Size><LastModified>2025-11-28T00:00:00.000Z</LastModified></Contents>"
                for key in page
            )
            token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
            body = (
                f"<ListBucketResult><Name>bench</Name><IsTruncated>{str(more).lower()}</IsTruncated>{token}{contents}</ListBucketResult>"
            ).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        request_queue_size = 128  # of connections to come; what finds no room tries again after a second

    server = Server(("127.0.0.1", 0), Handler)
    port.put(server.server_port)  # type: ignore[attr-defined]
    server.serve_forever()


def cpu_of(pid: int) -> float:
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def timed(source: str, threads: int | None, aws: object, server: int) -> tuple[float, float, float, object]:
    before, served = resource.getrusage(resource.RUSAGE_SELF), cpu_of(server)
    began = time.perf_counter()
    answer = fl.scan(source, threads=threads, aws=aws).group_by("action").agg("count()", "sum(bytes)").collect().to_dicts()
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_SELF)
    own = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, own, cpu_of(server) - served, answer


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--megabytes", type=float, default=1000)
    parser.add_argument("--object-megabytes", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--latency-ms", type=float, default=0, help="that the server waits before each answer")
    arguments = parser.parse_args()
    root = pathlib.Path(tempfile.mkdtemp(prefix="flowlogs-s3-"))
    os.environ.update(AWS_ACCESS_KEY_ID="bench", AWS_SECRET_ACCESS_KEY="bench", AWS_EC2_METADATA_DISABLED="true")
    try:
        total = make_files(root, arguments.megabytes, arguments.object_megabytes)
        port = multiprocessing.Queue()  # type: ignore[var-annotated]
        server = multiprocessing.Process(target=serve, args=(str(root), arguments.latency_ms / 1000, port), daemon=True)
        server.start()
        aws = fl.aws.Session(region="eu-west-1", endpoint_url=f"http://127.0.0.1:{port.get()}")
        sources = {"disk": str(root), "s3": "s3://bench/AWSLogs"}
        runs: dict[str, list[tuple[float, float, float]]] = {name: [] for name in sources}
        answers = []
        for number in range(arguments.rounds + 1):
            for name, source in sources.items():
                *figures, answer = timed(source, arguments.threads, aws, server.pid or 0)
                answers.append(answer)
                if number > 0:  # the first round warms the page cache
                    runs[name].append(tuple(figures))  # type: ignore[arg-type]
        assert all(answer == answers[0] for answer in answers), "the ways give different answers"
        server.terminate()
    finally:
        shutil.rmtree(root)
    print(f"{total / 1e6:.0f} MB of gzip, load {os.getloadavg()[0]:.1f}, {os.cpu_count()} CPUs, {arguments.rounds} rounds")
    medians = {}
    for name, figures in runs.items():
        seconds, own, served = (statistics.median(figure[i] for figure in figures) for i in range(3))
        medians[name] = seconds
        spread = f"{min(f[0] for f in figures):.2f} to {max(f[0] for f in figures):.2f}"
        print(f"{name:5} {total / 1e6 / seconds:6.0f} MB/s  {seconds:.2f} s ({spread}), CPU {own:.2f} s, server {served:.2f} s")
    print(f"ratio {medians['disk'] / medians['s3']:.2f} of the rate on disk")
    return 0


if __name__ == "__main__":
    sys.exit(main())
