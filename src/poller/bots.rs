//! All bots, and which of them owns each job.

use std::collections::{BTreeMap, HashMap};

use super::bot::BotRuntime;
use super::setup::BotSetup;
use crate::model::{BotName, JobSlot, Timestamp};
use crate::scheduler::Start;

/// The bots by name. A job is in the scheduler of the bot that owns its slot, and in no other.
#[derive(Default)]
pub(super) struct Bots {
    by_name: BTreeMap<BotName, BotRuntime>,
    /// The bot of each tracked job. The store no longer knows it when it reports the removal of a job.
    owners: HashMap<JobSlot, BotName>,
}

impl Bots {
    /// Applies a configuration: bots that it does not have are dropped, the others keep their state.
    pub(super) fn configure(&mut self, setups: Vec<BotSetup>, now: Timestamp) {
        let mut before = std::mem::take(&mut self.by_name);
        for setup in setups {
            let name = setup.spec.name.clone();
            let bot = match before.remove(&name) {
                Some(mut bot) => {
                    bot.configure(setup, now);
                    bot
                }
                None => BotRuntime::new(setup),
            };
            self.by_name.insert(name, bot);
        }
    }

    pub(super) fn get(&self, name: &BotName) -> Option<&BotRuntime> {
        self.by_name.get(name)
    }

    pub(super) fn get_mut(&mut self, name: &BotName) -> Option<&mut BotRuntime> {
        self.by_name.get_mut(name)
    }

    /// All bots, by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&BotName, &BotRuntime)> {
        self.by_name.iter()
    }

    /// Records the owner of a slot.
    pub(super) fn set_owner(&mut self, slot: JobSlot, bot: BotName) {
        self.owners.insert(slot, bot);
    }

    /// Starts polling a job whose owner was set.
    pub(super) fn start_polling(&mut self, slot: JobSlot, now: Timestamp, start: Start) {
        if let Some(bot) = self.owner_mut(slot) {
            bot.scheduler.add(slot, now, start);
        }
    }

    /// Stops polling a job that stays tracked.
    pub(super) fn stop_polling(&mut self, slot: JobSlot, now: Timestamp) {
        if let Some(bot) = self.owner_mut(slot) {
            bot.scheduler.remove(slot, now);
        }
    }

    /// Stops polling a job and drops its owner.
    pub(super) fn remove_job(&mut self, slot: JobSlot, now: Timestamp) {
        self.stop_polling(slot, now);
        self.owners.remove(&slot);
    }

    /// The number of jobs with an owner.
    pub(super) fn jobs(&self) -> usize {
        self.owners.len()
    }

    /// Ends the pause of bots whose secret file has changed since a call failed because of it.
    pub(super) fn retry_changed_secrets(&mut self, now: Timestamp) {
        for bot in self.by_name.values_mut() {
            bot.retry_changed_secret(now);
        }
    }

    fn owner_mut(&mut self, slot: JobSlot) -> Option<&mut BotRuntime> {
        self.by_name.get_mut(self.owners.get(&slot)?)
    }
}
