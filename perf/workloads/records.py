"""Data classes and named tuples: made, compared, replaced and summed up."""

from collections import namedtuple
from dataclasses import dataclass, field, replace

Pair = namedtuple("Pair", "key value")


@dataclass
class Item:
    name: str
    price: float
    count: int = 0
    tags: list = field(default_factory=list)

    def total(self):
        return self.price * self.count


@dataclass(frozen=True, order=True)
class Version:
    major: int
    minor: int = 0


def run(n):
    total, newest, pairs = 0.0, Version(0), []
    for i in range(n):
        item = Item(f"item{i % 10}", i % 17 / 4, count=i % 5)
        item.tags.append(i & 7)
        total += item.total()
        newest = max(newest, Version(i % 9, i % 4))
        if i % 8 == 0:
            item = replace(item, count=item.count + 1)
            pairs.append(Pair(item.name, item.count))
    return total, newest, sum(pair.value for pair in pairs), item == Item("x", 1.0)
