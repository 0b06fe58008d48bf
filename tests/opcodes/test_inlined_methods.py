"""Methods, properties and operators of Python classes in hot loops: inlined, with all that changes what they are meanwhile."""

import gc
import sys
import traceback

from harness import case

TURNS = 3000


class Grid:
    def __init__(self, width, height):
        self.width = width
        self.rows = [[0] * width for _ in range(height)]

    def __getitem__(self, at):
        if isinstance(at, tuple):
            x, y = at
            return self.rows[y][x]
        return self.rows[at]

    def __setitem__(self, at, value):
        if isinstance(at, tuple):
            self.rows[at[1]][at[0]] = value
        else:
            self.rows[at] = value

    def __contains__(self, value):
        return value in (self.width, 3)

    def __len__(self):
        return self.width

    def at(self, x, y):
        return self.rows[y][x]

    @property
    def area(self):
        return self.width * len(self.rows)


def smooth(grid, turns):
    total = 0
    for i in range(turns):
        x, y = i % 4, i % 3
        grid[x, y] = grid[x, y] + grid[3 - x, 2 - y] % 5 + i % 2
        total += grid.at(x, y) + grid.area + grid[y][x]
    return total


@case(times=3)
def items_by_tuples(log):
    grid = Grid(4, 3)
    log(smooth(grid, TURNS), grid.rows)


@case(times=2)
def items_that_are_not_there(log):
    def run(turns, bad):
        grid = Grid(4, 3)
        for i in range(turns):
            x = 9 if i == bad else i % 4
            grid[x % 4, 1] = i
            grid[x, 2]
        return grid.rows

    for bad in (-1, TURNS - 5, TURNS // 2):
        try:
            log(run(TURNS, bad))
        except IndexError as e:
            log([(f.name, f.line) for f in traceback.extract_tb(e.__traceback__)])


@case(times=2)
def stores_that_fail(log):
    def run(turns, bad):
        grid = Grid(4, 3)
        for i in range(turns):
            grid[(i % 4, 7 if i == bad else 1)] = i

    try:
        run(TURNS, TURNS - 3)
    except IndexError as e:
        log([(f.name, f.line) for f in traceback.extract_tb(e.__traceback__)])


@case(times=2)
def tuples_are_objects_when_somebody_looks(log):
    kept = []

    class Keeper:
        def __init__(self):
            self.wanted = -1

        def __getitem__(self, at):
            x, y = at
            if x == self.wanted:
                kept.append(at)
                kept.append(sys._getframe().f_locals["at"] is at)
            return x + y

    def run(turns):
        keeper, total = Keeper(), 0
        for i in range(turns):
            if i == turns - 100:
                keeper.wanted = i + 50
            total += keeper[i, i + 0.5]
        return total

    log(run(TURNS), kept[-2:])
    kept.clear()


class Account:
    rate = 3
    factor = 1.5
    title = "account"

    def __init__(self, balance):
        self.balance = balance

    def deposit(self, amount):
        self.balance += amount

    def withdraw(self, amount):
        if amount > self.balance:
            return False
        self.balance -= amount
        return True

    def interest(self):
        return self.balance * self.rate % 7 + self.factor

    def name(self):
        return self.title


def work(account, turns, at=-1, change=None):
    refused, total, names = 0, 0, set()
    for i in range(turns):
        if i == at:
            change(account)
        account.deposit(i % 7)
        if not account.withdraw(i % 11):
            refused += 1
        total += account.interest()
        names.add(account.name())
    return account.balance, refused, total, sorted(names)


def fresh():
    return type("Account", (Account,), {})


@case(times=3)
def methods_in_a_loop(log):
    log(work(Account(100), TURNS))


@case(times=2)
def what_the_class_has_changes(log):
    def patch_method(cls):
        def withdraw(self, amount):
            return amount % 2 == 0

        return lambda account: setattr(cls, "withdraw", withdraw)

    def patch_code(cls):
        def deposit(self, amount):
            self.balance += 2 * amount

        own = eval("lambda f: f.__code__")(deposit)

        def change(account):
            cls.deposit = type(deposit)(Account.deposit.__code__, globals(), "deposit")
            cls.deposit.__code__ = own

        return change

    def patch_value(cls):
        return lambda account: setattr(cls, "rate", 5)

    def patch_title(cls):
        return lambda account: setattr(cls, "title", "other")

    def take_away(cls):
        return lambda account: delattr(cls, "balance")

    def hide_method(cls):
        return lambda account: account.__dict__.__setitem__("withdraw", lambda amount: True)

    def hide_value(cls):
        return lambda account: setattr(account, "rate", 2.5)

    def replace_dict(cls):
        return lambda account: setattr(account, "__dict__", {"balance": 50, "factor": 0.5})

    def look_at_dict(cls):
        return lambda account: account.__dict__.update(balance=account.balance + 1)

    def delete(cls):
        return lambda account: delattr(account, "balance")

    def other_class(cls):
        class Other(cls):
            def interest(self):
                return 1

        return lambda account: setattr(account, "__class__", Other)

    def floats(cls):
        return lambda account: setattr(account, "balance", 0.25)

    def big(cls):
        return lambda account: setattr(account, "balance", 1 << 80)

    for make in (patch_method, patch_code, patch_value, patch_title, hide_method, hide_value, replace_dict, look_at_dict, delete,
                 other_class, floats, big, take_away):
        cls = fresh()
        account = cls(100)
        work(account, TURNS)
        try:
            log(make.__name__, work(account, TURNS, TURNS // 2, make(cls)))
        except AttributeError as e:
            log(make.__name__, str(e), [f.name for f in traceback.extract_tb(e.__traceback__)])
        log(sorted(account.__dict__.items(), key=str)[:1] if "withdraw" not in account.__dict__ else None)
        del account, cls
    gc.collect()


@case(times=2)
def subclasses_override(log):
    class Other(Account):
        def withdraw(self, amount):
            return super().withdraw(amount + 1)

    class Slots:
        __slots__ = ("balance", "rate")
        deposit, withdraw = Account.deposit, Account.withdraw

        def __init__(self):
            self.balance, self.rate = 10, 2

        def interest(self):
            return self.balance + self.rate

        def name(self):
            return "slots"

    log(work(Account(100), TURNS), work(Other(100), TURNS), work(Slots(), TURNS), work(Account(100), 50))


class Point:
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def __add__(self, other):
        if type(other) is Point:
            return self.x + other.x
        if isinstance(other, int):
            return self.x + other
        return NotImplemented

    def __radd__(self, other):
        return self.y + other

    def __mul__(self, factor):
        return self.x * factor + self.y

    def __iadd__(self, other):
        self.x += other
        return self

    def __eq__(self, other):
        return self.x == other.x and self.y == other.y

    def __lt__(self, other):
        return self.x < other.x

    def __bool__(self):
        return self.x != 0

    def __neg__(self):
        return -self.y

    def __contains__(self, value):
        return self.x == value

    def __len__(self):
        return 3


class Left(Point):
    def __add__(self, other):
        return NotImplemented

    def __lt__(self, other):
        return 1 if self.x > other.x else ""


def operate(p, q, turns, odd=None):
    total, count = 0.5, 0
    for i in range(turns):
        other = odd if odd is not None and i % 500 == 499 else q
        total += p + other
        total += p * 2 + (3 + p) + -p
        count += p == q
        count += p != q
        if p < q:
            count += 1
        if p:
            count += 2
        if i in p:
            count += 4
        if i not in p:
            count += 8
    return total, count


@case(times=2)
def operators_in_a_loop(log):
    log(operate(Point(1, 2), Point(1.5, 2), TURNS))
    log(operate(Point(0, 2), Point(0, 2), TURNS, 7))
    log(operate(Left(3, 2), Point(2, 2), TURNS))
    for odd in ("text", 2.5, Left(1, 1)):
        try:
            log(operate(Point(1, 2), Point(1, 2), TURNS, odd))
        except TypeError as e:
            log(str(e), [(f.name, f.line) for f in traceback.extract_tb(e.__traceback__)])


@case(times=2)
def operators_that_fail_inside(log):
    class Sour(Point):
        def __lt__(self, other):
            return self.x / other.y > 1

        def __bool__(self):
            return self.y

    def run(p, q, turns):
        count = 0
        for i in range(turns):
            if i == turns - 10:
                q.y = 0
            if p < q:
                count += 1
        return count

    def truth(p, turns):
        count = 0
        for i in range(turns):
            if i == turns - 10:
                p.y = 5
            if p:
                count += 1
        return count

    for f, args in ((run, (Sour(3, 2), Point(1, 1))), (truth, (Sour(3, True),))):
        try:
            log(f(*args, TURNS))
        except (ZeroDivisionError, TypeError) as e:
            log(str(e), [(g.name, g.line) for g in traceback.extract_tb(e.__traceback__)])


@case(times=2)
def frames_of_inlined_methods(log):
    seen = []

    class Looked:
        def __init__(self):
            self.n = 0

        def step(self, i):
            self.n += i
            if self.n < 0:
                frame = sys._getframe()
                seen.append((frame.f_code.co_name, frame.f_back.f_code.co_name, frame.f_locals["i"], frame.f_back.f_locals.get("i")))
            return self.n

        @property
        def half(self):
            return self.step(1) * 0.5

    def run(turns):
        o, total = Looked(), 0.0
        for i in range(turns):
            if i == turns - 20:
                o.n = -10
            total += o.step(1) + o.half
        return total

    log(run(TURNS), seen[:3], len(seen))


@case(times=2)
def what_is_an_instance(log):
    class Liar:
        def __init__(self):
            self.n = 1

        @property
        def __class__(self):
            return int

    class Child(Point):
        pass

    def run(o, turns):
        count = 0
        for _ in range(turns):
            if isinstance(o, Point):
                count += 1
            if isinstance(o, int):
                count += 2
            if type(o) is Point:
                count += 4
            if type(o) is not Child:
                count += 8
        return count

    for o in (Point(1, 2), Child(1, 2), Liar(), 3, 2.5, True, None, "s", (1,), [1]):
        log(run(o, TURNS))
    mixed = Point(1, 2)
    log(run(mixed, TURNS))
    mixed.__class__ = Child
    log(run(mixed, TURNS))


@case(times=2)
def objects_die_inside(log):
    deaths = []

    class Item:
        def __init__(self, n):
            self.n = n

        def __del__(self):
            deaths.append(self.n)

    class Holder:
        def __init__(self):
            self.item = Item(-1)

        def take(self, item):
            self.item = item
            return item.n

    def run(turns):
        holder, total = Holder(), 0
        items = [Item(i) for i in range(3)]
        for i in range(turns):
            if i == turns - 50:
                items[i % 3] = Item(i)
            total += holder.take(items[i % 3])
        return total

    log(run(TURNS // 2), len(deaths), deaths[:5])


@case(times=2)
def lists_of_optional_objects(log):
    class Node:
        def __init__(self, value, next):
            self.value, self.next = value, next

        def total(self):
            n, node = 0, self
            while node is not None:
                n += node.value
                node = node.next
            return n

    def run(turns, length):
        head = None
        for i in range(length):
            head = Node(i, head)
        total = 0
        for _ in range(turns):
            total += head.total()
        return total

    log(run(300, 10), run(300, 1))


@case(times=2)
def arguments_by_name_and_left_out(log):
    def scale(x, by=2, *, unused=None):
        return x * by

    class Scaler:
        def __init__(self, by):
            self.by = by

        def times(self, x, by=3, offset=0.5, tag="t"):
            return x * by * self.by + offset if tag == "t" else tag

        def same(self, x, /, y=1):
            return x - y

    def run(scaler, turns, at=-1, change=None):
        total, texts = 0, 0
        for i in range(turns):
            if i == at:
                change()
            total += scaler.times(i) + scaler.times(i, offset=2) + scaler.times(x=i, by=2) + scaler.same(i) + scaler.same(i, y=4)
            texts += scaler.times(i, tag="other") == "other"
        return total, texts

    def defaults():
        Scaler.times.__defaults__ = (4, 1.5, "t")

    def fewer():
        Scaler.same.__defaults__ = None

    def strings():
        Scaler.times.__defaults__ = (1, 0.25, "x" * 3)

    log(run(Scaler(2), TURNS), run(Scaler(0.5), TURNS, TURNS - 100, defaults))
    try:
        log(run(Scaler(2), TURNS, TURNS - 100, strings))
    except TypeError as e:
        log(str(e))
    try:
        log(run(Scaler(2), TURNS, TURNS - 100, fewer))
    except TypeError as e:
        log(str(e))
    for bad in ({"z": 1}, {"x": 1, "y": 2}, {"y": 1, "by": 3}):
        try:
            log(Scaler(2).same(1, **bad))
        except TypeError as e:
            log(str(e))


@case(times=2)
def variables_in_cells(log):
    def outer(turns, unset):
        count, text, step = 0, "a", 2

        def add(n):
            nonlocal count
            count += n

        for i in range(turns):
            count += step
            if i == turns - 20:
                step = 0.5
            if i == unset:
                del step
            if i % 1000 == 0:
                add(3)
                text = text + "b"
        return count, text, add

    def counter():
        count = 0

        def advance(turns, items):
            nonlocal count
            for i in range(turns):
                count = count + 1
                items = [i] if i % 500 == 0 else items
            return count, items

        return advance

    log(outer(TURNS, -1)[:2])
    try:
        log(outer(TURNS, TURNS - 30)[:2])
    except NameError as e:
        log(str(e))
    advance = counter()
    log(advance(TURNS, None), advance(TURNS, None), advance.__closure__[0].cell_contents)


@case(times=2)
def one_method_for_several_classes(log):
    class Base:
        def total(self, n):
            return self.part(n) + self.weight

        def part(self, n):
            return n % self.modulus

    class First(Base):
        modulus, weight = 3, 1

        def __init__(self):
            self.own = 1

    class Second(Base):
        def __init__(self):
            self.modulus, self.weight = 7, 0.5

        def part(self, n):
            return n // self.modulus

    def run(o, turns):
        total = 0
        for i in range(turns):
            total += o.total(i)
        return total

    def other(o, turns):
        total = 0
        for i in range(turns):
            total += o.total(i) * 2
        return total

    log(run(First(), TURNS), other(Second(), TURNS), run(Second(), TURNS), other(First(), TURNS))
