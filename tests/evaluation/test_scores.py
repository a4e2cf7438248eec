import pytest
from hypothesis import given
from hypothesis import strategies as st

from mespot.core.expression import Attention, Detection, Expression, Kind
from mespot.core.interval import Interval
from mespot.evaluation.scores import Counts, Scores, score, score_video

COUNTS = st.builds(Counts, st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))


def expression(start: int, stop: int, kind: Kind = Kind.MAE) -> Expression:
    return Expression(Interval(start, stop), kind)


def detection(start: int, stop: int, kind: Kind = Kind.MAE) -> Detection:
    return Detection(Interval(start, stop), kind, 0.5, start, Attention("mouth"))


VIDEO = (
    [expression(0, 30), expression(100, 130), expression(200, 212, Kind.ME)],
    [detection(3, 30), detection(4, 31), detection(204, 213, Kind.ME), detection(300, 310, Kind.ME)],
)


def test_a_video_by_hand() -> None:
    reference, detected = VIDEO
    scores = score_video(reference=reference, detected=detected, frame_s=0.1)
    assert scores.mae == Counts(tp=1, fp=1, fn=1)
    assert scores.me == Counts(tp=1, fp=1, fn=0)
    assert scores.all == Counts(tp=2, fp=2, fn=1)
    assert scores.onset_errors_s == pytest.approx((0.3, 0.4))
    assert scores.median_onset_error_s == pytest.approx(0.35)
    assert (scores.all.precision, scores.all.recall, scores.all.f1) == pytest.approx((2 / 4, 2 / 3, 4 / 7))


def test_the_papers_counts_of_lssnet_give_its_published_f1() -> None:
    # LSSNet's published .325 on CAS(ME)^2: 100 true positives of 250 detections and 366 annotations.
    assert round(Counts(tp=100, fp=150, fn=266).f1, 3) == 0.325


@given(COUNTS, COUNTS)
def test_counts_add_and_ratios_stay_in_range(first: Counts, second: Counts) -> None:
    total = first + second
    assert total.detected == first.detected + second.detected
    assert total.annotated == first.annotated + second.annotated
    for value in (total.precision, total.recall, total.f1):
        assert 0 <= value <= 1
    if total.tp:
        assert total.f1 == pytest.approx(2 / (1 / total.precision + 1 / total.recall))


def test_undefined_ratios_are_zero() -> None:
    assert (Counts().precision, Counts().recall, Counts().f1) == (0.0, 0.0, 0.0)
    assert Scores().median_onset_error_s is None


def test_pooling_adds_counts_and_counts_videos_without_expressions() -> None:
    pooled = score([VIDEO, ([], [detection(0, 9)]), VIDEO])
    assert pooled.mae == Counts(tp=2, fp=3, fn=2)
    assert pooled.all.f1 == pytest.approx(2 * 4 / (4 + 5 + 4 + 2))
    assert len(pooled.onset_errors_s) == 4


def test_a_looser_limit_finds_no_less() -> None:
    found = [score([VIDEO], iou=iou).all.tp for iou in (0.3, 0.5, 0.7, 0.9)]
    assert found == sorted(found, reverse=True)
    assert found[0] > found[-1]


def test_negative_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        Counts(tp=-1)
