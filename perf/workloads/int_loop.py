"""Integers only: a sum under a modulus."""


def run(n):
    total = 0
    for i in range(n):
        total = (total + i * 7) % 1000003
    return total
