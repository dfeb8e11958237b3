"""s3:// and cloudwatch:// for fl.scan(): URLs, and what they stand for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from ..windows import Window
from .errors import SourceError
from .session import Session


def is_url(text: str) -> bool:
    return re.match(r"(s3|cloudwatch)://", text) is not None


def session_of(aws: Any) -> Session:
    """aws: a Session, a boto3.Session, the arguments of Session in a mapping, or None."""
    if isinstance(aws, Session):
        return aws
    if isinstance(aws, Mapping):
        return Session(**aws)
    if aws is not None and not hasattr(aws, "get_credentials"):
        raise TypeError(f"aws= is a flowlogs.aws.Session, a boto3.Session, or a mapping of its arguments, not {type(aws).__name__}")
    return Session(boto=aws)


def find(url: str, session: Session, window: Window, accounts: Iterable[str] = (), regions: Iterable[str] = (),
         has_format: bool = False) -> list[Any]:  # fmt: skip
    """What a URL names: objects with open(), name and size."""
    scheme, _, rest = url.partition("://")
    if scheme == "s3":
        return _s3(rest, session, window, accounts, regions)
    from . import events

    group, streams = group_of(url)
    return list(events.Group(session, group).find(streams, window, has_format))


def _s3(rest: str, session: Session, window: Window, accounts: Iterable[str], regions: Iterable[str]) -> list[Any]:
    bucket, path = bucket_of("s3://" + rest)
    from . import objects

    return list(objects.Bucket(session, bucket).find(path, objects.Wanted(window, accounts, regions)))


def bucket_of(url: str) -> tuple[str, str]:
    """The bucket and the path of s3://BUCKET/PATH."""
    bucket, _, path = url[len("s3://") :].partition("/")
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]", bucket):
        raise SourceError(f"{url}: '{bucket}' is no name of a bucket; write s3://BUCKET/PREFIX")
    return bucket, path


def group_of(url: str) -> tuple[str, list[str]]:
    """The log group and the streams of cloudwatch://GROUP?stream=NAME; no streams: all."""
    group, _, query = url[len("cloudwatch://") :].partition("?")
    group = unquote(group)
    pairs = parse_qsl(query, keep_blank_values=True)
    if not re.fullmatch(r"[A-Za-z0-9._/#-]{1,512}", group) or any(name != "stream" or not value for name, value in pairs):
        raise SourceError(f"{url}: write cloudwatch://GROUP or cloudwatch://GROUP?stream=NAME")
    return group, [value for _, value in pairs]
