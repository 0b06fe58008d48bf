"""Sequences in hot loops: slices, methods of builtin types, displays, membership, text and iteration, with what changes in the middle."""

import sys

from harness import case


class Loud:
    def __init__(self, log, name):
        self.log, self.name = log, name

    def __repr__(self):
        return f"<{self.name}>"

    def __del__(self):
        self.log("del", self.name, sys._getframe(1).f_lineno)

    def __eq__(self, other):
        self.log("eq", self.name)
        return self is other

    __hash__ = object.__hash__


class Sub(list):
    def append(self, x):
        list.append(self, ("sub", x))

    def __getitem__(self, i):
        return "item", i

    def __iter__(self):
        return iter("sub")


def warm(log, f, *args, times=2):
    """Twice over: the first call is what is seen, the second runs what came of that."""
    for _ in range(times):
        log.call(f, *args)


@case
def slices(log):
    def ends(s, n):
        out = []
        for i in range(-n, n):
            out.append((s[i:], s[:i], s[i:i + 3], s[:], s[::-1], s[i::2], s[:i:-1], s[i::-2]))
        return out

    for s in ([1, 2, 3, 4, 5], (1, 2, 3), "abcd\u20ac", b"abcde", bytearray(b"xyz"), "", []):
        warm(log, ends, s, 9)

    def steps(s, n):
        for i in range(n):
            s[::40 - i]

    warm(log, steps, [1, 2, 3], 35)
    log.call(steps, [1, 2, 3], 50)
    log.call(ends, Sub([1, 2]), 3)

    def same(t, n):
        return all(t[:] is t and t[0:] is t for _ in range(n))

    warm(log, same, (1, 2, 3), 40)
    warm(log, same, "abc", 40)


@case
def stored_slices(log):
    def reverse(p, n):
        for k in range(n):
            p[:k % 7 + 1] = p[k % 7::-1]
        return p

    warm(log, reverse, list(range(8)), 50)

    def across(p, q, n):
        for k in range(n):
            p[k % 3:k % 5] = q[k % 4:]
            q[:2] = p[:2]
            q[1:3] = q[0:2]
        return p[:20], q, len(p)

    warm(log, across, [1, 2, 3], [4, 5, 6, 7], 40)

    def strided(p, v, n):
        for k in range(n):
            p[k % 3::3] = v
        return p

    warm(log, strided, list(range(9)), [7, 8, 9], 40)
    warm(log, strided, bytearray(9), b"abc", 40)
    log.call(strided, list(range(9)), [7, 8], 40)
    log.call(strided, bytearray(9), [7, 8, 300], 40)

    def own(p, n):
        for k in range(n):
            p[1:2] = p
            if len(p) > 30:
                p[3:] = ()
        return p

    warm(log, own, [1, 2], 40)


@case
def slices_that_let_objects_die(log):
    def f(make, n):
        p = [make(i) for i in range(4)]
        for i in range(n):
            p[i % 4:i % 4 + 1] = [i]
            p[:2] = p[1::-1]
        return p

    def make(i):
        return Loud(log, i)

    warm(log, f, lambda i: i, 40)
    log.call(f, make, 40)


@case
def list_methods(log):
    def f(n):
        a, out = [], []
        put = a.append
        for i in range(n):
            put(i)
            a.insert(i % 5 - 2, -i)
            if i % 3 == 0:
                out.append(a.pop(0))
                out.append(a.pop())
                a.pop(len(a) // 2) if a else None
            a.extend([i, i + 1])
            a.extend((i, ))
            a.extend(a[:1])
            if i % 10 == 9:
                a.reverse()
            if i % 17 == 16:
                b = a.copy()
                a.clear()
                a.extend(b)
        return a, out

    warm(log, f, 60)

    def bound(lists, n):
        for xs in lists:
            push, take = xs.append, xs.pop
            for i in range(n):
                push(i)
                if i & 1:
                    take(0)
        return lists

    warm(log, bound, [[], [1], Sub(), [2]], 40)

    def out_of_range(xs, n):
        for i in range(n):
            xs.pop(i % 3)

    warm(log, out_of_range, list(range(30)), 25)
    warm(log, out_of_range, list(range(10)), 25)

    def wrong(xs, v, n):
        for i in range(n):
            xs.extend(v)
            xs.insert(v[0], i)

    warm(log, wrong, [], (1, 2), 40)
    log.call(wrong, [], "ab", 3)
    log.call(wrong, [], (1.5, ), 3)

    def popped(xs, n):
        for i in range(n):
            xs.pop()
            xs.append(i)

    warm(log, popped, [1, 2, 3], 40)
    log.call(popped, [1, Loud(log, "last")], 40)


@case
def dict_methods(log):
    def f(keys, n):
        d = {}
        for i in range(n):
            k = keys[i % len(keys)]
            d[k] = d.get(k, 0) + 1
            if k in d:
                d[k] += 1
            if (k, i) not in d:
                d[k, i % 3] = i
        return d, d.get("none"), d[keys[0]]

    for keys in (["a", "b"], [1, 2, 3], [1.5, 2.5], [(1, 2), (3, "x")], [None, True, 0, ""], [2**70, -1, -2]):
        warm(log, f, keys, 40)
    log.call(f, [[]], 3)
    same = Loud(log, "key")
    log.call(f, ["a", same], 4)

    def missing(d, n):
        s = 0
        for i in range(n):
            s += d[i]
        return s

    warm(log, missing, {i: i for i in range(40)}, 40)
    log.call(missing, {i: i for i in range(30)}, 40)

    class Default(dict):
        def __missing__(self, key):
            log("missing", key)
            return key

    log.call(missing, Default({i: i for i in range(38)}), 40)

    def replaced(d, n):
        for i in range(n):
            d[i % 4] = i
        return d

    warm(log, replaced, {0: 1}, 40)
    log.call(replaced, {2: Loud(log, "value")}, 40)

    def of_instance(o, n):
        d = o.__dict__
        for i in range(n):
            d["x"] = i
            d["y"] = o.x
        return o.x, o.y

    class C:
        x = 1

    warm(log, of_instance, C(), 40)


@case
def module_dict(log):
    def f(n):
        g = globals()
        s = 0
        for i in range(n):
            g["changing_global"] = i
            s += changing_global
        return s

    warm(log, f, 40)


@case
def sets(log):
    def f(xs, n):
        seen, twice = set(), 0
        for i in range(n):
            x = xs[i % len(xs)]
            if x in seen:
                twice += 1
            else:
                seen.add(x)
        return len(seen), twice, bool(seen)

    for xs in ([1, 2, 3], ["a", "b"], [(1, ), (1, )], [1, 1.0, True]):
        warm(log, f, xs, 40)
    log.call(f, [1, []], 3)
    log.call(f, [Loud(log, "x"), Loud(log, "y")], 4)


@case
def membership(log):
    def f(x, box, n):
        return sum([x in box for _ in range(n)]), sum([x not in box for _ in range(n)])

    for x, box in ((1, [1, 2]), (3, (1, 2)), ("b", "abc"), ("", "abc"), ("a", ["b", "a"]), (2, b"\1\2"), (1.0, [1, 2]), (None, [1, None]),
                   (1, {1: 2}), ("a", {"b"})):
        warm(log, f, x, box, 40)
    log.call(f, 1, "abc", 2)
    loud = Loud(log, "x")
    log.call(f, loud, [1, loud], 2)
    log.call(f, 5, [1, loud], 2)


@case
def displays(log):
    def swaps(n):
        a, b, c, d, e = 1, 2, "x", 4.0, [5]
        for i in range(n):
            a, b, c, d, e = b, a, d, c, e
            (a, b), c = (b, a), c
        return a, b, c, d, e

    warm(log, swaps, 41)

    def made(n):
        out = []
        for i in range(n):
            t = (i, i * 0.5, "x", None)
            u = [i, t, []]
            v = {}
            v[i] = u
            out.append((t, u, v, (i, ), [], ()))
        return out

    warm(log, made, 40)

    def apart(pairs, n):
        s = 0
        for i in range(n):
            x, y = pairs[i % len(pairs)]
            s += x * y
        return s

    warm(log, apart, [(1, 2), (3, 4)], 40)
    warm(log, apart, [[1, 2], [3, 4]], 40)
    log.call(apart, [(1, 2), (3, 4, 5)], 40)
    log.call(apart, [(1, 2), "ab"], 3)

    def identities(n):
        return len({id(x) for x in [[i] for i in range(n)]}) == n

    warm(log, identities, 40)


@case
def operators(log):
    def f(a, b, k, n):
        out = None
        for i in range(n):
            out = (a + b, a * k, k * a, b * i)
        return out

    for a, b in (([1], [2, 3]), ((1, ), ()), ("ab", "c"), (b"a", b"bc")):
        for k in (0, 1, 3, -1):
            warm(log, f, a, b, k, 40)
    log.call(f, [1], (2, ), 2, 3)
    log.call(f, "a", 1, 2, 3)

    def grows(n):
        s, t = "", []
        for i in range(n):
            s += "ab"
            s = s + "c"
            t += [i]
            t = t + [i]
        return s, t

    warm(log, grows, 50)

    def compared(a, b, n):
        return [(a == b, a != b, a < b, a <= b, a > b, a >= b) for _ in range(n)][-1]

    for a, b in (("a", "b"), ("b", "a"), ("a", "a"), ("a", "ab"), ("\u20ac", "\xe4"), ("ab" * 30, "ab" * 29 + "ac"), ("", "a")):
        warm(log, compared, a, b, 40)
    log.call(compared, "a", 1, 2)


@case
def text(log):
    def methods(words, n):
        out = []
        for i in range(n):
            w = words[i % len(words)]
            out.append((w.upper(), w.strip(), w.strip("a"), w.isdigit(), w.isalpha(), w.startswith("a"), w.find("b", 1), w.replace("a", "bb"),
                        w.split(), w.split(",", 1), ",".join([w, w]), w.zfill(4), ord(w[0]), chr(i + 60), len(w), w.partition("b")))
        return out

    warm(log, methods, ["ab", " a1 ", "12", "b,a", "\u20acx"], 40)
    log.call(methods, ["ab", ""], 3)

    def letters(s, n):
        out = []
        for i in range(n):
            c = s[i % len(s)]
            if c == "a" or "m" <= c <= "z":
                out.append(c)
            elif c in "0123":
                out.append(s[-1])
        return "".join(out)

    warm(log, letters, "hello a0193 \xe4\u20ac", 60)

    def over(s):
        n = 0
        for c in s:
            if c != " ":
                n += ord(c)
        return n

    warm(log, over, "hello world " * 5)
    log.call(over, "h\u20ac\U0001f600" * 10)

    def formats(n):
        out = []
        for i in range(n):
            out.append(f"{i}-{i * 0.5}:{'x'}{i:>5}|{i * 0.25:.1f}{str(i)}{i!r}")
        return out

    warm(log, formats, 40)

    def wrong(spec, n):
        for i in range(n):
            f"{i:{spec}}"

    warm(log, wrong, "d", 40)
    log.call(wrong, "s!", 2)


@case
def numbers_of_sequences(log):
    def f(xs, n):
        for _ in range(n):
            r = sum(xs), sorted(xs), any(xs), all(xs), len(xs), max(xs), min(xs)
        return r

    for xs in ([3, 1, 2], [1.5, 2, True], (5, ), [2**70, 1]):
        warm(log, f, xs, 40)
    log.call(f, [1, "a"], 2)
    log.call(f, [], 2)
    log.call(f, [Loud(log, "n")], 2)

    def divided(n):
        q = r = 0
        for i in range(-n, n):
            a, b = divmod(i, 7)
            q, r = q + a, r + b
            a, b = divmod(i, -3)
            q, r = q + a, r + b
        return q, r

    warm(log, divided, 30)


@case
def loops_over_sequences(log):
    def over(box, n):
        s = []
        for i in range(n):
            for x in box:
                s.append(x)
                if len(s) % 7 == 3:
                    break
            else:
                s.append("end")
        return s[:60], len(s)

    for box in ([1, 2, 3], (1, "a"), "xyz", b"abc", bytearray(b"ab"), [], Sub([1]), {1: 2}, {3}):
        warm(log, over, box, 30)

    def zips(a, b, n):
        s = []
        for i in range(n):
            for x, y in zip(a, b):
                s.append((x, y))
            for t in zip(a, b, a):
                s.append(t)
            for x in zip(a):
                s.append(x)
        return s[:40], len(s)

    for a, b in (([1, 2, 3], [4, 5]), ((1, ), "xyz"), ("ab", [1.5, 2.5, 3.5]), ([], [1]), (b"ab", bytearray(b"cd"))):
        warm(log, zips, a, b, 30)
    log.call(zips, [1], 5, 1)
    log.call(zips, iter([1, 2]), [3, 4], 1)

    def counted(box, start, n):
        s = []
        for i in range(n):
            for k, x in enumerate(box):
                s.append((k, x))
            for k, x in enumerate(box, start):
                s.append((k, x))
            for t in enumerate(box):
                s.append(t)
        return s[:40], len(s)

    for box in ([1, 2], ("a", "b"), "xy", b"ab"):
        warm(log, counted, box, 5, 30)
    log.call(counted, [1, 2], 2**63 - 1, 2)

    def backwards(xs, n):
        s = []
        for i in range(n):
            for x in reversed(xs):
                s.append(x)
        return s[:40], len(s)

    warm(log, backwards, [1, 2, 3], 30)
    warm(log, backwards, [], 30)
    log.call(backwards, (1, 2), 3)


@case
def changed_while_iterated(log):
    def grows(n):
        out = []
        for i in range(n):
            xs = [1, 2, 3]
            for x in xs:
                out.append(x)
                if x == 2 and len(xs) < 6:
                    xs.append(x)
                if x == 3:
                    xs.remove(3)
        return out[:30], len(out)

    warm(log, grows, 30)

    def shrinks(n):
        out = []
        for i in range(n):
            xs = list(range(9))
            for x in reversed(xs):
                out.append(x)
                if x % 3 == 0:
                    xs.pop()
                    xs.pop()
            for x, y in zip(xs, xs):
                out.append(x - y)
                xs.pop()
        return out[:30], len(out)

    warm(log, shrinks, 30)

    def rebound(n):
        out = []
        for i in range(n):
            xs = [1, 2, 3]
            for x in xs:
                xs = x
                out.append(x)
            for x in [[i], [i + 1]]:
                out.append(x)
        return out[:30], xs

    warm(log, rebound, 30)

    def counts(n):
        out = set()
        for i in range(n):
            xs = [1, 2]
            for x in xs:
                out.add(sys.getrefcount(xs))
            for x, y in zip(xs, (3, 4)):
                out.add(sys.getrefcount(xs))
        return out

    warm(log, counts, 30)

    def temporaries(make, n):
        out = []
        for i in range(n):
            for x in [make(i), make(-i)]:
                out.append(i)
                x = None
            out.append("end")
        return len(out)

    warm(log, temporaries, lambda i: i, 30)
    log.call(temporaries, lambda i: Loud(log, i), 3)


@case
def loops_that_are_left(log):
    def first(make, n):
        out = 0
        for i in range(n):
            for x in [make(i), 2]:
                x = None
                out += 1
                break
            for x, y in zip([make(i), 3], (make(-i), 4)):
                x = y = None
                break
        return out

    warm(log, first, lambda i: i, 30)
    log.call(first, lambda i: Loud(log, i), 4)

    def emptied(make, n):
        for i in range(n):
            same = make(i)
            xs = [same, 5, same]
            same = None
            xs[:] = [1, 2, 3]
            xs[0] = make(-i)
            xs[1] = xs[0]
            xs.clear()

    warm(log, emptied, lambda i: i, 30)
    log.call(emptied, lambda i: Loud(log, i), 4)


@case
def exceptions_in_the_middle(log):
    def f(box, n):
        s = 0
        for i in range(n):
            for k, x in enumerate(box):
                for c, d in zip("abc", (1, 2, 3)):
                    s += d
                    if i == n - 1 and k == 2 and c == "b":
                        raise ValueError(s)
                s += x
        return s

    warm(log, f, [1, 2], 30)
    warm(log, f, [1, 2, 3], 30)
    log.call(f, [1, 2, "a"], 2)
