"""Determinants by elimination with exact fractions."""

from fractions import Fraction


def determinant(rows):
    rows = [row[:] for row in rows]
    size, sign, result = len(rows), 1, Fraction(1)
    for k in range(size):
        pivot = next((r for r in range(k, size) if rows[r][k] != 0), None)
        if pivot is None:
            return Fraction(0)
        if pivot != k:
            rows[k], rows[pivot] = rows[pivot], rows[k]
            sign = -sign
        result *= rows[k][k]
        for r in range(k + 1, size):
            factor = rows[r][k] / rows[k][k]
            for c in range(k, size):
                rows[r][c] -= factor * rows[k][c]
    return sign * result


def run(n):
    return [determinant([[Fraction((i * 3 + j * j + m) % 11, j + 1) for j in range(5)] for i in range(5)])
            for m in range(n)]
