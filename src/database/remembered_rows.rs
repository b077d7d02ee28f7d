//! The rows of remembered jobs. They are read one by one, when a source names their job again; only the marks are read at
//! start.

use redb::{ReadableTable, ReadableTableMetadata, Table, TableDefinition, TableError, WriteTransaction};

use super::error::RowError;
use super::format::{FORMAT, reader};
use crate::model::{BotName, JobKey, JobState};
use crate::store::{Digest, DigestKey, Mark, PersistedJob};

type Key<'a> = (&'a str, &'a [u8; 12]);

/// Bot and digest → format of the row, request ID and row. An upgrade leaves these rows in the format that they have.
const ROWS: TableDefinition<'_, Key<'_>, (u32, &str, &[u8])> = TableDefinition::new("remembered");
/// Bot and digest → mark.
const MARKS: TableDefinition<'_, Key<'_>, u32> = TableDefinition::new("remembered_marks");

/// The size of a typical row, for the estimate of how large the file has to be.
const ROW_BYTES: u64 = 256;

/// The tables in a transaction that writes.
pub(super) struct RememberedRows<'t> {
    key: DigestKey,
    rows: Table<'t, Key<'static>, (u32, &'static str, &'static [u8])>,
    marks: Table<'t, Key<'static>, u32>,
}

impl<'t> RememberedRows<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction, key: DigestKey) -> Result<Self, redb::Error> {
        Ok(Self { key, rows: transaction.open_table(ROWS)?, marks: transaction.open_table(MARKS)? })
    }

    pub(super) fn insert(&mut self, job: &JobKey, mark: Mark, row: &[u8]) -> Result<(), redb::Error> {
        let digest = Digest::of(self.key, job);
        let key = (job.bot.as_str(), &digest.0);
        self.rows.insert(key, (FORMAT, job.id.as_str(), row))?;
        self.marks.insert(key, mark.0)?;
        Ok(())
    }

    pub(super) fn remove(&mut self, job: &JobKey) -> Result<(), redb::Error> {
        // At the first start with many jobs there are none.
        if self.marks.is_empty()? {
            return Ok(());
        }
        self.forget(&job.bot, Digest::of(self.key, job))
    }

    pub(super) fn forget(&mut self, bot: &BotName, digest: Digest) -> Result<(), redb::Error> {
        let key = (bot.as_str(), &digest.0);
        self.rows.remove(key)?;
        self.marks.remove(key)?;
        Ok(())
    }

    pub(super) fn remove_bot(&mut self, bot: &BotName) -> Result<(), redb::Error> {
        let all = (bot.as_str(), &[0; 12])..=(bot.as_str(), &[u8::MAX; 12]);
        self.rows.retain_in(all.clone(), |_, _| false)?;
        self.marks.retain_in(all, |_, _| false)?;
        Ok(())
    }

    /// Marks the gone jobs of a bot as revived.
    pub(super) fn revive(&mut self, bot: &BotName) -> Result<(), redb::Error> {
        let mut gone = Vec::new();
        for entry in self.marks.range((bot.as_str(), &[0; 12])..=(bot.as_str(), &[u8::MAX; 12]))? {
            let (key, mark) = entry?;
            let mark = Mark(mark.value());
            if mark.state() == JobState::Gone {
                gone.push((*key.value().1, mark));
            }
        }
        for (digest, mark) in gone {
            self.marks.insert((bot.as_str(), &digest), mark.revived().0)?;
        }
        Ok(())
    }
}

/// The marks of a bot.
type BotMarks = (String, Vec<(Digest, Mark)>);

/// The marks by bot, and the size of the rows. A file of an older version has none.
pub(super) fn read_marks(transaction: &redb::ReadTransaction) -> Result<(Vec<BotMarks>, u64), redb::Error> {
    let marks = match transaction.open_table(MARKS) {
        Err(TableError::TableDoesNotExist(_)) => return Ok((Vec::new(), 0)),
        table => table?,
    };
    let mut bots: Vec<BotMarks> = Vec::new();
    for entry in marks.iter()? {
        let (key, mark) = entry?;
        let (bot, digest) = key.value();
        let mark = (Digest(*digest), Mark(mark.value()));
        match bots.last_mut().filter(|(last, _)| last == bot) {
            Some((_, marks)) => marks.push(mark),
            None => bots.push((bot.to_owned(), vec![mark])),
        }
    }
    Ok((bots, marks.len()?.saturating_mul(ROW_BYTES)))
}

/// The rows of remembered jobs; `None` for a job that has none. A row that cannot be decoded is an error of its own.
pub(super) fn read_rows(
    transaction: &redb::ReadTransaction,
    key: DigestKey,
    jobs: &[JobKey],
) -> Result<Vec<Option<Result<PersistedJob, RowError>>>, redb::Error> {
    let rows = transaction.open_table(ROWS)?;
    let row = |job: &JobKey| {
        let digest = Digest::of(key, job);
        let Some(stored) = rows.get((job.bot.as_str(), &digest.0))? else { return Ok(None) };
        let (format, id, bytes) = stored.value();
        if id != job.id.as_str() {
            return Ok(None);
        }
        let reader = reader(format).ok_or(RowError::Value("format"));
        Ok(Some(reader.and_then(|reader| (reader.job)(job.clone(), bytes))))
    };
    jobs.iter().map(row).collect()
}
