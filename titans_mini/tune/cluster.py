"""Work in other processes: on the workers of a Dask scheduler, and where workers die."""

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor

from ..errors import ConfigError


@contextlib.contextmanager
def on_dask(address: str | None) -> Iterator[None]:
    """Inside it joblib gives its work to all workers of the scheduler at this address; None changes nothing.

    Raises ConfigError if Dask is not installed, or no scheduler answers within Dask's own time for that.
    """
    if address is None:
        yield
        return
    try:
        import distributed
        import joblib
    except ImportError:
        raise ConfigError("dask is not installed; run: pip install 'titans-mini[cluster]'") from None
    try:
        client = distributed.Client(address)
    except (OSError, ValueError) as error:
        text = "dask must be the address of a scheduler that answers, not {address}: {reason}"
        raise ConfigError(text, address=repr(address), reason=str(error).splitlines()[0]) from None
    with client, joblib.parallel_config("dask", client=client):
        yield


def finished(client, call: Callable, items: Iterable) -> Iterator:
    """The results of `call` for each item, as workers of this Dask client finish them.

    Dask itself, since joblib waits forever for work that Dask has given up.
    """
    from distributed import as_completed

    waiting = as_completed([client.submit(call, item, pure=False) for item in items], with_results=True)
    return (result for _, result in waiting)


@contextlib.contextmanager
def workers_live() -> Iterator[None]:
    """Inside it a killed worker ends in one line: any of this machine's processes, or several of Dask's.

    Dask runs the work of a worker that dies on another one, until the same work has cost it four.
    """
    try:
        yield
    except (BrokenExecutor, getattr(sys.modules.get("distributed"), "KilledWorker", BrokenExecutor)):
        text = "workers were killed, as happens when memory runs out; take fewer, and the same --out to continue"
        raise ConfigError(text) from None
