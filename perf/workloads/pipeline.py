"""Generators feeding generators."""


def numbers(n):
    i = 0
    while i < n:
        yield i
        i += 1


def odd(source):
    for value in source:
        if value & 1:
            yield value


def windows(source):
    previous = 0
    for value in source:
        yield previous, value
        previous = value


def chained(n):
    yield from windows(odd(numbers(n)))


def run(n):
    return sum(a * b % 13 for a, b in chained(n))
