"""The match statement over sequences, mappings, classes and literals."""


class Point:
    __match_args__ = ("x", "y")

    def __init__(self, x, y):
        self.x = x
        self.y = y


def classify(value):
    match value:
        case 0 | 1 | 2:
            return 1
        case int() if value < 0:
            return 2
        case Point(0, y):
            return 3 + y
        case Point(x, y) if x == y:
            return 4 + x
        case Point():
            return 5
        case ["go", direction]:
            return 6 + len(direction)
        case ["take", *items]:
            return 7 + len(items)
        case {"kind": "key", "value": found, **rest}:
            return 8 + found + len(rest)
        case str() as text:
            return 9 + len(text)
        case _:
            return 10


def run(n):
    values = [0, 2, -5, Point(0, 3), Point(4, 4), Point(1, 2), ["go", "north"], ["take", 1, 2, 3],
              {"kind": "key", "value": 5, "more": 1}, {"kind": "lock"}, "text", 3.5]
    total = 0
    for i in range(n):
        total += classify(values[i % len(values)])
    return total
