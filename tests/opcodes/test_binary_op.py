"""Binary, in-place and unary operators over all kinds of operands."""

from datetime import date, timedelta
from decimal import Decimal
from sys import getrefcount as refcount

from harness import case

INTS = [
    0, 1, -1, 2, 3, 7, -5, -6, 10, 255, 256, 257, -257, 2**15, 2**29, 2**30 - 1, 2**30, -2**30, 1 - 2**30, 2**31, 2**59,
    2**60 - 1, 2**60, -2**60, 2**62, 2**63 - 1, 2**63, -2**63, 2**64, 2**90 + 1, -10**30
]
FLOATS = [0.0, -0.0, 1.0, -1.5, 0.1, 1e-320, 1e308, -1e308, float("inf"), -float("inf"), float("nan"), 2.0 ** 53, 2.5]
MIXED = [True, False, 1, -3, 600, 1.5, -0.0, 2j, "ab", b"ab", [1], (2,), {1}, {1: 2}, None, ..., range(2)]

add = lambda a, b: a + b
sub = lambda a, b: a - b
mul = lambda a, b: a * b
div = lambda a, b: a / b
floor = lambda a, b: a // b
mod = lambda a, b: a % b
power = lambda a, b: a ** b
left = lambda a, b: a << b
right = lambda a, b: a >> b
both = lambda a, b: a & b
either = lambda a, b: a | b
xor = lambda a, b: a ^ b
matmul = lambda a, b: a @ b


@case(times=4)
def int_add(log):
    log.grid(add, INTS, INTS)


@case(times=4)
def ints_are_well_formed(log):
    """One that is equal by its digits, too, not only in its text."""
    around = [sign * (2**digits + offset) for digits in (29, 30, 31, 60, 62) for offset in (-2, -1, 0, 1, 2) for sign in (1, -1)]
    edges = [0, 1, -1, -2, -6, 2, 30, *around]

    def whole(f, a, b):
        result = f(a, b)
        return result == int(str(result))

    for f in (add, sub, mul, floor, mod, both, either, xor):
        log([whole(f, a, b) for a in edges for b in edges if b or f not in (floor, mod)])
    for f in (left, right):
        log([whole(f, a, b) for a in edges for b in (0, 1, 2, 29, 30, 31)])


@case(times=4)
def int_sub(log):
    log.grid(sub, INTS, INTS)


@case(times=4)
def int_mul(log):
    log.grid(mul, INTS, INTS)


@case(times=4)
def int_div(log):
    log.grid(div, INTS, INTS)


@case(times=4)
def int_floor(log):
    log.grid(floor, INTS, INTS)


@case(times=4)
def int_mod(log):
    log.grid(mod, INTS, INTS)


@case(times=4)
def int_bits(log):
    log.grid(both, INTS, INTS)
    log.grid(either, INTS, INTS)
    log.grid(xor, INTS, INTS)


@case(times=4)
def int_shifts(log):
    amounts = [0, 1, 5, 29, 30, 31, 59, 60, 61, 63, 64, 65, 200, -1, -(2 ** 70), True]
    log.grid(left, INTS, amounts)
    log.grid(right, INTS, [*amounts, 2 ** 70])


@case
def huge_shifts(log):
    log.each(left, (1, 2 ** 70), (0, 2 ** 70), (0, 2 ** 100))
    log.each(right, (1, 2 ** 70), (-1, 2 ** 70), (5, -1))


@case(times=4)
def int_power(log):
    log.grid(power, [0, 1, -1, 2, -3, 10, 2 ** 30, 2 ** 61, True], [0, 1, 2, 3, 5, 31, -1, -2, False])


@case(times=4)
def float_arithmetic(log):
    for operator in (add, sub, mul, div, floor, mod):
        log.grid(operator, FLOATS, FLOATS)


@case(times=4)
def float_power(log):
    log.grid(power, FLOATS, [0.0, -0.0, 1.0, 2.0, 0.5, -1.0, float("nan"), float("inf"), 3, -2])


@case(times=4)
def float_int(log):
    few = [0, 1, -3, 2 ** 30, 2 ** 53 + 1, 2 ** 70, 10 ** 400, True, False]
    for operator in (add, sub, mul, div, floor, mod):
        log.grid(operator, FLOATS, few)
        log.grid(operator, few, FLOATS)


@case(times=4)
def mixed_types(log):
    for operator in (add, sub, mul, div, floor, mod, power, left, right, both, either, xor, matmul):
        log.grid(operator, MIXED, MIXED)


def iadd(a, b):
    a += b
    return a


def imul(a, b):
    a *= b
    return a


def ior(a, b):
    a |= b
    return a


def iand(a, b):
    a &= b
    return a


def isub(a, b):
    a -= b
    return a


def imod(a, b):
    a %= b
    return a


def ipow(a, b):
    a **= b
    return a


def ifloor(a, b):
    a //= b
    return a


def idiv(a, b):
    a /= b
    return a


def ixor(a, b):
    a ^= b
    return a


def ileft(a, b):
    a <<= b
    return a


def iright(a, b):
    a >>= b
    return a


def imatmul(a, b):
    a @= b
    return a


INPLACE = (iadd, isub, imul, idiv, ifloor, imod, ipow, ileft, iright, iand, ior, ixor, imatmul)


@case(times=4)
def inplace_types(log):
    fresh = lambda: [True, 3, -2, 600, 1.5, 2j, "ab", b"ab", [1], (2,), {1, 2}, {1: 2}, None]
    for operator in INPLACE:
        for index in range(13):
            log.grid(operator, [fresh()[index]], fresh())


@case
def tracebacks(log):
    log.each(add, (1, "x"), ("x", 1), ([], ()), (None, None), (1.5, "x"))
    log.each(div, (1, 0), (1.0, 0), (1, 0.0), (2 ** 80, 0), (10 ** 400, 1.5), (10 ** 400, 7))
    log.each(floor, (1, 0), (1.0, 0.0), (1, False))
    log.each(mod, (1, 0), (1.0, 0.0), ("%d", "x"), ("%s %s", 1), ("%s", (1,)))
    log.each(power, (0, -1), (0.0, -1), ("x", 2), (-8, 1 / 3), (1e200, 2), (1e200, 2.0))
    log.each(left, (1, -1), (1.0, 1), (1, 1.0))
    log.each(iadd, ((), []), (1, None))
    log.each(mul, ("a", 1.5), ("a", "b"), ([1], -1), ("ab", 3), (3, "ab"), (2 ** 70, "a"))


@case
def small_int_identity(log):
    def f(a, b, c):
        return a + b is c, a - -b is c, c - b is a, a * 1 is a, a // 1 is a, a | 0 is a, a & a is a, c % 1000 is c

    log.grid(f, [1], [2], [3])
    log.grid(lambda a: a + 1 is a + 1, [0, 254, 255, -7, -6, -5])
    log.grid(lambda a: a - 1 is a - 1, [1, 256, -4, -5, 0])
    log.grid(lambda a: a * 2 is a * 2, [100, 128, -2, -3])
    log.grid(lambda a: (a ^ 1) is (a ^ 1), [0, 256, -5])
    log.grid(lambda a: a >> 40 is a >> 40, [2 ** 45, 2 ** 47, -2 ** 42])
    log.grid(lambda a: -a is -a, [5, 6, -256, 0, True])
    log.grid(lambda a: +a is a, [5, 600, 1.5])
    log.grid(lambda a: ~a is ~a, [4, 5, -257])
    log.grid(lambda a: a % 300 is a % 300, [5, 600 + 256, -300 + 256])
    log.grid(lambda a: 2 ** 40 + a - 2 ** 40 is a, [0, 256, -5, 7])


@case
def results_do_not_alias(log):
    """An operand that somebody still sees must not be overwritten in place."""
    def floats(x):
        a = x
        x += 1.0
        b = x
        x *= 2.0
        y = x - a
        return a, b, x, y

    def loop(n):
        seen = []
        x = 0.5
        for i in range(n):
            x = x * 1.5 + 1.0
            seen.append(x)
            x -= 0.25
        return seen, x

    def ints(x):
        a = x
        x += 1000
        b = x
        x += 1000
        return a, b, x

    def constants():
        a = 1000.5
        a += 1.0
        b = 1000.5
        c = 100000
        c += 1
        return a, b, c, 100000, 1000.5

    def stacked(a, b):
        return [a + b, (a + b) + a, (a + b) * (a + b), (a + b) - (a + b) * a, a]

    class Holder:
        value = 1.25

    def attribute(h):
        x = h.value
        x += 1.0
        h.value += 1.0
        y = h.value
        h.value *= 3.0
        return x, y, h.value, Holder.value

    log.each(floats, (1.5,), (1e10,))
    log.call(loop, 10)
    log.each(ints, (5,), (2 ** 20,), (2 ** 40,))
    log.call(constants)
    log.call(constants)
    log.each(stacked, (1.5, 2.5), (1000, 2000), (2 ** 29, 2 ** 29), (2 ** 59, 2 ** 59))
    log.call(attribute, Holder())


@case
def default_argument_floats(log):
    def f(x=1.5, *, y=2.5):
        x += 1.0
        y *= x
        return x, y

    log.call(f)
    log.call(f)
    log.call(f, 3.5)
    log(f.__defaults__, f.__kwdefaults__)


@case
def closure_floats(log):
    def outer():
        total = 1.5

        def bump(x):
            nonlocal total
            old = total
            total += x
            return old, total
        return bump

    bump = outer()
    for x in (1.0, 2.0, 3):
        log.call(bump, x)


@case
def operand_order(log):
    def note(x):
        log(x)
        return x

    def f():
        return note(1) + note(2) * note(3) - note(4) ** note(2)

    def g():
        x = [note(1)]
        x[note(0)] += note(5)
        return x

    log.call(f)
    log.call(g)


class Full:
    def __init__(self, log, name, answer=True):
        self.log, self.name, self.answer = log, name, answer

    def __repr__(self):
        return f"<{self.name}>"

    def reply(self, what, other):
        self.log(what, self, other)
        return f"{what}({self.name})" if self.answer else NotImplemented

    def __add__(self, other):
        return self.reply("add", other)

    def __radd__(self, other):
        return self.reply("radd", other)

    def __iadd__(self, other):
        return self.reply("iadd", other)

    def __mul__(self, other):
        return self.reply("mul", other)

    def __rmul__(self, other):
        return self.reply("rmul", other)

    def __rsub__(self, other):
        return self.reply("rsub", other)

    def __pow__(self, other, modulus="none"):
        return self.reply("pow", (other, modulus))

    def __rpow__(self, other):
        return self.reply("rpow", other)

    def __matmul__(self, other):
        return self.reply("matmul", other)

    def __truediv__(self, other):
        return self.reply("truediv", other)

    def __lshift__(self, other):
        return self.reply("lshift", other)

    def __rand__(self, other):
        return self.reply("rand", other)

    def __neg__(self):
        return self.reply("neg", None)

    def __invert__(self):
        raise ValueError("no invert")


class Sub(Full):
    def __radd__(self, other):
        return self.reply("sub-radd", other)


@case
def user_operators(log):
    yes, no, derived = Full(log, "yes"), Full(log, "no", False), Sub(log, "sub")
    no_sub = Sub(log, "nosub", False)
    for operator in (add, iadd, mul, imul, sub, isub, power, ipow, matmul, imatmul, div, left, both):
        for a in (yes, no, 1, 2.5, "s", [1]):
            for b in (yes, no, derived, no_sub):
                log.grid(operator, [a], [b])
    log.call(add, no, 1)
    log.call(add, 1, no)
    log.call(iadd, no, 1)
    log.call(iadd, no, no_sub)





@case
def user_operators_raise(log):
    class Bad:
        def __add__(self, other):
            raise KeyError(other)

        def __radd__(self, other):
            return 1 // other

        def __iadd__(self, other):
            del self
            raise OSError(2, "gone")

    log.each(add, (Bad(), 1), (0, Bad()), (5, Bad()))
    log.call(iadd, Bad(), 3)


@case
def numeric_subclasses(log):
    class Int(int):
        def __add__(self, other):
            return Int(int(self) + int(other) + 100)

        def __repr__(self):
            return f"Int({int(self)})"

    class Radd(int):
        def __radd__(self, other):
            return "radd"

    class Float(float):
        pass

    class Str(str):
        def __add__(self, other):
            return "Str.add"

    class List(list):
        def __iadd__(self, other):
            return "List.iadd"

    log.grid(add, [Int(1), 2, Radd(3), True], [Int(1), 2, Radd(3), 1.5])
    log.grid(mul, [Int(4), 2, Float(1.5)], [Int(4), 2, Float(1.5)])
    log.grid(iadd, [Str("a"), "b"], [Str("a"), "b"])
    log.grid(iadd, [List([1])], [[2]])


@case
def sites_that_change_type(log):
    def f(a, b):
        return a + b

    for _ in range(3):
        for a, b in ((1, 2), (1.5, 2.5), ("a", "b"), ([1], [2]), (1, 2.5), (2**70, 1), ((1, ), (2, )), (1, 2), (1.5,
                                                                                                                1)):
            log.call(f, a, b)
    log.call(f, 1, "a")
    log.call(f, 1, 2)


@case
def string_building(log):
    def f(n):
        s = ""
        keep = []
        for i in range(n):
            s += str(i)
            if i % 7 == 0:
                keep.append(s)
        return s, keep

    def g(s):
        t = s
        s += "x"
        u = s
        s += "y"
        return t, u, s

    def h(parts):
        s = parts[0]
        for p in parts:
            s = s + p
        return s

    def chars(s):
        return s[0] + s[-1] + s[0] is s[0] + s[-1] + s[0], s + "" is s, "" + s is s

    log.call(f, 30)
    log.call(g, "abc")
    log.call(g, "é" * 3)
    log.call(h, ["a", "ü", "€", "\U0001F600", ""])
    log.call(chars, "quite")


@case
def string_append_counts(log):
    def f(s, held):
        s += "tail"
        log("refs", refcount(s))
        held.append(s)
        s += "more"
        log("refs", refcount(s), refcount(held[0]))
        return s

    log.call(f, "x" * 100, [])


@case
def string_append_targets(log):
    """The in-place concatenation looks at the next store: other kinds of store must work as well."""
    class Box:
        s = "box"

    def attribute(b):
        b.s += "1"
        b.s += "2"
        return b.s, Box.s

    def item(d):
        d["k"] += "1"
        return d

    def cell():
        s = "c"

        def inner():
            nonlocal s
            s += "d"
            return s
        return inner(), inner(), s

    def different(a, b):
        c = a + b
        a = a + b
        b = a + b
        return a, b, c

    log.call(attribute, Box())
    log.call(item, {"k": "v"})
    log.call(cell)
    log.call(different, "left", "right")


@case
def string_append_unbound(log):
    def f(flag):
        if flag:
            s = "x"
        s += "y"
        return s

    log.each(f, (1,), (0,))


@case
def sequence_repetition(log):
    log.grid(mul, ["ab", b"x", [1, 2], (3,), ""], [0, 1, 3, -1, True])
    log.grid(mul, [0, 2, -1], ["ab", [1], ()])

    def alias(n):
        row = [[]] * n
        row[0].append(1)
        return row

    log.call(alias, 3)


@case
def formatting(log):
    log.grid(mod, ["%s", "%r", "%d", "%5.2f", "%%", "%(k)s", "no"], [1, 1.5, "s", (1,), {"k": 2}, (), None])
    log.grid(mod, [b"%s", b"%d"], [1, b"x", "s"])


@case
def unary(log):
    neg, pos, inv, no = (lambda a: -a), (lambda a: +a), (lambda a: ~a), (lambda a: not a)
    values = [*INTS, *FLOATS, *MIXED]
    for operator in (neg, pos, inv, no):
        log.grid(operator, values)
    log.each(neg, ("x",), (None,), ([],))
    log.each(inv, (1.5,), ("x",))
    full = Full(log, "full")
    log.each(neg, (full,))
    log.each(inv, (full,))
    log.each(pos, (full,))


@case
def bools_stay_ints(log):
    log.grid(add, [True, False], [True, False])
    log.grid(both, [True, False, 1, 3], [True, False, 1])
    log.grid(xor, [True, False, 1], [True, False, 1])
    log.grid(mul, [True, False], [2.5, 3])
    log.grid(floor, [True, 5], [True])


@case
def accumulate(log):
    def ints(n):
        total = 0
        for i in range(n):
            total += i * i - (i ^ 3) + (i << 2) - (i % 7) + i // 3
        return total

    def growing(n):
        x = 1
        out = []
        for i in range(1, n):
            x *= i
            out.append(x)
        return out

    def shrinking(x):
        out = []
        while x:
            x //= 1000
            out.append(x)
        return out

    def fibonacci(n):
        a, b = 0, 1
        for _ in range(n):
            a, b = b, a + b
        return a

    def floats(n):
        x, y = 0.0, 1.0
        for i in range(n):
            x, y = y * 0.5 + i, x - y / (i + 1)
        return x, y

    log.each(ints, (10,), (500,))
    log.call(growing, 30)
    log.call(shrinking, 10 ** 40)
    log.each(fibonacci, (10,), (44,), (45,), (90,), (200,))
    log.call(floats, 100)


@case
def operand_counts(log):
    def f(a, b):
        c = a + b
        log("refs", refcount(a), refcount(b), refcount(c))
        d = c + c
        log("refs", refcount(c), refcount(d))
        a = a + b
        log("refs", refcount(a), refcount(b))
        return c

    big, more = 10 ** 50, 10 ** 51
    log("refs", refcount(big), refcount(more))
    log.call(f, big, more)
    log.call(f, [1], [2])
    log.call(f, (1,), (2,))
    log.call(f, "left!" * 9, "right" * 9)
    log("refs", refcount(big), refcount(more))


@case
def temporaries_die_at_once(log):
    class Number:
        def __init__(self, name):
            self.name = name
            self.probe = log.probe(name)

        def __add__(self, other):
            log("add", self.name, other.name)
            return Number(self.name + other.name)

    def f(a, b, c):
        x = a + b + c + a
        log("stored")
        x = x + x
        log("again")
        return x.name

    log.call(f, Number("a"), Number("b"), Number("c"))


@case
def error_drops_operands(log):
    def f(a, b):
        return (a, b, log.probe("third")) + b

    log.call(f, log.probe("a"), [log.probe("b")])
    log("end")


@case
def operands_deleted_inside(log):
    """The operator drops every other reference to its operands while it runs."""
    class Item:
        def __init__(self, box, probe):
            self.box, self.probe = box, probe

        def __add__(self, other):
            self.box.clear()
            log("cleared")
            return "sum"

    def f(box):
        return box[0] + box[1]

    box = []
    box += [Item(box, log.probe("p0")), Item(box, log.probe("p1"))]
    log.call(f, box)


@case
def complex_numbers(log):
    values = [1j, 2 + 3j, -0j, complex("nan"), complex("inf")]
    for operator in (add, sub, mul, power):
        log.grid(operator, values[:3], [*values, 1, 2.5, True])
    log.grid(div, values, [1j, 0, 2.5])
    log.grid(floor, values[:1], [1])


@case
def set_and_dict_operators(log):
    sets = [{1, 2}, frozenset({2, 3}), set(), {1: 1}.keys(), {5: 6}]
    for operator in (both, either, xor, sub):
        log.grid(operator, sets, sets)


@case
def same_operand_twice(log):
    def f(a):
        return a + a, a * a, a - a, a + a + a

    def g(a):
        a += a
        a += a
        return a

    log.each(f, (3,), (1.5,), (2 ** 40,))
    log.each(g, (3,), (1.5,), ("ab",), ([1],), ((1,),), (2 ** 62,))


@case
def mixed_expression_with_calls(log):
    def f(a, g):
        return a + g(a) * 2 - g(a + 1) / g(2) % 7

    log.each(f, (1, lambda x: x), (1.5, lambda x: x * 2), (3, lambda x: 0), (3, lambda x: "s"))


ZERO_DIVISIONS = (
    lambda x: x / 0, lambda x: x // 0, lambda x: x % 0, lambda x: x / 0.0, lambda x: x // 0.0, lambda x: x % 0.0,
    lambda x: (x + x) / 0, lambda x: (x + x) // 0, lambda x: (x + x) % 0, lambda x: (x + x) / 0.0,
)


@case
def division_by_constant_zero(log):
    for function in ZERO_DIVISIONS:
        for x in (0, 7, -7, 1 << 40, 1.5, True):
            log.call(function, x)


class Money(Decimal):
    """Asked first when it stands on the right of a Decimal."""

    def __radd__(self, other):
        return "radd", str(other), str(self)

    def __lt__(self, other):
        return "lt"

    def __gt__(self, other):
        return []


# Classes written in C whose slots decline some operands.
C_OBJECTS = [Decimal("1.25"), Decimal("-3"), Money("2"), date(2024, 2, 29), timedelta(days=2, seconds=3), {1, 2},
             frozenset({2}), {1: 2}, {3: 4}.keys(), b"x%d", "x%s", 3, 2.5, True, (1, 2), [3]]
IN_PLACE = (
    "a += b", "a -= b", "a *= b", "a /= b", "a //= b", "a %= b", "a **= b", "a <<= b", "a >>= b", "a &= b", "a |= b",
    "a ^= b", "a @= b",
)


@case
def objects_of_c_classes(log):
    for function in (add, sub, mul, div, floor, mod, power, both, either, xor, matmul):
        log.grid(function, C_OBJECTS, C_OBJECTS)


@case
def objects_of_c_classes_in_place(log):
    for source in IN_PLACE:
        scope = {}
        exec(f"def f(a, b):\n    {source}\n    return a", scope)
        log.grid(scope["f"], C_OBJECTS[:5], C_OBJECTS)
    log.grid(lambda a, b: a < b, C_OBJECTS, C_OBJECTS)
    log.grid(lambda a, b: 1 if a > b else 2, C_OBJECTS, C_OBJECTS)


@case
def counts_of_c_operands(log):
    a, b = Decimal("1.5"), Decimal("2.5")

    def f(a, b):
        c = a + b
        c += a
        c = c * 2
        c = c - b if c > a else c
        return c

    for _ in range(60):
        c = f(a, b)
    log(c, refcount(a), refcount(b), refcount(c))


@case
def text_that_grows_in_its_local(log):
    """The left operand lies on the stack already when the right one is made."""

    def grow(n):
        s = "start"
        for i in range(n):
            s += f"<{i:03}{s[:2]!r}>"
            s = s + str(i)
            s = s + s
            s = s[-40:]
        return s

    def shared(s, keep):
        t = s
        s += f"{keep!r}"
        u = s
        s += f"{t!s:>3}"
        return s, t, u

    def other(s, t):
        kept = s
        s = t + f"{s}"
        t = (t + "x") + f"{t}"
        return s, t, kept

    def nested(s):
        return [s, (s := s + f"{s}"), s]

    def foreign(s, change):
        s += f"{change()}"
        return s

    def counts(s):
        a = refcount(s)
        s += f"{a}"
        return refcount(s), s

    for _ in range(3):
        log.call(grow, 30)
        log.call(shared, "a" * 30, [1])
        log.call(other, "left" * 10, "right" * 10)
        log.call(nested, "n" * 20)
        log.call(counts, "c" * 20 + str(1))
        log.call(foreign, "f" * 20, lambda: 5)
        log.call(foreign, 5, lambda: 5)
        log.call(foreign, "f", lambda: 1 // 0)

    import sys

    def rebind(value):
        def change():
            sys._getframe(1).f_locals["s"] = value
            return "!"
        return change

    for value in ("other" * 5, 7, "f" * 20):
        log.call(foreign, "f" * 20, rebind(value))
    log.call(foreign, "\u1234" * 20, lambda: "\U00012345")
