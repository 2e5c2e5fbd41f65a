from service.observability.snapshot import Snapshot, decode, merge

ONE = Snapshot({"a": {("x",): [1], ("y", "z"): [1, 2.5]}}, {"held": 2}, [("tiny", "1")], {"t": {("x",): [9.5]}})
OTHER = Snapshot(
    {"a": {("x",): [4]}, "b": {(): [1]}},
    {"held": 3, "more": 1},
    [("tiny", "1"), ("other", "2")],
    {"t": {("x",): [8], ("y",): [1]}},
)


def test_what_is_encoded_is_what_is_decoded() -> None:
    assert decode(ONE.encode()) == ONE


def test_counts_and_gauges_add_up_an_engine_is_listed_once_and_the_latest_time_counts() -> None:
    assert merge([ONE, OTHER]) == Snapshot(
        {"a": {("x",): [5], ("y", "z"): [1, 2.5]}, "b": {(): [1]}},
        {"held": 5, "more": 1},
        [("tiny", "1"), ("other", "2")],
        {"t": {("x",): [9.5], ("y",): [1]}},
    )
    assert ONE.counts["a"]["x",] == [1], "nothing is changed"


def test_nothing_is_the_sum_of_none() -> None:
    assert merge([]) == Snapshot()
