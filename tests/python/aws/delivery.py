"""Stands in for AWS's delivery of flow logs: writes objects and events as AWS does (SPEC 4.1 to 4.3), and a proxy in front of
the emulator that answers as networks and busy services do.
"""

import gzip
import http.client
import http.server
import io
import socket
import struct
import threading
import time
from contextlib import contextmanager
from urllib.parse import urlsplit

import flowlogs as fl

ACCOUNT, REGION = "123456789012", "eu-west-1"
DEFAULT = tuple(fl.Format.default().fields)
CUSTOM = ("interface-id", "srcaddr", "dstaddr", "dstport", "bytes", "start", "end", "action")
TRANSIT = tuple(fl.Format.transit_gateway().fields)

# Where the files of a delivery lie: folders below the prefix.
LAYOUTS = {
    "plain": "AWSLogs/{account}/vpcflowlogs/{region}/%Y/%m/%d/",
    "hourly": "AWSLogs/{account}/vpcflowlogs/{region}/%Y/%m/%d/%H/",
    "hive": "AWSLogs/aws-account-id={account}/aws-service=vpcflowlogs/aws-region={region}/year=%Y/month=%m/day=%d/",
    "hive hourly": "AWSLogs/aws-account-id={account}/aws-service=vpcflowlogs/aws-region={region}/year=%Y/month=%m/day=%d/hour=%H/",
    "transit hive": "AWSLogs/aws-account-id={account}/service=vpcflowlogs/aws-region={region}/year=%Y/month=%m/day=%d/",
}


class Records:
    """Makes records, each of another number of bytes: what was read once, twice or never can be told."""

    def __init__(self):
        self.made = {}  # bytes: the record

    def make(self, count, end, fields=DEFAULT, interface="eni-0a1b2c3d4e5f60718"):
        lines = []
        for i in range(count):
            number = len(self.made) + 1
            values = {
                "version": 2, "account-id": ACCOUNT, "interface-id": interface, "srcaddr": f"10.0.{number % 250}.{i % 250}",
                "dstaddr": "10.1.0.9", "srcport": 1024 + i % 60000, "dstport": 443 if i % 3 else 22, "protocol": 6,
                "packets": 1, "bytes": number, "start": end - 60, "end": end, "action": "ACCEPT" if i % 4 else "REJECT",
                "log-status": "OK", "type": "IPv4", "tcp-flags": 2, "flow-direction": "ingress",
                "tgw-id": "tgw-0123456789abcdef0", "resource-type": "TransitGateway",
            }  # fmt: skip
            self.made[number] = {**values, "fields": fields}
            lines.append(" ".join(str(values.get(field, "-")) for field in fields))
        return lines


def content(lines, fields=DEFAULT):
    return ("\n".join([" ".join(fields), *lines]) + "\n").encode()


class Delivery:
    """Writes into a bucket and into log groups."""

    def __init__(self, aws, bucket="vpc-logs", prefix=""):
        self.aws, self.bucket, self.prefix = aws, bucket, prefix
        self.s3 = aws("s3")
        self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.records = Records()
        self._files = 0

    def key(self, at, layout="plain", account=ACCOUNT, region=REGION, flow_log="fl-0a1b2c3d", delivered=None, ending="log.gz"):
        """The key of a file of records that end in the five minutes from `at` on. delivered: later than that."""
        self._files += 1
        folder = time.strftime(LAYOUTS[layout], time.gmtime(at if delivered is None else delivered))
        name = f"{account}_vpcflowlogs_{region}_{flow_log}_{time.strftime('%Y%m%dT%H%MZ', time.gmtime(at // 300 * 300))}"
        return f"{self.prefix}{folder.format(account=account, region=region)}{name}_{self._files:08x}.{ending}"

    def put(self, key, body):
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)
        return f"s3://{self.bucket}/{key}"

    def file(self, at, count=10, fields=DEFAULT, lines=None, **where):
        """One object of records that end at `at`. Gives its URL."""
        lines = self.records.make(count, at, fields) if lines is None else lines
        return self.put(self.key(at, **where), gzip.compress(content(lines, fields), 1, mtime=0))

    def big_file(self, at, **where):
        """One of more bytes than the first request asks for, which gzip cannot make smaller."""
        lines = self.records.make(40_000, at)
        return self.put(self.key(at, **where), gzip.compress(content(lines), 0, mtime=0))

    def parquet(self, at, count=10):
        import pyarrow
        import pyarrow.parquet

        rows = [dict(zip(DEFAULT, line.split())) for line in self.records.make(count, at)]
        texts = {"account-id", "interface-id", "srcaddr", "dstaddr", "action", "log-status"}
        columns = {
            name.replace("-", "_"): [row[name] if name in texts else int(row[name]) for row in rows] for name in DEFAULT
        }
        file = io.BytesIO()
        pyarrow.parquet.write_table(pyarrow.table(columns), file, compression="gzip")
        return self.put(self.key(at, ending="log.parquet"), file.getvalue())

    def group(self, name):
        self.aws("logs").create_log_group(logGroupName=name)

    def events(self, group, stream, lines, at):
        """Events of the time `at`, epoch seconds, into a stream, which is made."""
        logs = self.aws("logs")
        try:
            logs.create_log_stream(logGroupName=group, logStreamName=stream)
        except logs.exceptions.ResourceAlreadyExistsException:
            pass
        for i in range(0, len(lines), 10_000):
            events = [{"timestamp": at * 1000, "message": line} for line in lines[i : i + 10_000]]
            logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def read(query):
    """What the records of a query are, by their numbers: {number: how often}."""
    table = query.group_by("bytes").agg(n="count()").collect()
    return {row["bytes"]: row["n"] for row in table}


# ---- Faults ----------------------------------------------------------------------------------------------------------


class Proxy:
    """Hands requests on to the emulator, but for those that a rule takes: rules.append((test, fault)).

    test(request) says whether it takes the request; fault(request) answers it, or returns None to have it answered as
    always. A rule that is used `times` times is gone.
    """

    def __init__(self, endpoint):
        self.target = urlsplit(endpoint).netloc
        self.rules, self.requests = [], []
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self):
                try:
                    super().handle_one_request()
                except OSError:
                    self.close_connection = True

            def answer(self):
                self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with proxy.lock:
                    proxy.requests.append((self.command, self.path, self.headers.get("Range")))
                    rule = next((rule for rule in proxy.rules if rule.takes(self)), None)
                if rule is not None and rule.fault(self):
                    return
                self.send(*self.fetch())

            do_GET = do_POST = do_HEAD = do_PUT = answer

            def fetch(self):
                connection = http.client.HTTPConnection(proxy.target, timeout=60)
                connection.request(self.command, self.path, self.body, dict(self.headers))
                answer = connection.getresponse()
                body = answer.read()
                headers = [(name, value) for name, value in answer.getheaders()
                           if name.lower() not in ("connection", "transfer-encoding", "server", "date")]  # fmt: skip
                connection.close()
                return answer.status, headers, body

            def send(self, status, headers, body, cut=None):
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                if not any(name.lower() == "content-length" for name, _ in headers):
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body[:cut])

            def log_message(self, *arguments):
                pass

        self.lock = threading.Lock()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def fail(self, fault, path="", times=1, begins=None):
        """The next `times` GETs of objects whose path has `path` in it; begins: those of a Range that begins so."""
        self.rules.append(_Rule(fault, path, times, begins))

    def gets(self):
        """The objects that were asked for, once for each time."""
        return [path for method, path, range in self.requests if method == "GET" and range]


class _Rule:
    def __init__(self, fault, path, times, begins):
        self.fault, self.path, self.times, self.begins = fault, path, times, begins

    def takes(self, request):
        asked = request.headers.get("Range")
        if request.command != "GET" or not asked or self.path not in request.path or self.times == 0:
            return False
        if self.begins is not None and not asked.startswith(self.begins):
            return False
        self.times -= 1
        return True


def slow_down(request):
    request.send(503, [("Content-Type", "application/xml")],
                 b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>")  # fmt: skip
    return True


def too_many(request):
    request.send(429, [("Content-Type", "application/xml")], b"<Error><Code>TooManyRequests</Code></Error>")
    return True


def internal_error(request):
    request.send(500, [("Content-Type", "application/xml")], b"<Error><Code>InternalError</Code></Error>")
    return True


def moved(request):
    """As the answer of a bucket that is in another region."""
    request.send(301, [("Content-Type", "application/xml"), ("x-amz-bucket-region", REGION)],
                 b"<Error><Code>PermanentRedirect</Code></Error>")  # fmt: skip
    return True


def reset(request):
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.close_connection = True
    request.connection.close()
    return True


def half(request):
    """The headers of the whole, half of the body, and no more."""
    status, headers, body = request.fetch()
    request.send(status, headers, body, cut=len(body) // 2)
    request.wfile.flush()
    request.close_connection = True
    return True


def silence(request):
    """No answer."""
    time.sleep(30)
    return True


def then(change):
    """change() is done before the answer."""

    def fault(request):
        change()
        return False

    return fault


@contextmanager
def proxied(endpoint):
    proxy = Proxy(endpoint)
    try:
        yield proxy
    finally:
        proxy.close()
