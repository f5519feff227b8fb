"""The peers, each behind one adapter; runs in .venv-peers, which has them and nothing of ours.

python peers_runner.py FOLDER     for each FOLDER/NAME.npz (samples, rate_hz) writes NAME.PEER.json, and removes it
"""

import contextlib
import io
import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np


def neurokit2(samples, rate_hz):
    """Elgendi's detector, and the quality that NeuroKit2 gives each sample by its default, template matching."""
    import neurokit2 as nk

    clean = nk.ppg_clean(samples, sampling_rate=rate_hz, method="elgendi")
    peaks = nk.ppg_findpeaks(clean, sampling_rate=rate_hz, method="elgendi")["PPG_Peaks"]
    quality = nk.ppg_quality(clean, peaks=peaks, sampling_rate=rate_hz)
    step = round(rate_hz / 2)
    return np.asarray(peaks) / rate_hz, [[k / rate_hz, float(quality[k])] for k in range(0, len(quality), step)]


def biosppy(samples, rate_hz):
    """Elgendi's detector as BioSPPy has it; it gives a pleth no quality."""
    from biosppy.signals import ppg

    found = ppg.ppg(signal=samples, sampling_rate=float(rate_hz), show=False)
    names = found.keys()
    return np.asarray(found["peaks" if "peaks" in names else "onsets"]) / rate_hz, None


def heartpy(samples, rate_hz):
    """HeartPy's detector; its quality is whether it keeps a beat and its segment of ten."""
    import heartpy as hp

    found, _ = hp.process(hp.scale_data(samples), rate_hz, reject_segmentwise=True)
    peaks, kept = np.asarray(found["peaklist"]), np.asarray(found["binary_peaklist"])
    times = peaks / rate_hz
    return times, [[float(t), float(k)] for t, k in zip(times, kept, strict=True)]


PEERS = {"NeuroKit2": neurokit2, "BioSPPy": biosppy, "HeartPy": heartpy}


def main():
    warnings.simplefilter("ignore")
    for path in sorted(Path(sys.argv[1]).glob("*.npz")):
        with np.load(path) as file:
            samples, rate_hz = file["samples"], float(file["rate_hz"])
        rate_hz = round(rate_hz) if abs(rate_hz - round(rate_hz)) < 1e-3 else rate_hz
        for name, adapter in PEERS.items():
            start, error = time.process_time(), None
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    beats, quality = adapter(samples, rate_hz)
            except Exception as caught:  # a peer that gives up on a record has no beats there
                beats, quality, error = np.zeros(0), None, f"{type(caught).__name__}: {caught}"[:200]
            cpu_ms = 1000 * (time.process_time() - start) / (len(samples) / rate_hz / 60)
            result = {
                "beats_s": [float(t) for t in beats],
                "quality": quality,
                "cpu_ms_per_min": cpu_ms,
                "error": error,
            }
            path.with_suffix(f".{name}.json").write_text(json.dumps(result))
        path.unlink()
        print(path.stem, flush=True)


if __name__ == "__main__":
    main()
