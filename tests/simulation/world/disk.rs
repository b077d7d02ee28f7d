//! A disk in memory: it can be slow, fail, fill up, and lose what was not synced; a kill can come between two writes.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use koreai_exporter::database::Disk;
use redb::{Builder, Database, DatabaseError, StorageBackend};
use tokio::sync::Notify;

use super::dice::Dice;

/// Written pieces survive a power cut whole or not at all in units of this size.
const SECTOR: usize = 512;

/// After trouble a batch is tried again within 2 s; then everything is written.
const WELL_AGAIN: Duration = Duration::from_secs(10);

const FILE: &str = "file";
const UNFINISHED: &str = "unfinished";

/// The disk; it outlives the program.
#[derive(Clone)]
pub(crate) struct SimulatedDisk(Arc<Mutex<State>>, Arc<Notify>);

struct State {
    files: BTreeMap<&'static str, File>,
    dice: Dice,
    /// Counts the lives of the program: files that an earlier one has open do nothing any more.
    life: u64,
    full_beyond: Option<usize>,
    failing: bool,
    slow: Duration,
    /// The kill comes before the operation after so many.
    dies_after: Option<u64>,
    dead: bool,
    operations: u64,
    /// Operations that were refused.
    errors: u64,
    batch: Batch,
    /// Since when it has been well.
    well_since: Duration,
}

/// What the disk knows of batches.
#[derive(Clone, Copy, Default)]
struct Batch {
    /// When the last one came, how long it waits to be written, and the errors until then.
    last: Option<(Duration, Duration, u64)>,
    /// When the last one came of which everything was written.
    good: Option<Duration>,
}

#[derive(Default)]
struct File {
    durable: Vec<u8>,
    current: Vec<u8>,
    unsynced: Vec<Change>,
}

enum Change {
    Length(usize),
    Bytes(usize, Vec<u8>),
}

impl Change {
    fn apply(&self, image: &mut Vec<u8>) {
        match self {
            Self::Length(length) => image.resize(*length, 0),
            Self::Bytes(at, bytes) => {
                if image.len() < at + bytes.len() {
                    image.resize(at + bytes.len(), 0);
                }
                image[*at..at + bytes.len()].copy_from_slice(bytes);
            }
        }
    }
}

impl SimulatedDisk {
    pub(crate) fn new(dice: Dice) -> Self {
        Self(
            Arc::new(Mutex::new(State {
                files: BTreeMap::new(),
                dice,
                life: 0,
                full_beyond: None,
                failing: false,
                slow: Duration::ZERO,
                dies_after: None,
                dead: false,
                operations: 0,
                errors: 0,
                batch: Batch::default(),
                well_since: Duration::ZERO,
            })),
            Arc::new(Notify::new()),
        )
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A batch has come `now`; how long it takes until it is written.
    pub(crate) fn batch(&self, now: Duration) -> Duration {
        let mut state = self.state();
        state.settle(now);
        let slow = state.slow;
        let pause = slow + Duration::from_millis(state.dice.within(0..30));
        let errors = state.errors;
        state.batch.last = Some((now, pause, errors));
        pause
    }

    /// When the last batch came that is written for good.
    pub(crate) fn last_good_batch(&self, now: Duration) -> Option<Duration> {
        let mut state = self.state();
        state.settle(now);
        state.batch.good
    }

    /// Whether it has been well long enough for everything before to be written.
    /// A failed batch is tried again with a page, at the latest after `page_age`.
    pub(crate) fn was_well(&self, now: Duration, page_age: Duration) -> bool {
        self.is_healthy() && self.state().well_since + WELL_AGAIN + page_age < now
    }

    /// The machine sleeps until `now`: time that no program had.
    pub(crate) fn slept(&self, now: Duration) {
        let mut state = self.state();
        state.batch.last = None;
        state.well_since = now;
    }

    /// Nothing kills the program any more.
    pub(crate) fn spare(&self) {
        self.state().dies_after = None;
    }

    /// Whether it neither fails nor dawdles.
    pub(crate) fn is_healthy(&self) -> bool {
        let state = self.state();
        !state.failing && state.full_beyond.is_none() && state.slow < Duration::from_millis(400)
    }

    /// Waits until the program has died in a commit.
    pub(crate) async fn died(&self) {
        while !self.is_dead() {
            self.1.notified().await;
        }
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.state().dead
    }

    pub(crate) fn set_full(&self, full: bool, now: Duration) {
        let mut state = self.state();
        state.well_since = now;
        let used = state.files.get(FILE).map_or(0, |file| file.current.len());
        state.full_beyond = full.then_some(used);
    }

    pub(crate) fn set_failing(&self, failing: bool, now: Duration) {
        let mut state = self.state();
        state.well_since = now;
        state.failing = failing;
    }

    pub(crate) fn set_slow(&self, slow: Duration, now: Duration) {
        let mut state = self.state();
        state.well_since = now;
        state.slow = slow;
    }

    /// The kill comes in the middle of what is written next.
    pub(crate) fn die_after(&self, operations: u64) {
        self.state().dies_after = Some(operations);
    }

    /// The program has died: files hold what they held then, or with `power` what was synced and a part of the rest.
    pub(crate) fn crash(&self, power: bool) {
        let mut state = self.state();
        let State { files, dice, .. } = &mut *state;
        for file in files.values_mut() {
            if power {
                let mut image = std::mem::take(&mut file.durable);
                for change in std::mem::take(&mut file.unsynced) {
                    match change {
                        Change::Length(_) if dice.percent(50) => change.apply(&mut image),
                        Change::Length(_) => {}
                        Change::Bytes(at, bytes) => {
                            for (number, sector) in bytes.chunks(SECTOR).enumerate() {
                                if dice.percent(50) {
                                    Change::Bytes(at + number * SECTOR, sector.to_vec()).apply(&mut image);
                                }
                            }
                        }
                    }
                }
                file.current = image;
            }
            file.unsynced.clear();
            file.durable = file.current.clone();
        }
        state.life += 1;
        state.dead = false;
        state.dies_after = None;
        state.batch = Batch::default();
    }

    /// The program has ended in good order, and the next one opens the files.
    pub(crate) fn reopen(&self) {
        let mut state = self.state();
        state.life += 1;
        state.batch = Batch::default();
    }

    fn backend(&self, name: &'static str) -> Open {
        Open { disk: self.clone(), name, life: self.state().life }
    }
}

impl State {
    /// Whether the batch that came last has been written meanwhile.
    fn settle(&mut self, now: Duration) {
        if let Some((came, pause, errors)) = self.batch.last
            && came + pause < now
            && errors == self.errors
            && !self.dead
        {
            self.batch.good = Some(came);
        }
    }
}

/// A file that one life of the program has open.
struct Open {
    disk: SimulatedDisk,
    name: &'static str,
    life: u64,
}

impl Open {
    /// The state, if this operation is to be carried out.
    fn operation(&self, writes: bool) -> Result<MutexGuard<'_, State>, Error> {
        let mut state = self.disk.state();
        if state.life != self.life || state.dead {
            return Err(Error::other("the program is dead"));
        }
        if writes {
            state.operations += 1;
            match state.dies_after {
                Some(0) => {
                    state.dead = true;
                    self.disk.1.notify_one();
                    return Err(Error::other("the program dies here"));
                }
                Some(left) => state.dies_after = Some(left - 1),
                None => {}
            }
            if state.failing && state.dice.percent(30) {
                state.errors += 1;
                return Err(Error::other("the disk fails"));
            }
        }
        Ok(state)
    }
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl std::fmt::Debug for SimulatedDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("simulated disk")
    }
}

fn file<'a>(state: &'a mut State, name: &'static str) -> &'a mut File {
    state.files.entry(name).or_default()
}

impl StorageBackend for Open {
    fn len(&self) -> Result<u64, Error> {
        let mut state = self.operation(false)?;
        Ok(file(&mut state, self.name).current.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let mut state = self.operation(false)?;
        let at = usize::try_from(offset).map_err(Error::other)?;
        let current = &file(&mut state, self.name).current;
        let from = current.get(at..at + out.len()).ok_or(Error::from(ErrorKind::UnexpectedEof))?;
        out.copy_from_slice(from);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), Error> {
        let mut state = self.operation(true)?;
        let length = usize::try_from(len).map_err(Error::other)?;
        if state.full_beyond.is_some_and(|most| length > most) {
            state.errors += 1;
            return Err(Error::from(ErrorKind::StorageFull));
        }
        let file = file(&mut state, self.name);
        Change::Length(length).apply(&mut file.current);
        file.unsynced.push(Change::Length(length));
        Ok(())
    }

    fn sync_data(&self) -> Result<(), Error> {
        let mut state = self.operation(true)?;
        let File { durable, unsynced, .. } = file(&mut state, self.name);
        unsynced.drain(..).for_each(|change| change.apply(durable));
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        let mut state = self.operation(true)?;
        let at = usize::try_from(offset).map_err(Error::other)?;
        // A full disk refuses blocks that no earlier write has taken.
        if state.full_beyond.is_some() && state.dice.percent(20) {
            state.errors += 1;
            return Err(Error::from(ErrorKind::StorageFull));
        }
        let file = file(&mut state, self.name);
        let change = Change::Bytes(at, data.to_vec());
        change.apply(&mut file.current);
        file.unsynced.push(change);
        Ok(())
    }
}

impl Disk for SimulatedDisk {
    fn folder(&self) -> &Path {
        Path::new("/simulated")
    }

    fn prepare(&self) -> std::io::Result<bool> {
        Ok(self.state().files.contains_key(FILE))
    }

    fn create(&self, builder: &Builder) -> Result<Database, redb::Error> {
        self.state().files.remove(UNFINISHED);
        Ok(builder.create_with_backend(self.backend(UNFINISHED))?)
    }

    fn complete(&self) -> std::io::Result<()> {
        let mut state = self.state();
        if let Some(file) = state.files.remove(UNFINISHED) {
            state.files.insert(FILE, file);
        }
        Ok(())
    }

    fn open(&self, builder: &Builder) -> Result<Database, DatabaseError> {
        if self.size_bytes() == 0 {
            return Err(Error::from(ErrorKind::InvalidData).into());
        }
        builder.create_with_backend(self.backend(FILE))
    }

    fn size_bytes(&self) -> u64 {
        self.state().files.get(FILE).map_or(0, |file| file.current.len() as u64)
    }

    fn new_digest_key(&self) -> [u8; 16] {
        *b"the same for all"
    }
}
