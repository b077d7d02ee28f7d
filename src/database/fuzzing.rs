//! Fuzz target for the rows of a database file.
#![expect(clippy::expect_used, reason = "a fuzz target reports what it finds by a panic")]

use super::format::{FORMAT, reader};
use super::{bot_row, campaign_row, job_row};
use crate::model::{BotName, CampaignKey, JobKey, LabelValue, RequestId};

/// The first byte chooses the row, the rest is its bytes. What is read is written so that it reads the same.
pub fn database_row(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else { return };
    let bot = BotName::parse("support").expect("a constant name");
    let format = reader(if kind % 2 == 0 { FORMAT } else { 1 }).expect("a known format");
    match kind % 6 {
        0 | 1 => {
            let key = JobKey { bot, id: RequestId::parse("ds-1").expect("a constant ID") };
            let Ok(job) = (format.job)(key.clone(), bytes) else { return };
            let written = job_row::to_bytes(&job).expect("what was read can be written");
            let again = job_row::from_bytes(key, &written).expect("what was written can be read");
            assert_eq!(job_row::to_bytes(&again).ok(), Some(written), "a job changes when it is stored");
        }
        2 | 3 => {
            let Ok(counters) = (format.bot)(bytes) else { return };
            let written = bot_row::to_bytes(&counters).expect("what was read can be written");
            let again = bot_row::from_bytes(&written).expect("what was written can be read");
            assert_eq!(bot_row::to_bytes(&again).ok(), Some(written), "counters change when they are stored");
        }
        _ => {
            let key = CampaignKey { bot, name: LabelValue::parse("spring").expect("a constant name") };
            let Ok(campaign) = campaign_row::from_bytes(key.clone(), bytes) else { return };
            let written = campaign_row::to_bytes(&campaign).expect("what was read can be written");
            let again = campaign_row::from_bytes(key, &written).expect("what was written can be read");
            assert_eq!(campaign_row::to_bytes(&again).ok(), Some(written), "a campaign changes when it is stored");
        }
    }
}
