import pytest

from service.keys.scopes import changes_something, is_open, scope_needed

V = "/v1/models/tiny"


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", "/v1/predict", "predict"),
        ("POST", "/v1/predict/batch", "predict"),
        ("POST", f"{V}@1/predict", "predict"),
        ("POST", f"{V}@production/predict/batch", "predict"),
        ("POST", "/v2/models/tiny/infer", "predict"),
        ("POST", "/v2/models/tiny/versions/1/infer", "predict"),
        ("POST", "/v1/jobs", "jobs"),
        ("GET", "/v1/jobs/17", "jobs"),
        ("GET", "/v1/jobs/17/results", "jobs"),
        ("DELETE", "/v1/jobs/17", "jobs"),
        ("GET", "/v1/models", None),
        ("GET", f"{V}/versions/1/report", None),
        ("GET", "/metrics", None),
        ("HEAD", "/docs", None),
        ("GET", "/v2/models/tiny/versions/1/ready", None),
        ("GET", "/v2/models/stats", None),
        ("POST", "/v2/repository/index", None),
        ("PUT", f"{V}/aliases/production", "admin"),
        ("POST", f"{V}/rollback", "admin"),
        ("GET", f"{V}/shadow", "admin"),
        ("POST", "/v2/repository/models/tiny/load", "admin"),
        ("POST", "/v2/repository/models/tiny/unload", "admin"),
    ],
)
def test_what_each_route_needs(method: str, path: str, scope: str | None) -> None:
    assert scope_needed(method, path) == scope


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/predict"),
        ("DELETE", "/v1/models"),
        ("GET", "/nothing"),
        ("POST", "/v1/predict\n"),
        ("POST", "/v1/predict/"),
        ("POST", "//v1/predict"),
        ("POST", "/V1/predict"),
        ("POST", "/v1/models//predict"),
        ("POST", "/v1/models/a/b/predict"),
        ("GET", "/v1/models/tiny/versions/1/model.onnx"),
        ("GET", ""),
        ("get", "/metrics"),
        ("PROPFIND", "/v1/jobs"),
    ],
)
def test_what_is_not_foreseen_needs_admin(method: str, path: str) -> None:
    assert scope_needed(method, path) == "admin"


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready"])
def test_probes_need_no_key_but_for_what_probes_ask(path: str) -> None:
    assert is_open("GET", path)
    assert is_open("HEAD", path)
    for method, other in (
        ("POST", path),
        ("OPTIONS", path),
        ("GET", f"{path}/"),
        ("GET", f"/{path}"),
        ("GET", "/health"),
    ):
        assert not is_open(method, other)


@pytest.mark.parametrize(
    ("method", "path", "changes"),
    [
        ("PUT", f"{V}/aliases/production", True),
        ("POST", "/v1/jobs", True),
        ("DELETE", "/v1/jobs/1", True),
        ("GET", "/v1/jobs/1", False),
        ("GET", f"{V}/shadow", False),
        ("POST", "/v1/predict", False),
        ("POST", "/v2/repository/index", False),
        ("POST", "/nothing", True),
    ],
)
def test_what_leaves_something_behind(method: str, path: str, changes: bool) -> None:
    assert changes_something(method, path) == changes
