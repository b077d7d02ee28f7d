"""A straightforward script: 10,000 jobs of 20 series with prometheus_client, rendered and compressed.

    python3 -m venv /tmp/peer && /tmp/peer/bin/pip install prometheus_client && /tmp/peer/bin/python benches/peers/python_prometheus_client.py

Prints milliseconds, the median of five. Compare with a run of `cargo bench --bench exposition` at about the same time.
"""

import gzip
import statistics
import time

from prometheus_client import CollectorRegistry, Gauge, generate_latest

JOBS, STATUSES = 10_000, ["IN_PROGRESS", "SUCCESS", "PARTIAL_SUCCESS", "FAILURE", "UNKNOWN"]
CHANNELS = ["msteams", "slack"]


def registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    key = ["bot", "request_id", "campaign"]
    status = Gauge("koreai_job_status", "Status.", key + ["status"], registry=registry)
    notifications = Gauge("koreai_job_notifications", "Entries.", key + ["channel", "status"], registry=registry)
    failures = Gauge("koreai_job_failures", "Failures.", key + ["channel", "reason"], registry=registry)
    plain = [Gauge(f"koreai_job_value_{n}", "A value.", key, registry=registry) for n in range(9)]
    for job in range(JOBS):
        labels = ("support", f"ds-{job:08x}-0000-4000-8000-000000000000", "spring")
        for index, name in enumerate(STATUSES):
            status.labels(*labels, name).set(index == 1)
        for channel in CHANNELS:
            for name in ("SUCCESS", "FAILURE"):
                notifications.labels(*labels, channel, name).set(job % 1000)
            failures.labels(*labels, channel, "other").set(job % 7)
        for gauge in plain:
            gauge.labels(*labels).set(1_700_000_000.123 + job)
    return registry


def median_ms(work) -> float:
    def once() -> float:
        began = time.perf_counter()
        work()
        return (time.perf_counter() - began) * 1000

    return statistics.median(once() for _ in range(5))


if __name__ == "__main__":
    registry = registry()
    text = generate_latest(registry)
    series = sum(not line.startswith(b"#") for line in text.splitlines())
    print(f"series {series}, text {len(text) / 1e6:.1f} MB")
    print(f"generate_latest {median_ms(lambda: generate_latest(registry)):.0f} ms")
    print(f"then gzip level 9 (its default) {median_ms(lambda: gzip.compress(text)):.0f} ms")
