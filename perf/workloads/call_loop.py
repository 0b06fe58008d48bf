"""Calls of plain functions in a loop."""


def add(a, b):
    return a + b


def twice(a):
    return add(a, a)


def run(n):
    total = 0
    for i in range(n):
        total = add(total, twice(i)) & 0xFFFFFF
    return total
