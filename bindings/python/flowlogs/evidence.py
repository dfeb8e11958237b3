"""Evidence packs: what was read and what was answered, such that a changed byte shows. docs/audit.md tells of the files.

A pack is a ZIP file, or a directory, of

    manifest.json   tool, time, caller; of every source, and file of an inventory, its key, version, ETag, size, SHA-256; the calls that AWS answered;
                    the queries
    audit.json      the answer; report.txt: the same for people
    queries.json    the queries, as commands; answers/*.csv: what they gave
    SHA256SUMS      of all of these, as sha256sum writes it

It proves what was read, not what AWS delivered. Whoever can write the pack can write another one: keep its fingerprint, the
SHA-256 of SHA256SUMS, where nobody can change it, and give it to verify().

A source is hashed after the queries, in a second reading, and has to be the one of before them: of a file size and times, of an
object ETag and version are compared. Members of a ZIP file are stored as they are, with fixed times, so that verify() knows
every byte of it.
"""

from __future__ import annotations

import glob
import hashlib
import io
import json
import os
import re
import shlex
import time
import zipfile

from . import _core
from ._text import count, iso_time, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, Union

    from .audit import Audit

    Path = Union[str, "os.PathLike[str]"]

VERSION = 1
MANIFEST, SUMS = "manifest.json", "SHA256SUMS"
# Answers of more rows are left out of a pack; the command gives them again.
_MOST_ROWS = 100_000
_CHUNK = 1 << 20
_SAYS = "This proves what was read and what was answered; not what AWS delivered, nor that nothing else happened."


def expanded(sources: Iterable[str]) -> list[str]:
    """The files, objects and streams of a query's sources: those of directories and globs, each once, sorted bytewise."""
    found: dict[str, None] = {}
    for source in sources:
        paths = [source]
        if not source.startswith(("s3://", "cloudwatch://")) and not os.path.exists(source) and re.search(r"[*?\[]", source):
            paths = sorted(glob.glob(source), key=os.fsencode) or [source]
        for path in paths:
            found.update(dict.fromkeys(sorted(_below(path), key=os.fsencode) if os.path.isdir(path) else [path]))
    return list(found)


def _below(directory: str) -> Iterator[str]:
    """As fl.scan() takes a directory."""
    for folder, folders, files in os.walk(directory):
        folders[:] = [name for name in folders if not name.startswith((".", "_"))]
        yield from (os.path.join(folder, name) for name in files if not name.startswith((".", "_")) and name != "aws-logs-write-test")


# ---- Sources ---------------------------------------------------------------------------------------------------------


class Packing:
    """Made before the queries, so that what is hashed after them is known to be what they read."""

    def __init__(
        self, pack: Path, names: list[str], session: Any, window: tuple[int | None, int | None], inventory: Iterable[str] = ()
    ) -> None:
        """names: of the sources; inventory: the files of one."""
        self.pack, self.names, self.session, self.window, self.inventory = os.fspath(pack), names, session, window, list(inventory)
        _writable(self.pack)
        every = names + self.inventory
        self.before = dict(zip(every, _each(self._look, every)))

    def _look(self, name: str) -> dict[str, Any]:
        return looked_at(name, self.session)

    def _hash(self, name: str) -> dict[str, Any]:
        source = {**self.before[name], **hashed(self.before[name], self.session, self.window)}
        return {key: value for key, value in source.items() if not key.startswith("_")}

    def write(self, answer: Audit, rerun: list[str]) -> None:
        found = next(evidence.table for evidence in answer._evidence if evidence.name == "sources")
        records = {row["source"]: row for row in found or ()}
        sources = []
        for name, source in zip(self.names, _each(self._hash, self.names)):
            told = records.get(name, {})
            sources.append({**source, "records": told.get("records", 0), "first": told.get("first"), "last": told.get("last")})
        members = {"audit.json": _json(answer), "report.txt": answer.to_text(160).encode()}
        queries = []
        for evidence in answer._evidence:
            command = ["flowlogs", *evidence.words, "-o", "csv", *rerun]
            query: dict[str, Any] = {"name": evidence.name, "command": " ".join(map(shlex.quote, command)), "rows": None, "answer": None}
            table = evidence.table
            if table is not None:
                query["rows"] = len(table)
                if len(table) <= _MOST_ROWS:
                    query["answer"] = f"answers/{evidence.name.replace(' ', '-')}.csv"
                    members[query["answer"]] = table.render("csv").encode()
            queries.append(query)
        members["queries.json"] = _json(queries)
        manifest = {
            "flowlogs_evidence": VERSION,
            "says": _SAYS,
            "tool": _core.version_text().splitlines()[0],
            "time": iso_time(answer["time"]),
            "written": iso_time(int(time.time())),
            "caller": answer["caller"],
            "user": _user(),
            "inputs": rerun,
            "since": answer["period"]["since"],
            "until": answer["period"]["until"],
            "stats": {key: answer["stats"][key] for key in ("inputs", "bytes", "lines", "records", "complete")},
            "sources": sources,
            "inventory": _each(self._hash, self.inventory),
            "calls": _calls(answer),
            "queries": {query["name"]: query["command"] for query in queries},
            "members": [{"name": name, "size": len(data), "sha256": _sha256(data)} for name, data in sorted(members.items())],
        }
        members[MANIFEST] = _json(manifest)
        members[SUMS] = _sums(members)
        _write(self.pack, members)
        answer["pack"] = {"path": self.pack, "fingerprint": _sha256(members[SUMS]), "sources": len(sources)}


def _each(function: Any, names: list[str]) -> list[Any]:
    """The results, in order; several are waited for at a time."""
    if len(names) < 2:
        return [function(name) for name in names]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(8, len(names))) as pool:
        return list(pool.map(function, names))


def looked_at(name: str, session: Any) -> dict[str, Any]:
    """What a source is, without its content. Raises ArgumentError, AwsError."""
    if name.startswith("s3://"):
        from .aws.sources import bucket_of

        bucket, key = bucket_of(name)
        with session.doing(f"look at {name}", "s3"):
            head = session.client("s3").head_object(Bucket=bucket, Key=key)
        return {"key": name, "kind": "s3", "version": head.get("VersionId"), "etag": head["ETag"].strip('"'), "size": head["ContentLength"],
                "modified": iso_time(int(head["LastModified"].timestamp()))}  # fmt: skip
    if name.startswith("cloudwatch://"):
        return {"key": name, "kind": "cloudwatch", "version": None, "etag": None, "size": None, "modified": None}
    if not os.path.isfile(name):
        raise _core.ArgumentError(
            f"audit: pack: '{name}' can be read once, and would be hashed in a second reading; save it to a file first"
        )
    about = os.stat(name)
    return {"key": name, "kind": "file", "version": None, "etag": None, "size": about.st_size, "modified": iso_time(int(about.st_mtime)),
            "_state": _state(about)}  # fmt: skip


def _state(about: os.stat_result) -> tuple[int, ...]:
    return about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns


def hashed(source: dict[str, Any], session: Any, window: tuple[int | None, int | None] = (None, None)) -> dict[str, Any]:
    """The SHA-256 of a source, that has to be as it was looked at. Raises ArgumentError, AwsError."""
    name, digest = source["key"], hashlib.sha256()
    if source["kind"] == "cloudwatch":
        return _hashed_events(name, session, window)
    if source["kind"] == "s3":
        from .aws.errors import AwsError, code_of
        from .aws.sources import bucket_of

        bucket, key = bucket_of(name)
        # The version as such is asked for later only: it needs s3:GetObjectVersion.
        version = {"VersionId": source["version"]} if source["version"] and "sha256" in source else {}
        with session.doing(f"hash {name}", "s3"):
            try:
                body = session.client("s3").get_object(Bucket=bucket, Key=key, IfMatch=f'"{source["etag"]}"', **version)["Body"]
            except Exception as error:
                if hasattr(error, "response") and code_of(error) in ("PreconditionFailed", "412"):
                    raise AwsError(f"{name}: {_CHANGED}") from None
                raise
            size = 0
            for piece in body.iter_chunks(_CHUNK):
                digest.update(piece)
                size += len(piece)
        return {"size": size, "sha256": digest.hexdigest()}
    try:
        with open(name, "rb") as file:
            state = source.get("_state")
            if state is not None and _state(os.fstat(file.fileno())) != state:
                raise _core.ArgumentError(f"audit: {name}: {_CHANGED}")
            size = 0
            while piece := file.read(_CHUNK):
                digest.update(piece)
                size += len(piece)
            if state is not None and _state(os.fstat(file.fileno())) != state:
                raise _core.ArgumentError(f"audit: {name}: {_CHANGED}")
    except OSError as error:
        raise _core.ArgumentError(f"audit: {name}: {error.strerror}") from None
    return {"size": size, "sha256": digest.hexdigest()}


_CHANGED = "it was changed while it was audited, so that no hash tells what was read; run it again"


def _hashed_events(name: str, session: Any, window: tuple[int | None, int | None]) -> dict[str, Any]:
    """Of a stream its events are hashed: time, id and message, one a line."""
    from .aws import events
    from .aws.sources import group_of

    group_name, streams = group_of(name)
    group = events.Group(session, group_name)
    since, until = window
    digest, number, size = hashlib.sha256(), 0, 0
    token = None
    while True:
        page = group.page(
            streams,
            None if since is None else (since - events.SLACK) * 1000,
            None if until is None else (until + events.SLACK) * 1000,
            token,
        )
        for event in page.get("events", []):
            line = f"{event['timestamp']} {event.get('eventId', '-')} {event['message']}\n".encode()
            digest.update(line)
            number += 1
            size += len(line)
        token = page.get("nextToken")
        if token is None:
            break
    return {"size": size, "sha256": digest.hexdigest(), "events": number, "hash_of": "time in ms, event id and message of each event, one a line"}


def _calls(answer: Audit) -> list[dict[str, Any]]:
    """What AWS was asked, and when: the calls behind population and places."""
    calls = [
        {"call": one["call"], "time": iso_time(one["time"]), "account": one["account"], "region": one["region"], "items": one["items"]}
        for lists in answer["population"]["lists"].values()
        for one in lists
    ]
    for place in answer["places"]:
        calls += [{"call": fact["call"], "time": iso_time(fact["time"]), "place": place["place"]} for fact in place["facts"].values()]
    return calls


def _user() -> str | None:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return None


# ---- Writing ---------------------------------------------------------------------------------------------------------


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "surrogateescape")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _sums(members: dict[str, bytes]) -> bytes:
    return "".join(f"{_sha256(data)}  {name}\n" for name, data in sorted(members.items()) if name != SUMS).encode()


def _writable(pack: str) -> None:
    folder = os.path.dirname(pack) or "."
    if not os.path.isdir(folder):
        raise _core.ArgumentError(f"audit: pack: {folder}: there is no such directory")
    if os.path.isdir(pack) and os.listdir(pack):
        raise _core.ArgumentError(f"audit: pack: {pack}: it is not empty; give another directory, or a name that ends in .zip")
    if pack.lower().endswith(".zip") and os.path.exists(pack):
        raise _core.ArgumentError(f"audit: pack: {pack}: it is there already, and evidence is not overwritten; give another name")
    if os.path.isfile(pack):
        raise _core.ArgumentError(f"audit: pack: {pack}: it is a file; give a directory, or a name that ends in .zip")


def _write(pack: str, members: dict[str, bytes]) -> None:
    try:
        if pack.lower().endswith(".zip"):
            with open(pack, "xb") as file:
                file.write(_zipped(members))
            return
        for name, data in members.items():
            path = os.path.join(pack, *name.split("/"))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "xb") as file:
                file.write(data)
    except OSError as error:
        raise _core.ArgumentError(f"audit: pack: {error.filename or pack}: {error.strerror}") from None


def _zipped(members: dict[str, bytes]) -> bytes:
    """The only bytes of a ZIP file with these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in sorted(members.items()):
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.create_system = 3
            info.external_attr = 0o644 << 16
            archive.writestr(info, data, zipfile.ZIP_STORED)
    return buffer.getvalue()


# ---- Verifying -------------------------------------------------------------------------------------------------------


def verify(pack: Path, *, expect: str | None = None, sources: bool = False, aws: Any = None) -> dict[str, Any]:
    """Whether a pack is as it was written: {"path", "fingerprint", "problems": [text], "members", "manifest"}; no problems: it is.

    expect   the fingerprint that was noted when it was written
    sources  read the sources again, and compare them with the manifest
    aws      who reads sources on AWS, as of fl.scan()

    Raises ArgumentError if there is no such file or directory.
    """
    path = os.fspath(pack)
    problems: list[str] = []
    try:
        members = _of_directory(path, problems) if os.path.isdir(path) else _of_zip(path, problems)
    except OSError as error:
        raise _core.ArgumentError(f"audit verify: {error.filename or path}: {error.strerror}") from None
    manifest: Any = None
    if members is not None:
        _compare(members, problems)
        manifest = _manifest(members, problems)
    fingerprint = _sha256(members[SUMS]) if members is not None and SUMS in members else None
    if expect is not None and fingerprint != expect.strip().lower():
        problems.append(f"its fingerprint is {fingerprint or 'missing'}, not {shown(expect.strip().lower())}: it is another pack")
    checked = 0
    if sources and manifest is not None and not problems:
        checked = _check_sources(manifest, aws, problems)
    return {"path": path, "fingerprint": fingerprint, "problems": problems, "members": len(members or ()), "sources_checked": checked,
            "manifest": manifest}  # fmt: skip


def _of_directory(path: str, problems: list[str]) -> dict[str, bytes]:
    members = {}
    for folder, folders, files in os.walk(path):
        folders.sort()
        for name in [*files, *(one for one in folders if os.path.islink(os.path.join(folder, one)))]:
            where = os.path.join(folder, name)
            key = os.path.relpath(where, path).replace(os.sep, "/")
            if os.path.islink(where) or not os.path.isfile(where):
                problems.append(f"{shown(key)}: it is no plain file")
                continue
            with open(where, "rb") as file:
                members[key] = file.read()
    return members


def _of_zip(path: str, problems: list[str]) -> dict[str, bytes] | None:
    with open(path, "rb") as file:
        data = file.read()
    members: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for info in archive.infolist():
                if info.compress_type != zipfile.ZIP_STORED or info.file_size > len(data):
                    raise zipfile.BadZipFile(f"{info.filename}: it is compressed, which a pack is not")
                if info.filename in members:
                    problems.append(f"{shown(info.filename)}: it is there twice")
                members[info.filename] = archive.read(info)
    except Exception as error:  # zipfile raises what it likes at broken files
        problems.append(f"the ZIP file cannot be read, so it was changed: {shown(str(error)) or type(error).__name__}")
        return None
    try:
        right = _zipped(members)
    except Exception as error:
        problems.append(f"the ZIP file is none that was written here: {shown(str(error)) or type(error).__name__}")
        return members
    if right != data:
        at = next((i for i, (a, b) in enumerate(zip(right, data)) if a != b), min(len(right), len(data)))
        problems.append(f"the ZIP file differs at byte {at:,} from one of these members: it was changed, or packed again by another program")
    return members


def _compare(members: dict[str, bytes], problems: list[str]) -> None:
    """Members and SHA256SUMS against one another."""
    if SUMS not in members:
        problems.append(f"{SUMS} is missing")
        return
    noted: dict[str, str] = {}
    try:
        for line in members[SUMS].decode().splitlines():
            digest, name = line.split("  ", 1)
            noted[name] = digest
    except ValueError:
        problems.append(f"{SUMS}: changed: it is no list of hashes and names")
        return
    for name in sorted({*members, *noted} - {SUMS}):
        if name not in members:
            problems.append(f"{shown(name)} is missing")
        elif name not in noted:
            problems.append(f"{shown(name)} was added: {SUMS} does not know it")
        elif _sha256(members[name]) != noted[name]:
            problems.append(f"{shown(name)}: changed: its SHA-256 is {_sha256(members[name])}, in {SUMS} it is {shown(noted[name])}")
    if not problems and _sums(members) != members[SUMS]:
        problems.append(f"{SUMS}: changed: it is not as it was written")


def _manifest(members: dict[str, bytes], problems: list[str]) -> Any:
    if MANIFEST not in members:
        return None  # _compare() has told
    try:
        manifest = json.loads(members[MANIFEST])
        listed = {member["name"]: (member["size"], member["sha256"]) for member in manifest["members"]}
        read = [*manifest["sources"], *manifest["inventory"]]
        told = [manifest["time"], manifest["tool"], manifest["caller"] or manifest["user"] or "", *(source[key] for source in read for key in ("key", "kind", "sha256"))]
        numbers = [manifest["stats"]["records"], *(at for at in (manifest["since"], manifest["until"]) if at is not None)]
        if not all(isinstance(text, str) for text in told) or not all(isinstance(number, int) for number in numbers):
            raise TypeError("what should be text or a number is none")
        if manifest["flowlogs_evidence"] != VERSION:
            problems.append(f"{MANIFEST}: it is of version {manifest['flowlogs_evidence']}, this is flowlogs for version {VERSION}")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        problems.append(f"{MANIFEST}: it cannot be read ({type(error).__name__}: {shown(str(error))})")
        return None
    for name in sorted({*members, *listed} - {MANIFEST, SUMS}):
        if name not in listed:
            problems.append(f"{shown(name)} was added: {MANIFEST} does not know it")
        elif name not in members:
            problems.append(f"{shown(name)} is missing, says {MANIFEST}")
        elif listed[name] != (len(members[name]), _sha256(members[name])):
            problems.append(f"{shown(name)}: changed, says {MANIFEST}")
    return manifest


def _check_sources(manifest: dict[str, Any], aws: Any, problems: list[str]) -> int:
    session = None
    if any(source["kind"] != "file" for source in manifest["sources"]):
        from .aws.sources import session_of

        session = session_of(aws)
    every = [*manifest["sources"], *manifest["inventory"]]
    for source in every:
        name = source["key"]
        try:
            now = hashed({**source, "etag": source["etag"]}, session, (manifest["since"], manifest["until"]))
        except _core.Error as error:
            problems.append(f"source {shown(name)}: {error}")
            continue
        if now["sha256"] != source["sha256"]:
            problems.append(f"source {shown(name)}: its SHA-256 is {now['sha256']}, when it was read it was {source['sha256']}")
    return len(every)


def report(found: dict[str, Any]) -> str:
    """What verify() found, for people."""
    lines = []
    if found["problems"]:
        lines = [f"{shown(found['path'])}: CHANGED: {count(len(found['problems']), 'problem')}"]
        lines += [f"  {problem}" for problem in found["problems"]]
    else:
        manifest = found["manifest"]
        lines = [
            f"{shown(found['path'])}: unchanged: {count(found['members'], 'member')}, as {SUMS} and {MANIFEST} have them",
            f"  made         {manifest['time']} by {shown(manifest['tool'])}, {shown(manifest['caller'] or manifest['user'] or 'unknown')}",
            f"  sources      {count(len(manifest['sources']), 'source')}, {count(manifest['stats']['records'], 'record')}"
            + (f"; {found['sources_checked']:,} read again, all the same" if found["sources_checked"] else ""),
            f"  fingerprint  {found['fingerprint']}",
            f"  {_SAYS}",
        ]
    return "\n".join(lines) + "\n"
