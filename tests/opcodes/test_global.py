"""Global and builtin names: rebinding, shadowing, deleting, foreign namespaces."""

import builtins
from sys import getrefcount as refcount

from harness import case

value = 1
TABLE = {"a": 1}


def get_value():
    return value


def get_len(x):
    return len(x)


def get_missing():
    return missing_name


def set_value(x):
    global value
    value = x


def delete_value():
    global value
    del value


def sum_value(n):
    total = 0
    for _ in range(n):
        total += value
    return total


@case
def rebinding(log):
    set_value(1)
    log(get_value(), get_value())
    set_value("two")
    log(get_value())
    globals()["value"] = 3
    log(get_value())
    globals().update(value=4.5)
    log(get_value(), sum_value(4))
    set_value(1)


@case
def deleting(log):
    set_value(1)
    log(get_value())
    log.call(delete_value)
    log.call(get_value)
    log.call(delete_value)
    globals()["value"] = "back"
    log.call(get_value)
    globals().pop("value")
    log.call(get_value)
    set_value(1)
    log.call(get_value)


@case
def missing(log):
    log.call(get_missing)
    globals()["missing_name"] = "here"
    log.call(get_missing)
    del globals()["missing_name"]
    log.call(get_missing)
    builtins.missing_name = "in builtins"
    log.call(get_missing)
    globals()["missing_name"] = "shadowed"
    log.call(get_missing)
    del builtins.missing_name
    log.call(get_missing)
    del globals()["missing_name"]
    log.call(get_missing)


@case
def shadowing_builtins(log):
    log(get_len([1, 2]))
    globals()["len"] = lambda x: "shadow"
    log(get_len([1, 2]))
    del globals()["len"]
    log(get_len([1, 2]))
    real = builtins.len
    builtins.len = lambda x: "patched"
    try:
        a = get_len([1])
    finally:
        builtins.len = real
    log(a, get_len([1]))
    del builtins.len
    try:
        text = get_len([1])
    except NameError as error:
        text = str(error)
    finally:
        builtins.len = real
    log(text)
    log.call(get_len, [1])


@case
def changes_inside_a_loop(log):
    def f(n):
        out = []
        for i in range(n):
            if i == 3:
                globals()["value"] = "changed"
            if i == 5:
                globals()["abs"] = lambda x: "shadow abs"
            if i == 7:
                del globals()["abs"]
            out.append((value, abs(-i)))
        return out

    set_value(1)
    log.call(f, 10)
    set_value(1)
    globals().pop("abs", None)


@case
def changed_by_callee(log):
    def change():
        set_value(value + 1)
        return value

    def f():
        return value + change() + value + change() * value

    set_value(1)
    log.call(f)
    set_value(1)


@case
def unrelated_changes(log):
    """Adding and removing other names moves or rebuilds the dictionary."""
    set_value(5)
    log(get_value())
    space = globals()
    for i in range(100):
        space[f"filler{i}"] = i
    log(get_value(), sum_value(3))
    for i in range(100):
        del space[f"filler{i}"]
    log(get_value(), get_len("ab"))
    set_value(1)


SOURCE = """
def f():
    return x

def g(v):
    global x
    x = v
    return x

def h():
    return len([x]), abs(-3)

def d():
    global x
    del x
"""


@case
def custom_globals(log):
    first, second = {"x": 1}, {"x": "second"}
    exec(SOURCE, first)
    exec(SOURCE, second)
    log(first["f"](), second["f"](), first["h"](), second["h"]())
    log(first["g"](10), second["f"](), first["f"]())
    first["abs"] = lambda v: "own abs"
    log(first["h"](), second["h"]())
    first["d"]()
    log.call(first["f"])
    log.call(first["d"])
    log(second["f"]())
    code = compile(SOURCE, "<shared code>", "exec")
    spaces = [{"x": i} for i in range(5)]
    for space in spaces:
        exec(code, space)
    for space in spaces * 2:
        log(space["f"](), space["h"]())


@case
def same_code_other_globals(log):
    import types
    spaces = [{"value": i, "__builtins__": builtins} for i in range(4)]
    functions = [types.FunctionType(get_value.__code__, space) for space in spaces]
    for function in functions * 2:
        log(function())
    spaces[2]["value"] = "changed"
    log([function() for function in functions])
    del spaces[1]["value"]
    log.call(functions[1])
    set_value(1)
    log(get_value())


@case
def globals_subclass(log):
    class Space(dict):
        def __getitem__(self, key):
            log("getitem", key)
            return super().__getitem__(key)

        def __missing__(self, key):
            log("missing", key)
            if key == "x":
                return "made up"
            raise KeyError(key)

    space = Space()
    exec(SOURCE, space)
    log.call(space["f"])
    log.call(space["g"], 5)
    log.call(space["f"])
    log.call(space["h"])


@case
def custom_builtins(log):
    space = {"__builtins__": {"x": "builtin x", "len": lambda v: "my len", "abs": lambda v: "my abs"}}
    exec(SOURCE, space)
    log(space["f"](), space["h"]())
    space["__builtins__"]["x"] = "changed builtin x"
    log(space["f"]())
    space["x"] = "global x"
    log(space["f"](), space["g"](3))
    space["d"]()
    log(space["f"]())
    del space["__builtins__"]["abs"]
    log.call(space["h"])

    class Builtins(dict):
        def __missing__(self, key):
            raise KeyError(key)

        def __getitem__(self, key):
            log("builtins getitem", key)
            return dict.__getitem__(self, key) if key in self else f"made {key}"

    space = {"__builtins__": Builtins()}
    exec("def f():\n return name_from_builtins\n", space)
    log.call(space["f"])
    space["name_from_builtins"] = 1
    log.call(space["f"])


@case
def empty_builtins(log):
    space = {"__builtins__": {}}
    exec("def f(x):\n return x + 1\ndef g():\n return len('x')\ndef h():\n import os\n", space)
    log.call(space["f"], 1)
    log.call(space["g"])
    log.call(space["h"])
    log.call(lambda: exec("class C: pass", {"__builtins__": {}}))


@case
def globals_dictionary_dies(log):
    def make(i):
        space = {"x": i, "probe": log.probe(f"space {i}")}
        exec(SOURCE, space)
        return space["f"]

    for i in range(3):
        f = make(i)
        log(f())
        del f
        __import__("gc").collect()
        log("next")


@case
def counts(log):
    set_value(["counted"])
    log("refs", refcount(value))

    def f():
        log("refs", refcount(value))
        a = value
        log("refs", refcount(value))
        b = [value, value]
        log("refs", refcount(a), refcount(b))
        return value

    log(f() is value)
    log("refs", refcount(value))
    set_value(1)


@case
def old_value_dies(log):
    set_value(log.probe("first"))
    log("stored first")
    set_value(log.probe("second"))
    log("stored second")
    delete_value()
    log("deleted")
    set_value(1)


@case
def global_loop_variable(log):
    def f(n):
        global counter
        for counter in range(n):
            pass
        return counter

    log.each(f, (3,), (0,), (5,))
    globals().pop("counter", None)
    log.call(f, 0)


@case
def global_functions_are_replaced(log):
    def caller():
        return helper(1), helper(2)

    globals()["helper"] = lambda x: ("old", x)
    log.call(caller)

    def replacing(x):
        globals()["helper"] = lambda x: ("third", x)
        return "second", x

    globals()["helper"] = replacing
    log.call(caller)
    log.call(caller)
    globals()["helper"] = 5
    log.call(caller)
    del globals()["helper"]
    log.call(caller)


@case
def augmented(log):
    def f(n):
        global value
        for i in range(n):
            value += i
            value *= 2
        return value

    set_value(1)
    log.call(f, 5)
    set_value(1.5)
    log.call(f, 5)
    set_value("s")
    log.call(f, 5)
    delete_value()
    log.call(f, 5)
    set_value(1)


@case
def class_and_exec_names(log):
    def f():
        class Body:
            value = value
            size = len("abc")
            try:
                nothing
            except NameError as error:
                log.error(error)
        return Body.value, Body.size

    set_value(7)
    log.call(f)
    log.call(lambda: eval("value + x", globals(), {"x": 2}))
    log.call(lambda: eval("value + x"))
    set_value(1)


@case
def exec_in_function(log):
    def f():
        x = 1
        exec("x = 2; y = 3; global fresh; fresh = x")
        return x, fresh

    def g():
        exec("x = 2")
        return x

    log.call(f)
    globals().pop("fresh", None)
    log.call(g)
    log.call(f)
    globals().pop("fresh", None)


@case
def dunder_names(log):
    def f():
        return __name__, __file__.rsplit("/", 1)[-1], __doc__[:10], __debug__, __builtins__ is builtins

    log.call(f)


@case
def import_of_names(log):
    def f():
        global imported
        import os.path as imported
        return imported.basename("a/b")

    log.call(f)
    log(imported.basename("c/d"))
    del globals()["imported"]


@case
def suggestions(log):
    def f():
        return vlaue

    try:
        f()
    except NameError as error:
        log(error.name, str(error))
    log.call(lambda: prnt(1))


@case
def globals_function_and_locals(log):
    def f(a):
        b = 2
        return sorted(locals()), locals()["a"], "value" in globals(), sorted(vars()), dir()

    log.call(f, 1)


@case
def watched_and_unwatched_sizes(log):
    """A namespace that grows between the calls of a function in it."""
    space = {"x": 0}
    exec(SOURCE, space)
    for i in range(200):
        space[f"n{i}"] = i
        if i % 20 == 0:
            space["x"] = i
            log(space["f"]())
    for i in range(200):
        del space[f"n{i}"]
    log(space["f"](), space["h"]())
    space.clear()
    space["x"] = "after clear"
