//! One GET to the upstream: URL, call, streamed body → `Report`, or an error with a closed `Outcome`.
