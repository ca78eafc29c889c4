"""Metrics of a server that is several processes."""

from prometheus_client.parser import text_string_to_metric_families

from support.processes import until


def test_workers_add_up_what_they_count(start):
    server = start("--workers", "2", LLMRING_METRICS="true")
    for _ in range(20):
        assert server.logs()

    def counted():
        text = server.http.get("/metrics").raise_for_status().text
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == "llmring_http_request_duration_seconds_count"
            and sample.labels["route"] == "/api/v1/log"
        )

    until(lambda: counted() == 20)
