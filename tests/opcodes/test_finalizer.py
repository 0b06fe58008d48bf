"""The moment of finalisation relative to other side effects."""

import gc
import weakref

from harness import case


class Named:
    def __init__(self, log, name):
        self.log, self.name = log, name

    def __del__(self):
        self.log("del", self.name)


@case
def rebinding(log):
    def f():
        x = Named(log, "a")
        x = Named(log, "b")
        log("rebound")
        x = x
        log("same")
        x = None
        log("none")
        x = Named(log, "c")
        y = x
        del x
        log("deleted one name")
        del y
        log("deleted both")

    log.call(f)


@case
def end_of_function(log):
    def f():
        a = Named(log, "a")
        b = Named(log, "b")
        log("body")
        return a.name + b.name

    def g():
        a = Named(log, "a")
        return log("returning")

    def h():
        z = Named(log, "z")
        y = Named(log, "y")
        x = Named(log, "x")
        return [x, z][0]

    log.call(f)
    log.call(g)
    r = h()
    log("got", r.name)
    r = None
    log("end")


@case
def arguments(log):
    def f(a, b, *rest, k, **kw):
        log("body")
        a = None
        log("dropped a")

    f(Named(log, "1"), Named(log, "2"), Named(log, "3"), k=Named(log, "4"), z=Named(log, "5"))
    log("after")

    def call(g):
        g(Named(log, "6"), k=1, b=Named(log, "7"))
        log("after call")
        return g(Named(log, "8"), Named(log, "9"), k=Named(log, "10"))

    log.call(call, f)


@case
def expression_temporaries(log):
    def f():
        Named(log, "expr")
        log("1")
        Named(log, "attr").name
        log("2")
        [Named(log, "list")][0].name
        log("3")
        Named(log, "cmp") == Named(log, "other")
        log("4")
        if Named(log, "if"):
            log("5")
        Named(log, "is") is None
        log("6")
        Named(log, "and") and log("7")
        log(Named(log, "arg").name, "8")
        not Named(log, "not")
        log("9")
        (Named(log, "t1"), Named(log, "t2"))
        log("10")
        {Named(log, "key"): Named(log, "value")}
        log("11")
        isinstance(Named(log, "isinstance"), Named)
        log("12")
        while Named(log, "while"):
            log("13")
            break
        assert Named(log, "assert")
        log("14")
        return Named(log, "r").name

    log.call(f)


@case
def while_conditions(log):
    class Countdown(Named):
        def __bool__(self):
            log("bool", self.name)
            return self.name > 0

    def f(n):
        while Countdown(log, n):
            n -= 1
            log("body", n)
        return "end"

    log.call(f, 2)


@case
def stores(log):
    class Box:
        pass

    def f():
        b, d, l = Box(), {}, [None]
        b.x = Named(log, "attr1")
        b.x = Named(log, "attr2")
        log("attr stored")
        d["k"] = Named(log, "item1")
        d["k"] = Named(log, "item2")
        log("item stored")
        l[0] = Named(log, "l1")
        l[0] = Named(log, "l2")
        log("list stored")
        b.x, d["k"], l[0] = 1, 2, 3
        log("all replaced")
        global slot
        slot = Named(log, "g1")
        slot = Named(log, "g2")
        log("global stored")
        del slot
        log("global deleted")

    log.call(f)


@case
def destructor_changes_locals(log):
    """The destructor runs user code in the middle of an assignment of its owner."""
    import sys

    class Meddler:
        def __del__(self):
            frame = sys._getframe(1)
            log("in", frame.f_code.co_name, sorted(k for k in frame.f_locals if k != "log"))
            frame.f_locals["y"] = "meddled"

    def f():
        y = "original"
        x = Meddler()
        x = 1
        return x, y

    def g():
        y = "original"
        z = [Meddler()]
        z = y + "!"
        return y, z

    def h():
        y = 1
        x = Meddler()
        del x
        return y

    log.call(f)
    log.call(g)
    log.call(h)


@case
def destructor_during_loop(log):
    def f():
        for i in range(3):
            x = Named(log, i)
            log("loop", i)
        log("after loop")
        for x in [Named(log, "a"), Named(log, "b")]:
            log("item", x.name)
        log("after items")

    log.call(f)


@case
def exceptions(log):
    def f():
        a = Named(log, "a")
        try:
            b = Named(log, "b")
            raise ValueError(Named(log, "in exception"))
        except ValueError as e:
            log("handler")
        log("after handler")
        del b
        log("end")

    def g():
        a = Named(log, "ga")
        raise KeyError("x")

    def h():
        try:
            g()
        except KeyError:
            log("caught, locals of g live")
        log("locals of g gone")

    def k():
        x = Named(log, "kept")
        try:
            return x
        finally:
            x = None
            log("finally")

    log.call(f)
    log.call(h)
    result = k()
    log("returned", result.name)
    del result
    log("done")


@case
def resurrection(log):
    saved = []

    class Phoenix:
        def __init__(self):
            self.deaths = 0

        def __del__(self):
            self.deaths += 1
            log("dies", self.deaths)
            saved.append(self)

    def f():
        x = Phoenix()
        x = None
        return len(saved), saved[0].deaths

    log.call(f)
    saved.clear()
    log("cleared")


@case
def weak_references(log):
    def f():
        x = Named(log, "x")
        ref = weakref.ref(x, lambda r: log("callback"))
        log(ref() is x)
        y = x
        x = None
        log(ref() is y)
        y = 5
        log(ref())
        table = weakref.WeakValueDictionary()
        z = Named(log, "z")
        table["k"] = z
        log(len(table))
        del z
        log(len(table))
        weakref.finalize(Named(log, "w"), log, "finalized")
        log("end")

    log.call(f)


@case
def tuples_and_lists_order(log):
    def f():
        x = [Named(log, 1), [Named(log, 2), (Named(log, 3), Named(log, 4))], {"a": Named(log, 5), "b": Named(log, 6)}]
        x = None
        log("list gone")
        x = (Named(log, 7), Named(log, 8))
        x = None
        log("tuple gone")
        x = {Named(log, 9)}
        x = None
        log("set gone")

    log.call(f)


@case
def instance_attributes_order(log):
    class Box:
        def __init__(self):
            self.b = Named(log, "b")
            self.a = Named(log, "a")

        def __del__(self):
            log("box", self.a.name)

    class Slots:
        __slots__ = ("p", "q")

    def f():
        Box()
        log("box gone")
        s = Slots()
        s.q = Named(log, "q")
        s.p = Named(log, "p")
        s = None
        log("slots gone")
        x = Box()
        x.__dict__["c"] = Named(log, "c")
        x = None
        log("end")

    log.call(f)


@case
def many_instances(log):
    """Instances are freed and made again; nothing may be left of the former ones."""
    class P:
        def __init__(self, x, y=None):
            self.x = x
            if y is not None:
                self.y = y

    def f(n):
        out = []
        for i in range(n):
            p = P(i, i if i % 3 == 0 else None)
            out.append((p.x, hasattr(p, "y"), len(vars(p)) if i % 5 == 0 else None))
        return out[-4:], len(out)

    def g(n):
        kept = [P(i) for i in range(n)]
        half = kept[::2]
        kept = None
        more = [P(-i) for i in range(n)]
        return sum([p.x for p in half]), sum([p.x for p in more]), any([hasattr(p, "y") for p in more])

    log.call(f, 50)
    log.call(g, 50)


@case
def del_defined_later(log):
    class C:
        pass

    def f():
        C()
        log("no del yet")
        C.__del__ = lambda self: log("late del")
        C()
        log("with del")
        x = C()
        del C.__del__
        x = None
        log("without again")

    log.call(f)


@case
def cycles(log):
    def f():
        a, b = Named(log, "a"), Named(log, "b")
        a.other, b.other = b, a
        return None

    f()
    log("not yet")
    gc.collect()
    log("now")


@case
def gc_inside(log):
    def f():
        x = Named(log, "x")
        x.me = x
        x = None
        log("unreachable")
        gc.collect()
        log("collected")
        total = 0
        for i in range(3):
            a = [Named(log, i)]
            a.append(a)
            a = None
            gc.collect()
            log("turn", i)
        return total

    log.call(f)


@case
def gc_callbacks_and_automatic_collection(log):
    """Automatic collections happen at allocation counts: at least the program must survive and release all."""
    alive = [0]

    class Node:
        def __init__(self):
            alive[0] += 1
            self.me = self

        def __del__(self):
            alive[0] -= 1

    def f(n):
        for i in range(n):
            Node()

    gc.enable()
    try:
        f(3000)
    finally:
        gc.disable()
    gc.collect()
    log(alive)


@case
def deletion_statements(log):
    def f():
        a = b = Named(log, "shared")
        c = [Named(log, "c0"), Named(log, "c1")]
        del a, c[0]
        log("1")
        del b
        log("2")
        del (c)
        log("3")
        x = y = z = 1
        del x, (y, [z])
        try:
            z
        except NameError as error:
            log(str(error))

    log.call(f)


@case
def destructor_reads_globals(log):
    class Reader:
        def __del__(self):
            log("reads", GLOBAL_NAME)

    def f():
        global GLOBAL_NAME
        GLOBAL_NAME = "one"
        x = Reader()
        GLOBAL_NAME = "two"
        x = None
        GLOBAL_NAME = "three"

    log.call(f)


@case
def deep_structures(log):
    def f(n):
        x = None
        for _ in range(n):
            x = [x]
        x = None
        y = ()
        for _ in range(n):
            y = (y,)
        del y

        class Node:
            pass
        head = None
        for _ in range(n):
            node = Node()
            node.next = head
            head = node
        head = node = None
        return "survived"

    log.call(f, 3000)


@case(times=2)
def very_deep_structures(log):
    class Node:
        __slots__ = ("next",)

    class Dicted:
        def __init__(self, next):
            self.next = next

    def f(n):
        head = None
        for _ in range(n):
            node = Node()
            node.next = head
            head = node
        head = node = None
        for _ in range(n):
            head = Dicted(head)
        head = None
        for _ in range(n):
            head = (head, [1.5])
        head = 1
        return "survived"

    log.call(f, 100_000)
