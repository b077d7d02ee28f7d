//! Campaigns as comma-separated values (RFC 4180), for a spreadsheet.

use std::fmt::Write as _;

use crate::model::{Campaign, EntryStatus, JobState, Timestamp};

/// One line per campaign, channel, status and reason: sums of the column `notifications` count each log entry once.
const HEADER: &str = "bot,campaign,channel,status,reason,notifications,jobs,jobs_polling,recipients,first_notification,\
                      last_notification,duration_seconds\r\n";

/// The lines of these campaigns, with a header. A campaign without log entries has one line.
pub(super) fn csv<'a>(campaigns: impl Iterator<Item = &'a Campaign>) -> String {
    // With a byte order mark, spreadsheets read it as UTF-8.
    let mut out = format!("\u{feff}{HEADER}");
    for campaign in campaigns {
        let mut lines = 0;
        for (channel, counts) in &campaign.notifications {
            let reasons = campaign.failures.iter().filter(|((on, _), count)| on == channel && **count > 0);
            let mut unexplained = counts[EntryStatus::Failure];
            for ((_, reason), count) in reasons {
                line(&mut out, campaign, [channel.as_str(), EntryStatus::Failure.as_label(), reason.as_str()], *count);
                unexplained = unexplained.saturating_sub(*count);
                lines += 1;
            }
            for (status, count) in *counts {
                let count = if status == EntryStatus::Failure { unexplained } else { count };
                if count > 0 {
                    line(&mut out, campaign, [channel.as_str(), status.as_label(), ""], count);
                    lines += 1;
                }
            }
        }
        if lines == 0 {
            line(&mut out, campaign, ["", "", ""], 0);
        }
    }
    out
}

fn line(out: &mut String, campaign: &Campaign, [channel, status, reason]: [&str; 3], count: u64) {
    for text in [campaign.key.bot.as_str(), campaign.key.name.as_str(), channel, status, reason] {
        push_field(out, text);
        out.push(',');
    }
    let totals = &campaign.totals;
    let recipients = totals.recipients().map(|recipients| recipients.to_string()).unwrap_or_default();
    let [first, last] = [campaign.first_entry, campaign.last_entry].map(|time| time.map(rfc3339).unwrap_or_default());
    let duration = campaign.duration().map(|duration| duration.as_secs_f64().to_string()).unwrap_or_default();
    let (jobs, polling) = (totals.all_jobs(), totals.jobs[JobState::Polling]);
    // Writing to a String cannot fail.
    let _written = write!(out, "{count},{jobs},{polling},{recipients},{first},{last},{duration}\r\n");
}

fn rfc3339(time: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(time.as_millis()).map(|time| time.to_string()).unwrap_or_default()
}

/// A text that a spreadsheet would take for a formula gets an apostrophe, which shows it as text.
fn push_field(out: &mut String, text: &str) {
    let is_formula =
        text.trim_start().starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']);
    if !is_formula && !text.contains([',', '"', '\r', '\n', '\t', ';', '\'']) {
        out.push_str(text);
        return;
    }
    out.push('"');
    if is_formula {
        out.push('\'');
    }
    out.push_str(&text.replace('"', "\"\""));
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BotName, CampaignKey, Channel, LabelValue, Reason};

    fn field(text: &str) -> String {
        let mut out = String::new();
        push_field(&mut out, text);
        out
    }

    #[test]
    fn a_formula_in_the_name_of_a_campaign_stays_text() {
        for (text, shown) in [
            ("spring", "spring"),
            ("a, \"b\"", "\"a, \"\"b\"\"\""),
            ("=HYPERLINK(\"http://evil\")", "\"'=HYPERLINK(\"\"http://evil\"\")\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            (" =1", "\"' =1\""),
            ("\u{ff1d}1", "\"'\u{ff1d}1\""),
        ] {
            assert_eq!(field(text), shown);
        }
    }

    #[test]
    fn the_lines_of_a_campaign_count_each_log_entry_once() {
        let key = CampaignKey { bot: BotName::parse("support").unwrap(), name: LabelValue::parse("spring").unwrap() };
        let mut campaign = Campaign::new(key, Timestamp::from_millis(0));
        let channel = Channel::clean("msteams").unwrap();
        campaign.notifications.insert(channel.clone(), enum_map::EnumMap::from_array([90, 10, 1]));
        campaign.failures.insert((channel.clone(), Reason::parse("timeout").unwrap()), 8);
        campaign.failures.insert((channel, Reason::other()), 0);
        campaign.first_entry = Some(Timestamp::from_millis(1_643_057_723_000));
        campaign.last_entry = Some(Timestamp::from_millis(1_643_057_725_500));
        let text = csv([&campaign].into_iter());
        let lines: Vec<&str> = text.lines().skip(1).collect();
        let times = "0,0,,2022-01-24T20:55:23Z,2022-01-24T20:55:25.5Z,2.5";
        assert_eq!(
            lines,
            [
                format!("support,spring,msteams,FAILURE,timeout,8,{times}"),
                format!("support,spring,msteams,SUCCESS,,90,{times}"),
                format!("support,spring,msteams,FAILURE,,2,{times}"),
                format!("support,spring,msteams,UNKNOWN,,1,{times}"),
            ]
        );
    }
}
