//! The families of bots and of the exporter, which are rendered for every page.

use std::collections::BTreeMap;

use super::blocks::renew;
use super::bot_families::BOT_FAMILIES;
use super::deflate::Deflater;
use super::exporter_families::{EXPORTER_FAMILIES, ExporterView};
use super::format::Format;
use super::render::family_text;
use super::segment::Segment;
use super::zero_first::{Moment, ZeroFirst};
use crate::model::{BotMetrics, BotName};

/// Families share segments of about this size: small families compress badly alone.
const SHARED_SEGMENT_BYTES: usize = 16 << 10;

/// The segments, by format, and the counter series that are at 0.
#[derive(Default)]
pub(super) struct Totals {
    segments: [Vec<Segment>; Format::ALL.len()],
    bots: BTreeMap<BotName, ZeroFirst>,
    exporter: ZeroFirst,
}

impl Totals {
    /// By format.
    pub(super) fn segments(&self) -> &[Vec<Segment>; Format::ALL.len()] {
        &self.segments
    }

    pub(super) fn render(
        &mut self,
        bots: &[BotMetrics],
        exporter: &ExporterView,
        moment: Option<Moment>,
        deflater: &mut Deflater,
    ) {
        self.bots.retain(|name, _| bots.iter().any(|bot| bot.bot == *name));
        for bot in bots {
            self.bots.entry(bot.bot.clone()).or_default();
        }
        for format in Format::ALL {
            let texts = self.texts(format, bots, exporter, moment);
            let [text, openmetrics] = &mut self.segments;
            let segments = match format {
                Format::Text => text,
                Format::OpenMetrics => openmetrics,
            };
            let mut old = std::mem::take(segments).into_iter();
            let mut unlimited = usize::MAX;
            for text in texts {
                let mut segment = old.next();
                renew(&mut segment, &text, &mut unlimited, deflater);
                segments.extend(segment);
            }
        }
    }

    fn texts(
        &mut self,
        format: Format,
        bots: &[BotMetrics],
        exporter: &ExporterView,
        moment: Option<Moment>,
    ) -> Vec<String> {
        let mut texts = vec![String::new()];
        let mut push = |family: String| match texts.last_mut().filter(|text| text.len() < SHARED_SEGMENT_BYTES) {
            Some(text) => text.push_str(&family),
            None => texts.push(family),
        };
        for row in BOT_FAMILIES {
            push(family_text(&row.family, format, |text| {
                for bot in bots {
                    let zeros = moment.and_then(|moment| Some((self.bots.get_mut(&bot.bot)?, moment)));
                    row.write_to(bot, text, format, zeros);
                }
            }));
        }
        for row in EXPORTER_FAMILIES {
            push(family_text(&row.family, format, |text| {
                row.write_to(exporter, text, format, moment.map(|moment| (&mut self.exporter, moment)));
            }));
        }
        texts
    }
}
