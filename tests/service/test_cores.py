import os
from pathlib import Path

import pytest

from service.cores import usable_cores

ALLOWED = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("max 100000", ALLOWED),
        ("100000 100000", 1),
        ("50000 100000", 1),
        ("99900000 100000", ALLOWED),
        ("broken", ALLOWED),
    ],
)
def test_a_container_may_use_what_its_share_of_time_is_worth(tmp_path: Path, quota: str, cores: int) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    assert usable_cores(tmp_path) == cores


def test_without_a_container_it_is_what_the_process_may_run_on(tmp_path: Path) -> None:
    assert usable_cores(tmp_path) == ALLOWED
