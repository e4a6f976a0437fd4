"""Numbers for the specs of libs/statistics, from implementations that have nothing to do with ours.

    python3 -m venv /tmp/scipy && /tmp/scipy/bin/pip install scipy==1.17.1
    /tmp/scipy/bin/python libs/statistics/scripts/goldens.py

Writes libs/statistics/src/testing/goldens.json. Nothing here is random.
"""

import json
import pathlib

import numpy as np
import scipy
from scipy import special, stats
from scipy.spatial import distance


def case(arguments, **expected):
    return {"arguments": arguments, **{k: float(v) for k, v in expected.items()}}


def weighted_ks(x, wx, y, wy):
    """Largest distance of two weighted distribution functions, by definition: evaluated at every value."""
    x, wx, y, wy = map(np.asarray, (x, wx, y, wy))
    at = np.concatenate([x, y])
    return max(abs(wx[x <= v].sum() / wx.sum() - wy[y <= v].sum() / wy.sum()) for v in at)


def psi(reference, window):
    p = (np.array(reference) + 0.5) / (np.array(reference) + 0.5).sum()
    q = (np.array(window) + 0.5) / (np.array(window) + 0.5).sum()
    return stats.entropy(p, q) + stats.entropy(q, p)


def mantel_haenszel(strata):
    """z without continuity correction from the hypergeometric moments that SciPy knows."""
    excess = variance = 0.0
    for rh, rt, wh, wt in strata:
        if rt + wt < 2:
            continue
        null = stats.hypergeom(rt + wt, rh + wh, wt)
        excess += wh - null.mean()
        variance += null.var()
    z = excess / np.sqrt(variance) if variance > 0 else 0.0
    return z, min(1.0, 2 * stats.norm.sf(abs(z)))


def exact_strata(strata):
    """The smaller tail doubled, of a sum of hypergeometric variables."""
    distribution, observed = np.array([1.0]), 0
    for rh, rt, wh, wt in strata:
        null = stats.hypergeom(rt + wt, rh + wh, wt)
        distribution = np.convolve(distribution, null.pmf(np.arange(rh + wh + 1)))
        observed += wh
    return min(1.0, 2 * min(distribution[: observed + 1].sum(), distribution[observed:].sum()))


x = [((i * 37) % 101) / 10 for i in range(60)]
y = [((i * 53) % 97) / 8 for i in range(45)]
ties = [i % 4 for i in range(30)], [i % 5 for i in range(23)]
wx = [1 + (i % 3) for i in range(60)]
wy = [1 + (i % 2) for i in range(45)]
strata = [
    [(5, 100, 12, 90)],
    [(5, 100, 12, 90), (2, 40, 9, 60)],
    [(0, 30, 4, 20), (0, 1, 0, 0), (3, 200, 1, 10)],
]
p_values = [0.001, 0.2, 0.03, 0.03, 0.9, 0.0004, 0.5, 1.0]
counts = [([10, 20, 30], [15, 15, 40]), ([5, 0, 1], [0, 7, 1]), ([1, 2, 3, 4], [2, 4, 6, 8])]

goldens = {
    "source": f"SciPy {scipy.__version__}, NumPy {np.__version__}",
    "logGamma": [case([v], value=special.gammaln(v)) for v in (0.1, 0.5, 1, 2.5, 10, 171.3, 20000)],
    "upperGamma": [
        case([a, v], value=special.gammaincc(a, v)) for a, v in ((0.5, 0.1), (0.5, 20), (3, 2), (3, 40), (50, 45))
    ],
    "chiSquareSurvival": [case([v, d], value=stats.chi2.sf(v, d)) for v, d in ((0.5, 1), (3.84, 1), (150, 1), (12, 7))],
    "normalSurvival": [case([v], value=stats.norm.sf(v)) for v in (-3, -0.5, 0, 1.96, 6, 12, 30)],
    "normalQuantile": [case([v], value=stats.norm.ppf(v)) for v in (1e-12, 0.001, 0.025, 0.3, 0.5, 0.975, 0.9999)],
    "binomialProbability": [
        case([k, n, p], value=stats.binom.pmf(k, n, p)) for k, n, p in ((3, 10, 0.5), (0, 40, 0.1), (700, 1000, 0.65))
    ],
    "binomialSurvival": [
        case([k, n, p], value=stats.binom.sf(k - 1, n, p)) for k, n, p in ((8, 10, 0.5), (0, 5, 0.3), (90, 1000, 0.05))
    ],
    "binomialTest": [
        case([k, n, p], value=stats.binomtest(k, n, p).pvalue)
        for k, n, p in ((8, 10, 0.5), (5, 10, 0.5), (0, 12, 0.5), (3, 40, 0.2), (160, 1000, 0.2))
    ],
    "wilsonInterval": [
        case([k, n, c], lower=i.low, upper=i.high)
        for k, n, c in ((8, 10, 0.95), (0, 20, 0.95), (20, 20, 0.95), (973, 1000, 0.99))
        for i in [stats.binomtest(k, n).proportion_ci(c, method="wilson")]
    ],
    "kolmogorovSmirnov": [
        case([{"values": a}, {"values": b}], value=stats.ks_2samp(a, b).statistic) for a, b in ((x, y), ties)
    ]
    + [case([{"values": x, "weights": wx}, {"values": y, "weights": wy}], value=weighted_ks(x, wx, y, wy))],
    "jensenShannonDistance": [
        case([a, b], value=distance.jensenshannon(a, b, base=2)) for a, b in counts
    ],
    "populationStabilityIndex": [case([a, b], value=psi(a, b)) for a, b in counts],
    "benjaminiHochberg": {"arguments": [p_values], "values": stats.false_discovery_control(p_values).tolist()},
    "stratified": [
        {
            "strata": [
                {"referenceHits": rh, "referenceTotal": rt, "windowHits": wh, "windowTotal": wt}
                for rh, rt, wh, wt in table
            ],
            "z": float(mantel_haenszel(table)[0]),
            "pValue": float(mantel_haenszel(table)[1]),
            "exactPValue": float(exact_strata(table)),
        }
        for table in strata
    ],
    "quantile": [case([sorted(x), s], value=np.quantile(x, s)) for s in (0, 0.025, 0.5, 0.91, 1)],
}

target = pathlib.Path(__file__).parents[1] / "src" / "testing" / "goldens.json"
target.write_text(json.dumps(goldens, indent=1) + "\n")
