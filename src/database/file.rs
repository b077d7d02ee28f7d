//! The file: tables and transactions. The only code that uses `redb`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{ReadableDatabase, ReadableTable, TableDefinition, TableError};

use super::batch::{Batch, BotCalls, Contents, StoredJob};
use super::campaign_row;
use super::disk::{Disk, FILE_NAME};
use super::error::{Damage, DatabaseError, RowError};
use super::format::{FORMAT, reader};
use super::remembered_rows::{self, RememberedRows};
use crate::model::{BotName, CampaignKey, JobKey, LabelValue, RequestId, Timestamp};
use crate::store::{DigestKey, PersistedJob};

const META: TableDefinition<'_, &str, &str> = TableDefinition::new("meta");
/// Bot and request ID → row of a tracked job.
const JOBS: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("jobs");
/// Bot → row.
const BOTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("bots");
/// Bot and campaign → row. Release 0.1.0 did not have this table.
const CAMPAIGNS: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("campaigns");
/// Bot → hash of its address, bot ID and API. Created with the first fingerprint, so that every version can open the file.
const FINGERPRINTS: TableDefinition<'_, &str, u64> = TableDefinition::new("fingerprints");
/// Bot and second, in milliseconds since the Unix epoch → calls that started in it.
const CALLS: TableDefinition<'_, (&str, i64), u32> = TableDefinition::new("calls");

/// Memory for pages. The store has all tracked jobs in memory; this is for the pages that a commit visits.
const CACHE_BYTES: usize = 8 << 20;

/// A smaller file is never compacted.
const COMPACT_FROM_BYTES: u64 = 16 << 20;

/// A file this many times larger than its rows is compacted; trees alone make it up to three times as large.
const COMPACT_FACTOR: u64 = 5;

/// The open file.
pub(super) struct File {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    /// `None` after a failure: redb requires the file to be opened again.
    database: Option<redb::Database>,
    /// Size of keys and rows when it was opened.
    row_bytes: u64,
    digest_key: DigestKey,
}

/// The row of a remembered job, if there is one that can be decoded.
pub type RememberedRow = Option<Result<PersistedJob, RowError>>;

impl File {
    /// Opens the file of a directory, checks every page, reads all rows, and upgrades rows of an older format. Creates
    /// the directory and the file if they are missing.
    pub(super) fn open(disk: Arc<dyn Disk>) -> Result<(Self, Contents), DatabaseError> {
        let directory = disk.folder();
        let path = directory.join(FILE_NAME);
        let exists =
            disk.prepare().map_err(|source| DatabaseError::Directory { directory: directory.to_owned(), source })?;
        if !exists {
            create(&*disk).map_err(|source| DatabaseError::Create { file: path.clone(), source: Box::new(source) })?;
        }
        // A page that was changed from outside is found here, not later as a wrong number.
        let mut builder = builder();
        let database = disk.open(builder.set_check_integrity_on_open(true)).map_err(|error| refused(&path, error))?;
        let Opened { contents, format, has_key, row_bytes } =
            read(&*disk, &database).map_err(|error| error.at(&path))?;
        let digest_key = contents.remembered.key;
        if format < FORMAT || !has_key {
            upgrade(&database, &contents).map_err(|error| error.at(&path))?;
            tracing::info!(from = format, to = FORMAT, "database upgraded");
        }
        Ok((Self { disk, path, database: Some(database), row_bytes, digest_key }, contents))
    }

    /// Writes a batch: all of it, or nothing.
    pub(super) fn write(&mut self, batch: &Batch) -> Result<(), redb::Error> {
        let database = self.take()?;
        write(&database, batch, self.digest_key)?;
        self.database = Some(database);
        Ok(())
    }

    /// Reads the rows of remembered jobs.
    pub(super) fn read(&mut self, jobs: &[JobKey]) -> Result<Vec<RememberedRow>, redb::Error> {
        let database = self.take()?;
        let rows = remembered_rows::read_rows(&database.begin_read()?, self.digest_key, jobs)?;
        self.database = Some(database);
        Ok(rows)
    }

    /// The open database; opens it again after a failure.
    fn take(&mut self) -> Result<redb::Database, redb::Error> {
        Ok(match self.database.take() {
            Some(database) => database,
            None => self.disk.open(&builder())?,
        })
    }

    /// Compacts the file if that is worthwhile; returns whether it became smaller.
    pub(super) fn compact(&mut self) -> Result<bool, redb::Error> {
        if self.size_bytes() < COMPACT_FROM_BYTES.max(self.row_bytes.saturating_mul(COMPACT_FACTOR)) {
            return Ok(false);
        }
        let Some(mut database) = self.database.take() else { return Ok(false) };
        let compacted = database.compact()?;
        self.database = Some(database);
        Ok(compacted)
    }

    /// The size of the file in bytes; 0 if it cannot be determined.
    pub(super) fn size_bytes(&self) -> u64 {
        self.disk.size_bytes()
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Closes it; the next start needs no repair.
    pub(super) fn close(self) -> Result<(), redb::Error> {
        self.database.map_or(Ok(()), |database| Ok(database.close()?))
    }
}

fn builder() -> redb::Builder {
    let mut builder = redb::Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

fn create(disk: &dyn Disk) -> Result<(), redb::Error> {
    let database = disk.create(&builder())?;
    let transaction = database.begin_write()?;
    let digest_key = DigestKey(disk.new_digest_key());
    write_format(&transaction, digest_key)?;
    write_rows(&transaction, &Batch::default(), digest_key)?;
    transaction.commit()?;
    database.close()?;
    disk.complete().map_err(redb::Error::Io)
}

/// Rewrites all rows in the current format, in one transaction.
fn upgrade(database: &redb::Database, contents: &Contents) -> Result<(), OpenError> {
    let bad_row = |table| move |source| OpenError::Damaged(Damage::Row { table, source });
    let mut batch = Batch::new(Timestamp::from_millis(i64::MIN));
    for job in &contents.jobs {
        batch.job(job.job.key.clone(), Some(job)).map_err(bad_row("jobs"))?;
    }
    for (name, counters) in &contents.bots {
        batch.bot(name.clone(), Some(counters)).map_err(bad_row("bots"))?;
    }
    let transaction = database.begin_write()?;
    write_rows(&transaction, &batch, contents.remembered.key)?;
    write_format(&transaction, contents.remembered.key)?;
    Ok(transaction.commit()?)
}

fn write(database: &redb::Database, batch: &Batch, digest_key: DigestKey) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    write_rows(&transaction, batch, digest_key)?;
    Ok(transaction.commit()?)
}

fn write_format(transaction: &redb::WriteTransaction, digest_key: DigestKey) -> Result<(), redb::Error> {
    let mut meta = transaction.open_table(META)?;
    meta.insert("format", FORMAT.to_string().as_str())?;
    meta.insert("written_by", env!("CARGO_PKG_VERSION"))?;
    meta.insert("digest_key", format!("{:032x}", u128::from_be_bytes(digest_key.0)).as_str())?;
    Ok(())
}

fn write_rows(transaction: &redb::WriteTransaction, batch: &Batch, digest_key: DigestKey) -> Result<(), redb::Error> {
    let mut jobs = transaction.open_table(JOBS)?;
    let mut remembered = RememberedRows::open(transaction, digest_key)?;
    batch.removed_bots.iter().try_for_each(|bot| remembered.remove_bot(bot))?;
    batch.forgotten.iter().try_for_each(|(bot, digest)| remembered.forget(bot, *digest))?;
    batch.revived_bots.iter().try_for_each(|bot| remembered.revive(bot))?;
    for (job, row) in &batch.jobs {
        let key = (job.bot.as_str(), job.id.as_str());
        match row {
            Some(StoredJob { mark: Some(mark), row }) => {
                jobs.remove(key)?;
                remembered.insert(job, *mark, row)?;
            }
            Some(StoredJob { mark: None, row }) => {
                jobs.insert(key, row.as_slice())?;
                remembered.remove(job)?;
            }
            None => {
                jobs.remove(key)?;
                remembered.remove(job)?;
            }
        }
    }
    let mut campaigns = transaction.open_table(CAMPAIGNS)?;
    for (key, row) in &batch.campaigns {
        let key = (key.bot.as_str(), key.name.as_str());
        match row {
            Some(bytes) => drop(campaigns.insert(key, bytes.as_slice())?),
            None => drop(campaigns.remove(key)?),
        }
    }
    let mut bots = transaction.open_table(BOTS)?;
    let mut calls = transaction.open_table(CALLS)?;
    for (name, row) in &batch.bots {
        match row {
            Some(bytes) => drop(bots.insert(name.as_str(), bytes.as_slice())?),
            None => {
                bots.remove(name.as_str())?;
                calls.retain_in((name.as_str(), i64::MIN)..=(name.as_str(), i64::MAX), |_, _| false)?;
            }
        }
    }
    if let Some(fingerprints) = &batch.fingerprints {
        let mut table = transaction.open_table(FINGERPRINTS)?;
        table.retain(|_, _| false)?;
        for (name, fingerprint) in fingerprints {
            table.insert(name.as_str(), *fingerprint)?;
        }
    }
    let since = batch.calls_since.as_millis();
    for BotCalls { bot, by_second } in &batch.calls {
        for (second, count) in by_second {
            calls.insert((bot.as_str(), second.as_millis()), *count)?;
        }
        calls.retain_in((bot.as_str(), i64::MIN)..(bot.as_str(), since), |_, _| false)?;
    }
    Ok(())
}

/// Why the rows of an open file cannot be read.
enum OpenError {
    Newer { found: u32, written_by: String },
    Damaged(Damage),
    Failed(redb::Error),
}

impl OpenError {
    fn at(self, path: &Path) -> DatabaseError {
        let file = path.to_owned();
        match self {
            Self::Newer { found, written_by } => DatabaseError::Newer { file, found, known: FORMAT, written_by },
            Self::Damaged(source) => DatabaseError::Damaged { file, source },
            Self::Failed(error) => refused(path, error),
        }
    }
}

impl<E: Into<redb::Error>> From<E> for OpenError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// What is read when the file is opened.
struct Opened {
    contents: Contents,
    format: u32,
    /// Whether the file has the key of the digests.
    has_key: bool,
    /// The size of the rows of jobs; the other rows are few.
    row_bytes: u64,
}

fn read(disk: &dyn Disk, database: &redb::Database) -> Result<Opened, OpenError> {
    let transaction = database.begin_read()?;
    let meta = match transaction.open_table(META) {
        Err(TableError::TableDoesNotExist(_)) => return Err(OpenError::Damaged(Damage::NoFormat)),
        meta => meta?,
    };
    let text = |key| -> Result<Option<String>, OpenError> { Ok(meta.get(key)?.map(|value| value.value().to_owned())) };
    let format = text("format")?.and_then(|format| format.parse::<u32>().ok()).filter(|format| *format > 0);
    let Some(format) = format else { return Err(OpenError::Damaged(Damage::NoFormat)) };
    let Some(reader) = reader(format) else {
        return Err(OpenError::Newer { found: format, written_by: text("written_by")?.unwrap_or_default() });
    };
    let mut contents = Contents::default();
    // Files of older versions have no key; the first write of the format stores it.
    let digest_key = text("digest_key")?.and_then(|key| u128::from_str_radix(&key, 16).ok());
    contents.remembered.key =
        digest_key.map_or_else(|| DigestKey(disk.new_digest_key()), |key| DigestKey(key.to_be_bytes()));
    let bad_row = |table| move |source| OpenError::Damaged(Damage::Row { table, source });
    for row in transaction.open_table(BOTS)?.iter()? {
        let (name, bytes) = row?;
        let counters = bot_name(name.value()).and_then(|name| Ok((name, (reader.bot)(bytes.value())?)));
        contents.bots.push(counters.map_err(bad_row("bots"))?);
    }
    // Rows are sorted by bot: one copy of its name is enough.
    let mut last_bot: Option<BotName> = None;
    let mut row_bytes = 0_u64;
    for row in transaction.open_table(JOBS)?.iter()? {
        let (key, bytes) = row?;
        let (name, id) = key.value();
        let bot = match last_bot.take().filter(|last| last.as_str() == name) {
            Some(last) => last,
            None => bot_name(name).map_err(bad_row("jobs"))?,
        };
        last_bot = Some(bot.clone());
        row_bytes += u64::try_from(name.len() + id.len() + bytes.value().len()).unwrap_or(u64::MAX);
        let id = RequestId::parse(id).map_err(|_| RowError::Value("request ID"));
        let job = id.and_then(|id| (reader.job)(JobKey { bot, id }, bytes.value()));
        contents.jobs.push(job.map_err(bad_row("jobs"))?);
    }
    let (marks, remembered_bytes) = remembered_rows::read_marks(&transaction)?;
    for (bot, marks) in marks {
        contents.remembered.bots.push((bot_name(&bot).map_err(bad_row("remembered_marks"))?, marks));
    }
    row_bytes = row_bytes.saturating_add(remembered_bytes);
    // A file of format 1 gets the table when it is upgraded.
    let campaigns = match transaction.open_table(CAMPAIGNS) {
        Err(TableError::TableDoesNotExist(_)) => None,
        table => Some(table?),
    };
    if let Some(campaigns) = campaigns {
        for row in campaigns.iter()? {
            let (key, bytes) = row?;
            let campaign = campaign_key(key.value()).and_then(|key| campaign_row::from_bytes(key, bytes.value()));
            contents.campaigns.push(campaign.map_err(bad_row("campaigns"))?);
        }
    }
    for row in transaction.open_table(CALLS)?.iter()? {
        let (key, count) = row?;
        let (name, second) = key.value();
        let call = (Timestamp::from_millis(second), count.value());
        match contents.calls.last_mut().filter(|calls| calls.bot.as_str() == name) {
            Some(calls) => calls.by_second.push(call),
            None => {
                let bot = bot_name(name).map_err(bad_row("calls"))?;
                contents.calls.push(BotCalls { bot, by_second: vec![call] });
            }
        }
    }
    let fingerprints = match transaction.open_table(FINGERPRINTS) {
        Err(TableError::TableDoesNotExist(_)) => None,
        table => Some(table?),
    };
    if let Some(fingerprints) = fingerprints {
        for row in fingerprints.iter()? {
            let (name, fingerprint) = row?;
            let name = bot_name(name.value()).map_err(bad_row("fingerprints"))?;
            contents.fingerprints.insert(name, fingerprint.value());
        }
    }
    Ok(Opened { contents, format, has_key: digest_key.is_some(), row_bytes })
}

fn campaign_key((bot, name): (&str, &str)) -> Result<CampaignKey, RowError> {
    let name = LabelValue::parse(name).map_err(|_| RowError::Value("campaign"))?;
    Ok(CampaignKey { bot: bot_name(bot)?, name })
}

fn bot_name(text: &str) -> Result<BotName, RowError> {
    BotName::parse(text).map_err(|_| RowError::Value("bot"))
}

/// Distinguishes a damaged file from one that cannot be read.
fn refused(path: &Path, error: impl Into<redb::Error>) -> DatabaseError {
    let file = path.to_owned();
    match error.into() {
        redb::Error::DatabaseAlreadyOpen => DatabaseError::InUse { file },
        redb::Error::Io(error) if !is_about_contents(&error) => {
            DatabaseError::Open { file, source: Box::new(redb::Error::Io(error)) }
        }
        error => DatabaseError::Damaged { file, source: Damage::Pages(Box::new(error)) },
    }
}

/// The kinds of error that redb returns for a truncated file or one of another program.
fn is_about_contents(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof)
}
