"""The fewest prefixes, and the fewest ranges of ports, that hold what was seen, and as little else as can be.

Addresses are integers of `width` bits. A prefix is (first address, number of bits that are free).
"""

from __future__ import annotations

import heapq
import itertools
from bisect import bisect_left

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Prefix = tuple[int, int]

# Of more addresses than this, the cheapest neighbours are merged first; what is left is solved exactly.
EXACT = 1024
# What a prefix costs: addresses that were not seen; far above, private addresses in a prefix that has public ones too; and,
# above all, rejected addresses. IPv6 has 2**128 addresses.
MIXED, _REJECTED = 1 << 160, 1 << 320
_NEVER = 1 << 400

# The private ones of CONTRACT L4.
_PRIVATE = {
    32: ((0x0A000000, 24), (0xAC100000, 20), (0xC0A80000, 16), (0x64400000, 22), (0xA9FE0000, 16), (0x7F000000, 24)),
    128: ((0xFC << 120, 121), (0xFE80 << 112, 118), (1, 0)),
}


class _Node:
    """A prefix that holds the addresses low..high of the sorted list; its halves, or None of a single address."""

    __slots__ = ("bits", "cost", "first", "high", "left", "low", "parent", "right", "splits")

    def __init__(self, first: int, bits: int, low: int, high: int) -> None:
        self.first, self.bits, self.low, self.high = first, bits, low, high
        self.left: _Node | None = None
        self.right: _Node | None = None
        self.parent: _Node | None = None
        self.cost = 0
        # [(cost, how many of them are of the left half)] of 1, 2, ... prefixes.
        self.splits: list[tuple[int, int]] = []


class Cover:
    """Prefixes of a set of addresses: what the best j of them cost, j = 1 ... at most `most`.

    The best are those with the fewest rejected addresses in them; of these the ones whose public prefixes hold the fewest
    private addresses; of these the ones with the fewest addresses that were not seen. A prefix of all addresses is never
    one of them, so where one would have to be, there are two.

    costs    [cost of the best 1, 2, ...]
    fewest   how many are needed at least
    best     the smallest number of prefixes that costs no more than `most` of them do
    """

    def __init__(self, addresses: Iterable[int], rejected: Iterable[int], width: int, most: int) -> None:
        self._width = width
        self._seen = sorted(set(addresses))
        self._rejected = sorted(set(rejected))
        root = self._tree(0, len(self._seen))
        most = max(most, 2)
        self._merge(root, max(EXACT, most))
        self._solve(root, most)
        self._root = root
        self.costs = [cost for cost, _ in root.splits]
        self.fewest = next(i for i, cost in enumerate(self.costs, 1) if cost < _NEVER)
        self.best = self.within(most)

    def within(self, most: int) -> int:
        """The smallest number of prefixes that costs no more than at most `most` do; more, where so few cannot be."""
        costs = self.costs[: max(most, self.fewest)]
        return costs.index(min(costs)) + 1

    def prefixes(self, number: int) -> list[Prefix]:
        """The best so many."""
        found, open_ = [], [(self._root, number)]
        while open_:
            node, some = open_.pop()
            left = node.splits[some - 1][1]
            if not left or node.left is None or node.right is None:
                found.append((node.first, node.bits))
            else:
                open_ += [(node.right, some - left), (node.left, left)]
        return found

    # ---- The tree of prefixes: a node where addresses part ------------------------------------------------------------

    def _tree(self, low: int, high: int) -> _Node:
        last = self._seen[high - 1]
        bits = (self._seen[low] ^ last).bit_length()
        node = _Node(last >> bits << bits, bits, low, high)
        node.cost = self._cost(node.first, bits, high - low)
        if bits:
            middle = bisect_left(self._seen, last >> (bits - 1) << (bits - 1), low, high)
            node.left, node.right = self._tree(low, middle), self._tree(middle, high)
            node.left.parent = node.right.parent = node
        return node

    def _cost(self, first: int, bits: int, seen: int) -> int:
        if bits == self._width:
            return _NEVER
        mixed = sum(1 << b for block, b in _PRIVATE[self._width] if b < bits and block >> bits == first >> bits)
        return (1 << bits) - seen + mixed * MIXED + _within(self._rejected, first, bits) * _REJECTED

    def _merge(self, root: _Node, most: int) -> None:
        """Makes single prefixes of the cheapest nodes, until there are at most so many."""
        left = len(self._seen)
        if left <= most:
            return
        heap: list[tuple[int, int, int, _Node]] = []

        def offer(node: _Node | None) -> None:
            if node is not None and node.left is not None and node.right is not None and node.cost < _NEVER:
                if node.left.left is None and node.right.left is None:
                    heapq.heappush(heap, (node.cost - node.left.cost - node.right.cost, node.first, node.bits, node))

        open_ = [root]
        while open_:
            node = open_.pop()
            offer(node)
            open_ += [half for half in (node.left, node.right) if half is not None]
        while left > most and heap:
            node = heapq.heappop(heap)[3]
            node.left = node.right = None
            left -= 1
            offer(node.parent)

    def _solve(self, root: _Node, most: int) -> None:
        order, open_ = [], [root]
        while open_:
            node = open_.pop()
            order.append(node)
            open_ += [half for half in (node.left, node.right) if half is not None]
        for node in reversed(order):
            splits = [(node.cost, 0)]
            if node.left is not None and node.right is not None:
                left, right = node.left.splits, node.right.splits
                splits += [(_NEVER, 0)] * (min(most, len(left) + len(right)) - 1)
                for i, (a, _) in enumerate(left, 1):
                    for j, (b, _) in enumerate(right[: most - i], 1):
                        if a + b < splits[i + j - 1][0]:
                            splits[i + j - 1] = (a + b, i)
            node.splits = splits


def _within(addresses: Sequence[int], first: int, bits: int) -> int:
    return bisect_left(addresses, first + (1 << bits)) - bisect_left(addresses, first)


def is_private(address: int, width: int) -> bool:
    return any(address >> bits == first >> bits for first, bits in _PRIVATE[width])


# ---- Ports -----------------------------------------------------------------------------------------------------------


class Ports:
    """A range of ports, with the peers of any of them. seen: pairs of a port and a peer."""

    __slots__ = ("first", "last", "peers", "seen")

    def __init__(self, first: int, last: int, peers: set[tuple[int, int]], seen: int) -> None:
        self.first, self.last, self.peers, self.seen = first, last, peers, seen

    @property
    def unseen(self) -> int:
        """Pairs of a port and a peer that it holds and that were not seen."""
        return (self.last - self.first + 1) * len(self.peers) - self.seen


def ranges(
    peers: Mapping[int, set[tuple[int, int]]], rejected: Mapping[int, set[tuple[int, int]]], most: int
) -> list[Ports]:
    """Ranges of ports that hold what was seen: neighbours with the same peers are one; of more than `most`, those two are
    made one, again and again, that hold the fewest rejected pairs of port and peer, then the fewest that were not seen.
    """
    made: list[Ports] = []
    for port in sorted(peers):
        if made and made[-1].last == port - 1 and made[-1].peers == peers[port]:
            made[-1].last = port
            made[-1].seen += len(peers[port])
        else:
            made.append(Ports(port, port, peers[port], len(peers[port])))
    refused = sorted(rejected)

    def price(one: Ports) -> tuple[int, int]:
        inside = refused[bisect_left(refused, one.first) : bisect_left(refused, one.last + 1)]
        return sum(len(rejected[port] & one.peers) for port in inside), one.unseen

    def merged(a: Ports, b: Ports) -> Ports:
        return Ports(a.first, b.last, a.peers | b.peers, a.seen + b.seen)

    def more(a: Ports, b: Ports) -> tuple[int, int, int]:
        (r, n), (ra, na), (rb, nb) = price(merged(a, b)), price(a), price(b)
        return r - ra - rb, n - na - nb, a.first

    if len(made) <= most:
        return made
    after: dict[Ports, Ports | None] = dict(zip(made, [*made[1:], None]))
    before: dict[Ports, Ports | None] = dict(zip(made, [None, *made[:-1]]))
    order = itertools.count()
    heap = [(more(a, b), next(order), a, b) for a, b in zip(made, made[1:])]
    heapq.heapify(heap)
    while len(after) > max(1, most):
        _, _, a, b = heapq.heappop(heap)
        if after.get(a) is not b:
            continue  # one of them is part of another by now
        one, left, right = merged(a, b), before.pop(a), after.pop(b)
        del after[a], before[b]
        before[one], after[one] = left, right
        if left is not None:
            after[left] = one
            heapq.heappush(heap, (more(left, one), next(order), left, one))
        if right is not None:
            before[right] = one
            heapq.heappush(heap, (more(one, right), next(order), one, right))
    return sorted(after, key=lambda one: one.first)
