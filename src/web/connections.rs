//! The open connections, and which of them is closed when there are too many: the one that has been without a complete
//! request for longest. Connections whose response is under way are closed last.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Open connections over all listeners. A Prometheus pair, a few browsers and kubelets need a dozen. The limit saves file
/// descriptors: 1,024 is a usual limit of a process.
pub const MAX_CONNECTIONS: usize = 512;
/// The shortest time between two log lines about closed connections.
const WARN_INTERVAL: Duration = Duration::from_secs(60);

/// The open connections of all listeners; cheap to clone.
#[derive(Clone)]
pub(super) struct Connections(Arc<Shared>);

struct Shared {
    table: Mutex<Table>,
    free: Arc<Semaphore>,
    /// One admission at a time, so that a permit goes to the listener that closed a connection for it.
    admission: tokio::sync::Mutex<()>,
    /// Open connections per client; `None` for no bound.
    per_client: Option<usize>,
}

#[derive(Default)]
struct Table {
    entries: HashMap<u64, Entry>,
    next_id: u64,
    last_warning: Option<Instant>,
}

struct Entry {
    client: IpAddr,
    /// When the last complete request arrived; at first, when the connection was accepted.
    last_request: Instant,
    /// Complete requests whose response is not written yet; several with HTTP/2.
    in_flight: u32,
    close: CancellationToken,
}

impl Connections {
    pub(super) fn new(per_client: Option<usize>) -> Self {
        Self(Arc::new(Shared {
            table: Mutex::default(),
            free: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            admission: tokio::sync::Mutex::default(),
            per_client,
        }))
    }

    /// Admits a new connection. If a bound is reached, closes another one first, and waits until it has ended.
    pub(super) async fn admit(&self, peer: IpAddr) -> Slot {
        let client = client_of(peer);
        let shared = &self.0;
        let _admission = shared.admission.lock().await;
        let at_bound = shared.per_client.is_some_and(|bound| shared.table().count(client) >= bound);
        let closed = at_bound && shared.table().close_one(|entry| entry.client == client);
        let permit = match Arc::clone(&shared.free).try_acquire_owned() {
            Ok(permit) => Some(permit),
            Err(_) => {
                if !closed {
                    shared.table().close_one(|_| true);
                }
                // The semaphore is never closed.
                Arc::clone(&shared.free).acquire_owned().await.ok()
            }
        };
        let close = CancellationToken::new();
        let id = shared.table().insert(client, close.clone());
        let activity = Activity { shared: Arc::clone(shared), id, requested: CancellationToken::new() };
        Slot { activity, close, _permit: permit }
    }
}

impl Shared {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn count(&self, client: IpAddr) -> usize {
        self.entries.values().filter(|entry| entry.client == client).count()
    }

    fn insert(&mut self, client: IpAddr, close: CancellationToken) -> u64 {
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1);
        self.entries.insert(id, Entry { client, last_request: Instant::now(), in_flight: 0, close });
        id
    }

    /// Closes the first connection in the order of closing; false if there is none.
    fn close_one(&mut self, among: impl Fn(&Entry) -> bool) -> bool {
        let candidates = self.entries.iter().filter(|(_, entry)| among(entry));
        let first = candidates.min_by_key(|(id, entry)| (entry.in_flight > 0, entry.last_request, **id));
        let first = first.map(|(id, _)| *id);
        let Some((id, entry)) = first.and_then(|id| self.entries.remove_entry(&id)) else { return false };
        entry.close.cancel();
        tracing::debug!(client = %entry.client, connection = id, "connection closed to make room for a new one");
        let now = Instant::now();
        if self.last_warning.is_none_or(|last| now.saturating_duration_since(last) >= WARN_INTERVAL) {
            self.last_warning = Some(now);
            tracing::warn!(
                client = %entry.client,
                "too many connections; closing those that have been without a request for longest"
            );
        }
        true
    }
}

/// The address that connections are counted by. A network of IPv6 usually gives each client 64 bits of addresses.
fn client_of(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

/// The place of an open connection; free again when it is dropped.
pub(super) struct Slot {
    activity: Activity,
    close: CancellationToken,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Slot {
    pub(super) fn activity(&self) -> Activity {
        self.activity.clone()
    }

    /// Completes when the connection must make room for another.
    pub(super) async fn closed(&self) {
        self.close.cancelled().await;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.activity.shared.table().entries.remove(&self.activity.id);
    }
}

/// Records what happens on a connection.
#[derive(Clone)]
pub(super) struct Activity {
    shared: Arc<Shared>,
    id: u64,
    requested: CancellationToken,
}

impl Activity {
    /// The headers of a request have arrived.
    pub(super) fn headers_received(&self) {
        self.requested.cancel();
    }

    /// Completes once the headers of the first request have arrived.
    pub(super) async fn first_request(&self) {
        self.requested.cancelled().await;
    }

    /// A complete request has arrived. It is in flight until the guard is dropped.
    pub(super) fn request_received(&self) -> InFlight {
        if let Some(entry) = self.shared.table().entries.get_mut(&self.id) {
            entry.last_request = Instant::now();
            entry.in_flight = entry.in_flight.saturating_add(1);
        }
        InFlight(self.clone())
    }
}

/// A request whose response is not written yet.
pub(super) struct InFlight(Activity);

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(entry) = self.0.shared.table().entries.get_mut(&self.0.id) {
            entry.in_flight = entry.in_flight.saturating_sub(1);
        }
    }
}

/// A response body whose request is in flight until the body has been handed over.
pub(super) struct TrackedBody {
    pub(super) body: Body,
    pub(super) _in_flight: InFlight,
}

impl http_body::Body for TrackedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn is_closed(slot: &Slot) -> bool {
        slot.close.is_cancelled()
    }

    #[tokio::test(start_paused = true)]
    async fn the_connection_without_a_request_for_longest_goes_first_and_those_in_flight_last() {
        let connections = Connections::new(Some(3));
        let mut slots = Vec::new();
        for _ in 0..3 {
            slots.push(connections.admit(A).await);
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        let in_flight = slots[0].activity().request_received();
        drop(slots[1].activity().request_received());
        let other = connections.admit(B).await;
        assert!(!slots.iter().any(is_closed), "the bound is per client");
        tokio::time::advance(Duration::from_secs(1)).await;
        slots.push(connections.admit(A).await);
        assert_eq!(Vec::from_iter(slots.iter().map(is_closed)), [false, false, true, false]);
        tokio::time::advance(Duration::from_secs(1)).await;
        slots.push(connections.admit(A).await);
        assert_eq!(Vec::from_iter(slots.iter().map(is_closed)), [false, true, true, false, false]);
        drop(in_flight);
        slots.push(connections.admit(A).await);
        assert_eq!(Vec::from_iter(slots.iter().map(is_closed)), [true, true, true, false, false, false]);
        assert!(!is_closed(&other));
    }

    #[tokio::test(start_paused = true)]
    async fn a_closed_connection_makes_room_when_it_has_ended() {
        let connections = Connections::new(None);
        let mut slots = Vec::new();
        for _ in 0..MAX_CONNECTIONS {
            slots.push(connections.admit(A).await);
        }
        let admitted = tokio::time::timeout(Duration::from_secs(1), connections.admit(B)).await;
        assert!(admitted.is_err() && is_closed(&slots[0]));
        drop(slots.remove(0));
        connections.admit(B).await;
        assert!(!slots.iter().any(is_closed));
        drop(slots);
        assert_eq!(connections.0.table().entries.len(), 0);
    }

    #[test]
    fn clients_are_counted_by_ipv4_address_or_ipv6_network() {
        let client = |text: &str| client_of(text.parse().unwrap()).to_string();
        assert_eq!(client("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(client("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(client("::1"), "::1");
    }
}
