"""Calls with defaults, keywords, * and **, and functions that take them."""


def plain(a, b=2, *, scale=1, shift=0):
    return (a + b) * scale + shift


def gather(first, *rest, **named):
    return first + len(rest) * 2 + sum(rest) + named.get("extra", 0)


def forward(*args, **kwargs):
    return plain(*args, **kwargs)


def run(n):
    total, options = 0, {"scale": 3, "shift": 1}
    for i in range(n):
        total += plain(i) + plain(i, 5, scale=2) + plain(b=i, a=1)
        total += gather(i, 1, 2, extra=4) + gather(*(i, 1)) + forward(i, **options)
        total &= 0xFFFFFF
    return total
