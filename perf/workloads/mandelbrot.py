"""The Mandelbrot set with pairs of floats."""


def iterations(cr, ci, limit):
    zr = zi = 0.0
    for i in range(limit):
        rr, ii = zr * zr, zi * zi
        if rr + ii > 4.0:
            return i
        zi = 2.0 * zr * zi + ci
        zr = rr - ii + cr
    return limit


def run(n):
    rows = []
    for y in range(n):
        ci = 2.0 * y / n - 1.0
        rows.append([iterations(3.0 * x / n - 2.0, ci, 50) for x in range(n)])
    return sum(map(sum, rows)), rows[n // 2][:20]
