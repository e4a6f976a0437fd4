"""Numbers for the specs of libs/evaluation, from implementations that have nothing to do with ours.

    python3 -m venv /tmp/scipy && /tmp/scipy/bin/pip install scipy==1.17.1 scikit-learn==1.9.1
    /tmp/scipy/bin/python libs/evaluation/scripts/goldens.py

Writes libs/evaluation/src/testing/goldens.json. Nothing here is random.
"""

import json
import pathlib
import warnings

import numpy as np
import scipy
import sklearn
from scipy import integrate, optimize, special, stats
from sklearn import metrics

warnings.filterwarnings("ignore")

labels = ["ham", "spam", "other", "rare"]
actual = [labels[(i * 7) % 3] for i in range(120)]
predicted = [labels[(i * 7) % 3 if (i * 11) % 10 < 7 else (i * 5) % 4] for i in range(120)]
confidence = [round(((i * 13) % 67) / 100 + 0.33, 2) for i in range(120)]


def calibration_error(bins=15):
    right = np.array(actual) == np.array(predicted)
    at = np.array(confidence)
    error = 0.0
    for b in range(bins):
        inside = (at > b / bins) & (at <= (b + 1) / bins)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - at[inside].mean())
    return error


def evidence(a, b):
    """The mixture by numerical integration."""
    log = lambda p: (a + b) * np.log(2) + a * np.log(p) + b * np.log1p(-p)
    return integrate.quad(lambda p: 2 * np.exp(log(p)), 0.5, 1, epsabs=0, epsrel=1e-12, points=[max(0.5, a / max(1, a + b))], limit=500)[0]


def average_likelihood(yes, no):
    """Over the probability with weight Beta(1/2, 1/2), by numerical integration: p = sin(x)^2 makes the weight even."""
    likelihood = lambda x: np.exp(yes * np.log(np.sin(x) ** 2) + no * np.log(np.cos(x) ** 2)) * 2 / np.pi
    most = np.arcsin(np.sqrt(yes / max(1, yes + no)))
    return integrate.quad(likelihood, 0, np.pi / 2, epsabs=0, epsrel=1e-12, points=[most], limit=500)[0]


def greater(first, second):
    """The largest likelihood of "the first probability is not the greater one" by constrained search."""
    loss = lambda p: -sum(special.xlogy(yes, q) + special.xlogy(no, 1 - q) for (yes, no), q in zip((first, second), p))
    # Below the second probability p2 = s the first is p1 = t * s with t in [0, 1].
    starts = [(t, s) for t in (0.2, 0.9) for s in (0.1, 0.5, 0.9)]
    found = [optimize.minimize(lambda z: loss((z[0] * z[1], z[1])), start, bounds=[(0, 1), (0, 1)], method="Nelder-Mead", options={"xatol": 1e-13, "fatol": 1e-13, "maxiter": 20000}).fun for start in starts]
    return average_likelihood(*first) * average_likelihood(*second) * np.exp(min(found))


def mid_p(k, n):
    return stats.binom.sf(k - 1, n, 0.5) - stats.binom.pmf(k, n, 0.5) / 2


occurring = sorted(set(actual) | set(predicted))
precision, recall, f1, support = metrics.precision_recall_fscore_support(actual, predicted, labels=occurring, zero_division=0)
goldens = {
    "source": f"SciPy {scipy.__version__}, scikit-learn {sklearn.__version__}",
    "rows": [{"actual": a, "predicted": p, "confidence": c} for a, p, c in zip(actual, predicted, confidence)],
    "accuracy": metrics.accuracy_score(actual, predicted),
    "macroF1": metrics.f1_score(actual, predicted, average="macro"),
    "labels": occurring,
    "confusionMatrix": metrics.confusion_matrix(actual, predicted, labels=occurring).tolist(),
    "classes": [
        {"label": l, "support": int(s), "precision": p, "recall": r, "f1": f}
        for l, s, p, r, f in zip(occurring, support, precision, recall, f1)
    ],
    "calibrationError": float(calibration_error()),
    "mcNemar": [
        {
            "onlyChampionRight": b,
            "onlyChallengerRight": c,
            "pValue": float(stats.binomtest(c, b + c, 0.5).pvalue) if b + c else 1.0,
            "pValueBetter": float(mid_p(c, b + c)),
            "pValueWorse": float(mid_p(b, b + c)),
        }
        for b, c in ((0, 0), (5, 5), (3, 14), (40, 12), (1, 0))
    ],
    "evidence": [{"onlyOldRight": a, "onlyNewRight": b, "value": float(evidence(a, b))} for a, b in ((0, 0), (5, 0), (0, 7), (30, 10), (60, 70), (300, 180))],
    "greater": [
        {"first": {"yes": a, "no": b}, "second": {"yes": c, "no": d}, "value": float(greater((a, b), (c, d)))}
        for a, b, c, d in ((0, 0, 0, 0), (5, 0, 0, 0), (9, 0, 0, 4), (0, 4, 9, 0), (30, 10, 12, 20), (12, 20, 30, 10), (60, 70, 6, 7), (200, 90, 18, 25))
    ],
}

target = pathlib.Path(__file__).parents[1] / "src" / "testing" / "goldens.json"
target.write_text(json.dumps(goldens, indent=1) + "\n")
