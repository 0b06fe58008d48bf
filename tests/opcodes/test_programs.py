"""Whole programs of ordinary Python: classes, containers, text, standard library."""

import collections
import dataclasses
import enum
import heapq
import itertools
import operator
import re

from harness import case

NATIVE_SHARE = 0.8      # generators and module code of the standard library run in the interpreter


class Kind(enum.Enum):
    NUMBER = enum.auto()
    NAME = enum.auto()
    OPERATOR = enum.auto()
    END = enum.auto()


@dataclasses.dataclass(frozen=True, order=True)
class Token:
    kind: Kind = dataclasses.field(compare=False)
    text: str
    position: int = 0


class Lexer:
    PATTERN = re.compile(r"\s*(?:(\d+\.?\d*)|([a-z]\w*)|(.))")

    def __init__(self, text):
        self.text = text
        self.tokens = []
        self.run()

    def run(self):
        for match in self.PATTERN.finditer(self.text):
            number, name, other = match.groups()
            if number:
                self.tokens.append(Token(Kind.NUMBER, number, match.start()))
            elif name:
                self.tokens.append(Token(Kind.NAME, name, match.start()))
            elif other and not other.isspace():
                self.tokens.append(Token(Kind.OPERATOR, other, match.start()))
        self.tokens.append(Token(Kind.END, ""))


class Parser:
    LEVELS = (("+", "-"), ("*", "/", "%"), ("^",))
    OPERATIONS = {
        "+": operator.add,
        "-": operator.sub,
        "*": operator.mul,
        "/": operator.truediv,
        "%": operator.mod,
        "^": operator.pow
    }

    def __init__(self, text, names=None):
        self.tokens = Lexer(text).tokens
        self.index = 0
        self.names = names or {}

    @property
    def current(self):
        return self.tokens[self.index]

    def advance(self):
        token = self.current
        self.index += 1
        return token

    def expect(self, text):
        if self.current.text != text:
            raise SyntaxError(f"expected {text!r} but found {self.current.text!r} at {self.current.position}")
        return self.advance()

    def expression(self, level=0):
        if level == len(self.LEVELS):
            return self.unary()
        left = self.expression(level + 1)
        while self.current.text in self.LEVELS[level] and self.current.kind is Kind.OPERATOR:
            op = self.advance().text
            right = self.expression(level + (op != "^"))
            left = self.OPERATIONS[op](left, right)
        return left

    def unary(self):
        if self.current.text == "-":
            self.advance()
            return -self.unary()
        return self.atom()

    def atom(self):
        token = self.advance()
        match token:
            case Token(Kind.NUMBER, text):
                return float(text) if "." in text else int(text)
            case Token(Kind.NAME, text) if self.current.text == "(":
                return self.call(text)
            case Token(Kind.NAME, text):
                return self.names[text]
            case Token(_, "("):
                value = self.expression()
                self.expect(")")
                return value
        raise SyntaxError(f"unexpected {token.text!r}")

    def call(self, name):
        self.expect("(")
        arguments = []
        while self.current.text != ")":
            arguments.append(self.expression())
            if self.current.text == ",":
                self.advance()
        self.expect(")")
        return self.names[name](*arguments)


def evaluate(text, **names):
    parser = Parser(text, names)
    value = parser.expression()
    if parser.current.kind is not Kind.END:
        raise SyntaxError(f"trailing {parser.current.text!r}")
    return value


@case
def calculator(log):
    for text in ("1 + 2 * 3", "(1 + 2) * 3", "2 ^ 3 ^ 2", "-2 ^ 2", "10 / 4 - 1.5", "x * y + max(x, y, 10)",
                 "((((7))))", "1 +", "1 2", "(1", "q", "1 / 0", "7 % 4", "max()", "x(1)"):
        log.call(evaluate, text, x=3, y=4.5, max=max)


class Account:
    interest = 0.02
    instances = 0

    def __init__(self, owner, balance=0):
        self.owner = owner
        self._balance = balance
        self.history = []
        type(self).instances += 1

    @property
    def balance(self):
        return self._balance

    @balance.setter
    def balance(self, value):
        if value < 0:
            raise ValueError(f"{self.owner}: insufficient funds ({value})")
        self.history.append((self._balance, value))
        self._balance = value

    def deposit(self, amount):
        self.balance += amount
        return self

    def withdraw(self, amount):
        self.balance -= amount
        return self

    def accrue(self):
        self.balance = round(self.balance * (1 + self.interest), 2)
        return self

    def __lt__(self, other):
        return self.balance < other.balance

    def __repr__(self):
        return f"{type(self).__name__}({self.owner!r}, {self.balance:.2f})"


class Savings(Account):
    interest = 0.1

    def withdraw(self, amount):
        if amount > self.balance / 2:
            raise PermissionError("at most half")
        return super().withdraw(amount)


@case
def bank(log):
    Account.instances = 0
    if "instances" in vars(Savings):
        del Savings.instances
    accounts = [Account("ann", 100), Savings("bob", 200), Account("cid"), Savings("dee", 50)]
    operations = [("deposit", 50), ("withdraw", 30), ("accrue",), ("withdraw", 100), ("withdraw", 500), ("nothing",)]
    for name, *arguments in operations:
        for account in accounts:
            try:
                log(getattr(account, name)(*arguments))
            except (ValueError, PermissionError) as error:
                log(type(error).__name__, str(error))
            except AttributeError as error:
                log("no operation", error.name)
    log(sorted(accounts), max(accounts), [len(a.history) for a in accounts], Account.instances,
        Savings.__dict__.get("instances"))


class Graph:
    def __init__(self, edges):
        self.edges = collections.defaultdict(dict)
        for a, b, weight in edges:
            self.edges[a][b] = weight
            self.edges[b][a] = weight

    def shortest(self, start):
        distance = {start: 0}
        queue = [(0, start)]
        while queue:
            d, node = heapq.heappop(queue)
            if d > distance[node]:
                continue
            for other, weight in self.edges[node].items():
                candidate = d + weight
                if candidate < distance.get(other, float("inf")):
                    distance[other] = candidate
                    heapq.heappush(queue, (candidate, other))
        return distance

    def components(self):
        seen, out = set(), []
        for node in sorted(self.edges):
            if node in seen:
                continue
            stack, component = [node], []
            while stack:
                current = stack.pop()
                if current in seen:
                    continue
                seen.add(current)
                component.append(current)
                stack.extend(sorted(self.edges[current]))
            out.append(sorted(component))
        return out


@case
def graphs(log):
    graph = Graph([("a", "b", 4), ("b", "c", 1), ("a", "c", 7), ("c", "d", 2.5), ("x", "y", 1)])
    log(graph.shortest("a"), graph.shortest("x"), graph.components())
    grid = Graph([((x, y), (x + dx, y + dy), 1 + (x * y) % 3) for x in range(6) for y in range(6)
                  for dx, dy in ((0, 1), (1, 0))])
    log(sorted(grid.shortest((0, 0)).items())[-5:])


class Vector:
    __slots__ = ("x", "y", "z")

    def __init__(self, x, y, z):
        self.x, self.y, self.z = x, y, z

    def __add__(self, o):
        return Vector(self.x + o.x, self.y + o.y, self.z + o.z)

    def __sub__(self, o):
        return Vector(self.x - o.x, self.y - o.y, self.z - o.z)

    def __mul__(self, k):
        if isinstance(k, Vector):
            return self.x * k.x + self.y * k.y + self.z * k.z
        return Vector(self.x * k, self.y * k, self.z * k)

    __rmul__ = __mul__

    def __neg__(self):
        return self * -1

    def __eq__(self, o):
        if not isinstance(o, Vector):
            return NotImplemented
        return (self.x, self.y, self.z) == (o.x, o.y, o.z)

    def __hash__(self):
        return hash((self.x, self.y, self.z))

    def __iter__(self):
        return iter((self.x, self.y, self.z))

    def __repr__(self):
        return f"({self.x}, {self.y}, {self.z})"


@case
def vectors(log):
    def simulate(n):
        position, velocity = Vector(0.0, 10.0, 0.0), Vector(1.0, 0.0, 0.5)
        gravity = Vector(0, -9.81, 0)
        for _ in range(n):
            velocity = velocity + gravity * 0.01
            position += 0.01 * velocity
            if position.y < 0:
                position = Vector(position.x, -position.y, position.z)
                velocity = velocity - Vector(0, 2 * velocity.y, 0)
        return position, velocity, position * velocity

    log.each(simulate, (0,), (50,), (300,))
    v = Vector(1, 2, 3)
    log(-v, v == Vector(1, 2, 3), v == 5, {v: "found"}[Vector(1, 2, 3)], [*v], v * 2 + 2 * v)
    log.call(lambda: v + 1)


class Machine:
    """A small stack machine with jumps."""

    def __init__(self, program):
        self.program, self.stack, self.variables, self.pc, self.steps = program, [], {}, 0, 0
        self.table = {name[3:]: getattr(self, name) for name in dir(self) if name.startswith("op_")}

    def op_push(self, value):
        self.stack.append(value)

    def op_add(self):
        b, a = self.stack.pop(), self.stack.pop()
        self.stack.append(a + b)

    def op_mul(self):
        b, a = self.stack.pop(), self.stack.pop()
        self.stack.append(a * b)

    def op_less(self):
        b, a = self.stack.pop(), self.stack.pop()
        self.stack.append(a < b)

    def op_load(self, name):
        self.stack.append(self.variables[name])

    def op_store(self, name):
        self.variables[name] = self.stack.pop()

    def op_jump(self, target):
        self.pc = target

    def op_branch(self, target):
        if self.stack.pop():
            self.pc = target

    def run(self, limit=5000):
        while self.pc < len(self.program):
            name, *arguments = self.program[self.pc]
            self.pc += 1
            self.steps += 1
            if self.steps > limit:
                raise TimeoutError(self.steps)
            try:
                self.table[name](*arguments)
            except (KeyError, IndexError, TypeError) as error:
                raise RuntimeError(f"at {self.pc - 1}: {name}") from error
        return self.stack, self.variables, self.steps


@case
def stack_machine(log):
    factorial = [("push", 1), ("store", "r"), ("push", 1), ("store", "i"), ("load", "r"), ("load", "i"), ("mul", ),
                 ("store", "r"), ("load", "i"), ("push", 1), ("add", ), ("store", "i"), ("load", "i"), ("push", 25),
                 ("less", ), ("branch", 4), ("load", "r")]
    log.call(lambda: Machine(factorial).run())
    log.call(lambda: Machine([("jump", 0)]).run(100))
    log.call(lambda: Machine([("add",)]).run())
    log.call(lambda: Machine([("push", 1), ("nothing",)]).run())
    log.call(lambda: Machine([("push", 1), ("push", "x"), ("add",)]).run())
    log.call(lambda: Machine([("push",)]).run())


class Tree:
    """An unbalanced search tree with iteration and removal."""

    class Node:
        def __init__(self, key, value):
            self.key, self.value, self.left, self.right = key, value, None, None

    def __init__(self, items=()):
        self.root, self.size = None, 0
        for key, value in items:
            self[key] = value

    def __setitem__(self, key, value):
        self.root = self._insert(self.root, key, value)

    def _insert(self, node, key, value):
        if node is None:
            self.size += 1
            return self.Node(key, value)
        if key < node.key:
            node.left = self._insert(node.left, key, value)
        elif node.key < key:
            node.right = self._insert(node.right, key, value)
        else:
            node.value = value
        return node

    def __getitem__(self, key):
        node = self.root
        while node:
            if key == node.key:
                return node.value
            node = node.left if key < node.key else node.right
        raise KeyError(key)

    def __contains__(self, key):
        try:
            self[key]
        except KeyError:
            return False
        return True

    def __delitem__(self, key):
        self.root = self._remove(self.root, key)
        self.size -= 1

    def _remove(self, node, key):
        if node is None:
            raise KeyError(key)
        if key < node.key:
            node.left = self._remove(node.left, key)
        elif key > node.key:
            node.right = self._remove(node.right, key)
        elif not node.left or not node.right:
            return node.left or node.right
        else:
            least = node.right
            while least.left:
                least = least.left
            node.key, node.value = least.key, least.value
            node.right = self._remove(node.right, least.key)
        return node

    def __iter__(self):
        def visit(node):
            if node:
                yield from visit(node.left)
                yield node.key
                yield from visit(node.right)
        return visit(self.root)

    def __len__(self):
        return self.size

    def depth(self, node="root"):
        node = self.root if node == "root" else node
        return 0 if node is None else 1 + max(self.depth(node.left), self.depth(node.right))


@case
def search_tree(log):
    tree = Tree((i * 37 % 101, str(i)) for i in range(60))
    log(len(tree), tree.depth(), list(tree)[:8], tree[37], 5 in tree, 1000 in tree)
    for key in list(tree)[::3]:
        del tree[key]
    log(len(tree), list(tree))
    log.call(lambda: tree["x"])
    log.call(lambda: tree[1000])
    log.call(tree.__delitem__, 1000)
    log.call(Tree, [("a", 1), (2, 3)])


@case
def life(log):
    def step(cells):
        counts = collections.Counter(
            (x + dx, y + dy) for x, y in cells for dx in (-1, 0, 1) for dy in (-1, 0, 1) if dx or dy)
        return {cell for cell, n in counts.items() if n == 3 or n == 2 and cell in cells}

    def step_grid(grid):
        height, width = len(grid), len(grid[0])
        out = []
        for y in range(height):
            row = []
            for x in range(width):
                n = 0
                for dy in (-1, 0, 1):
                    for dx in (-1, 0, 1):
                        if (dx or dy) and 0 <= y + dy < height and 0 <= x + dx < width:
                            n += grid[y + dy][x + dx]
                row.append(1 if n == 3 or grid[y][x] and n == 2 else 0)
            out.append(row)
        return out

    glider = {(1, 0), (2, 1), (0, 2), (1, 2), (2, 2)}
    for _ in range(6):
        glider = step(glider)
    log(sorted(glider))
    grid = [[int((x, y) in {(1, 0), (2, 1), (0, 2), (1, 2), (2, 2)}) for x in range(8)] for y in range(8)]
    for _ in range(6):
        grid = step_grid(grid)
    log(grid)


@case
def sorting_algorithms(log):
    def quick(items):
        if len(items) < 2:
            return items
        pivot = items[len(items) // 2]
        return quick([x for x in items if x < pivot]) + [x for x in items if x == pivot] + quick(
            [x for x in items if x > pivot])

    def merge(items):
        if len(items) < 2:
            return items
        middle = len(items) // 2
        a, b, out = merge(items[:middle]), merge(items[middle:]), []
        i = j = 0
        while i < len(a) and j < len(b):
            if a[i] <= b[j]:
                out.append(a[i])
                i += 1
            else:
                out.append(b[j])
                j += 1
        return out + a[i:] + b[j:]

    def heap(items):
        h = list(items)
        heapq.heapify(h)
        return [heapq.heappop(h) for _ in range(len(h))]

    def insertion(items):
        out = list(items)
        for i in range(1, len(out)):
            x, j = out[i], i
            while j > 0 and out[j - 1] > x:
                out[j] = out[j - 1]
                j -= 1
            out[j] = x
        return out

    for items in ([], [1], [i * 7919 % 101 for i in range(60)], [2.5, 1, -3, 2**70, 0.0], list("sorting"), [3, 3, 1,
                                                                                                            1]):
        expected = sorted(items)
        log([f(items) == expected for f in (quick, merge, heap, insertion)])
    for f in (quick, merge, heap, insertion):
        log.call(f, [1, "a"])


@case
def memoised_dynamic_programs(log):
    def longest_common(a, b):
        table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
        for i, x in enumerate(a):
            for j, y in enumerate(b):
                table[i + 1][j + 1] = table[i][j] + 1 if x == y else max(table[i + 1][j], table[i][j + 1])
        i, j, out = len(a), len(b), []
        while i and j:
            if table[i][j] == table[i - 1][j]:
                i -= 1
            elif table[i][j] == table[i][j - 1]:
                j -= 1
            else:
                out.append(a[i - 1])
                i, j = i - 1, j - 1
        return "".join(reversed(out))

    def edit_distance(a, b, memo=None):
        memo = {} if memo is None else memo
        if (a, b) not in memo:
            if not a or not b:
                memo[a, b] = len(a) + len(b)
            else:
                memo[a, b] = min(
                    edit_distance(a[1:], b, memo) + 1,
                    edit_distance(a, b[1:], memo) + 1,
                    edit_distance(a[1:], b[1:], memo) + (a[0] != b[0]))
        return memo[a, b]

    def knapsack(items, capacity):
        best = [0] * (capacity + 1)
        for weight, value in items:
            for c in range(capacity, weight - 1, -1):
                best[c] = max(best[c], best[c - weight] + value)
        return best[capacity]

    log(longest_common("nematode knowledge", "empty bottle"), edit_distance("kitten", "sitting"),
        knapsack([(3, 4), (4, 5.5), (2, 3)], 6))


@case
def event_simulation(log):
    class Event:
        counter = itertools.count()

        def __init__(self, time, action, *arguments):
            self.time, self.action, self.arguments, self.order = time, action, arguments, next(self.counter)

        def __lt__(self, other):
            return (self.time, self.order) < (other.time, other.order)

    class Simulation:
        def __init__(self):
            self.queue, self.now, self.log = [], 0.0, []

        def schedule(self, delay, action, *arguments):
            heapq.heappush(self.queue, Event(self.now + delay, action, *arguments))

        def run(self, until):
            while self.queue and self.queue[0].time <= until:
                event = heapq.heappop(self.queue)
                self.now = event.time
                event.action(*event.arguments)
            return self.log

    class Customer:
        def __init__(self, simulation, name, patience):
            self.simulation, self.name, self.patience = simulation, name, patience

        def arrive(self):
            self.simulation.log.append((round(self.simulation.now, 2), self.name, "arrives"))
            self.simulation.schedule(self.patience * 0.5, self.leave)
            if self.patience > 1:
                self.simulation.schedule(1.25, Customer(self.simulation, self.name + "'", self.patience - 1).arrive)

        def leave(self):
            self.simulation.log.append((round(self.simulation.now, 2), self.name, "leaves"))

    simulation = Simulation()
    for i in range(4):
        simulation.schedule(i * 0.7, Customer(simulation, f"c{i}", i % 3 + 1).arrive)
    log(simulation.run(3.0))
    log(simulation.run(10.0)[-3:], simulation.now)


@case
def plugins_with_metaclass(log):
    registry = {}

    class Registered(type):
        def __new__(mcls, name, bases, space, *, key=None):
            cls = super().__new__(mcls, name, bases, space)
            if key:
                registry[key] = cls
            return cls

        def __init__(cls, name, bases, space, **kw):
            super().__init__(name, bases, space)

    class Shape(metaclass=Registered):
        def __init__(self, *sizes):
            self.sizes = sizes

        def area(self):
            raise NotImplementedError(type(self).__name__)

        def __str__(self):
            return f"{type(self).__name__.lower()} of {self.area():g}"

    class Square(Shape, key="sq"):
        def area(self):
            return self.sizes[0] ** 2

    class Box(Shape, key="box"):
        def area(self):
            a, b = self.sizes
            return a * b

    class Blob(Shape, key="blob"):
        pass

    for key, *sizes in (("sq", 3), ("box", 2, 2.5), ("box", 1), ("blob",), ("none",)):
        log.call(lambda: str(registry[key](*sizes)))
