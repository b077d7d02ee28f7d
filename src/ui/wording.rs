//! How pages put numbers, times and ratios.

use std::time::Duration;

use crate::model::{JobState, Outcome, Timestamp};

/// The placeholder for an unknown value.
pub(super) const NOTHING: &str = "–";

/// The outcome of a failed request, in words.
pub(super) const fn outcome_words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "no error",
        Outcome::Unauthorized => "token rejected",
        Outcome::RateLimited => "rate limited",
        Outcome::NotFound => "unknown request ID",
        Outcome::ClientError => "request rejected",
        Outcome::ServerError => "server error",
        Outcome::Timeout => "timeout",
        Outcome::Network => "unreachable",
        Outcome::Malformed => "unreadable response",
        Outcome::TooLarge => "response too large",
        Outcome::WrongEndpoint => "wrong endpoint",
    }
}

/// A polling state as the heading of a column.
pub(super) const fn state_heading(state: JobState) -> &'static str {
    match state {
        JobState::Polling => "Polling",
        JobState::Finished => "Finished",
        JobState::Gone => "Gone",
        JobState::Abandoned => "Abandoned",
    }
}

/// A whole number with a comma between thousands.
pub(super) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number, or a dash.
pub(super) fn optional_number(value: Option<u64>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), number)
}

/// A ratio in percent with one decimal; neither 0 nor 100 unless it is.
pub(super) fn percent(ratio: Option<f64>) -> String {
    let Some(ratio) = ratio.filter(|ratio| ratio.is_finite()) else { return NOTHING.to_owned() };
    let shown = (ratio * 100.0).clamp(0.0, 100.0);
    let rounded = if shown > 99.9 && shown < 100.0 {
        99.9
    } else if shown > 0.0 && shown < 0.1 {
        0.1
    } else {
        shown
    };
    let text = format!("{rounded:.1} %");
    text.replace(".0 %", " %")
}

/// A duration in one unit, chosen by its size.
pub(super) fn duration(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7199 => format!("{} min", seconds / 60),
        seconds @ 7200..=172_799 => format!("{} h", seconds / 3600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// How long ago a time was.
pub(super) fn ago(time: Option<Timestamp>, now: Timestamp) -> String {
    time.map_or_else(|| NOTHING.to_owned(), |time| format!("{} ago", duration(now.since(time))))
}

/// How far away a time is: the time of an expectation may be over.
pub(super) fn expected(time: Option<Timestamp>, now: Timestamp) -> String {
    match time {
        None => NOTHING.to_owned(),
        Some(time) if time > now => format!("in {} ({})", duration(time.since(now)), clock(time)),
        Some(_) => "any moment".to_owned(),
    }
}

/// Date and time in UTC, to the second.
pub(super) fn date_time(time: Timestamp) -> String {
    let time = jiff::Timestamp::from_millisecond(time.as_millis()).unwrap_or_default();
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Date and time in UTC, or a dash.
pub(super) fn optional_date_time(time: Option<Timestamp>) -> String {
    time.map_or_else(|| NOTHING.to_owned(), date_time)
}

fn clock(time: Timestamp) -> String {
    let time = jiff::Timestamp::from_millisecond(time.as_millis()).unwrap_or_default();
    time.strftime("%H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_separators() {
        let shown = [0, 999, 1000, 1_000_000, 12_345_678].map(number);
        assert_eq!(shown, ["0", "999", "1,000", "1,000,000", "12,345,678"]);
    }

    #[test]
    fn a_ratio_is_0_or_100_percent_only_if_it_is() {
        let shown = [0.0, 0.00001, 0.5, 0.9765, 0.99999, 1.0].map(|ratio| percent(Some(ratio)));
        assert_eq!(shown, ["0 %", "0.1 %", "50 %", "97.7 %", "99.9 %", "100 %"]);
        assert_eq!(percent(None), "–");
    }

    #[test]
    fn times_are_near_or_exact() {
        let now = Timestamp::from_millis(1_700_000_000_000);
        assert_eq!(ago(Some(now.minus(Duration::from_secs(150))), now), "2 min ago");
        assert_eq!(expected(Some(now.plus(Duration::from_secs(3600))), now), "in 60 min (23:13)");
        assert_eq!(expected(Some(now), now), "any moment");
        assert_eq!(date_time(now), "2023-11-14 22:13:20");
    }
}
