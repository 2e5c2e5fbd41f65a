import subprocess
import sys

from service.demo import SAMPLES

# A cup of coffee is no class of cifar10; the model must not be sure about it.
_UNKNOWN = "coffee.jpg"


def test_the_demo_classifies_the_sample_images_with_the_shipped_models():
    done = subprocess.run(
        [sys.executable, "-m", "service.demo"],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        env={"COLUMNS": "120", "PATH": ""},
    )
    assert done.returncode == 0, done.stderr
    rows = {
        cells[0].strip(): [cell.strip() for cell in cells[1:]]
        for line in done.stdout.splitlines()
        if line.startswith("│")
        for cells in [line.strip("│").split("│")]
    }
    images = {path.name for path in SAMPLES.glob("*/*") if path.suffix != ".toml"}
    assert set(rows) == images
    for image, (_, label, _, decision, _) in rows.items():
        if image == _UNKNOWN:
            assert decision == "review"
        else:
            assert label.lower().replace(" ", "-").startswith(image.partition(".")[0]), image
            assert decision == "accept", image
