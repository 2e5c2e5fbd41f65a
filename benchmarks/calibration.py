"""Whether what calibration promises is kept: on the answers of a finished run, and where validation serves twice.

    python -m benchmarks.calibration kept RUN_DIR [--images 2000]
    python -m benchmarks.calibration few RUN_DIR
    python -m benchmarks.calibration reused DIR

``kept`` draws validation splits out of the test split of a run, chooses thresholds and sets on each, and looks at what
they do on the rest. ``few`` finds the temperature by a few of these answers: with and without a share for what they
have not shown, only where it lowers their calibration error, and not at all. ``reused`` trains a small network on 6,000
images of the Fashion-MNIST in DIR; then one split of its other training images chooses the epoch, by the rule of
training, and the temperature, and thresholds and sets are chosen on that same split, as training does, or on a fresh
one.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.epochs import chosen, see
from models.postprocess import Probabilities
from training.calibrate import fit_temperature
from training.config import load_recipe
from training.conformal import measure_sets, set_threshold
from training.data.dataset import load_dataset
from training.data.sources import open_source
from training.report.evidence import read_answers
from training.run import Run
from training.scores import Targets, calibration_error, softmax, without_temperature
from training.thresholds import choose_decision

TARGET = COVERAGE = 0.95
DRAWS = 300
EPOCHS = 20
TRAINED, POOL = 6000, 20_000


def keeps(chosen: tuple[Probabilities, Targets], fresh: tuple[Probabilities, Targets]) -> tuple[float, ...]:
    """What thresholds and sets chosen on the one do on the other: the columns of ``show``."""
    (probabilities, targets), decision = fresh, choose_decision(*chosen, TARGET)
    classes = probabilities.shape[1]
    guesses = probabilities.argmax(axis=1)
    thresholds = np.array([decision.threshold_of(index) for index in range(classes)], np.float32)
    accepted, right = probabilities.max(axis=1) >= thresholds[guesses], guesses == targets
    precision = float(right[accepted].mean()) if accepted.any() else 1.0
    taken = np.bincount(guesses[accepted], minlength=classes)
    shares = np.bincount(guesses[accepted & right], minlength=classes)[taken > 0] / taken[taken > 0]
    threshold = set_threshold(*chosen, COVERAGE)
    if threshold is None:
        raise SystemExit(f"sets at {COVERAGE:.0%} need more images to be chosen on")
    sets = measure_sets(*fresh, threshold, COVERAGE)
    of_labels = float(len(shares)), float((shares < TARGET).sum()), float(shares.min(initial=1))
    return float(accepted.mean()), precision, float(precision < TARGET), *of_labels, sets.test_coverage, sets.mean_size


def show(name: str, draws: list[tuple[float, ...]]) -> None:
    """Means over ``draws``, and what one standard error of the coverage is."""
    table = np.array(draws)
    accepted, precision, missed, labels, labels_missed, worst, coverage, size = table.mean(axis=0)
    error = table[:, 6].std() / len(table) ** 0.5
    below = labels_missed / labels if labels else 0.0
    print(
        f"{name}: accepted {accepted:.2%}, right of these {precision:.2%}, less than {TARGET:.0%} in {missed:.1%} of "
        f"the draws; of {labels:.1f} labels something is accepted, of {below:.1%} of them too little of it right, of "
        f"the worst {worst:.1%}; sets of {size:.3f} labels hold the right one in {coverage:.2%} (+-{error:.2%})"
    )


def kept(run: Run, images: int) -> None:
    """Choose on ``images`` of the run's test answers, measure on the others."""
    answers, random = read_answers(run), np.random.default_rng(0)
    draws = []
    for _ in range(DRAWS):
        chosen, fresh = np.split(random.permutation(len(answers.targets)), [images])
        parts = [(answers.probabilities[rows], answers.targets[rows]) for rows in (chosen, fresh)]
        draws.append(keeps(parts[0], parts[1]))
    show(f"chosen on {images:,} of {len(answers.targets):,} answers", draws)


def few(run: Run) -> None:
    """Find the temperature by each rule on a few of the run's test answers, measure on the others."""
    answers, random = read_answers(run), np.random.default_rng(0)
    plain = without_temperature(answers.probabilities, run.calibration().temperature)
    logits, targets = np.log(np.maximum(plain, 1e-45)), answers.targets
    for images in (20, 50, 100, 200, 500, 1000):
        found = {rule: np.zeros((DRAWS, 2)) for rule in RULES}
        if 2 * images > len(targets):
            break
        for draw in range(DRAWS):
            chosen, fresh = np.split(random.permutation(len(targets)), [images])
            for rule, temperature in RULES.items():
                probabilities = softmax(logits[fresh], temperature(logits[chosen], targets[chosen]))
                truth = probabilities[np.arange(len(fresh)), targets[fresh]]
                loss = -np.log(np.maximum(truth, 1e-45)).mean()
                found[rule][draw] = loss, calibration_error(probabilities, targets[fresh])
        for rule, rows in found.items():
            loss, error = rows.mean(axis=0)
            print(f"{images:,} images, {rule}: loss {loss:.4f}, at worst {rows[:, 0].max():.4f}, error {error:.4f}")


def only_where_it_helps(logits: np.ndarray, targets: Targets) -> float:
    """The temperature of training where these images show a lower calibration error with it, else 1."""
    temperature = fit_temperature(logits, targets)
    errors = [calibration_error(softmax(logits, each), targets) for each in (1.0, temperature)]
    return temperature if errors[1] < errors[0] else 1.0


RULES: dict[str, Callable[[np.ndarray, Targets], float]] = {
    "none": lambda _logits, _targets: 1.0,
    "fitted": lambda logits, targets: fit_temperature(logits, targets, 0.0),
    "fitted with a share for the unseen (training)": fit_temperature,
    "the same where the error falls, else none": only_where_it_helps,
}


def reused(folder: Path) -> None:
    """Choose on the split that chose the epoch, and on another."""
    data = load_dataset(open_source((recipe := load_recipe("fashion-mnist", ())).data, folder), recipe)
    train = data.splits.train
    trained, pool = train[:TRAINED], train[TRAINED : TRAINED + POOL]
    logits = np.stack(list(epochs(data.pixels, data.targets, trained, pool)))
    targets = data.targets[pool]
    random = np.random.default_rng(0)
    for images in (200, 500, 2000):
        draws: dict[str, list[tuple[float, ...]]] = {"reused": [], "fresh": []}
        for _ in range(DRAWS):
            first, second, rest = np.split(random.permutation(len(pool)), [images, 2 * images])
            seen = see(logits[:, first], targets[first])
            epoch = chosen(seen)
            probabilities = softmax(logits[epoch], seen.temperatures[epoch])
            for name, rows in (("reused", first), ("fresh", second)):
                draws[name].append(keeps((probabilities[rows], targets[rows]), (probabilities[rest], targets[rest])))
        for name, each in draws.items():
            show(f"{images:,} images, {name}", each)


def epochs(pixels: np.ndarray, targets: Targets, trained: np.ndarray, pool: np.ndarray) -> Iterator[np.ndarray]:
    """Logits of ``pool`` after each epoch of a network that soon knows its images by heart."""
    torch.manual_seed(0)
    units = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    network = nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.LazyLinear(128), nn.ReLU(), nn.Linear(128, 10)),
    )
    network(units[:1] / 255)
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    for _ in range(EPOCHS):
        for rows in torch.from_numpy(trained)[torch.randperm(len(trained))].split(64):
            loss = functional.cross_entropy(network(units[rows] / 255), torch.from_numpy(targets)[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            yield torch.cat([network(units[rows] / 255) for rows in torch.from_numpy(pool).split(1000)]).numpy()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["kept", "few", "reused"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=2000)
    given = parser.parse_args()
    if given.what == "kept":
        kept(Run(given.folder), given.images)
    elif given.what == "few":
        few(Run(given.folder))
    else:
        reused(given.folder)
