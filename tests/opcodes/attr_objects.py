"""Classes, and functions with one attribute operation each, for the cases on attributes."""


class Point:
    kind = "point"
    _hidden = [1]

    def __init__(self, x, y):
        self.x = x
        self.y = y

    def total(self):
        return self.x + self.y

    @property
    def product(self):
        return self.x * self.y

    @product.setter
    def product(self, value):
        self.x = self.y = value

    @classmethod
    def make(cls, n):
        return cls(n, n + 1)

    @staticmethod
    def static(a):
        return a * 2


class Slotted:
    __slots__ = ("x", "y", "__weakref__")

    def __init__(self, x):
        self.x = x


class Derived(Point):
    kind = "derived"


def get_x(o):
    return o.x


def get_kind(o):
    return o.kind


def set_x(o, value):
    o.x = value


def del_x(o):
    del o.x


def call_total(o):
    return o.total()


def bump_x(o, n):
    for _ in range(n):
        o.x += 1
    return o.x
