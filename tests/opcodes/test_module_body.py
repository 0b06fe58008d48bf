"""Code without fast locals: modules, class bodies, exec() and eval() in dicts of their own, mappings as namespaces, name look-ups in all orders."""

import builtins
import collections
import types

from harness import case

NATIVE_SHARE = 0.4      # what stands outside of loops is interpreted, and so is what is run once


def shown(namespace):
    return sorted((name, value) for name, value in namespace.items() if name != "__builtins__" and not callable(value))


def run(source, *namespaces, name="<body>"):
    exec(compile(source, name, "exec"), *namespaces)


class Logged(dict):
    """A dict that reports what is done to it."""

    def __init__(self, log, *rest):
        super().__init__(*rest)
        self.log = log

    def __getitem__(self, key):
        self.log("get", key)
        return super().__getitem__(key)

    def __setitem__(self, key, value):
        self.log("set", key, value)
        super().__setitem__(key, value)

    def __delitem__(self, key):
        self.log("del", key)
        super().__delitem__(key)


class Missing(dict):
    def __missing__(self, key):
        if key.startswith("__") or hasattr(builtins, key):
            raise KeyError(key)
        return len(key)


class Mapping:
    """Not a dict at all."""

    def __init__(self, **items):
        self.items = items

    def __getitem__(self, key):
        if key == "broken":
            raise ZeroDivisionError("no such luck")
        return self.items[key]

    def __setitem__(self, key, value):
        if key == "frozen":
            raise TypeError("frozen")
        self.items[key] = value

    def __delitem__(self, key):
        del self.items[key]


LOOP = """
total = 0
for i in range(n):
    total += i * scale
    if i % 3 == 1:
        continue
    last = i
while i > 2:
    i -= 1
"""


@case
def loops_of_a_module(log):
    for n in (1, 7, 40):
        ns = {"n": n, "scale": 2}
        run(LOOP, ns)
        log(shown(ns))
    ns, inner = {"n": 9, "scale": 3}, {}
    run(LOOP, ns, inner)
    log(shown(ns), shown(inner))


@case
def the_same_code_in_many_namespaces(log):
    code = compile("out = []\nfor i in range(6):\n    out.append((len(text), scale, i))\n", "<many>", "exec")
    for scale in range(5):
        ns = {"text": "x" * scale, "scale": scale}
        if scale == 3:
            ns["len"] = lambda text: "own len"
        exec(code, ns)
        log(ns["out"])
    inner = {"scale": "local"}
    exec(code, {"text": "abc", "scale": 1}, inner)
    log(inner["out"])


@case
def namespaces_within_each_other(log):
    code = compile("""
for i in range(4):
    seen.append((depth, i, tag))
    if depth < 3 and i == 1:
        run_again(depth + 1)
""", "<nested>", "exec")
    seen = []

    def again(depth):
        exec(code, {"seen": seen, "depth": depth, "tag": "t%d" % depth, "run_again": again})

    again(0)
    log(seen)


@case
def locals_then_globals_then_builtins(log):
    code = compile("""
out = []
for i in range(8):
    out.append(name if i % 2 else (name, i))
    if i == 2: name = "local"
    if i == 4: del name
    if i == 5: globals()["name"] = "global"
""", "<orders>", "exec")
    for space in ({"name": "before"}, {}):
        space["__builtins__"] = {"range": range, "globals": globals, "name": "builtin"}
        log.call(exec, code, space)
        log(space["out"], space.get("name"))
        inner = {}
        log.call(exec, code, space, inner)
        log(inner["out"], inner.get("name"), space.get("name"))


@case
def a_builtin_shadowed_in_the_loop(log):
    ns = {}
    run("""
out = []
for i in range(10):
    out.append(len("abc"))
    if i == 3: len = lambda text: "shadow"
    if i == 6: del len
""", ns)
    log(ns["out"])


@case
def builtins_changed_in_the_loop(log):
    own = dict(vars(builtins))
    ns = {"__builtins__": own, "own": own}
    run("""
out = []
for i in range(10):
    out.append(abs(-i))
    if i == 2: own["abs"] = lambda x: ("changed", x)
    if i == 5: own["abs"] = str
    if i == 7: own["extra"] = 5
    if i >= 7: out.append(extra)
""", ns)
    log(ns["out"])
    log.call(run, "for i in range(5):\n    if i == 3: del own['abs']\n    abs(i)\n", ns)


@case
def builtins_replaced(log):
    log.call(run, "for i in range(3): pass\n", {"__builtins__": {}})
    log.call(run, "for i in range(3): pass\n", {"__builtins__": types.SimpleNamespace(range=range)})
    module = types.ModuleType("own_builtins")
    module.range = lambda n: [n, n]
    module.print_ = log
    run("for i in range(3):\n    print_(i)\n", {"__builtins__": module})
    log.call(run, "for i in (1, 2):\n    class C: pass\n", {"__builtins__": {}})
    ns = {"range": range}
    run("for i in range(4):\n    if i == 2: __builtins__ = {}\n    x = len('ab')\n", ns)
    log(ns["x"])


@case
def globals_and_locals_tampered_with(log):
    ns = {"log": log}
    run("""
for i in range(6):
    globals()["made"] = i * 10
    log(made, locals() is globals())
    locals()["j"] = i
    log(j)
    if i == 3:
        globals().update(made="updated", extra=1)
        log(made, extra)
    if i == 4:
        globals().pop("made")
        log("made" in globals())
""", ns)
    run("""
for i in range(12):
    vars()["name%d" % i] = i
    total = name0
log(total, name11)
for i in range(12):
    del globals()["name%d" % i]
""", ns)
    log(shown(ns))


@case
def clear_the_namespace_while_it_runs(log):
    source = "for i in range(5):\n    x = i\n    if i == 3: globals().clear()\n    y = x\n"
    ns = {}
    log.call(run, source, ns)
    log(sorted(ns))


@case
def other_keys(log):
    class Name(str):
        pass

    class Equal:
        def __init__(self, text):
            self.text = text

        def __hash__(self):
            return hash(self.text)

        def __eq__(self, other):
            log("compared", other)
            return self.text == other

    ns = {1: "one", Name("a"): "subclass", "log": log}
    run("for i in range(3):\n    log(a)\n    a = i\n    b = a\n", ns)
    log(ns[1], ns["b"], [type(k).__name__ for k in ns if k == "a"])
    ns = {Equal("z"): "equal", "log": log}
    run("for i in range(3):\n    log(z)\n    z = i\n", ns)
    mixed = {}
    run("for i in range(5):\n    x = i\n    if i == 2: globals()[5] = 6\n    y = x\n", mixed)
    log(mixed["y"], mixed[5])


@case
def names_deleted(log):
    ns = {"log": log}
    run("for i in range(5):\n    x = i\n    del x\n", ns)
    log(shown(ns))
    log.call(run, "for i in range(5):\n    del nothing\n", ns)
    log.call(run, "for i in range(5):\n    x = i\n    if i == 2: del x\n    x\n", ns)
    log.call(run, "for i in range(5):\n    if i == 2: del log\n", ns, {})
    log.call(run, "def f():\n    global gone\n    del gone\nfor i in range(2):\n    gone = i\n    f()\n    if i: gone\n", ns)


@case
def undefined_names(log):
    for source in ("for i in range(4):\n    if i == 2: missing\n", "for i in range(4):\n    if i == 2: missing += 1\n",
                   "for i in range(4):\n    try:\n        missing\n    except NameError as error:\n        log(str(error), error.name, i)\n"):
        log.call(run, source, {"log": log})
        log.call(run, source, {"log": log}, {})


@case
def dict_subclasses_as_locals(log):
    source = "for i in range(3):\n    total = i\n    total += other\n    del i\n"
    log.call(run, source, {"other": 5}, Logged(log, {"log": log}))
    log.call(run, "for i in range(2):\n    log(unknown, len('ab'), i)\n", {"log": log}, Missing(log=log))
    inner = collections.defaultdict(list)
    log.call(run, "for i in range(3):\n    things.append(i)\n", {"__builtins__": {}}, inner)
    log(sorted(inner))
    ordered = collections.OrderedDict()
    run("for i in range(3):\n    b = i\n    a = b\n", {}, ordered)
    log(list(ordered.items()))


@case
def dict_subclasses_as_globals(log):
    ns = Logged(log, {"n": 3})
    log.call(run, "for i in range(n):\n    x = i\n", ns)
    log(shown(ns))
    log.call(run, "def f():\n    global g\n    g = n\n    return g\nfor i in range(n):\n    f()\n", ns)
    log.call(run, "for i in range(2):\n    log(unknown)\n", Missing(log=log))


@case
def mappings_as_locals(log):
    space = Mapping(n=4)
    run("for i in range(n):\n    x = i\n    y = x + n\n    if i: del x\n", {}, space)
    log(sorted(space.items.items()))
    log.call(run, "for i in range(4):\n    if i == 2: broken\n", {}, space)
    log.call(run, "for i in range(4):\n    if i == 2: frozen = 1\n", {}, space)
    log.call(run, "for i in range(4):\n    if i == 2: del never\n", {}, space)
    chain = collections.ChainMap({}, {"n": 3, "base": 10})
    run("for i in range(n):\n    base += i\n", {}, chain)
    log(chain.maps)
    log.call(run, "for i in range(2): pass\n", {}, types.MappingProxyType({}))


@case
def proxies_of_modules(log):
    module = types.ModuleType("made")
    module.log = log
    run("for i in range(4):\n    value = i\nlog(__name__, value)\n", vars(module))
    log(module.value, module.i)


@case
def class_bodies_with_loops(log):
    def f(n):
        class C:
            table = []
            for i in range(n):
                table.append(i * n)
                exec("v%d = i" % i)
            else:
                done = len(table)
            while i:
                i -= 1
            squares = [k * k for k in table]
        return sorted((k, v) for k, v in vars(C).items() if not k.startswith("__"))

    log.each(f, (1,), (5,))


shared = "module"


@case
def class_bodies_look_names_up(log):
    global shared

    def f(free):
        class C:
            out = []
            for i in range(6):
                out.append((shared, free, len))
                if i == 1: shared = "class"
                if i == 2: free = "class free"
                if i == 3: del shared
                if i == 4: del free
                if i == 4: len = "own"
        return [[str(x)[:12] for x in row] for row in C.out]

    log.call(f, "free")

    def changing():
        class C:
            out = []
            for i in range(5):
                globals()["shared"] = i
                out.append(shared)
        return C.out

    log.call(changing)
    shared = "module"


@case
def class_bodies_with_other_namespaces(log):
    class Meta(type):
        @classmethod
        def __prepare__(mcls, name, bases, space):
            return space

        def __new__(mcls, name, bases, ns, space):
            return super().__new__(mcls, name, bases, dict(ns))

        def __init__(cls, name, bases, ns, space):
            pass

    def f(space):
        class C(metaclass=Meta, space=space):
            for i in range(3):
                x = i
                y = x
                if i == 1: del x
        return C.x, C.y

    log.call(f, {})
    log.call(f, Logged(log))
    log.call(f, {"__qualname__": "early"})
    log.call(f, collections.OrderedDict())


@case
def cells_of_class_bodies(log):
    def f(n):
        class C:
            for n in range(3):
                m = n
                def method(self): return __class__, n
            classes = [lambda: (n, j) for j in range(2)]
        return C.m, C().method()[0] is C, C().method()[1], [k() for k in C.classes]

    log.call(f, 7)


@case
def handlers_inside_and_outside_of_loops(log):
    ns = {"log": log}
    run("""
caught = 0
for i in range(9):
    try:
        if i % 2: raise ValueError(i)
        if i % 3 == 2: [][i]
    except ValueError as error:
        caught += error.args[0]
    except (IndexError, KeyError):
        caught += 100
    else:
        caught += 1000
    finally:
        caught += 10000
log(caught)
try:
    for i in range(9):
        try:
            1 // (4 - i)
        except ValueError:
            log("never")
        finally:
            log("inner", i)
except ZeroDivisionError as error:
    log(str(error), i)
""", ns)
    log.call(run, """
try:
    for i in range(5):
        for j in range(5):
            try:
                if i == j == 2: raise KeyError(i)
            except IndexError:
                pass
finally:
    log(i, j)
""", {"log": log})


@case
def with_statements(log):
    class Manager:
        def __init__(self, swallow):
            self.swallow = swallow

        def __enter__(self):
            log("enter")
            return self

        def __exit__(self, kind, value, traceback):
            log("exit", kind and kind.__name__, traceback and traceback.tb_lineno)
            return self.swallow

    source = """
with Manager(outer) as m:
    for i in range(4):
        with Manager(inner):
            if i == 1: continue
            if i == 2: raise ValueError(i)
            if i == 3: break
log(i)
"""
    for outer in (True, False):
        for inner in (True, False):
            log.call(run, source, {"log": log, "Manager": Manager, "outer": outer, "inner": inner})


@case
def errors_and_their_tracebacks(log):
    for source in ("for i in range(5):\n    if i == 3:\n        raise ValueError(i)\n",
                   "def f(x):\n    return 1 // x\nfor i in (2, 1, 0):\n    f(i)\n",
                   "class C:\n    for i in range(3):\n        if i == 2:\n            {}[i]\n",
                   "for i in range(3):\n    exec('for j in range(3):\\n    if j == 2: 1 // 0\\n')\n",
                   "while True:\n    try:\n        raise KeyError(1)\n    except KeyError as e:\n        raise ValueError(2) from e\n",
                   "for i in range(3):\n    try:\n        1 // 0\n    finally:\n        {}['x']\n",
                   "try:\n    for i in range(3):\n        if i == 1: 1 // 0\nexcept TypeError:\n    pass\n"):
        log.call(run, source, {})


@case
def loops_that_import(log):
    ns = {}
    run("for i in range(3):\n    import math\n    from math import floor as down\n    x = down(math.pi) + i\n", ns)
    log(ns["x"])
    ns = {}
    run("for i in range(2):\n    from math import *\nx = floor(2.5)\n", ns)
    log(ns["x"], "pi" in ns)
    log.call(run, "for i in range(2):\n    import no_such_module_at_all\n", {})


@case
def functions_classes_and_lambdas_made_in_loops(log):
    ns = {}
    run("""
made = []
for i in range(5):
    def f(x, y=i): return x + y + i
    class C:
        value = i
        def get(self): return self.value, i
    made.append((f(1), C().get(), (lambda k=i: k * i)()))
out = [g(1) for g in [f] * 2], C().get()
""", ns)
    log(ns["made"], ns["out"])


@case
def comprehensions_at_module_level(log):
    ns = {"n": 5}
    run("""
a = [i * n for i in range(n)]
b = {i: [j for j in range(i)] for i in range(n)}
c = {i % 2 for i in range(n)}
d = sum(i for i in range(n) if i in a or True)
i = "kept"
for k in range(3):
    e = [(i, k) for i in range(k)]
""", ns)
    log(ns["a"], ns["b"], ns["c"], ns["d"], ns["e"], ns["i"])
    log.call(run, "x = [1 // (2 - i) for i in range(4)]\n", {})


@case
def annotations_in_loops(log):
    ns = {}
    run("for i in range(3):\n    x: int = i\n    y: 'text'\n", ns)
    log(ns["__annotations__"], ns["x"])
    log.call(run, "for i in range(3):\n    x: missing = i\n", {})
    log.call(run, "for i in range(2):\n    if i: del __annotations__\n    x: int = i\n", {})


@case
def expressions(log):
    code = compile("[x * k for x in data if x % 2] + [len(data)]", "<eval>", "eval")
    for k in range(6):
        log(eval(code, {"data": range(k + 3), "k": k}))
    log(eval(code, {"k": 2}, {"data": [1, 3]}))
    log.call(eval, code, {"data": None, "k": 1})
    plain = compile("a + b", "<eval>", "eval")
    log([eval(plain, {"a": i}, {"b": 2 * i}) for i in range(20)])
    single = compile("for i in range(3): i\n", "<single>", "single")
    exec(single, {})


@case
def interactive_and_displayhook(log):
    import sys
    kept = sys.displayhook
    sys.displayhook = log
    try:
        exec(compile("for i in range(4):\n    i * 10\n", "<single>", "single"), {})
    finally:
        sys.displayhook = kept


@case
def global_statements(log):
    ns, inner = {}, {}
    run("global g\nfor i in range(4):\n    g = i\n    h = g\ndel i\n", ns, inner)
    log(shown(ns), shown(inner))


@case
def objects_that_die_when_a_name_is_stored(log):
    class Dies:
        def __init__(self, n):
            self.n = n

        def __del__(self):
            log("dies", self.n, ns.get("seen"))
            ns["seen"] = self.n

    ns = {"Dies": Dies, "seen": None}
    run("for i in range(4):\n    x = Dies(i)\n    seen\ndel x\n", ns)
    log(ns["seen"])
    ns.clear()
    inner = {}
    run("for i in range(3):\n    x = Dies(i)\n", {"Dies": Dies}, inner)
    inner.clear()


@case
def probes_in_namespaces(log):
    ns = {"probe": log.probe}
    run("for i in range(3):\n    x = probe(i)\n    y = [x]\n", ns)
    log.alive
    ns.clear()
    log("cleared", log.alive)


@case
def frames_of_module_code(log):
    import sys
    ns = {"sys": sys, "log": log}
    run("""
for i in range(3):
    frame = sys._getframe()
    log(frame.f_lineno, frame.f_code.co_name, frame.f_locals is globals(), frame.f_globals is globals(), frame.f_locals["i"])
    frame.f_locals["i"] = 10 * i
    log(i)
del frame
""", ns)


@case
def tracing_begins_in_a_module_loop(log):
    import sys
    events = []

    def trace(frame, event, argument):
        if frame.f_code.co_filename == "<traced>":
            events.append((event, frame.f_lineno))
        return trace

    ns = {"sys": sys, "trace": trace}
    run("""
def f(x):
    return x
for i in range(5):
    if i == 2:
        sys.settrace(trace)
        sys._getframe().f_trace = trace
    f(i)
    if i == 3:
        sys.settrace(None)
""", ns, name="<traced>")
    log(events)


@case
def generators_driven_by_module_loops(log):
    ns = {"log": log}
    run("""
def numbers(n):
    try:
        for i in range(n):
            got = yield i
            if got: log("got", got)
    finally:
        log("closed")
for x in numbers(4):
    log(x)
for x in numbers(9):
    if x == 2: break
g = numbers(5)
for i in range(3):
    log(next(g) if i == 0 else g.send(i))
del g
""", ns)


@case
def many_loops_in_one_module(log):
    source = "out = []\n" + "".join(
        f"for i in range({k + 2}):\n    try:\n        out.append(10 // (i - {k % 3}))\n    except ZeroDivisionError:\n        out.append('z{k}')\n"
        for k in range(24))
    ns = {}
    run(source, ns)
    log(len(ns["out"]), ns["out"])


@case
def modules_from_importlib(log):
    import importlib.util
    import os
    import sys
    import tempfile
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "loops_at_import.py")
        with open(path, "w") as file:
            file.write("table = {}\nfor i in range(50):\n    table[i] = i * i\nname = __name__, __spec__.name, type(__loader__).__name__\n")
        spec = importlib.util.spec_from_file_location("loops_at_import", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        log(sum(module.table.values()), module.name, module.i, sorted(k for k in vars(module) if k.startswith("__")))
        with open(path, "w") as file:
            file.write("for i in range(50):\n    if i == 30:\n        raise ValueError(i)\n")
        importlib.invalidate_caches()
        sys.path.insert(0, folder)
        try:
            import loops_at_import
        except ValueError as error:
            log(str(error), error.__traceback__.tb_next.tb_lineno, "loops_at_import" in sys.modules)
        finally:
            sys.path.remove(folder)
            sys.path_importer_cache.pop(folder, None)
