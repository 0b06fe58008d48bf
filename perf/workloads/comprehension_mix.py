"""List, dict and set comprehensions, nested and filtered."""


def table(size):
    squares = [i * i for i in range(size)]
    even = {i: s for i, s in enumerate(squares) if s % 2 == 0}
    last = {s % 10 for s in squares}
    pairs = [(a, b) for a in range(size // 4) for b in range(a) if (a + b) % 3 == 0]
    return sum(even.values()) + len(last) + sum(a * b for a, b in pairs)


def run(n):
    return [table(40 + i % 8) for i in range(n)][-8:]
