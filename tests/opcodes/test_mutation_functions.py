"""What functions, namespaces and modules are made of changes while compiled code that relies on it runs: each change is seen at the very
turn at which the interpreter sees it.
"""

import builtins
import sys
import types

from harness import case

TURNS = 60
AT = (0, 29, 58)      # turns at which something changes


def double(x):
    return x * 2


def triple(x):
    return x * 3


def with_default(x, y=1, *, z=10):
    return x + y + z


def fresh(function):
    """A copy of `function`, to be changed."""
    copy = types.FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
    copy.__kwdefaults__ = dict(function.__kwdefaults__) if function.__kwdefaults__ else None
    return copy


def watch(log, body, change, undo=None):
    """Calls `body(hook)`, whose loop calls hook(i) each turn, for each of the turns at which the hook may call `change()`."""
    for at in AT:
        def hook(i, at=at):
            if i == at:
                change()

        log.call(body, hook)
        if undo is not None:
            undo()
            log.call(body, lambda i: None)


@case
def code(log):
    f = fresh(double)

    def total(hook):
        t = 0
        for i in range(TURNS):
            t += f(i)
            hook(i)
            t += f(i) * 1000
        return t

    def change():
        f.__code__ = triple.__code__

    def undo():
        f.__code__ = double.__code__

    watch(log, total, change, undo)

    def other_signature():
        f.__code__ = (lambda: 7).__code__

    watch(log, total, other_signature, undo)


@case
def code_of_the_running_function(log):
    def f(n, out):
        for i in range(n):
            out.append(i)
            if i == n // 2:
                f.__code__ = g.__code__
        return "old"

    def g(n, out):
        out.append("new")
        return "new"

    old = f.__code__
    for _ in range(5):
        out = []
        log.call(f, TURNS, out)
        log(out)
        log.call(f, TURNS, out)
        log(len(out))
        f.__code__ = old

    def recursive(n):
        if n == 3:
            recursive.__code__ = (lambda n: "changed").__code__
        return [n, recursive(n - 1)] if n else []

    kept = recursive.__code__
    for _ in range(4):
        log.call(recursive, 6)
        log.call(recursive, 6)
        recursive.__code__ = kept


@case
def defaults(log):
    f = fresh(with_default)

    def total(hook):
        t = []
        for i in range(TURNS):
            hook(i)
            t.append(f(i))
        return t

    def undo():
        f.__defaults__, f.__kwdefaults__ = (1,), {"z": 10}

    def other():
        f.__defaults__ = (100,)

    def none():
        f.__defaults__ = None

    def other_keyword():
        f.__kwdefaults__ = {"z": 1000}

    def in_place():
        f.__kwdefaults__["z"] = 5

    def no_keyword():
        del f.__kwdefaults__["z"]

    def more():
        f.__defaults__ = ("a", "b")

    for change in (other, none, other_keyword, in_place, no_keyword, more):
        watch(log, total, change, undo)


@case
def global_names(log):
    namespace = {"double": double, "TURNS": TURNS, "k": 1}
    exec("""
def total(hook):
    t = []
    for i in range(TURNS):
        t.append(double(i) + k + len((i, i)))
        hook(i)
    return t

def counted(hook):
    global count
    count = 0
    for i in range(TURNS):
        count += k
        hook(i)
    return count
""", namespace)

    def undo():
        namespace.update(double=double, k=1)
        namespace.pop("len", None)
        namespace.pop("range", None)

    changes = {
        "another function": lambda: namespace.update(double=triple),
        "another value": lambda: namespace.update(k=100),
        "another type": lambda: namespace.update(k=0.5),
        "gone": lambda: namespace.pop("double"),
        "a builtin shadowed": lambda: namespace.update(len=lambda x: 50),
        "shadowed and back": lambda: (namespace.update(len=max), namespace.pop("len")),
        "the counter itself": lambda: namespace.update(count=1000),
        "the counter gone": lambda: namespace.pop("count", None),
        "many new names": lambda: namespace.update({f"name{n}": n for n in range(200)}),
        "cleared and filled": lambda: (saved := dict(namespace), namespace.clear(), namespace.update(saved)),
    }
    for name, change in changes.items():
        log(name)
        for body in (namespace["total"], namespace["counted"]):
            watch(log, body, change, undo)


@case
def builtin_names(log):
    def total(hook):
        t = []
        for i in range(TURNS):
            t.append((len((i,)), abs(-i), isinstance(i, int)))
            hook(i)
        return t

    saved = {name: getattr(builtins, name) for name in ("len", "abs", "isinstance")}

    def undo():
        for name, value in saved.items():
            setattr(builtins, name, value)

    def new_length():
        builtins.len = lambda x: "length"

    def no_abs():
        del builtins.abs

    def own_isinstance():
        builtins.isinstance = lambda x, kind: kind.__name__

    for change in (new_length, no_abs, own_isinstance):
        try:
            watch(log, total, change, undo)
        finally:
            undo()


@case
def builtins_of_ones_own(log):
    source = "def f(n):\n    out = []\n    for i in range(n):\n        out.append(len([i]))\n        change(i)\n    return out\n"

    def run(at, how):
        own = dict(vars(builtins))
        namespace = {"__builtins__": own}
        own["change"] = lambda i: how(own, namespace) if i == at else None
        exec(source, namespace)
        return namespace["f"](TURNS)

    def other(own, namespace):
        own["len"] = str

    def removed(own, namespace):
        del own["len"]

    def replaced(own, namespace):
        namespace["__builtins__"] = {}  # the function keeps those that it was made with

    for how in (other, removed, replaced):
        for at in AT:
            log.call(run, at, how)


@case
def closures(log):
    def make():
        k, f = 1, double

        def total(hook):
            t = []
            for i in range(TURNS):
                t.append(f(i) + k)
                hook(i)
            return t

        return total

    def cells(function):
        return dict(zip(function.__code__.co_freevars, function.__closure__))

    changes = {"k": 100, "f": triple}
    for name, value in changes.items():
        body = make()
        cell = cells(body)[name]
        old = cell.cell_contents

        def change():
            cell.cell_contents = value

        def undo():
            cell.cell_contents = old

        watch(log, body, change, undo)

        def empty():
            del cell.cell_contents

        watch(log, body, empty, undo)


@case
def modules(log):
    module = types.ModuleType("changing")
    module.f, module.k = double, 1
    sys.modules["changing"] = module

    def total(hook):
        t = []
        for i in range(TURNS):
            import changing
            t.append(changing.f(i) + changing.k)
            hook(i)
        return t

    def undo():
        module.__class__ = types.ModuleType
        module.f, module.k = double, 1
        vars(module).pop("__getattr__", None)
        sys.modules["changing"] = module

    class Loud(types.ModuleType):
        @property
        def k(self):
            return 77

    def other_attribute():
        module.f = triple

    def swapped():
        sys.modules["changing"] = types.SimpleNamespace(f=triple, k=5)

    def absent():
        sys.modules["changing"] = None

    def removed():
        del module.k

    def by_getattr():
        del module.k
        module.__getattr__ = lambda name: 1000

    def other_class():
        module.__class__ = Loud

    def class_and_attribute():
        del module.k
        module.__class__ = Loud

    try:
        for change in (other_attribute, swapped, absent, removed, by_getattr, other_class, class_and_attribute):
            watch(log, total, change, undo)
    finally:
        del sys.modules["changing"]


@case
def inlined_callees(log):
    inner = fresh(double)
    namespace = {"inner": inner}
    exec("def outer(x): return inner(x) + 1", namespace)
    outer = namespace["outer"]

    def total(hook):
        t = 0
        for i in range(TURNS):
            hook(i)
            t += outer(i)
        return t

    def undo():
        inner.__code__ = double.__code__
        namespace["inner"] = inner

    def other_code():
        inner.__code__ = triple.__code__

    def other_function():
        namespace["inner"] = triple

    def a_class():
        namespace["inner"] = float

    for change in (other_code, other_function, a_class):
        watch(log, total, change, undo)


@case
def callees_change_their_callers(log):
    def caller(n):
        out = []
        for i in range(n):
            out.append(callee(i))
        return out

    def callee(i):
        if i == 20:
            caller.__code__ = (lambda n: "changed").__code__
        if i == 30:
            callee.__code__ = (lambda i: "callee changed").__code__
        return i

    codes = caller.__code__, callee.__code__

    # Both are closures over each other, so what replaces them has to be, too.
    def other_caller(n):
        return callee, caller

    def other_callee(i):
        return ("other", caller.__name__, callee.__name__)

    def callee(i):
        if i == 20:
            caller.__code__ = other_caller.__code__
        if i == 30:
            callee.__code__ = other_callee.__code__
        return i, caller is not None

    for _ in range(3):
        log.call(caller, TURNS)
        log.call(lambda: caller.__code__ is codes[0])
        caller.__code__ = codes[0]
