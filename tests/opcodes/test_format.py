"""f-strings and conversions."""

from sys import getrefcount as refcount

from harness import case


class Loud:
    def __init__(self, log):
        self.log = log

    def __str__(self):
        self.log("str")
        return "S"

    def __repr__(self):
        return "R\u00e9"

    def __format__(self, spec):
        self.log("format", spec)
        return f"F[{spec}]"


@case
def plain(log):
    def f(a):
        return f"{a}", f"<{a}>", f"{a}{a}", f"{a!r}", f"{a!s}", f"{a!a}", f"{a=}", f"{a = !s}", f"{{{a}}}"

    for value in (1, -5, 2 ** 70, 1.5, float("nan"), True, None, "text", "\u00e9'\"", b"b", [1, "x"], (1,), {"k": 1},
                  1j, ..., int):
        log.call(f, value)


@case
def specs(log):
    def f(a):
        return f"{a:>8}", f"{a:<8}|", f"{a:^8}|", f"{a:*^9}"

    def g(a):
        return f"{a:+}", f"{a:08}", f"{a:,}", f"{a:.2f}", f"{a:e}", f"{a:g}", f"{a:%}"

    def h(a):
        return f"{a:x}", f"{a:#b}", f"{a:o}", f"{a:c}", f"{a:d}", f"{a:n}"

    for value in (0, 5, -77, 123456789, 2 ** 70, 1.5, -0.0, float("inf"), "s", True):
        for function in (f, g, h):
            log.call(function, value)


@case
def dynamic_specs(log):
    def f(a, width, precision, fill):
        return f"{a:{width}}", f"{a:{fill}>{width}}", f"{a:{width}.{precision}f}", f"{a!r:{width}}"

    log.each(f, (1.5, 10, 2, "*"), (7, 3, 1, "0"), (1.5, "x", 2, "*"), ("s", 5, 2, "."), (1.5, -5, 2, "-"))


@case
def conversions_of_users(log):
    def f(a):
        return f"{a}", f"{a:spec}", f"{a!s}", f"{a!r}", f"{a!a}", f"{a!s:>5}", f"{a:}", f"{a:{a!r}}"

    log.call(f, Loud(log))

    class Bad:
        def __format__(self, spec):
            raise ValueError(f"bad {spec}")

        def __str__(self):
            raise KeyError("str")

        def __repr__(self):
            return 5

    class NotText:
        def __format__(self, spec):
            return 5

        def __str__(self):
            return None

    for thing in (Bad(), NotText()):
        log.call(lambda a: f"{a}", thing)
        log.call(lambda a: f"{a!s}", thing)
        log.call(lambda a: f"{a!r}", thing) if isinstance(thing, Bad) else None
        log.call(lambda a: f"{a:x}", thing)
    log.call(lambda a: f"{a:x}", object)
    log.call(lambda a: f"{a:x}", None)
    log.call(lambda a: f"{a:>5}", [])


@case
def string_subclasses(log):
    class S(str):
        def __format__(self, spec):
            return "formatted"

        def __str__(self):
            return "stringed"

    class T(str):
        pass

    def f(a):
        return f"{a}", f"{a!s}", f"{a!r}", type(f"{a}").__name__, type(f"{a!s}").__name__, type(f"{a}x").__name__

    log.call(f, S("s"))
    log.call(f, T("t"))
    log.call(f, "plain")


@case
def nested_quotes_and_expressions(log):
    def f(d, items, n):
        return (f"{d['k']} {items[0]!r} {n + 1} {n if n else 'none'} {[x * 2 for x in items]} "
                f"{(lambda y: y * 2)(n)} {f'{n}{f"{n}"}'}"
                f"{d.get('z', 'dflt'):>6} {len(items)}{n:{'>' + '4'}}")

    log.call(f, {"k": "v"}, [1, 2], 3)
    log.call(f, {"k": "v"}, [], 3)
    log.call(f, {}, [1], 3)


@case
def order_and_lifetimes(log):
    def note(x):
        log("eval", x)
        return x

    def f():
        return f"{note(1)}-{note(2)!r}-{note(3):{note(4)}}"

    class P:
        def __init__(self, name):
            self.probe = log.probe(name)

        def __format__(self, spec):
            log("format", self.probe.name)
            return self.probe.name

    def g():
        s = f"{P('a')} {P('b')}"
        log("made", s)
        f"{P('c')}"
        log("dropped")
        return f"{P('d')}{1 // 0}"

    log.call(f)
    log.call(g)


@case
def counts(log):
    def f(s):
        log("refs", refcount(s))
        t = f"{s}"
        log("refs", refcount(s), refcount(t))
        u = f"{s}{s}"
        log("refs", refcount(s), refcount(u))
        v = f"{s!s}"
        log("refs", refcount(s))
        return t is s, v is s

    log.call(f, "a long text " * 5)


@case
def tracebacks(log):
    def f(a):
        return (f"start {a}"
                f" {a.missing}"
                f" {a:bad}")

    def g(a):
        return f"{a
                  :bad}"

    log.call(f, 5)
    log.call(g, 5)
    log.call(g, "x")


@case
def long_strings(log):
    def f(n):
        s = ""
        for i in range(n):
            s += f"{i}:{i * i:04d};"
        return len(s), s[-20:]

    log.call(f, 60)


@case
def unicode_kinds(log):
    def f(a, b):
        return f"{a}{b}", f"{a}-{b}-{a}", f"{a!a}"

    parts = ["a", "\u00e9", "\u20ac", "\U0001F600", ""]
    log.grid(f, parts, parts)


@case
def other_formatting(log):
    log.call(lambda: "{} {0}".format(1))
    log.call(lambda: "{0} {k!r:>5}".format(1, k="x"))
    log.call(lambda: "{a.b[0]}".format(a=5))
    log.call(lambda: "%s %5d %-5s|%r" % (1, 2, "x", "y"))
    log.call(lambda: format(3.14159, ".2f"))
    log.call(lambda: "$x".join(["a", "b"]))
    log.call(lambda x: print(f"{x}", x, sep="|", end="!\n"), 5)
