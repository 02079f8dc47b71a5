"""Outputs, labels and what scikit-learn and SciPy say of them: statistics.json, for the tests of `Evaluation`.

    python make_statistics_fixtures.py [--output FOLDER]
"""

import argparse
import json
import math
from pathlib import Path

import numpy as np
from scipy import optimize, special, stats
from sklearn import calibration, metrics

BINS = 15
DRAWS = 2000
MASK = (1 << 64) - 1


def distinct(logits):
    """The values in Float32 without rounding, and different within a row."""
    logits = np.round(logits * 1024) / 1024 + np.arange(logits.shape[1]) / 65536
    assert all(len(set(row)) == len(row) for row in logits) and (logits.astype(np.float32) == logits).all()
    return logits.astype(np.float32)


def outputs(generator, labels, classes, strength, absent=()):
    """Logits that Float32 holds exactly, without ties, [images, classes]; some classes are never predicted."""
    logits = generator.normal(0, 1.5, (len(labels), classes))
    logits[np.arange(len(labels)), labels] += strength
    logits[:, list(absent)] -= 14
    return distinct(logits)


def wilson(count, images):
    result = stats.binomtest(int(count), int(images)).proportion_ci(method="wilson")
    return {"count": int(count), "value": count / images, "low": result.low, "high": result.high}


def splitmix(state):
    while True:
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = ((state ^ state >> 30) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & MASK
        yield z ^ z >> 31


def draws(labels, right, seed=0):
    """The images of every draw, and then the mean recall of as many images of each class, as Means.swift draws them."""
    images = len(labels)
    counts = [((labels == label).sum().item(), right[labels == label].sum().item()) for label in np.unique(labels)]
    for draw in range(DRAWS):
        numbers = splitmix(next(splitmix((seed + draw) & MASK)))
        sample = np.array([next(numbers) * images >> 64 for _ in range(images)])
        yield sample, np.mean([np.mean([next(numbers) * n >> 64 < k for _ in range(n)]) for n, k in counts])


def estimates(labels, losses, briers, right):
    """Values, the interval of our draws, and that of SciPy's own random numbers."""
    samples, recalls = zip(*draws(labels, right))
    strata = tuple(right[labels == label].astype(float) for label in np.unique(labels))
    statistics = {
        "nll": ((losses,), np.mean, [losses[sample].mean() for sample in samples]),
        "brier": ((briers,), np.mean, [briers[sample].mean() for sample in samples]),
        "meanPerClass": (strata, lambda *parts: np.mean([part.mean() for part in parts]), recalls),
    }
    result = {}
    for name, (data, statistic, ours) in statistics.items():
        low, high = np.quantile(ours, [0.025, 0.975])
        scipy = [
            # SciPy draws from each sample apart; of a class with one image it would refuse.
            np.quantile([statistic(*(generator.choice(part, len(part)) for part in data)) for _ in range(10000)], [0.025, 0.975])
            if min(map(len, data)) < 2
            else stats.bootstrap(
                data, statistic, n_resamples=10000, method="percentile", vectorized=False, rng=generator
            ).confidence_interval
            for generator in [np.random.default_rng(5)]
        ][0]
        result[name] = {"value": statistic(*data), "low": low, "high": high, "scipyLow": scipy[0], "scipyHigh": scipy[1]}
    return result


def reliability(confidence, right):
    """Bins from scikit-learn's calibration curve, which leaves empty ones out."""
    accuracies, confidences = calibration.calibration_curve(right, confidence, n_bins=BINS, strategy="uniform")
    counts = stats.binned_statistic(confidence, confidence, "count", bins=BINS, range=(0, 1)).statistic
    counts = counts[counts > 0]
    ece = np.sum(counts * np.abs(accuracies - confidences)) / len(right)
    return {"ece": ece, "images": counts, "accuracies": accuracies, "confidences": confidences}


def evaluation(logits, labels):
    classes = logits.shape[1]
    names = np.arange(classes)
    probabilities = special.softmax(logits.astype(np.float64), axis=1)
    prediction = logits.argmax(1)
    right = prediction == labels
    losses = -special.log_softmax(logits.astype(np.float64), axis=1)[np.arange(len(labels)), labels]
    briers = ((probabilities - np.eye(classes)[labels]) ** 2).sum(1)
    precision, recall, f1, support = metrics.precision_recall_fscore_support(labels, prediction, labels=names, zero_division=np.nan)
    found = estimates(labels, losses, briers, right)
    if classes > 2:
        top5 = metrics.top_k_accuracy_score(labels, logits, k=5, labels=names, normalize=False)
        brier = metrics.brier_score_loss(labels, probabilities, labels=names, scale_by_half=False)
        assert math.isclose(brier, found["brier"]["value"], rel_tol=1e-12)
    assert math.isclose(metrics.log_loss(labels, probabilities, labels=names), found["nll"]["value"], rel_tol=1e-9)
    assert math.isclose(recall[support > 0].mean(), found["meanPerClass"]["value"], rel_tol=1e-12)
    return {
        "logits": logits.ravel(),
        "top1": wilson(metrics.accuracy_score(labels, prediction, normalize=False), len(labels)),
        "top5": wilson(top5, len(labels)) if classes > 5 else None,
        **found,
        "reliability": reliability(probabilities.max(1), right),
        "confusion": metrics.confusion_matrix(labels, prediction, labels=names),
        "precision": precision, "recall": recall, "f1": f1,
    }


def tango(lost, gained, images):
    """Score interval by its definition: roots of the score, with the likelihood maximized numerically under each difference."""

    def score(delta):
        def negative(q):  # q: probability of an image that is lost
            rest = images - lost - gained
            return -(special.xlogy(gained, q + delta) + special.xlogy(lost, q) + special.xlogy(rest, 1 - 2 * q - delta))

        low, high = max(0, -delta), (1 - delta) / 2
        q = optimize.minimize_scalar(negative, bounds=(low, high), method="bounded", options={"xatol": 1e-14}).x
        for end in (low, high):
            if negative(end) <= negative(q):
                q = end
        return (gained - lost - images * delta) / math.sqrt(images * (2 * q + delta * (1 - delta)))

    z = stats.norm.ppf(0.975)
    value, margin = (gained - lost) / images, 1e-9
    low = optimize.brentq(lambda d: score(d) - z, -1 + margin, value - 1e-12) if value > -1 else -1
    high = optimize.brentq(lambda d: score(d) + z, value + 1e-12, 1 - margin) if value < 1 else 1
    return {"lost": lost, "gained": gained, "images": images, "value": value, "low": low, "high": high}


def comparison(before, after, labels):
    first, second = before.argmax(1), after.argmax(1)
    lost = np.flatnonzero((first == labels) & (second != labels))
    gained = np.flatnonzero((first != labels) & (second == labels))
    flips = len(lost) + len(gained)
    p = stats.binomtest(len(lost), flips).pvalue if flips else 1.0
    return {
        "agreement": wilson((first == second).sum(), len(labels)),
        "changed": np.flatnonzero(first != second),
        "lost": lost, "gained": gained, "mcNemarP": p,
        "largestDifference": np.abs(before.astype(np.float64) - after).max(),
        "difference": tango(len(lost), len(gained), len(labels)),
    }


def case(seed, images, classes, strength, labels_of=None, absent=()):
    generator = np.random.default_rng(seed)
    labels = generator.choice(labels_of if labels_of is not None else classes, images)
    before = outputs(generator, labels, classes, strength, absent)
    after = distinct(before + generator.normal(0, 1, before.shape))
    return {
        "classes": classes, "labels": labels, "before": evaluation(before, labels), "after": evaluation(after, labels),
        "comparison": comparison(before, after, labels),
    }


def plain(value):
    """What JSON can hold: numbers that are not finite become null."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--output", type=Path, default=Path(__file__).parent)
folder = parser.parse_args().output
result = {
    "cases": {
        "ten classes": case(1, 300, 10, 3),
        "two classes": case(2, 80, 2, 1),
        "classes without images, and never predicted": case(3, 120, 24, 4, labels_of=np.arange(3, 24), absent=[0, 5]),
        "nearly always right": case(4, 60, 6, 9),
    },
    "tango": [
        tango(*counts)
        for counts in [(0, 0, 20), (0, 1, 44), (1, 0, 44), (3, 17, 100), (17, 3, 100), (5, 5, 10), (0, 10, 10), (10, 0, 10),
                       (9, 1, 10), (21, 9, 2000), (400, 520, 50000)]
    ],
}
(folder / "statistics.json").write_text(json.dumps(plain(result), sort_keys=True, separators=(",", ":")) + "\n")
