//! Finds the known key closest to an unknown one.

/// The closest candidate, if its edit distance is at most a third of the word's length (at least one edit).
pub(crate) fn nearest<'k>(word: &str, candidates: &[&'k str]) -> Option<&'k str> {
    if word.len() > 64 {
        return None;
    }
    let word = word.to_ascii_lowercase().replace('-', "_");
    let allowed = (word.chars().count() / 3).max(1);
    candidates
        .iter()
        .map(|candidate| (edits(&word, candidate), *candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance.
fn edits(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut chars = b.chars();
        for (j, cell) in row.iter_mut().enumerate() {
            if j == 0 {
                *cell = left;
                continue;
            }
            let substituted = diagonal + usize::from(chars.next() != Some(from));
            diagonal = *cell;
            left = substituted.min(diagonal + 1).min(left + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_finds_its_key_and_an_unrelated_word_finds_none() {
        let keys = ["poll_interval", "poll_timeout", "max_jobs"];
        assert_eq!(nearest("poll_intervall", &keys), Some("poll_interval"));
        assert_eq!(nearest("Poll-Timeout", &keys), Some("poll_timeout"));
        assert_eq!(nearest("maxjobs", &keys), Some("max_jobs"));
        assert_eq!(nearest("colour", &keys), None);
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("", "abc"), 3);
    }
}
