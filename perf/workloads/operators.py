"""Operators defined by classes: vectors that add, scale, compare, index and iterate."""


class Vector:
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y)

    def __mul__(self, factor):
        return Vector(self.x * factor, self.y * factor)

    __rmul__ = __mul__

    def __eq__(self, other):
        return self.x == other.x and self.y == other.y

    def __lt__(self, other):
        return (self.x, self.y) < (other.x, other.y)

    def __getitem__(self, i):
        return self.x if i == 0 else self.y

    def __bool__(self):
        return self.x != 0 or self.y != 0


def run(n):
    position, velocity, turns = Vector(0.0, 0.0), Vector(1.0, 0.5), 0
    for i in range(n):
        position = position + 0.25 * velocity
        if position[0] > 10.0 or not velocity:
            position, turns = Vector(0.0, position[1] - 1.0), turns + 1
        if position < velocity or position == velocity:
            turns += 1
    return position.x, position.y, turns
