"""assert statements."""

from harness import case


@case
def plain(log):
    def f(x):
        assert x
        return "passed"

    def g(x, message):
        assert x, message
        return "passed"

    for value in (1, 0, "", "x", None, [], [0], 0.0, object):
        log.call(f, value)
        log.call(g, value, ("message", value))
        log.call(g, value, "text")


@case
def message_evaluated_late(log):
    def note(x):
        log("eval", x)
        return x

    def f(x):
        assert note(x), note("message")
        return "passed"

    log.each(f, (1,), (0,))


@case
def message_raises(log):
    def f(x):
        assert x, 1 // 0

    def g(x):
        assert 1 // x, "never"

    log.each(f, (1,), (0,))
    log.each(g, (1,), (0,), (5,))


@case
def shadowed_assertion_error(log):
    space = {}
    exec("def f(x):\n assert x, 'm'\n return 1\n", space)
    space["AssertionError"] = ValueError
    log.call(space["f"], 0)
    import builtins
    real = builtins.AssertionError
    builtins.AssertionError = KeyError
    try:
        log.call(space["f"], 0)
    finally:
        builtins.AssertionError = real


@case
def conditions(log):
    def f(a, b):
        assert a < b <= 10 and a != 3 or b is None, (a, b)
        assert not (a == 1), f"{a=}"
        assert (a, b)[0] in [0, 2, 3]
        return "ok"

    for a in (0, 1, 2, 3, 5):
        for b in (1, 4, 20):
            log.call(f, a, b)
    log.call(f, 1, "x")


@case
def in_loops_and_handlers(log):
    def f(items):
        out = []
        for item in items:
            try:
                assert item > 0, item
                out.append(item)
            except AssertionError as error:
                out.append(error.args)
            except TypeError:
                out.append("type")
        return out

    log.call(f, [1, 0, -5, "x", 2.5])


@case
def lifetimes(log):
    class Truth:
        def __init__(self, name, answer):
            self.probe, self.answer = log.probe(name), answer

        def __bool__(self):
            return self.answer

    def f():
        assert Truth("a", True)
        log("passed")
        assert Truth("b", False), log.probe("message").name
        log("never")

    log.call(f)


@case
def debug_constant(log):
    def f():
        if __debug__:
            return "debug"
        return "optimised"

    log.call(f)
