"""Programs around dataclasses, enumerations, functools, collections and the rest of the standard library."""

import collections
import dataclasses
import enum
import functools
import itertools
import operator
import re

from harness import case

NATIVE_SHARE = 0.8      # generators and module code of the standard library run in the interpreter


class Kind(enum.Enum):
    NUMBER = enum.auto()
    NAME = enum.auto()
    OPERATOR = enum.auto()
    END = enum.auto()


class Flags(enum.Flag):
    READ = 1
    WRITE = 2
    EXECUTE = 4


@case
def text_processing(log):
    text = """The quick brown fox jumps over the lazy dog. The dog sleeps; the fox runs away!
    A quick test, a brown test -- the test of tests."""

    def words(text):
        return re.findall(r"[a-z]+", text.lower())

    def statistics(text):
        counter = collections.Counter(words(text))
        by_length = collections.defaultdict(list)
        for word in sorted(counter):
            by_length[len(word)].append(word)
        return counter.most_common(4), dict(by_length), sum(counter.values())

    def caesar(text, shift):
        out = []
        for ch in text:
            if ch.isalpha():
                base = ord("A") if ch.isupper() else ord("a")
                out.append(chr((ord(ch) - base + shift) % 26 + base))
            else:
                out.append(ch)
        return "".join(out)

    def wrap(text, width):
        lines, current = [], ""
        for word in text.split():
            if len(current) + len(word) + bool(current) > width:
                lines.append(current)
                current = word
            else:
                current += (" " if current else "") + word
        return lines + [current]

    log(statistics(text))
    log(caesar(caesar(text, 3), -3) == text, caesar("Hello, World", 13))
    log(wrap(text, 20))
    log(re.sub(r"\b(\w)(\w*)", lambda m: m[1].upper() + m[2], "capitalise all words"))


@case
def dataclasses_program(log):
    @dataclasses.dataclass
    class Item:
        name: str
        price: float
        tags: list = dataclasses.field(default_factory=list)
        count: int = 0

        def __post_init__(self):
            self.price = round(self.price, 2)

        @property
        def total(self):
            return self.price * self.count

    @dataclasses.dataclass(frozen=True)
    class Key:
        a: int
        b: str = "b"

    @dataclasses.dataclass(slots=True, order=True)
    class Ranked:
        rank: int
        name: str = dataclasses.field(compare=False)

    items = [Item("pen", 1.239, ["office"], 3), Item("ink", 7), Item("pad", 2.5, count=4)]
    log(items, [i.total for i in items], items[0] == Item("pen", 1.24, ["office"], 3))
    log(dataclasses.asdict(items[0]), dataclasses.replace(items[1], count=9), sorted([Ranked(3, "c"), Ranked(1, "z")]))
    log({Key(1): "x"}[Key(1)], hash(Key(1)) == hash(Key(1)))

    def freeze():
        Key(1).a = 5

    log.call(freeze)
    log.call(Item)
    log.call(lambda: Ranked(1, "a") < 5)


@case
def enums_program(log):
    log([k.name for k in Kind], Kind(1), Kind["NAME"], Kind.NUMBER is Kind(1), Kind.END in Kind, len(Kind))
    log(Flags.READ | Flags.WRITE, Flags(5), Flags.READ in Flags(3), ~Flags.READ, [f.name for f in Flags(6)])
    log.call(lambda: Kind(99))
    log.call(lambda: Kind["NOTHING"])

    class Planet(enum.Enum):
        EARTH = (5.97, 6371)
        MARS = (0.64, 3390)

        def __init__(self, mass, radius):
            self.mass, self.radius = mass, radius

        @property
        def density(self):
            return round(self.mass / self.radius ** 3 * 1e12, 3)

    log([(p.name, p.density) for p in Planet])

    def branch(k):
        if k is Kind.NUMBER:
            return 1
        elif k == Kind.NAME:
            return 2
        return {Kind.OPERATOR: 3}.get(k, 4)

    log.grid(branch, list(Kind))


@case
def functools_program(log):
    calls = []

    @functools.lru_cache(maxsize=4)
    def slow(n):
        calls.append(n)
        return n * n

    @functools.singledispatch
    def describe(x):
        return f"object {x}"

    @describe.register
    def _(x: int):
        return f"int {x}"

    @describe.register(list)
    def _(x):
        return [describe(i) for i in x]

    @functools.total_ordering
    class Version:
        def __init__(self, text):
            self.parts = tuple(int(p) for p in text.split("."))

        def __eq__(self, other):
            return self.parts == other.parts

        def __lt__(self, other):
            return self.parts < other.parts

    class Lazy:
        @functools.cached_property
        def value(self):
            calls.append("lazy")
            return 42

    log([slow(n) for n in (1, 2, 3, 1, 4, 5, 1)], calls, slow.cache_info())
    log(describe(5), describe([1, "x", [2]]), describe(None), describe(True))
    log(Version("1.2") < Version("1.10"), Version("2.0") >= Version("1.9.9"), max(Version("1"), Version("0.9")).parts)
    lazy = Lazy()
    log(lazy.value, lazy.value, calls[-1], calls.count("lazy"))
    log(functools.reduce(lambda a, b: a * b, range(1, 10)),
        functools.partial(pow, 2)(10), sorted("bca", key=functools.cmp_to_key(lambda a, b: ord(b) - ord(a))))


@case
def collections_program(log):
    Point = collections.namedtuple("Point", "x y", defaults=[0])
    p = Point(1)
    log(p, p._replace(y=5), p._asdict(), Point._fields, p + (3,), p.x + p.y)
    d = collections.deque(maxlen=3)
    for i in range(6):
        d.append(i)
        if i % 2:
            d.rotate(1)
    log(d, d[0], list(reversed(d)))
    chain = collections.ChainMap({"a": 1}, {"a": 2, "b": 3})
    log(chain["a"], chain["b"], sorted(chain))
    o = collections.OrderedDict.fromkeys("cab", 0)
    o.move_to_end("c")
    log(o, o.popitem(last=False))
    c = collections.Counter("mississippi")
    c.subtract("miss")
    log(c, +c, c & collections.Counter("ssp"))

    class Case(collections.UserDict):
        def __setitem__(self, key, value):
            super().__setitem__(key.lower(), value)

        def __getitem__(self, key):
            return super().__getitem__(key.lower())

    u = Case(Alpha=1)
    u["BETA"] = 2
    log(u["ALPHA"], dict(u), "alpha" in u)
    log.call(lambda: u["gamma"])
    log(list(itertools.accumulate([1, 2, 3], operator.mul)),
        [(k, list(g)) for k, g in itertools.groupby(sorted("banana"))])


@case
def json_and_friends(log):
    import base64
    import csv
    import datetime
    import decimal
    import fractions
    import io
    import json
    import random
    import string
    import struct
    import textwrap

    data = {"name": "x", "list": [1, 2.5, None, True, {"deep": ["\u00e9"]}], "empty": {}}
    log(json.loads(json.dumps(data)) == data, json.dumps(data, indent=1, sort_keys=True))
    log.call(json.loads, "{bad")
    log(base64.b64encode(b"hello"), struct.pack("<ih", 5, -1), textwrap.wrap("some words to wrap here", 10))
    out = io.StringIO()
    csv.writer(out).writerows([[1, "a,b"], ["q\"", None]])
    log(out.getvalue(), list(csv.reader(io.StringIO(out.getvalue()))))
    log(
        datetime.date(2024, 2, 29) + datetime.timedelta(365),
        decimal.Decimal("0.1") + decimal.Decimal("0.2"), sum([fractions.Fraction(1, n) for n in range(1, 8)]))
    rng = random.Random(7)
    log([rng.randint(0, 100) for _ in range(5)], rng.random(), rng.sample(range(10), 3),
        string.Template("$a-$b").substitute(a=1, b=2))
