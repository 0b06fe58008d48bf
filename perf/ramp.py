"""One call of one function with one long loop, which tells how far it is: word 0 of an array counts its turns.

usage: ramp.py KERNEL SECONDS

Prints the address of that word, waits for a line on stdin, makes the call, and ends the process when SECONDS have passed. Who started this
process reads the word from outside, so that nothing disturbs the loop.
"""

import array
import math
import os
import signal
import sys

ENDLESS = 1 << 60


def int_sum(done):
    total = 0
    for i in range(ENDLESS):
        total = (total + i * 7) % 1000003
        done[0] = i


def mandelbrot(done):
    inside = 0
    for k in range(ENDLESS):
        cr, ci = k % 301 / 100.0 - 2.0, k % 201 / 100.0 - 1.0
        zr = zi = 0.0
        for i in range(50):
            rr, ii = zr * zr, zi * zi
            if rr + ii > 4.0:
                break
            zi = 2.0 * zr * zi + ci
            zr = rr - ii + cr
        else:
            inside += 1
        done[0] = k


def nbody(done):
    bodies = [([math.cos(k), math.sin(k), k * 0.1], [0.01 * k, 0.02, -0.01 * k], 1.0 + k) for k in range(5)]
    pairs = [(bodies[i], bodies[j]) for i in range(5) for j in range(i + 1, 5)]
    for k in range(ENDLESS):
        for ((x1, y1, z1), v1, m1), ((x2, y2, z2), v2, m2) in pairs:
            dx = x1 - x2
            dy = y1 - y2
            dz = z1 - z2
            mag = 0.0001 * ((dx * dx + dy * dy + dz * dz + 0.01) ** -1.5)
            b1m = m1 * mag
            b2m = m2 * mag
            v1[0] -= dx * b2m
            v1[1] -= dy * b2m
            v1[2] -= dz * b2m
            v2[0] += dx * b1m
            v2[1] += dy * b1m
            v2[2] += dz * b1m
        for (r, [vx, vy, vz], m) in bodies:
            r[0] += 0.0001 * vx
            r[1] += 0.0001 * vy
            r[2] += 0.0001 * vz
        done[0] = k


def eval_a(i, j):
    return 1.0 / ((i + j) * (i + j + 1) / 2 + i + 1)


def spectral_norm(done):
    u = [1.0] * 60
    for k in range(ENDLESS):
        out = []
        for i in range(60):
            total = 0.0
            for j in range(60):
                total += eval_a(i, j) * u[j]
            out.append(total)
        done[0] = k


def matmul(done):
    n = 24
    a = [[(i * 5 + j * 3) % 17 / 4.0 for j in range(n)] for i in range(n)]
    for k in range(ENDLESS):
        out = []
        for i in range(n):
            row, line = a[i], []
            for j in range(n):
                total = 0.0
                for m in range(n):
                    total += row[m] * a[m][j]
                line.append(total)
            out.append(line)
        done[0] = k


def sieve(done):
    for k in range(ENDLESS):
        n = 2000
        flags = [True] * (n + 1)
        for i in range(2, n + 1):
            if flags[i]:
                for j in range(i * i, n + 1, i):
                    flags[j] = False
        done[0] = k


def fannkuch(done):
    n = 9
    k = 0
    while True:
        p, q, s, sign, most = list(range(n)), list(range(n)), list(range(n)), 1, 0
        while True:
            k += 1
            done[0] = k
            if p[0]:
                q[:] = p
                flips = 1
                while True:
                    head = q[0]
                    if not q[head]:
                        break
                    q[:head + 1] = q[head::-1]
                    flips += 1
                most = max(most, flips)
            if sign == 1:
                p[0], p[1] = p[1], p[0]
                sign = -1
                continue
            p[1], p[2] = p[2], p[1]
            sign = 1
            for i in range(2, n):
                if s[i]:
                    s[i] -= 1
                    break
                s[i] = i
                if i == n - 1:
                    break
                first = p[0]
                p[:i + 1] = p[1:i + 2]
                p[i + 1] = first
            else:
                break
            if i == n - 1 and not s[i]:
                break


KERNELS = {f.__name__: f for f in (int_sum, mandelbrot, nbody, spectral_norm, matmul, sieve, fannkuch)}


def main(kernel, seconds):
    done = array.array("q", [0])
    if os.environ.get("TIERJIT") == "1":
        import tierjit  # noqa: F401  which enables itself then
    print(done.buffer_info()[0], flush=True)
    sys.stdin.readline()
    signal.setitimer(signal.ITIMER_REAL, float(seconds))  # the default action ends the process
    KERNELS[kernel](done)


if __name__ == "__main__":
    main(*sys.argv[1:])
