"""What stands at the two ends of a question: an address, a prefix, an interface, an instance or a name, as addresses."""

from __future__ import annotations

import ipaddress
import re

from .. import _core
from ..answers import network_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Union

    from .rules import Things

    Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

_FORMS = "write 10.0.0.5, 10.0.0.0/16, 2001:db8::1, eni-..., i-..., or an id or a name of the inventory"


class End:
    """One end. networks: its addresses; none if nothing tells them. port: behind a colon. idle: records of an interface or an
    instance that had no traffic (NODATA)."""

    def __init__(self, text: str, networks: list[Network], port: int | None = None, idle: int = 0) -> None:
        self.text = text
        self.networks = networks
        self.port = port
        self.idle = idle

    def __contains__(self, address: str | None) -> bool:
        if address is None:
            return False
        one = ipaddress.ip_address(address)
        return any(one.version == network.version and one in network for network in self.networks)

    @property
    def inside(self) -> str:
        """The address that rules and routes of a VPC look at: of a public one and the private one behind it, the latter."""
        # What has a name may be a subnet, too.
        single = [network for network in self.networks if network.prefixlen == network.max_prefixlen]
        found = [str(network.network_address) for network in single or self.networks]
        return next((address for address in found if _core._scope(address) == "private"), found[-1])

    def test(self, name: str) -> str:
        """A filter: the field or synonym is one of its addresses."""
        return f"{name} in ({', '.join(map(_written, self.networks))})"


def _written(network: Network) -> str:
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)


def end_of(text: str, what: str, query: _core.Query, known: set[str], things: Things | None) -> End:
    """The end that the text names. what: "from" or "to"; only the latter has a port. Raises ArgumentError."""
    text = text.strip()
    name, port = _parted(text)
    if port is not None and what == "from":
        raise _core.ArgumentError(f"troubleshoot: {what}: '{text}': a client's port says nothing; write {name}")
    if port is not None and not 0 < port < 65536:
        raise _core.ArgumentError(f"troubleshoot: {what}: '{text}': a port is a number from 1 to 65535")
    network = _network(name, f"troubleshoot: {what}: '{text}'")
    if network is not None:
        networks = [network]
        if things is not None and network.prefixlen == network.max_prefixlen:
            # Records show an interface's private address, also where its public one was asked for.
            networks = _networks([str(network.network_address), *things.also(str(network.network_address))])
        return End(name, networks, port)
    addresses, idle = things.known.of_name(name) if things is not None else [], 0
    if not addresses and re.match(r"(eni|i)-[0-9a-f]", name):
        addresses, idle = _of_records(name, query, known)
    elif not addresses:
        fix = "names need an inventory (--inventory DIR)" if things is None else f"the inventory has nothing of that name{things.known.like(name)}"
        raise _core.ArgumentError(f"troubleshoot: {what}: '{text}' is no address, prefix or id, and {fix}; {_FORMS}")
    return End(name, _networks(addresses), port, idle)


def _parted(text: str) -> tuple[str, int | None]:
    found = re.fullmatch(r"\[([^\]]*)\](?::(\d{1,9}))?", text) or re.fullmatch(r"([^:]*)(?::(\d{1,9}))?", text)
    if found is None:  # IPv6
        return text, None
    return found[1], None if found[2] is None else int(found[2])


def _network(text: str, what: str) -> Network | None:
    try:
        return network_of(text)
    except ValueError as error:
        if re.fullmatch(r"[0-9.]+(/\d*)?|[0-9a-fA-F.]*:[0-9a-fA-F.:]*(/\d*)?(%.*)?", text):
            raise _core.ArgumentError(f"{what}: {error}; {_FORMS}") from None
        return None


def _networks(addresses: Iterable[str]) -> list[Network]:
    return [ipaddress.ip_network(address) for address in dict.fromkeys(addresses)]


def _of_records(id: str, query: _core.Query, known: set[str]) -> tuple[list[str], int]:
    """The own addresses of an interface or an instance, by its records; and, if there are none, how many had no traffic. A
    pass of its own."""
    field = "interface_id" if id.startswith("eni-") else "instance_id"
    if field not in known:
        raise _core.ArgumentError(
            f"troubleshoot: no input has {field.replace('_', '-')}, which '{id}' is looked for in; give its address"
        )
    rows = query.filter(f"{field} = '{id}'").group_by("own").agg(records="count()").collect()
    own = [row["own"] for row in rows if row["own"] is not None]
    if not own and any(row["own"] is None for row in rows) and query.filter(f"{field} = '{id}' and srcaddr is not null").count():
        raise _core.ArgumentError(
            f"troubleshoot: the records of {id} do not tell its own address (no flow-direction, and all of one pair); give the address"
        )
    return own, 0 if own else sum(row["records"] for row in rows)
