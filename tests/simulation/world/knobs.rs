//! What a world may hold: all of it, unless a sort of trouble is left out to look for others behind it.

/// Sorts of trouble that can be left out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Knobs {
    /// Gateways that answer 404 with a page of their own.
    pub(crate) gateway_404: bool,
    /// Entries in another order each time.
    pub(crate) reorder: bool,
    /// Reports with validators, and answers that nothing has changed.
    pub(crate) etags: bool,
    /// Limits per request ID.
    pub(crate) per_id: bool,
    /// Probes.
    pub(crate) probes: bool,
    /// IDs that become known late.
    pub(crate) late: bool,
    /// Jobs that are registered and deleted again and again.
    pub(crate) churn: bool,
    /// Restarts and kills.
    pub(crate) restarts: bool,
    /// Disks that fail.
    pub(crate) disk: bool,
    /// Sleeping machines and clocks that are set.
    pub(crate) clock: bool,
    /// Faults of the upstream.
    pub(crate) upstream: bool,
    /// Reloads, and secrets that change or vanish.
    pub(crate) reloads: bool,
}

impl Knobs {
    /// All of it.
    pub(crate) const ALL: Self = Self {
        gateway_404: true,
        reorder: true,
        etags: true,
        per_id: true,
        probes: true,
        late: true,
        churn: true,
        restarts: true,
        disk: true,
        clock: true,
        upstream: true,
        reloads: true,
    };
}
