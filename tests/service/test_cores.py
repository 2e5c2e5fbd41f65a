import os
from pathlib import Path

import pytest

from service.cores import usable_cores

ALLOWED = len(os.sched_getaffinity(0))


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


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
    write(tmp_path, {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": quota})
    assert usable_cores(tmp_path) == cores


@pytest.mark.parametrize("limited", ["a.slice", "a.slice/b.service"])
def test_a_limit_of_any_group_around_the_process_counts(tmp_path: Path, limited: str) -> None:
    files = {"proc/self/cgroup": "0::/a.slice/b.service\n", f"sys/fs/cgroup/{limited}/cpu.max": "100000 100000"}
    write(tmp_path, files)
    assert usable_cores(tmp_path) == 1


@pytest.mark.parametrize(
    ("folder", "quota", "cores"), [("docker/x", "100000", 1), (".", "100000", 1), ("docker/x", "-1", ALLOWED)]
)
def test_the_first_version_of_cgroups_counts_too(tmp_path: Path, folder: str, quota: str, cores: int) -> None:
    place = f"sys/fs/cgroup/cpu/{folder}"
    files = {f"{place}/cpu.cfs_quota_us": quota, f"{place}/cpu.cfs_period_us": "100000"}
    write(tmp_path, files | {"proc/self/cgroup": "5:memory:/other\n4:cpu,cpuacct:/docker/x\n0::/\n"})
    assert usable_cores(tmp_path) == cores


def test_without_a_container_it_is_what_the_process_may_run_on(tmp_path: Path) -> None:
    assert usable_cores(tmp_path) == ALLOWED
