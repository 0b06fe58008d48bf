"""Floats only: a damped oscillator, integrated step by step."""


def run(n):
    x, v, dt = 1.0, 0.0, 0.001
    for _ in range(n):
        a = -4.0 * x - 0.05 * v
        v += a * dt
        x += v * dt
    return x, v
