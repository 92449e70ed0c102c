"""A monitor's numbers in Prometheus' text format."""

from collections.abc import Iterator
from types import SimpleNamespace

from ..errors import ConfigError
from .monitor import ALARMS, Monitor

GAUGES = {  # field of Metrics -> name, help
    "writes": ("titans_writes_per_1k", "Tokens of the last 1,000 at which the memory wrote"),
    "rise": ("titans_writes_kept_up_per_1k", "Highest write rate per 1,000 tokens that was kept up"),
    "norm": ("titans_memory_norm", "Largest norm of a memory's fast weights"),
    "loss": ("titans_inner_loss", "Mean inner loss over the window"),
    "drift": ("titans_memory_drift", "Largest relative distance from the start weights"),
    "life": ("titans_memory_life", "Strength of the weakest memory: 1 as in the warm-up, 0 dead"),
    "token": ("titans_tokens_read", "Tokens of the stream read so far"),
}


def to_prometheus(monitor: Monitor) -> str:
    """The monitor's numbers in Prometheus' text format. Raises ConfigError if prometheus_client is missing."""
    try:
        from prometheus_client import generate_latest
    except ImportError:
        raise ConfigError("prometheus_client is not installed; run: pip install 'titans-mini[operate]'") from None
    return generate_latest(SimpleNamespace(collect=lambda: _families(monitor))).decode()


def _families(monitor: Monitor) -> Iterator:
    """What the client asks for at a scrape: the monitor's own numbers, which outlive the scrape.

    A counter is given as a number without a time of creation. The client's Counter objects would be made for each
    scrape and report its time as their creation, which a server reads as a counter that has started again.
    """
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    for field, (name, text) in GAUGES.items():
        value = getattr(monitor.metrics, field, None)
        yield GaugeMetricFamily(name, text, value=float("nan") if value is None else value)
    active = GaugeMetricFamily("titans_alarm_active", "1 while the alarm is on", labels=["kind"])
    fired = CounterMetricFamily("titans_alarms", "Alarms so far", labels=["kind"])
    for kind in ALARMS:
        active.add_metric([kind], float(kind in monitor.active))
        fired.add_metric([kind], monitor.fired[kind])
    yield from (active, fired)
