//! A world, drawn from its seed: who is there, what runs, and what goes wrong when.

use std::time::Duration;

use koreai_exporter::fake_upstream::{
    Api, Fault, FaultRule, Plan, RateLimitForm, RateLimitText, RetryAfter, ScriptedJob,
};

use super::dice::Dice;
use super::knobs::Knobs;
use super::upstream::SourceFault;

/// How large worlds are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// The longest time of trouble.
    pub(crate) minutes: u64,
    /// The most jobs of a bot.
    pub(crate) jobs: u64,
    /// Of a thousand jobs, so many have a thousand recipients.
    pub(crate) crowds: u64,
}

impl Size {
    /// For the test: many worlds in little time.
    pub(crate) const SMALL: Self = Self { minutes: 20, jobs: 40, crowds: 1 };
}

/// A world.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) seed: u64,
    /// How long there is trouble.
    pub(crate) length: Duration,
    pub(crate) pace: Pace,
    pub(crate) bots: Vec<BotPlan>,
    /// The longest time to an answer's head, in milliseconds.
    pub(crate) latency: u64,
    pub(crate) reorders: bool,
    pub(crate) etags: bool,
    /// After the calm one request ID is always refused.
    pub(crate) refuses_one: bool,
    pub(crate) scrape_every: Duration,
    /// How often the program renders a page: least time between two, and the most.
    pub(crate) pages: (Duration, Duration),
    pub(crate) events: Vec<Event>,
}

/// The settings of `global`, in seconds.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    pub(crate) poll: u64,
    pub(crate) longest_poll: u64,
    pub(crate) timeout: u64,
    pub(crate) deadline: u64,
    pub(crate) retention: u64,
}

/// A bot.
#[derive(Debug, Clone)]
pub(crate) struct BotPlan {
    pub(crate) name: String,
    pub(crate) bot_id: String,
    pub(crate) api: Api,
    pub(crate) per_minute: u32,
    pub(crate) per_hour: u32,
    pub(crate) jti: bool,
    pub(crate) refusal: RateLimitForm,
    pub(crate) per_id_per_minute: Option<u32>,
    /// How many `http_sd` sources, and how often they are read, in seconds.
    pub(crate) sources: usize,
    pub(crate) refresh: u64,
    pub(crate) jobs: Vec<JobPlan>,
}

/// A job and who names it.
#[derive(Debug, Clone)]
pub(crate) struct JobPlan {
    pub(crate) script: ScriptedJob,
    pub(crate) via: Via,
}

/// Who names a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Via {
    Static,
    Http(usize),
    Api,
}

/// Something that happens.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// By the monotonic clock.
    pub(crate) at: Duration,
    pub(crate) what: What,
}

/// What happens. Bots and jobs go by their places.
#[derive(Debug, Clone)]
pub(crate) enum What {
    Name {
        bot: usize,
        job: usize,
    },
    Unname {
        bot: usize,
        job: usize,
    },
    SourceFails {
        bot: usize,
        source: usize,
        how: Option<SourceFault>,
    },
    Probe {
        bot: usize,
        job: Option<usize>,
        fresh: u64,
    },
    /// Many probes at once, of IDs that nobody names.
    ProbeMany {
        bot: usize,
        count: u64,
        fresh: u64,
    },
    /// Jobs that are registered and deleted at once, again and again.
    Churn {
        bot: usize,
        rounds: u64,
        count: u64,
    },
    /// A job is deleted and probed at once.
    DeleteAndProbe {
        bot: usize,
        job: usize,
    },
    Reload,
    BadReload,
    Budget {
        bot: usize,
        per_minute: u32,
        per_hour: u32,
    },
    WrongUrl {
        bot: usize,
        wrong: bool,
    },
    Restart,
    Kill {
        power: bool,
    },
    KillInCommit {
        power: bool,
        operations: u64,
    },
    Sleep {
        seconds: u64,
    },
    SetBack {
        seconds: u64,
    },
    Upstream(FaultRule),
    Latency(u64),
    DiskFails(bool),
    DiskFull(bool),
    DiskSlow(u64),
    RotateUpstream {
        bot: usize,
        generation: u64,
    },
    WriteSecret {
        bot: usize,
        generation: u64,
    },
    LoseSecret {
        bot: usize,
    },
}

impl World {
    /// The world of a seed.
    pub(crate) fn draw(seed: u64, size: Size, knobs: Knobs) -> Self {
        let mut dice = Dice::new(seed, 1);
        let minutes = dice.scaled((size.minutes / 4).max(4), size.minutes);
        let length = Duration::from_secs(60 * minutes);
        let poll = *dice.pick(&[2, 2, 5, 15]);
        let pace = Pace {
            poll,
            longest_poll: poll * dice.within(1..20),
            timeout: dice.within(2..20),
            deadline: 60 * (180 + 3 * minutes),
            retention: 60 * dice.within(5..6 + minutes),
        };
        let bots = (0..dice.within(1..4)).map(|number| bot(&mut dice, number, &pace, minutes, size, knobs)).collect();
        let mut world = Self {
            seed,
            length,
            pace,
            bots,
            latency: dice.scaled(20, 3_000),
            reorders: dice.percent(30) && knobs.reorder,
            // Dice of its own: the rest of a world does not depend on it.
            etags: Dice::new(seed, 5).percent(50) && knobs.etags,
            refuses_one: dice.percent(15) && knobs.per_id,
            scrape_every: Duration::from_secs(dice.within(10..60)),
            pages: (Duration::from_millis(dice.scaled(250, 10_000)), dice.seconds(10, 60)),
            events: Vec::new(),
        };
        super::trouble::draw(&mut world, &mut dice, minutes, knobs);
        world.events.sort_by_key(|event| event.at);
        world
    }
}

fn bot(dice: &mut Dice, number: u64, pace: &Pace, minutes: u64, size: Size, knobs: Knobs) -> BotPlan {
    let api = *dice.pick(&[Api::V1, Api::V2]);
    let per_minute = dice.scaled(20, 600);
    let per_hour = dice.scaled(per_minute * 5, (per_minute * 50).min(18_000));
    let sources = dice.within(0..3) as usize;
    // A budget that can see all of them to their end.
    let most = size.jobs.min(per_hour * minutes.max(30) / 60 / 4).max(2);
    let count = dice.scaled(1, most);
    let campaigns = dice.within(1..4);
    let jobs =
        (0..count).map(|place| job(dice, number, place, campaigns, api, sources, Size { minutes, ..size })).collect();
    BotPlan {
        name: format!("bot-{number}"),
        bot_id: format!("st-{number}"),
        api,
        per_minute: per_minute as u32,
        per_hour: per_hour as u32,
        jti: dice.percent(25),
        refusal: refusal(dice),
        per_id_per_minute: (dice.percent(20) && knobs.per_id).then(|| dice.within(3..8) as u32),
        sources,
        refresh: pace.poll * dice.within(2..20),
        jobs,
    }
}

fn job(dice: &mut Dice, bot: u64, place: u64, campaigns: u64, api: Api, sources: usize, size: Size) -> JobPlan {
    let minutes = size.minutes;
    let recipients = if dice.within(0..1_000) < size.crowds { 1_000 } else { dice.scaled(1, 20) as u32 };
    let over = Duration::from_secs(dice.scaled(5, 60 * minutes / 2));
    let plan = match dice.within(0..20) {
        0 => Plan::Stalls { over, at_percent: 60 },
        1 => Plan::Gone { over, after: over / 2 },
        _ => Plan::Runs { over },
    };
    const CHANNELS: [&[&str]; 3] = [&["msteams"], &["msteams", "slack"], &["sms", "whatsapp", "ivr"]];
    let channels = *dice.pick(&CHANNELS);
    let mut script = ScriptedJob::new(&format!("ds-{bot}-{place:04}"), recipients)
        .with_failures(dice.within(0..5) as u32 * 20)
        .over_channels(channels)
        .with_plan(plan);
    script.api = api;
    script.campaign = Some(format!("campaign-{}", dice.within(0..campaigns)));
    script.created_at = dice.seconds(0, 60 * minutes * 2 / 3);
    let via = match dice.within(0..4) {
        0 => Via::Static,
        1 | 2 if sources > 0 => Via::Http(dice.within(0..sources as u64) as usize),
        _ => Via::Api,
    };
    if via == Via::Static {
        script.created_at = Duration::ZERO;
    }
    JobPlan { script, via }
}

/// A form in which the upstream refuses.
pub(crate) fn refusal(dice: &mut Dice) -> RateLimitForm {
    RateLimitForm {
        status: *dice.pick(&[429, 429, 400, 403, 200]),
        retry_after: match dice.within(0..3) {
            0 => RetryAfter::Absent,
            1 => RetryAfter::Seconds(dice.within(1..60) as u32),
            _ => RetryAfter::HttpDate(dice.within(1..60) as u32),
        },
        text: *dice.pick(&[RateLimitText::NamesWindow, RateLimitText::TryLater, RateLimitText::AfterSomeTime]),
    }
}

/// A fault of the upstream.
pub(crate) fn fault(dice: &mut Dice, knobs: Knobs) -> (&'static str, Fault) {
    match dice.within(0..16) {
        0 => ("gateway 502", Fault::Status(*dice.pick(&[500, 502, 503, 504]))),
        1 | 14 | 15 if knobs.gateway_404 => ("gateway 404", Fault::Status(404)),
        1 | 2 | 14 | 15 => ("gateway 403 or 429", Fault::Status(*dice.pick(&[403, 429]))),
        3 => ("log-in page", Fault::Html200),
        4 => ("empty 200", Fault::Empty200),
        5 => ("cut-off body", Fault::Truncated),
        6 => ("endless body", Fault::NeverEnding),
        7 => ("silence", Fault::Hang),
        8 => ("reset", Fault::Reset),
        9 => ("redirect", Fault::Redirect("https://login.example/".to_owned())),
        10 => ("gibberish", Fault::Gibberish),
        11 => ("errors with 200", Fault::ErrorsEnvelope200),
        12 => ("401", Fault::Unauthorized),
        _ => ("refusal", Fault::RateLimited(refusal(dice))),
    }
}
