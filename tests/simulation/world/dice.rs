//! All chance of a world: a generator for each purpose, all of them from the one seed.

use std::ops::Range;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// A generator.
pub(crate) struct Dice(StdRng);

impl Dice {
    /// The generator of a world for one purpose: what one purpose draws changes nothing for the others.
    pub(crate) fn new(seed: u64, purpose: u64) -> Self {
        Self(StdRng::seed_from_u64(
            seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ purpose.wrapping_mul(0xD1B5_4A32_D192_ED03),
        ))
    }

    /// A generator for the loop of one life of the program.
    pub(crate) fn rng(&mut self) -> StdRng {
        StdRng::seed_from_u64(self.0.random())
    }

    /// Even within a range.
    pub(crate) fn within(&mut self, range: Range<u64>) -> u64 {
        self.0.random_range(range)
    }

    /// Even within a range whose ends differ by powers: as many small ones as large ones.
    pub(crate) fn scaled(&mut self, low: u64, high: u64) -> u64 {
        let (low, high) = ((low.max(1) as f64).ln(), (high.max(1) as f64).ln());
        (low + (high - low) * self.0.random::<f64>()).exp().round() as u64
    }

    /// So many times of a hundred.
    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.within(0..100) < percent
    }

    /// Whole milliseconds, even between two numbers of seconds.
    pub(crate) fn seconds(&mut self, low: u64, high: u64) -> Duration {
        Duration::from_millis(self.within(low * 1000..high * 1000 + 1))
    }

    /// One of several.
    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let place = self.within(0..of.len() as u64) as usize;
        &of[place]
    }
}
