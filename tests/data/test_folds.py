from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mespot.core.errors import AnnotationError
from mespot.data.dataset import AnnotatedVideo, Dataset
from mespot.data.folds import Fold, leave_one_subject_out, split


def dataset(subjects: list[str]) -> Dataset:
    return Dataset(tuple(AnnotatedVideo(Path(f"{i}.mp4"), subject) for i, subject in enumerate(subjects)))


SUBJECTS = st.lists(st.sampled_from("abcde"), min_size=2, max_size=12).filter(lambda names: len(set(names)) > 1)


@given(SUBJECTS)
def test_every_video_is_tested_once_by_a_fold_that_never_saw_its_subject(names: list[str]) -> None:
    whole = dataset(names)
    folds = list(leave_one_subject_out(whole))
    assert [fold.subject for fold in folds] == sorted(set(names))
    assert sorted(video.path for fold in folds for video in fold.test) == sorted(video.path for video in whole)
    for fold in folds:
        assert fold.subject not in fold.train.subjects
        assert len(fold.train) + len(fold.test) == len(whole)


@given(SUBJECTS)
def test_a_split_shares_no_subject_and_loses_no_video(names: list[str]) -> None:
    held = {sorted(names)[0]}
    train, validation = split(dataset(names), held)
    assert set(validation.subjects) == held
    assert not held & set(train.subjects)
    assert len(train) + len(validation) == len(names)


def test_a_subject_on_both_sides_is_refused() -> None:
    with pytest.raises(AnnotationError, match="subject a is on both sides"):
        Fold("a", train=dataset(["a", "b"]), test=dataset(["a"]))
    with pytest.raises(AnnotationError, match="must test a alone"):
        Fold("a", train=dataset(["b"]), test=dataset(["c"]))


def test_what_cannot_be_split_is_refused() -> None:
    with pytest.raises(AnnotationError, match="needs two subjects"):
        list(leave_one_subject_out(dataset(["a", "a"])))
    with pytest.raises(AnnotationError, match="z is not in the dataset; it has a, b"):
        split(dataset(["a", "b"]), ["z"])
    with pytest.raises(AnnotationError, match="every subject"):
        split(dataset(["a", "b"]), ["a", "b"])
