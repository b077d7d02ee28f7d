//! Signs and caches the upstream's token; re-reads secret files when they change.
