"""Cells and free variables."""

from sys import getrefcount as refcount

from harness import case


@case
def counters(log):
    def make(start):
        count = start

        def step(by=1):
            nonlocal count
            count += by
            return count

        def peek():
            return count
        return step, peek

    step, peek = make(5)
    other, other_peek = make(1.5)
    log(step(), step(2), peek(), other(), other_peek(), peek())
    for _ in range(10):
        step()
    log(peek())
    log.call(step, "x")
    log(peek())


@case
def unbound_free_variables(log):
    def f(flag):
        def inner():
            return value
        if flag:
            value = 1
        return inner()

    def late():
        def inner():
            return value
        try:
            inner()
        except NameError as error:
            log.error(error)
        value = "late"
        return inner()

    def deleted():
        value = 1

        def inner():
            return value
        first = inner()
        del value
        try:
            return first, inner()
        except NameError as error:
            log.error(error)
        try:
            return value
        except NameError as error:
            log.error(error)
        value = 2
        return inner(), value

    def delete_twice():
        value = 1

        def remove():
            nonlocal value
            del value
        remove()
        remove()

    log.each(f, (1,), (0,), (1,))
    log.call(late)
    log.call(deleted)
    log.call(delete_twice)


@case
def loops_capture(log):
    def f(n):
        functions = []
        for i in range(n):
            functions.append(lambda: i)
        return [g() for g in functions], i

    def g(n):
        functions = []
        for i in range(n):
            def bound(j=i):
                return i, j
            functions.append(bound)
        return [h() for h in functions]

    def h(n):
        total = 0
        get = lambda: total
        out = []
        while total < n:
            total += 2
            out.append(get())
        return out

    def fresh(n):
        def make(i):
            return lambda: i
        return [k() for k in [make(i) for i in range(n)]]

    for function in (f, g, h, fresh):
        log.call(function, 4)


@case
def deep_nesting(log):
    def a(x):
        def b(y):
            def c(z):
                def d():
                    nonlocal x, y
                    x += 1
                    y = (y, z)
                    return x, y, z
                return d
            return c
        return b

    d = a(1)(2)(3)
    log(d(), d())
    log(a("x") is a("x"))


@case
def argument_cells(log):
    def f(a, b=2, *args, c=3, **kw):
        def get():
            return a, b, args, c, kw

        def set_all():
            nonlocal a, b, args, c, kw
            a, b, args, c, kw = c, a, kw, args, b
        before = get()
        set_all()
        return before, get(), a, b

    log.call(f, 1)
    log.call(f, 1, 5, 6, c=7, z=8)
    log.call(f)


@case
def self_reference(log):
    def outer(n):
        def fact(k):
            return 1 if k < 2 else k * fact(k - 1)
        return fact(n)

    def mutual(n):
        def even(k):
            return k == 0 or odd(k - 1)

        def odd(k):
            return k != 0 and even(k - 1)
        return even(n), odd(n)

    log.each(outer, (1,), (10,), (25,))
    log.call(mutual, 10)


@case
def rebinding_functions(log):
    def outer():
        def helper():
            return "first"

        def call():
            return helper()
        a = call()
        old = helper

        def helper():
            return "second", old()
        b = call()
        helper = 5
        try:
            call()
        except TypeError as error:
            return a, b, str(error)

    log.call(outer)


@case
def closure_attributes(log):
    def outer(x):
        y = [x]

        def inner():
            return x, y
        return inner

    f = outer(1)
    log(f.__code__.co_freevars, [cell.cell_contents for cell in f.__closure__])
    f.__closure__[0].cell_contents = "changed"
    log(f())
    del f.__closure__[0].cell_contents
    log.call(f)
    f.__closure__[0].cell_contents = "again"
    log.call(f)
    import types
    g = types.FunctionType(f.__code__, globals(), "g", None, (types.CellType("p"), types.CellType()))
    log.call(g)
    g.__closure__[1].cell_contents = 2
    log.call(g)


@case
def same_code_many_closures(log):
    def make(x):
        def f(y):
            return x + y
        return f

    functions = [make(x) for x in (1, 1.5, "a", [1], (2,), 2 ** 70)]
    for _ in range(2):
        for function, y in zip(functions, (2, 2.5, "b", [3], (4,), 1)):
            log.call(function, y)
    log.call(functions[0], "x")
    log.call(make(None), 1)


@case
def cell_lifetimes(log):
    def f():
        a = log.probe("a")
        b = log.probe("b")

        def inner():
            return a
        del b
        log("deleted b")
        a = log.probe("a2")
        log("rebound a")
        return inner

    g = f()
    log("returned")
    log(g().name)
    del g
    log("dropped")

    def unused():
        c = log.probe("c")

        def never():
            return c
        return "unused"

    log.call(unused)


@case
def cell_cycles(log):
    import gc

    def f():
        probe = log.probe("cycle")

        def inner():
            return inner, probe
        return None

    f()
    log("still there")
    gc.collect()
    log("collected")


@case
def counts(log):
    value = ["value"]

    def f(x):
        def get():
            log("refs", refcount(x))
            return x
        log("refs", refcount(x))
        y = get()
        log("refs", refcount(x), refcount(y))
        get2 = get
        log("refs", refcount(get), refcount(get2))
        return y

    f(value)
    log("refs", refcount(value))

    def make():
        return lambda: value

    g = make()
    log("refs", refcount(value), refcount(g))


@case
def nonlocal_through_calls(log):
    """A pending load of a cell must not see what a callee writes afterwards."""
    def f(a):
        def change():
            nonlocal a
            a = a * 10
            return a
        return a + change() + a + change() * a, [a, change(), a]

    def loop(n):
        total = 0

        def add(x):
            nonlocal total
            total += x
        for i in range(n):
            add(i)
            total *= 2
        return total

    log.each(f, (1,), (1.5,), ("s",))
    log.call(loop, 10)


@case
def class_bodies(log):
    def f(x):
        class C:
            y = x
            x = x + 1

            def get(self):
                return x
        return C.y, C.x, C().get()

    def with_nonlocal():
        count = 0

        class C:
            nonlocal count
            count = 5
            other = count
        return count, C.other, hasattr(C, "count")

    def class_cell():
        class C:
            def me(self):
                return __class__
        return C().me() is C

    log.call(f, 1)
    log.call(with_nonlocal)
    log.call(class_cell)


@case
def exceptions_in_closures(log):
    def f(n):
        error = "outer"

        def inner():
            nonlocal error
            try:
                1 // n
            except ZeroDivisionError as error:
                return "caught"
            return error

        def show():
            return error
        first = inner()
        try:
            return first, show()
        except NameError as problem:
            return first, str(problem)

    log.each(f, (1,), (0,))


@case
def locals_with_cells(log):
    def f(a):
        b = 2
        c = 3

        def inner():
            return b, sorted(locals().items())
        return sorted((k, v) for k, v in locals().items() if k != "inner"), inner()

    log.call(f, 1)


@case
def lambdas(log):
    def compose(*functions):
        def composed(x):
            for function in functions:
                x = function(x)
            return x
        return composed

    add = lambda n: lambda x: x + n
    log.call(compose(add(1), add(2), lambda x: x * x), 3)
    log.call(lambda: (lambda x: (lambda y: (lambda z: x + y + z)(3))(2))(1))
    y_combinator = lambda f: (lambda x: x(x))(lambda x: f(lambda *a: x(x)(*a)))
    log.call(y_combinator(lambda fact: lambda n: 1 if n < 2 else n * fact(n - 1)), 10)


@case
def comprehension_cells(log):
    def f(items):
        scale = 3
        out = [(lambda: x * scale)() for x in items]
        scale = 5
        return out, [(lambda: x * scale)() for x in items]

    log.call(f, [1, 2])


@case
def many_cells(log):
    names = [f"v{i}" for i in range(280)]
    source = "def f(x):\n" + "".join(f" {n} = x + {i}\n" for i, n in enumerate(names))
    source += " def g():\n  nonlocal v5, v279\n  v5 += 1\n  v279 += v270\n  return " + " + ".join(names) + "\n"
    source += " return g() + g(), v5, v279\n"
    space = {}
    exec(source, space)
    log.each(space["f"], (1,), (0.5,))


@case
def generator_holds_cells(log):
    def f():
        value = 1

        def gen():
            nonlocal value
            while value < 5:
                value += 1
                yield value
        items = gen()
        out = [next(items)]
        value = 3
        out += list(items)
        return out, value

    log.call(f)
