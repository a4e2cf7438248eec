"""Splits by subject: nobody is ever on both sides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mespot.core.errors import AnnotationError
from mespot.data.dataset import Dataset


@dataclass(frozen=True, slots=True)
class Fold:
    """One fold of leave-one-subject-out.

    Parameters
    ----------
    subject : str
        Held out.
    train, test : Dataset
        Everybody else, and the videos of ``subject`` alone. Thresholds are chosen on ``train``.
    """

    subject: str
    train: Dataset
    test: Dataset

    def __post_init__(self) -> None:
        refuse_shared_subjects(self.train, self.test)
        if self.test.subjects != (self.subject,):
            raise AnnotationError(
                f"the fold of subject {self.subject} tests {', '.join(self.test.subjects) or 'nobody'}; "
                f"it must test {self.subject} alone."
            )


def leave_one_subject_out(dataset: Dataset) -> Iterator[Fold]:
    """Yield one fold for every subject, in sorted order.

    Raises
    ------
    AnnotationError
        There are fewer than two subjects.
    """
    subjects = set(dataset.subjects)
    if len(subjects) < 2:
        raise AnnotationError(f"leave-one-subject-out needs two subjects, got {len(subjects)}; add videos of others.")
    for subject in dataset.subjects:
        yield Fold(subject, dataset.of(subjects - {subject}), dataset.of({subject}))


def split(dataset: Dataset, validation_subjects: Iterable[str]) -> tuple[Dataset, Dataset]:
    """Return training and validation videos; the named subjects are for validation.

    Raises
    ------
    AnnotationError
        A subject is not in the dataset, or nobody is left to train on.
    """
    held, subjects = set(validation_subjects), set(dataset.subjects)
    if unknown := sorted(held - subjects):
        raise AnnotationError(
            f"validation subject {unknown[0]} is not in the dataset; it has {', '.join(dataset.subjects)}."
        )
    if held == subjects:
        raise AnnotationError("every subject is held out for validation; leave some for training.")
    train, validation = dataset.of(subjects - held), dataset.of(held)
    refuse_shared_subjects(train, validation)
    return train, validation


def refuse_shared_subjects(train: Dataset, test: Dataset) -> None:
    """Refuse a subject on both sides of a split.

    Raises
    ------
    AnnotationError
        Naming the first such subject.
    """
    if shared := sorted(set(train.subjects) & set(test.subjects)):
        raise AnnotationError(f"subject {shared[0]} is on both sides of a split; keep every subject on one side.")
