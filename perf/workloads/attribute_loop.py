"""Attributes of one instance, read and written in a loop."""


class Counter:
    def __init__(self):
        self.count = 0
        self.step = 3
        self.high = 0


def run(n):
    c = Counter()
    for i in range(n):
        c.count += c.step
        if c.count > 1000:
            c.high = i
            c.count = 0
    return c.count, c.high
