"""Structural pattern matching."""

import collections
import dataclasses
import enum
from sys import getrefcount as refcount

from harness import case


class Color(enum.Enum):
    RED = 1
    BLUE = 2


@dataclasses.dataclass
class Point:
    x: object
    y: object


class Positional:
    __match_args__ = ("a", "b")

    def __init__(self, a, b):
        self.a, self.b = a, b


VALUES = [
    0, 1, -1, 2, 2.0, True, False, None, "a", "yes", b"b", 1.5, 2j, (), (1, ), (1, 2), [1, 2], [1, 2, 3], [1, [2, 3]],
    [], {}, {
        "k": 1
    }, {
        "k": 1,
        "z": 2
    }, {
        "k": [1, {
            "d": 5
        }]
    },
    Point(0, 0),
    Point(1, 0),
    Point(1, 2),
    Point([1], {"q": 3}),
    Positional(1, 2), Color.RED, Color.BLUE, "ab",
    range(2),
    collections.deque([1, 2]), {1}, int, ...
]


def literals(x):
    match x:
        case 0:
            return "zero"
        case -1:
            return "minus one"
        case 1.5 | 2j:
            return "number"
        case "a" | b"b":
            return "text"
        case None:
            return "none"
        case True:
            return "true"
        case False:
            return "false"
        case Color.RED:
            return "red"
    return "nothing"


def sequences(x):
    match x:
        case []:
            return "empty"
        case [1]:
            return "just one"
        case [a, b]:
            return "pair", a, b
        case [first, *middle, 3]:
            return "ends in 3", first, middle
        case (a, *_):
            return "starts", a
    return "no sequence"


def stars(x):
    match x:
        case [*all]:
            return "all", all
        case {**rest}:
            return "rest", rest
        case _:
            return "other"


def mappings(x):
    match x:
        case {"k": 1, **rest}:
            return "k is 1", rest
        case {"k": [a, {"d": d}]}:
            return "deep", a, d
        case {"z": _}:
            return "z"
        case {}:
            return "some mapping"
    return "no mapping"


def classes(x):
    match x:
        case Point(x=0, y=0):
            return "origin"
        case Point(1, y=z):
            return "x is 1", z
        case Point([a], {"q": b}):
            return "nested", a, b
        case Positional(a, b=2):
            return "positional", a
        case bool(b):
            return "bool", b
        case int(n) | float(n):
            return "number", n
        case str() as s if len(s) > 1:
            return "long string", s
        case str(s):
            return "string", s
        case tuple((a, b)):
            return "tuple pair", a, b
        case list():
            return "list"
    return "nothing"


def guards(x):
    match x:
        case int(n) if n > 1:
            return "big", n
        case [a, b] if a < b:
            return "ascending"
        case [a, b] if 1 // (a - b):
            return "divided"
        case (1 | 2 | True) as small:
            return "small", small
        case other if other:
            return "truthy"
        case _:
            return "falsy"


@case
def all_values(log):
    for function in (literals, sequences, stars, mappings, classes, guards):
        log.grid(function, VALUES)


@case
def bindings_left_behind(log):
    def f(x):
        match x:
            case [a, b, 99]:
                pass
            case {"k": c, "q": d}:
                pass
            case Point(e, 77):
                pass
        return sorted((k, v) for k, v in locals().items() if k != "x")

    for x in ([1, 2, 99], [1, 2, 3], {"k": 1}, {"k": 1, "q": 2}, Point(1, 77), Point(1, 2)):
        log.call(f, x)


@case
def errors(log):
    class BadArgs:
        __match_args__ = [1]

    class NotStrings:
        __match_args__ = (1,)

    class BadProperty:
        __match_args__ = ("p",)

        @property
        def p(self):
            raise ValueError("property")

    class MissingOne:
        __match_args__ = ("a", "missing")
        a = 1

    class Twice:
        __match_args__ = ("a",)
        a = 1

    def f(x, cls):
        match x:
            case cls(a):
                return "matched", a
        return "not"

    def three(x):
        match x:
            case Point(a, b, c):
                return a

    def twice(x):
        match x:
            case Twice(1, a=1):
                return 1

    def not_class(x):
        nothing = 5
        match x:
            case nothing():
                return 1

    def name(x):
        match x:
            case Color.GREEN:
                return 1

    def same_keys(x):
        class K:
            a = b = "k"
        match x:
            case {K.a: 1, K.b: 1}:
                return "both"

    def int_two(x):
        match x:
            case int(a, b):
                return 1

    for cls in (BadArgs, NotStrings, BadProperty, MissingOne, int, object, str):
        log.call(f, cls(), cls)
    for function in (three, twice, not_class, name, same_keys, int_two):
        log.call(function, Point(1, 2))
    log.call(twice, Twice())
    log.call(same_keys, {"k": 1})
    log.call(int_two, 5)


@case
def special_methods(log):
    class Eq:
        def __eq__(self, other):
            log("eq", other)
            return other == "yes"

    class BadEq:
        def __eq__(self, other):
            raise ValueError("eq")

    class Seq(collections.abc.Sequence):
        def __len__(self):
            log("len")
            return 2

        def __getitem__(self, i):
            log("getitem", i)
            if i > 1:
                raise IndexError
            return i * 10

    class Map(collections.abc.Mapping):
        def __len__(self):
            return 1

        def __iter__(self):
            return iter(["k"])

        def __getitem__(self, key):
            log("map getitem", key)
            if key == "k":
                return 1
            raise KeyError(key)

        def get(self, key, default=None):
            log("get", key)
            return super().get(key, default)

    class Meta(type):
        def __instancecheck__(cls, other):
            log("instancecheck")
            return other == 5

    class Checked(metaclass=Meta):
        pass

    def checked(x):
        match x:
            case Checked():
                return "checked"
        return "not"

    def yes(x):
        match x:
            case "no":
                return 1
            case "yes":
                return 2

    def attr(x):
        match x:
            case object(real=r, imag=0):
                return r

    for x in (Eq(), Seq(), Map()):
        for function in (yes, sequences, mappings, stars):
            log.call(function, x)
    log.call(yes, BadEq())
    log.each(checked, (5,), (6,))
    log.each(attr, (5,), (1 + 2j,), ("x",))


@case
def subject_evaluated_once(log):
    def subject():
        log("subject")
        return [1, 2]

    def f():
        match subject():
            case [3, _]:
                return 1
            case [_, 3]:
                return 2
            case [1, 2]:
                return 3

    def g(a, b):
        match a, b:
            case 1, x:
                return "one", x
            case x, 1:
                return x, "one"
            case _:
                return "none"

    log.call(f)
    log.each(g, (1, 5), (5, 1), (2, 2))


@case
def loops_and_nesting(log):
    def evaluate(node):
        match node:
            case int() | float():
                return node
            case ("add", a, b):
                return evaluate(a) + evaluate(b)
            case ("mul", a, b):
                return evaluate(a) * evaluate(b)
            case ("neg", a):
                return -evaluate(a)
            case ("if", c, a, b):
                return evaluate(a) if evaluate(c) else evaluate(b)
            case [op, *_]:
                raise ValueError(f"unknown {op}")

    log.each(evaluate, (5, ), (("add", 1, ("mul", 2, ("neg", 3))), ), (("if", 0, 1, ("add", 1.5, 2)), ), (("pow", 1), ),
             ((), ))

    def robot(commands):
        x = y = 0
        for command in commands:
            match command.split():
                case ["go", ("north" | "south") as d, n]:
                    y += int(n) if d == "north" else -int(n)
                case ["go", "east", n]:
                    x += int(n)
                case ["stop"]:
                    break
                case []:
                    continue
                case [what, *args]:
                    log(what, args)
        return x, y

    log.call(robot, ["go north 5", "", "jump high now", "go east 3", "go south 1", "stop", "go east 100"])


@case
def counts_and_lifetimes(log):
    value = ["value"]

    def f(x):
        log("refs", refcount(x))
        match x:
            case [a, *b]:
                log("refs", refcount(x), refcount(a), refcount(b))
            case {"k": c}:
                log("refs", refcount(x), refcount(c))
        log("refs", refcount(x))

    f([value, 1])
    f({"k": value})
    log("refs", refcount(value))

    def g():
        match [log.probe("a"), log.probe("b")]:
            case [x]:
                pass
            case [x, y]:
                log("matched")
        log("after")
        match log.probe("c"):
            case int():
                pass
            case _:
                log("wild")
        log("end")

    g()
