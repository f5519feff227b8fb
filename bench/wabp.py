"""A detector of pressure pulses after Zong et al., Computers in Cardiology 2003, 30:259: what others are held against.

Written from the description: low-pass at 16 Hz, slope sum over 128 ms, a level that follows its peaks, a beat above a
third of it, a lockout of 256 ms, and a level that sinks after 2.5 s without a beat. Its usual companion, the signal
abnormality index of Sun, Reisner and Mark (Computers in Cardiology 2006, 33:13), rejects beats with numbers that it
thinks no patient has.
"""

import numpy as np

RATE_HZ = 125.0
WINDOW = 16  # samples of the slope sum
LOCKOUT = 32
PATIENCE = 312
LEARN = 8 * 125
LEAST_LEVEL = 5.0
EARLY = 2  # samples, for the delay of the filter


def slope_sums(mmhg):
    """Slope sum function of a pressure at 125 Hz, raw samples in, 20 samples late."""
    y = np.zeros(len(mmhg))
    x = np.concatenate([np.full(10, mmhg[0]), mmhg])
    y1 = y2 = 25.0 * mmhg[0]  # gain of the filter at 0 Hz
    for k in range(len(mmhg)):
        y[k] = 2 * y1 - y2 + x[k + 10] - 2 * x[k + 5] + x[k]
        y2, y1 = y1, y[k]
    rises = np.maximum(np.diff(y / 25.0, prepend=y[0] / 25.0), 0.0)
    sums = np.cumsum(rises)
    return sums - np.concatenate([np.zeros(WINDOW), sums[:-WINDOW]])


def onsets(mmhg):
    """Sample of each onset in a pressure at 125 Hz."""
    z = slope_sums(np.asarray(mmhg, float))
    level = 3.0 * float(np.mean(z[:LEARN]))
    found, k, last = [], WINDOW, -LOCKOUT
    while k < len(z) - LOCKOUT:
        if z[k] > level / 3.0 and k - last >= LOCKOUT:
            after, before = z[k : k + WINDOW], z[max(0, k - WINDOW) : k + 1]
            top, low = float(after.max()), float(before.min())
            if top > low + 10.0:
                onset = k
                while onset > k - WINDOW and z[onset] - z[onset - 1] >= 0.01 * top:
                    onset -= 1
                found.append(max(0, onset - EARLY))
                level += 0.1 * (top - level)
                last = k
                k += LOCKOUT
                continue
        if k - last > PATIENCE and level > LEAST_LEVEL:
            level -= 1.0
        k += 1
    return np.array(found, np.int64)


def is_normal(mmhg, starts):
    """Whether each beat but the last has numbers that Sun's index takes for those of a patient."""
    systolic, diastolic, mean = (np.zeros(len(starts)) for _ in range(3))
    for k, (a, b) in enumerate(zip(starts, np.append(starts[1:], len(mmhg)), strict=True)):
        cycle = np.asarray(mmhg[a : max(b, a + 1)])
        systolic[k], diastolic[k], mean[k] = cycle.max(), cycle.min(), cycle.mean()
    period = np.diff(starts, append=starts[-1:] + 100) / RATE_HZ
    rate = 60 / np.maximum(period, 0.1)
    good = (diastolic >= 20) & (systolic <= 300) & (mean >= 30) & (mean <= 200) & (rate >= 20) & (rate <= 200)
    good &= systolic - diastolic >= 20
    for values, most in ((systolic, 20.0), (diastolic, 20.0), (period, 0.5)):
        good &= np.abs(np.diff(values, prepend=values[:1])) <= most
    return good
