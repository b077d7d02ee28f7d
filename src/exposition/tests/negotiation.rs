use super::*;

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const OPENMETRICS_ESCAPING: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores";

#[test]
fn the_heaviest_format_that_is_served_wins() {
    let cases = [
        // Prometheus 2.42.
        (
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
             text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            OPENMETRICS,
        ),
        // Prometheus 3.
        (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
             application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
             text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            OPENMETRICS_ESCAPING,
        ),
        // Prometheus 3 with native histograms: protobuf first, which is not served.
        (
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,\
             application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
             application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
             text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
            OPENMETRICS_ESCAPING,
        ),
        // Prometheus 3 with `scrape_protocols: [PrometheusText0.0.4, OpenMetricsText1.0.0]`.
        ("text/plain;version=0.0.4;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.4", TEXT),
        // Prometheus 2.5 knew OpenMetrics 0.0.1 only.
        ("application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", TEXT),
        // Browsers and curl.
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", TEXT),
        ("*/*", TEXT),
        // Order does not matter, weight does; without weights, order does.
        ("text/plain;q=0.3, application/openmetrics-text;q=0.4", OPENMETRICS),
        ("application/openmetrics-text;version=1.0.0;q=0.2, text/plain;q=0.9", TEXT),
        ("application/openmetrics-text, text/plain", OPENMETRICS),
        ("text/plain, application/openmetrics-text", TEXT),
        // The most specific range decides.
        ("*/*, application/openmetrics-text;q=0", TEXT),
        ("text/*;q=0.1, */*;q=0.5", OPENMETRICS),
        ("text/plain;q=0, */*", OPENMETRICS),
        ("application/*", OPENMETRICS),
        (
            "application/openmetrics-text;q=0.2, application/openmetrics-text;version=1.0.0;q=0.9, text/plain;q=0.5",
            OPENMETRICS,
        ),
        // Case, spaces, quotes.
        ("Application/OpenMetrics-Text ; Version=\"1.0.0\" ; Q=1.000", OPENMETRICS),
        // Nothing that is served, or nothing that can be read: the last resort.
        ("application/json", TEXT),
        ("application/openmetrics-text;version=2.0.0", TEXT),
        ("text/plain;version=1.0.0", TEXT),
        ("application/openmetrics-text;q=2, application/openmetrics-text;q=0.x, ;;;, /, =", TEXT),
        ("text/plain;q=0, application/openmetrics-text;q=0", TEXT),
        ("", TEXT),
    ];
    for (accept, content_type) in cases {
        let negotiated = negotiate(Some(accept), None);
        assert_eq!(negotiated.content_type, content_type, "{accept}");
        assert_eq!(negotiated.format == Format::Text, content_type == TEXT, "{accept}");
    }
    assert_eq!(negotiate(None, None).content_type, TEXT);
}

#[test]
fn gzip_is_for_those_who_ask_for_it() {
    for (accept_encoding, encoding) in [
        ("gzip", Encoding::Gzip),
        ("gzip, deflate, br", Encoding::Gzip),
        ("deflate, X-GZIP", Encoding::Gzip),
        ("gzip;q=0.5", Encoding::Gzip),
        ("gzip;q=0.5, identity;q=0.2", Encoding::Gzip),
        ("*", Encoding::Gzip),
        ("identity;q=0, *;q=0.1", Encoding::Gzip),
        ("gzip;q=0", Encoding::Identity),
        ("*, gzip; q=0.000", Encoding::Identity),
        ("gzip;q=0.2, identity;q=0.5", Encoding::Identity),
        ("identity", Encoding::Identity),
        ("br", Encoding::Identity),
        ("gzip;q=nonsense", Encoding::Identity),
        ("", Encoding::Identity),
    ] {
        assert_eq!(negotiate(None, Some(accept_encoding)).encoding, encoding, "{accept_encoding}");
    }
    assert_eq!(negotiate(None, None).encoding, Encoding::Identity);
}
