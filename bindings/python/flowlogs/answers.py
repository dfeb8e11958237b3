"""What the verbs' answers have in common, and how they are folded from the engine's tables."""

from __future__ import annotations

from operator import itemgetter

from . import _core
from ._text import Style, listed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from ipaddress import IPv4Network, IPv6Network
    from typing import Any

_CHUNK = 4096


class Answer(dict):  # type: ignore[type-arg]
    """A dict, ready for JSON, that prints as a report. Its keys are attributes as well."""

    def __init__(self, values: dict[str, Any], stats: _core.Stats) -> None:
        super().__init__(values)
        self._stats = stats

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            what = type(self).__name__
            raise AttributeError(
                f"{'an' if what[0] in 'AEIOU' else 'a'} {what} has no {name!r}, only {', '.join(self)}"
            ) from None

    def to_dict(self) -> dict[str, Any]:
        return dict(self)

    def to_text(self, width: int = 80, style: Style | None = None) -> str:
        """The report, at most `width` columns wide where names are not longer. style: see flowlogs._text.Style."""
        return "\n".join(self._lines(width, style or Style())) + "\n"

    def _lines(self, width: int, style: Style) -> list[str]:
        raise NotImplementedError

    def __str__(self) -> str:
        return self.to_text().rstrip("\n")

    __repr__ = __str__


# ---- Plans -----------------------------------------------------------------------------------------------------------


def require_records(query: _core.Query, verb: str) -> None:
    """Raises ArgumentError if the query is more than a scan and its filters."""
    if not query._selects_records:
        raise _core.ArgumentError(
            f"{verb}: it takes a scan and its filters, without select, group_by, agg, sort and head"
        )


def columns_of(query: _core.Query, verb: str, *needed: str) -> set[str]:
    """The columns of the inputs; of inputs without a line all fields. Raises ArgumentError if one that is needed lacks."""
    columns = set(query.columns) or {str(field["column"]) for field in _core.fields()}
    missing = [name.replace("_", "-") for name in needed if name not in columns]
    if missing:
        it = "it" if len(missing) == 1 else "them"
        if "action" in missing and not columns.isdisjoint(("tgw_id", "tgw_attachment_id")):
            hint = "transit gateways do not log what is accepted; read the flow logs of interfaces"
        else:
            hint = f"a flow log of the recommended format has {it} (flowlogs aws enable)"
        raise _core.ArgumentError(f"{verb}: no input has {listed(missing, 'or')}; {hint}")
    return columns


def items_of(wish: Iterable[str] | str) -> list[str]:
    """The words of an argument that takes several: a text has them with commas or blanks between, as an option of the command."""
    return wish.replace(",", " ").split() if isinstance(wish, str) else list(wish)


def network_of(text: str) -> IPv4Network | IPv6Network:
    """An address or a prefix; an IPv4-mapped one is IPv4's (CONTRACT F7). Raises ValueError, which says what is wrong with it."""
    import ipaddress

    if "%" in text:
        raise ValueError("a zone id is no part of an address")
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        try:
            right = ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise ValueError(f"'{text}' is no address or prefix") from None
        raise ValueError(f"{text} has host bits set; the prefix is {right}") from None  # CONTRACT L4
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is not None and network.prefixlen >= 96:
        return ipaddress.ip_network((mapped, network.prefixlen - 96))
    return network


class Tables(dict):  # type: ignore[type-arg]
    """Tables by name. damage: the InputError to be raised once the answer is made (CONTRACT P5)."""

    damage: _core.InputError | None = None


def collect(queries: dict[str, _core.Query]) -> Tables:
    """The tables of the queries, by name, in one pass."""
    damage = None
    try:
        tables = _core.collect_all(list(queries.values()))
    except _core.InputError as error:
        if error.table is None:
            raise  # nothing could be read
        tables, damage = error.table, error
    made = Tables(zip(queries, tables))
    made.damage = damage
    return made


def finished(answer: Any, tables: Tables) -> Any:
    """The answer; raises InputError, which carries it, if an input was not read to its end."""
    if tables.damage is not None:
        tables.damage.table = answer
        raise tables.damage
    return answer


# ---- Folds -----------------------------------------------------------------------------------------------------------


def rows_of(table: _core.Table) -> Iterator[dict[str, Any]]:
    """The rows, of which few are in memory at a time."""
    for begin in range(0, len(table), _CHUNK):
        yield from table[begin : begin + _CHUNK]


def merged(
    leading: _core.Table, *others: tuple[_core.Table, Sequence[str]]
) -> Iterator[tuple[dict[str, Any], list[dict[str, Any] | None]]]:
    """The rows of `leading`, each with the rows of the others that have the same keys, None where there is none.

    Each of the others comes with the names of its keys. All are groups in ascending order of their keys, as the engine
    gives them; `leading` has every group that the others have, and their keys are the first of its own. Where they are
    fewer, one row goes with several leading ones. Few rows are in memory at a time.
    """
    readers = [itemgetter(*keys) for _, keys in others]
    streams = [rows_of(table) for table, _ in others]
    heads = [next(stream, None) for stream in streams]
    places = [None if head is None else reader(head) for head, reader in zip(heads, readers)]
    used = [False] * len(heads)
    for row in rows_of(leading):
        found: list[dict[str, Any] | None] = []
        for i, reader in enumerate(readers):
            place = reader(row)
            if used[i] and places[i] != place:
                head = heads[i] = next(streams[i], None)
                places[i] = None if head is None else reader(head)
            used[i] = heads[i] is not None and places[i] == place
            found.append(heads[i] if used[i] else None)
        yield row, found


def numbers_of(table: _core.Table, name: str) -> tuple[Sequence[int], bytes | bytearray | None]:
    """An integer column as a flat sequence, and which of its values are null (there the value says nothing)."""
    values = table._values(table.columns.index(name))
    if values is None:
        raise TypeError(f"{name} is no column of numbers")
    return memoryview(values[0]).cast("i" if table.types[name] == "int32" else "q"), values[1]


def runs_of(table: _core.Table, *names: str) -> Iterator[tuple[Any, int, int]]:
    """The values of a column that the table is sorted by (of several: tuples), each with its first row and the row behind
    its last.
    """
    of = itemgetter(*names)
    begin = 0
    while begin < len(table):
        value = of(table[begin])
        step, low = 1, begin
        while low + step < len(table) and of(table[low + step]) == value:
            low += step
            step *= 2
        high = min(low + step, len(table))  # the first other one is in (low, high]
        while high - low > 1:
            middle = (low + high) // 2
            if of(table[middle]) == value:
                low = middle
            else:
                high = middle
        yield value, begin, high
        begin = high


def find(table: _core.Table, keys: Sequence[str], values: Sequence[Any], addresses: Sequence[str]) -> dict[str, Any] | None:
    """The row of a table of groups whose keys, the columns that it is sorted by, have these values; None if there is
    none. addresses: which of the keys are addresses.
    """
    wanted = [order_of(value, name in addresses) for name, value in zip(keys, values)]
    low, high = 0, len(table)
    while low < high:
        middle = (low + high) // 2
        row = table[middle]
        if [order_of(row[name], name in addresses) for name in keys] < wanted:
            low = middle + 1
        else:
            high = middle
    row = table[low] if low < len(table) else {}
    return row if row and [row[name] for name in keys] == list(values) else None


def order_of(value: Any, is_address: bool = False) -> tuple[Any, ...]:
    """Sorts values as the engine does: IPv4 before IPv6, text bytewise, null last."""
    if value is None:
        return (9,)
    if is_address:
        import socket

        family = socket.AF_INET6 if ":" in value else socket.AF_INET
        return (6 if family == socket.AF_INET6 else 4, socket.inet_pton(family, value))
    return (0, value if isinstance(value, int) else value.encode("utf-8", "surrogateescape"))


def least(values: Iterable[int | None]) -> int | None:
    return min((value for value in values if value is not None), default=None)


def greatest(values: Iterable[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)


def service_of(port: int | None, protocol: int | None) -> str | None:
    """What the column `service` says of a server's port."""
    if protocol is None:
        return None
    word = _core._word("protocol", protocol)
    if protocol not in (6, 17, 132):  # TCP, UDP, SCTP: the ones with ports
        return word or f"protocol {protocol}"
    if port is None:
        return None
    return _core._service(port, protocol) or f"{word}/{port}"
