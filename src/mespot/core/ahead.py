"""Work that runs ahead: an iterator whose next items are made on another thread while this one uses the last."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable
from queue import Empty, Full, Queue
from typing import TypeVar

Item = TypeVar("Item")

_PATIENCE_S = 0.05
"""How often a waiting producer looks whether it is still wanted."""


class _End:
    """The last thing a producer says: that it is done, or what went wrong."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def ahead(items: Iterable[Item], *, depth: int = 1, name: str = "ahead") -> Generator[Item]:
    """Yield ``items`` in their order, making up to ``depth`` of them in advance on a thread of its own.

    Parameters
    ----------
    items : iterable
        Made on the thread from the first request on; an error in it is raised here, after the items before it.
    depth : int
        Items that wait at most, at least 1: with the one being made and the one in use, ``depth + 2`` are in memory.
    name : str
        Name of the thread, for profiles.

    Notes
    -----
    When the consumer stops early (closes this generator, or fails), the producer ends after the item that it is at,
    its iterator is closed on its thread, and nothing is left running.
    """
    if depth < 1:
        raise ValueError(f"at least 1 item is made in advance, got {depth}")
    queue: Queue[Item | _End] = Queue(depth)
    unwanted = threading.Event()
    thread = threading.Thread(target=_produce, args=(items, queue, unwanted), name=name, daemon=True)
    thread.start()
    try:
        while True:
            item = queue.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        unwanted.set()
        while thread.is_alive():
            try:
                queue.get_nowait()  # make room for one who waits to put
            except Empty:
                thread.join(_PATIENCE_S)


def _produce(items: Iterable[Item], queue: Queue[Item | _End], unwanted: threading.Event) -> None:
    end = _End(None)
    try:
        iterator = iter(items)
        try:
            for item in iterator:
                if not _put(queue, item, unwanted):
                    break
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()
    except BaseException as error:  # it belongs to the consumer, whatever it is
        end = _End(error)
    _put(queue, end, unwanted)


def _put(queue: Queue[Item | _End], item: Item | _End, unwanted: threading.Event) -> bool:
    """Put an item unless it is unwanted; say whether it was put."""
    while not unwanted.is_set():
        try:
            queue.put(item, timeout=_PATIENCE_S)
        except Full:
            continue
        return True
    return False
