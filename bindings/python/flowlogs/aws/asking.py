"""How the bytes of objects are asked for: by boto3 first, and then as boto3 did, without its work for each call.

What get_object() costs beyond signing, sending and reading the head of the answer (endpoint rules, events, the model of an
answer) is more than these together, and is under the GIL, while other threads wait for their bytes. So its first request of a
bucket is kept: the place, the headers and the signer are those of every other key. botocore signs and sends, with its own
credentials, proxies and certificates. What is answered with anything but the bytes is asked of boto3 itself: errors, redirects
to another region and expired credentials are its business.
"""

from __future__ import annotations

import threading
from typing import Any, NamedTuple
from urllib.parse import quote


class Answer(NamedTuple):
    """raw: the body, of urllib3. length: its bytes. range: as "bytes 0-9/10", or empty."""

    raw: Any
    length: int
    etag: str
    range: str


class Again(Exception):
    """What failed may go well the next time."""


_seen = threading.local()  # .sent: of the thread's last get_object()


class _Sent(NamedTuple):
    """A request before it was signed, and who signs it."""

    url: str
    headers: dict[str, str]
    context: dict[str, Any]
    signer: Any


def _note(request: Any, request_signer: Any, signature_version: Any, **kwargs: Any) -> None:
    context = {name: request.context[name] for name in ("signing", "auth_type") if name in request.context}
    # Others (of S3 Express, by a token, none at all) are boto3's alone.
    is_known = signature_version in ("s3v4", "v4") and not {"request_credentials", "identity_cache"} & set(
        context.get("signing") or ()
    )
    _seen.sent = _Sent(request.url, dict(request.headers.items()), context, request_signer) if is_known else None


class _Way:
    """What the requests for the objects of a bucket have in common."""

    def __init__(self, client: Any, sent: _Sent, key: str) -> None:
        from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped,import-not-found,unused-ignore]

        self._request, self._send = AWSRequest, client._endpoint.http_session.send
        self._context, self._signer = sent.context, sent.signer
        if not sent.url.endswith("/" + _quoted(key)):
            raise AttributeError("the key is not at the end")
        self._before = sent.url[: -len(_quoted(key))]
        own = ("range", "if-match", "amz-sdk-", "x-amz-checksum-")  # of each request, and of what is not looked at here
        self._headers = {name: value for name, value in sent.headers.items() if not name.lower().startswith(own)}

    def get(self, key: str, range: str, etag: str) -> Any:
        """The answer, of which the head was read."""
        headers = {**self._headers, "Range": range, "If-Match": etag}
        request = self._request("GET", self._before + _quoted(key), headers, stream_output=True)
        request.context.update(self._context)
        self._signer.sign("GetObject", request)
        return self._send(request.prepare())


class Asker:
    """Asks for objects of one bucket. For any thread."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client, self._bucket = client, bucket
        self._way: _Way | None = None
        client.meta.events.register("before-sign.s3.GetObject", _note, unique_id="flowlogs-asking")

    def get(self, key: str, begin: int, end: int, etag: str, careful: bool) -> Answer:
        """The bytes from begin to end, of this version. careful: by boto3 alone. Raises Again, and what boto3 raises."""
        range = f"bytes={begin}-{end - 1}"
        way = self._way
        if way is not None and not careful:
            answer = way.get(key, range, etag)
            length = answer.headers.get("Content-Length", "")
            if answer.status_code in (200, 206) and length.isdigit():
                return Answer(
                    answer.raw, int(length), answer.headers.get("ETag", ""), answer.headers.get("Content-Range", "")
                )
            answer.raw.close()
            if answer.status_code == 429 or answer.status_code >= 500:
                raise Again(f"the answer was {answer.status_code}")
            self._way = None  # perhaps it leads elsewhere now
        _seen.sent = None
        told = self._client.get_object(Bucket=self._bucket, Key=key, Range=range, IfMatch=etag)
        if self._way is None and _seen.sent is not None:
            try:
                self._way = _Way(self._client, _seen.sent, key)
            except (ImportError, AttributeError):
                pass  # another botocore than is known: each request is its own
        _seen.sent = None
        body = told["Body"]
        return Answer(
            getattr(body, "_raw_stream", body), int(told["ContentLength"]), told.get("ETag", ""), told.get("ContentRange") or ""
        )


def _quoted(key: str) -> str:
    return quote(key, safe="/~")
