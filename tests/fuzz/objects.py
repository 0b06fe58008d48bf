"""Random programs with strings, dicts, slices, classes, closures, generators, context managers and finalizers, on top of those with numbers."""

import programs

PROLOGUE = programs.PROLOGUE + '''
class Pair:
    def __init__(self, x, y=0): self.x = x; self.y = y
    def __add__(self, other): return Pair(self.x + other.x, self.y + other.y)
    def __getitem__(self, k):
        if k == 0: return self.x
        if k == 1: return self.y
        raise IndexError(k)
    def __setitem__(self, k, value):
        if k == 0: self.x = value
        elif k == 1: self.y = value
        else: raise IndexError("no such item")
    def __len__(self): return 2
    def __eq__(self, other): return type(other) is Pair and self.x == other.x and self.y == other.y
    def __lt__(self, other): return self.x < other.x
    def __bool__(self): return self.x != 0
    def __repr__(self): return f"Pair({self.x}, {self.y})"
    def scaled(self, k): return Pair(self.x * k, self.y * k)
    def sum(self): return self.x + self.y
    def set(self, x):
        self.x = x
        return self
    @property
    def both(self): return self.x, self.y
    @staticmethod
    def twice(v): return v + v
    @classmethod
    def of(cls, v): return cls(v, v)
class Slotted:
    __slots__ = ("v", "next")
    def __init__(self, v, next=None): self.v = v; self.next = next
    def __repr__(self): return f"Slotted({self.v})"
    def length(self):
        k = 0
        while self is not None:
            k += 1
            self = self.next
        return k
class Shape:
    k = 2
    def __init__(self, a): self.a = a
    def area(self): return 0
    def times(self, n): return self.area() * n + self.k
    def __repr__(self): return f"{type(self).__name__}({self.a})"
class Square(Shape):
    def area(self): return self.a * self.a
class Line(Shape):
    k = 3
    def __init__(self, a, b=1):
        super().__init__(a)
        self.b = b
    def area(self): return self.a if self.b else super().area()
class Table:
    def __init__(self, rows): self.rows = rows
    def __getitem__(self, at): return self.rows[at]
    def __setitem__(self, at, value): self.rows[at] = value
    def __len__(self): return len(self.rows)
    def __iter__(self): return iter(self.rows)
    def __contains__(self, v): return v in self.rows
    def __call__(self, k=0): return self.rows[k]
noted = []
class Noted:
    def __init__(self, name, then=None): self.name = name; self.then = then; self.n = 1
    def __del__(self):
        noted.append(self.name)
        if self.then is not None: self.then()
    def __repr__(self): return f"Noted({self.name})"
class Within:
    def __init__(self, swallows): self.swallows = swallows
    def __enter__(self):
        noted.append("in")
        return self
    def __exit__(self, kind, error, traceback):
        noted.append(kind and kind.__name__)
        return self.swallows
def upto(k):
    i = 0
    while i < min(k, 50):
        yield i
        i += 1
def guarded(values):
    try:
        for v in values: yield v
    finally:
        noted.append("closed")
def echo():
    got = 0
    while True: got = (yield got) or 0
def counter(start, step=1):
    def next_one(by=None):
        nonlocal start
        start += step if by is None else by
        return start
    return next_one
def many(a, b=2, *c, d=4, **e): return a + b + d + len(c) * 10 + len(e) * 100
def checked(v, limit=100):
    if v > limit: raise ValueError("too much")
    return v
def safe(v):
    try: return checked(v)
    except ValueError: return -1
    finally: noted.append("safe") if len(noted) < 50 else None
def swap(o):
    t = o.x
    o.x = o.y
    o.y = t
    return 1
def replace(o, v):
    old = o.x
    o.x = v
    k = 0
    for q in range(3): k += q
    old = None
    return k + len(noted) % 2
def take(o, k):
    v = o.x
    if k > 2: o.x = None
    return v.n if v is not None else -1
def chain(link):
    k = 0
    while link is not None:
        k += 1
        link = link.next
    return k
def exchange(rows, k):
    row = rows[0]
    rows[0] = rows[-1]
    rows[-1] = row
    return len(rows) + k
def fact(k): return 1 if k < 2 else k * fact(k - 1)
def even(k): return True if k == 0 else odd(k - 1)
def odd(k): return False if k == 0 else even(k - 1)
'''


class Writer(programs.Writer):
    prologue = PROLOGUE

    def small(self):
        return self.random.choice(("i", "i % 3", "0", "1", "-1", "2", "n % 4", "i - 2", "-i"))

    def slice(self):
        r = self.random
        ends = [r.choice(("", "i", "1", "-1", "2", "n", "i - 3", "-2")) for _ in range(2)]
        return ":".join(ends) + (r.choice((":2", ":-1", ":")) if r.random() < 0.3 else "")

    def number(self, depth=0):
        r = self.random
        if depth > 2 or r.random() < 0.5:
            return super().number(depth)
        x, y, k = super().number(depth + 1), super().number(depth + 1), self.small()
        return r.choice((
            f"o[{k}]", "o.x", "o.y", "o.sum()", f"o.scaled({x}).x", f"(o + Pair({x}, {y}))[1]", "len(o)", "o.both[0]", f"Pair.twice({x})", f"o.set({x}).y",
            f"shape.area()", f"shape.times({y})", "shape.k", "shape.a", f"table[{k}]", "len(table)", f"table({k})", f"int({x} in table)", "link.length()", "link.v",
            f"tick()", f"tick({x})", f"tick(by={y})", f"sum(upto({k}))", "sum(upto(4))", f"sum(v for v in ts if v is not {x})", f"next(echoes)", f"echoes.send({x})",
            "len(s)", "s.count('a')", f"ord(s[{k}])", f"int(s > {r.choice(('t', repr('b')))})", f"len(s[{self.slice()}])", f"s.find('{r.choice('abc')}')", f"len(f'{{{x}}}:{{s}}')",
            f"len(xs[{self.slice()}])", f"sum(ts[{self.slice()}])", f"words.get(s, {x})", f"words[{r.choice(('s', repr('a')))}]", "len(words)", "len(set(ts))",
            f"many({x})", f"many({x}, {y})", f"many({x}, d={y})", f"many(*ts)", f"many({x}, *ts, z={y})", f"many({x}, **{{'b': {y}}})", f"checked({x})", f"checked({x}, limit={y})", f"safe({x})",
            f"fact({k} % 8)", f"int(even(i % 9))", f"(lambda q: q + {x})({y})", f"max(ts)", f"sorted(ts)[{k}]", f"(w := {x})", f"int({x} < {y} <= i)", f"divmod(i, 3)[{k}]",
            f"[{x}, {y}][{k}]", f"({x}, {y})[{k}]", f"(u if (u := {k}) else {x})", f"bump({x})", f"held[{k}].n", "len(held)", f"sum([{x} for q in range(3)])",
            "swap(holder)", f"replace(holder, Noted((i, 'replaced')))", f"replace(holder, [{x}, holder.y])", f"take(holder, {k})", "chain(link)", f"exchange(held, {k}) if held else 0", f"replace(holder, None) + take(holder, 0)",
            f"round({x}, 1)", f"int(isinstance({x}, int))", f"len(str({x}))", f"hash({k})", f"getattr(o, 'x', {y})", "o.__dict__['x']",
        ))

    def objects(self, indent, target):
        r = self.random
        x, y, k = self.number(1), self.number(1), self.small()
        self.put(indent, r.choice((
            f"o = Pair({x}, {y})", f"o.x = {x}", f"o.y = {y}", f"o[{k}] = {x}", f"o = o + Pair(1, {x})", f"o = o.scaled({k})", f"o.x, o.y = o.y, {x}", f"o.x += {x}", f"o[0] -= {y}",
            f"shape = {r.choice(('Shape', 'Square', 'Line'))}({x})", f"shape.a = {x}", f"Shape.k = {k}", f"shape.k = {k}", f"shape.b = {k}",
            f"table[{k}] = {x}", f"table = Table([{x}, i, 2])", f"table.rows.append({k}) if len(table) < 20 else None",
            f"link = Slotted({x}, link) if link.length() < 5 else Slotted({y})", f"link.v = {x}", "link = link.next or link",
            f"s += {r.choice((repr('a'), repr('bc'), 't', 'str(i)'))}", f"s = s[{self.slice()}] or 'ab'", f"s = t + s", f"s, t = t, s", f"s = f'{{i}}{{t}}'", f"t = ','.join([s, t])[:9]", "s = s.upper() if i % 2 else s.lower()", "t = s.replace('a', 'xy')[:12]",
            f"words[s] = {x}", f"words[{r.choice(('t', repr('a')))}] = {y}", f"words.pop(s, None)", "words = dict(words, a=i)", f"words['a'] = words.get('a', 0) + 1", "words.setdefault(t, i)", "words.clear() if len(words) > 8 else None", "del words['a']",
            f"xs[{self.slice()}] = [{x}, {y}] if len(xs) < 30 else []", f"del xs[{self.slice()}]", f"ys = xs[{self.slice()}]", f"xs = ys + [{x}]", "xs = list(reversed(xs))", "xs.sort(key=repr)", f"xs.insert({k}, {x}) if len(xs) < 30 else None", f"{target} = xs.pop({k})", "xs = xs or [1, 2]", f"xs.extend(upto({k}))",
            f"tick = counter({x}, {k})", f"echoes = echo(); next(echoes)", f"held.append(Noted(i)) if len(held) < 9 else held.clear()", f"held[{k}] = Noted((i, 'set'))", "held.pop()", "thing = Noted((i, 'thing'))", "thing = None", "thing = i", "held = [Noted((i, 'new')), thing]",
            f"Noted((i, 'at once')).n", "thing = Noted((i, 'cuts'), lambda: xs.clear())", "held[-1] = Noted((i, 'grows'), lambda: xs.append(5))", f"del {target}", "assert i < 5, i", f"first, *rest = {r.choice(('xs', 'ts', 's', 'upto(3)'))}", f"({target}, _), (w, *_) = (xs[:2], ts)",
            "holder = Pair(Noted((i, 'x')), Noted((i, 'y')))", "holder.x = Noted((i, 'stored'))", "holder.x = holder.y = None", "holder.x = [Noted((i, 1)), Noted((i, 2))]", "held.extend([holder.x, holder.y]) if len(held) < 9 else held.clear()", "u = holder.x; holder.x = i; u = None", "link.next = None", "link.v = Noted((i, 'linked'))", "holder.x = Noted((i, 'turns'), lambda: held.append(i))",
            f"bump = lambda v, by=i: v + by + {k}", f"seen.append([q * 2 for q in xs if type(q) is int][{self.slice()}])", f"seen.append({{q: i for q in s}})", "seen.append(tuple(sorted(words)))", f"seen.append(s)", "seen.append(repr(o))", f"seen.append(list(zip(xs, s)))",
            f"{target} = {x} if s else {y}", f"seen.append({x} in xs)", f"seen.append(list(map(Pair.twice, xs[:2])))", f"seen.append(any(v is None for v in xs))",
        )))

    def statement(self, indent, depth):
        r = self.random
        kind = r.randrange(10)
        if kind < 4:
            super().statement(indent, depth)
        elif kind < 7 or depth > 2:
            self.objects(indent, r.choice(programs.NUMBERS))
        elif kind == 7:
            self.walk(indent, depth)
        elif kind == 8:
            self.put(indent, r.choice((f"with Within({r.choice(('True', 'False', 'i > 2'))}) as w:", f"with Within(True), Within({r.choice(('True', 'False'))}):", "if i < 9:")))
            self.block(indent + 1, depth + 1)
        else:
            self.inner(indent, depth)

    # Short loops over all kinds of iterables.
    def walk(self, indent, depth):
        r = self.random
        self.put(indent, r.choice((
            "for u in s[:6]:", "for u, w in zip(xs[:5], ts):", "for u, w in enumerate(xs[:6]):", "for u, w in list(words.items())[:6]:", "for u in words:", "for u in upto(5):", "for u in guarded(xs[:4]):",
            "for u in (q + 1 for q in range(4)):", "for u in table:", "for u in reversed(ts):", "for u in {1, 2, i}:", "for u in o:", "for u in xs[::2]:", "for u in [Square(i), Line(2), Shape(1)]:", "for u in [Pair(1, i), Pair(2, 3)]:", "for u in held:",
            "for u in map(str, xs[:4]):", "for u in sorted(words):", "for u in iter(counter(0), 4):", "for u in b'abc':", "for u, w in ((1, 2), (i, 3)):", "for u in s.split('a'):")))
        self.put(indent + 1, r.choice(("seen.append(u)", "seen.append(repr(u))", f"{r.choice(programs.NUMBERS)} = u if type(u) is int else 1", "a += len(repr(u))", "if u == i: break", "if type(u) is str: continue", "b = u.area() if isinstance(u, Shape) else 2",
                                         "words[str(u)[:3]] = i", "o.x = i", "s = str(u)[:9] or 'q'", "thing = u", "if i == 3: return u")))
        if r.random() < 0.5:
            self.statement(indent + 1, depth + 2)
        if r.random() < 0.2:
            self.put(indent, "else:")
            self.put(indent + 1, "seen.append('else')")

    # A function within the function, with variables of it.
    def inner(self, indent, depth):
        r = self.random
        name = r.choice(("local", "other"))
        self.put(indent, f"def {name}(v, k={self.small()}):")
        if r.random() < 0.5:
            self.put(indent + 1, "nonlocal c")
            self.put(indent + 1, f"c = {self.number(1)}")
        self.put(indent + 1, r.choice((f"if v > k: return c", f"for q in range(3): k += q", f"try: k += xs[v]\n{'    ' * (indent + 1)}except IndexError: k = -1", "while -9 < k < 3: k += 1", "k = [k, v][0]")))
        self.put(indent + 1, f"return {self.number(1)} + k")
        self.put(indent, f"{r.choice(programs.NUMBERS[:2])} = {r.choice((f'{name}(i)', f'{name}(i, {self.small()})', f'sum({name}(q) for q in range(3))', f'[{name}(q) for q in range(4)][i % 3]', f'{name}(v=i, k=2)'))}")

    def opening(self):
        return ("noted.clear(); o = Pair(1, n); shape = Square(2); table = Table([1, 2, 3]); link = Slotted(1); tick = counter(0); echoes = echo(); next(echoes); s = 'abca'; t = 'a'; words = {'a': 1, 'abca': n}; held = [Noted(0)]; holder = Pair(Noted(1), Noted(2)); "
                "thing = None; u = w = 0; bump = lambda v: v; Shape.k = 2")

    def closing(self):
        return "o, shape, table.rows, link.v, s, t, words, held, holder, thing, noted[-30:], len(noted)"
