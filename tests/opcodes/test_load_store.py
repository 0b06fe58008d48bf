"""Locals: loads, stores, deletes, swaps, unbound variables, wide operands."""

from sys import getrefcount as refcount

from harness import case


def many_locals(count):
    """A function with `count` locals, so that operands need EXTENDED_ARG."""
    lines = ["def wide(a):"]
    lines += [f" v{i} = a + {i}" for i in range(count)]
    lines += [f" v{count - 1} += v{count - 2}", f" del v{count - 3}"]
    lines += [f" return v0, v{count // 2}, v{count - 1}, a"]
    space = {}
    exec(compile("\n".join(lines), "<wide>", "exec"), space)
    return space["wide"]


WIDE = many_locals(300)
WIDER = many_locals(700)


def read_unbound(flag):
    if flag:
        value = 1
    return value


def read_deleted(value, flag):
    if flag:
        del value
    return value


def delete_twice(value):
    del value
    del value


def unbound_in_loop(items):
    for item in items:
        pass
    return item


def unbound_second(a):
    if a:
        b = 2
    return a + b


def two_unbound(flag):
    if flag:
        a = b = 1
    return (a, b)


@case
def unbound(log):
    log.each(read_unbound, (1,), (0,), (1,), (0,))
    log.each(read_deleted, (5, False), (5, True))
    log.call(delete_twice, 3)
    log.each(unbound_in_loop, ([1, 2],), ([],))
    log.each(unbound_second, (1,), (0,))
    log.each(two_unbound, (1,), (0,))


@case
def wide(log):
    log.each(WIDE, (1,), (2.5,), ("x",))
    log.each(WIDER, (1,), (1 << 70,))


@case
def swaps(log):
    def swap2(a, b):
        a, b = b, a
        return a, b

    def swap3(a, b, c):
        a, b, c = c, a, b
        return a, b, c

    def rotate4(a, b, c, d):
        a, b, c, d = d, c, b, a
        return [a, b, c, d]

    def same(a):
        a = a
        a, a = a, 3
        return a

    def alternate(a, b, n):
        while n:
            a, b = b, a + b
            n -= 1
        return a, b

    log.call(swap2, 1, "x")
    log.call(swap3, 1, 2, 3)
    log.call(rotate4, 1, 2, 3, 4)
    log.call(same, 2)
    log.call(alternate, 0, 1, 50)
    log.call(alternate, 0, 1, 200)
    log.call(alternate, 0.0, 1.5, 20)


@case
def swap_counts(log):
    p, q = log.probe("p"), log.probe("q")

    def swap(a, b):
        a, b = b, a
        log("refs", refcount(a), refcount(b))
        a, b, c = b, a, a
        log("refs", refcount(a), refcount(b), refcount(c))
        return b

    log("refs", refcount(p), refcount(q))
    r = swap(p, q)
    log("refs", refcount(p), refcount(q), refcount(r))
    log(r is q, r is p)


@case
def walrus(log):
    def f(items):
        total = 0
        while (n := len(items)) > 2:
            total += (last := items.pop()) * n
        return total, last, n

    def g(x):
        return [(y := x + 1), y * 2, (x := y), x]

    def h(x):
        return (x := x + 1) + (x := x * 2) + x

    log.call(f, [1, 2, 3, 4, 5])
    log.call(f, [1])
    log.call(g, 4)
    log.each(h, (3,), (3.5,), ((),))


@case
def store_order(log):
    """A pending load must see the value from before the store."""
    def f(a):
        return a + (a := a * 2) - (a := 3) + a

    def g(a, b):
        return (a, b, (a := b), (b := 7), a, b)

    def h(a):
        return [a, (a := [a]), a]

    def k(a):
        return a < (a := a + 1) < (a := a + 1)

    def loop(n):
        out = []
        for i in range(n):
            j = i
            i = i * 10
            out.append((j, i))
        return out, i, j

    log.each(f, (5,), (2.5,), (1 << 62,))
    log.call(g, 1, 2)
    log.call(h, 1)
    log.call(k, 1)
    log.call(loop, 4)


@case
def chained_assignment(log):
    def f():
        a = b = c = []
        a.append(1)
        return a is b is c, a, c

    def g(x):
        i = x[i] = 1 if x else 0
        return i, x

    def h(x):
        i = j, k = x
        return i, j, k

    log.call(f)
    log.call(g, {5: 5})
    log.call(g, [0, 0])
    log.call(g, [])
    log.call(h, (1, 2))
    log.call(h, "ab")
    log.call(h, (1, 2, 3))


@case
def delete_local_order(log):
    def f():
        a = log.probe("a")
        b = log.probe("b")
        c = a
        del a
        log("deleted a")
        del b
        log("deleted b")
        c = None
        log("rebound c")

    def g():
        x = log.probe("x1")
        x = log.probe("x2")
        log("after rebind")
        x = x
        return None

    log.call(f)
    log.call(g)


@case
def locals_die_in_order(log):
    def f(z):
        c = log.probe("c")
        a = log.probe("a")
        b = log.probe("b")
        a2 = a
        del a
        return len([b, c, z])

    log.call(f, log.probe("argument"))


@case
def argument_rebinding(log):
    def f(a, b=None, *c, d=4, **e):
        a = a, b
        b = c
        c = d
        d = e
        e = a
        return a, b, c, d, e

    log.call(f, 1)
    log.call(f, 1, 2, 3, 4, d=5, x=6)


@case
def counts_of_arguments(log):
    def f(a, b, c):
        log("refs", refcount(a), refcount(b), refcount(c))
        b = a
        log("refs", refcount(a), refcount(b), refcount(c))
        c = (a, b)
        log("refs", refcount(a), refcount(b), refcount(c))
        del a
        log("refs", refcount(b), refcount(c))
        return b

    x, y, z = [1], [2], [3]
    log("refs", refcount(x), refcount(y), refcount(z))
    r = f(x, y, z)
    log("refs", refcount(x), refcount(y), refcount(z), refcount(r))
    f(x, x, x)
    log("refs", refcount(x), refcount(y), refcount(z), refcount(r))


@case
def pending_load_counts(log):
    """The operand stack owns what has been loaded, also while a callee looks."""
    def look(x):
        log("refs", refcount(x))
        return 0

    def f(x):
        return [x, x, look(x), x]

    def g(x):
        return (x, look(x))

    def h(x):
        return look(x) or x

    x = ["probe"]
    log("refs", refcount(x))
    log(f(x), g(x), h(x))
    log("refs", refcount(x))


@case
def dead_code_and_none(log):
    def f():
        pass

    def g(x):
        return
        x = 1

    def h(x):
        if False:
            x = 2
        if True:
            return x
        return 3

    def k(x):
        "doc"
        x
        1
        ...
        x, x
        [x]
        return x

    log.call(f)
    log.call(g, 1)
    log.call(h, 1)
    log.call(k, 1)


@case
def constants(log):
    def f():
        return (None, True, False, 0, 1, -1, 255, 256, 257, 2 ** 30, 2 ** 31, 2 ** 62, 2 ** 64, 10 ** 40, -5, -6, 1.5,
                -0.0, 1e300 * 1e10, 3j, "s", b"b", (1, (2, "x")), ..., frozenset({1}), "")

    a = f()
    log.typed(*a)
    b = f()
    log([x is y for x, y in zip(a, b)])


@case
def many_arguments(log):
    names = [f"p{i}" for i in range(280)]
    space = {}
    exec(f"def f({', '.join(names)}):\n p3, p279 = p279, p3\n return p0, p3, p255, p256, p279", space)
    f = space["f"]
    log.call(f, *range(280))
    log.call(f, *range(279))
    log.call(f, **{name: name for name in names})


@case
def many_constants(log):
    body = ", ".join(f"{i}.5" for i in range(600))
    space = {}
    exec(f"def f(x):\n return [{body}][x], {', '.join(repr(str(i)) for i in range(300))}", space)
    log.call(lambda x: space["f"](x)[:3], 599)


@case(times=6)
def far_jumps(log):
    """A loop body and branches longer than one byte of offset."""
    body = "\n".join(f"  if x == {i}: total += {i}\n  else: total -= 1" for i in range(200))
    space = {}
    exec(f"def f(n):\n total = 0\n for x in range(n):\n{body}\n return total", space)
    log.each(space["f"], (0,), (1,), (10,))
    body = "\n".join(f"  total = total * 3 % 1009 + {i}" for i in range(300))
    exec(f"def g(n):\n total = 0\n while n > 0:\n  n -= 1\n{body}\n return total", space)
    log.each(space["g"], (0,), (3,))


@case
def deep_stack(log):
    """More operands on the stack than registers could hold."""
    def f(a):
        return (a + (a * (a + (a * (a + (a * (a + (a * (a + (a * (a + (a * (a + 1)))))))))))))

    def g(a, b):
        return [a, b, [a, b, [a, b, [a, b, [a, b, [a, b, [a, b, (a + b, a - b, {a: b, b: a})]]]]]]]

    def late(a, h):
        return a + (a + (a + (a + (a + (a + (a + (a + h(a))))))))

    def fail(x):
        raise KeyError(x)

    log.each(f, (2,), (1.5,), (10 ** 10,))
    log.call(g, 1, 2)
    log.call(late, 1, lambda x: x * 2)
    log.call(late, 1, fail)
    log.call(late, 1, str)


@case
def local_named_like_builtin(log):
    def f(len, print=5):
        return len, print

    def g(x):
        if x:
            len = lambda y: "mine"
        return len(x)

    log.call(f, 1)
    log.each(g, ([1],), ([],))


@case
def unbound_in_handlers(log):
    def f(x):
        try:
            y = 1 // x
        except ZeroDivisionError:
            log("caught")
        return y

    def g(x):
        try:
            z = x()
        finally:
            log("finally")
            try:
                z
            except UnboundLocalError as error:
                log.error(error)
        return z

    log.each(f, (1,), (0,))
    log.call(g, lambda: 5)
    log.call(g, lambda: {}["k"])


@case
def augmented_locals(log):
    def f(a, b):
        a += b
        b -= a
        a *= b
        b //= 3
        a |= 1
        return a, b

    def unbound(flag):
        if flag:
            n = 0
        n += 1
        return n

    def inplace(a, b):
        c = a
        c += b
        return a is c, a, c

    log.each(f, (1, 2), (10 ** 12, 7), (True, True))
    log.each(unbound, (1,), (0,))
    log.each(inplace, ([1], [2]), ((1,), (2,)), ("a", "b"), ({1}, {2}), (1, 2), ([1], (2,)))


@case
def loop_variable_survives(log):
    def f(n):
        for i in range(n):
            x = i * i
        else:
            y = "else"
        return i, x, y

    log.each(f, (1,), (3,), (0,))


@case
def shadowed_comprehension_variable(log):
    def f(x):
        y = [x for x in range(3)]
        z = {x: x for x in "ab"}
        return x, y, z

    def g():
        y = [x for x in range(3)]
        return x

    def h(flag):
        if flag:
            x = "bound"
        y = [x for x in "q"]
        return x, y

    log.call(f, "outer")
    log.call(g)
    log.each(h, (True,), (False,))


@case
def deleted_behind_the_loop(log):
    def loop(n, value):
        for i in range(n):
            value = value + i
        del value
        return value

    def loop_in_loop(n, value):
        for k in range(n):
            try:
                for i in range(k):
                    value = (value, i)[1]
                if k % 3 == 2: del value
                log(value)
            except UnboundLocalError as error:
                value = str(error)
        return value

    log.each(loop, (3, 1), (40, 2), (40, 1.5))
    log.each(loop_in_loop, (3, 1), (20, "x"))


@case
def locals_of_inner_loops(log):
    """They come late, so code that loads two of them, or stores one and loads another, has to know whether they are there."""
    def two_loads(n, items):
        out = []
        for k in range(n):
            for i in range(k % 3):
                x = y = i
                items = [items[-1], k]
            if k % 3: out.append((x + y, items[x] if x < 2 else y))
        return out[-3:]

    def store_and_load(n):
        seen = 0
        for k in range(n):
            for i in range(k % 4):
                late = i
            if k > 1:
                a = k
                seen += late + a
        return seen

    def missing(n):
        for k in range(n):
            for i in range(k - 30):
                late = i
            if k % 8 == 7:
                try:
                    b = k; log(late + b)
                except UnboundLocalError as error:
                    log(str(error))

    log.each(two_loads, (3, [1, 2]), (40, [5, 6]))
    log.each(store_and_load, (5,), (60,))
    log.call(missing, 50)
