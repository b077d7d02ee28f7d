//! Reading a whole file within a bound.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Reads a whole file of at most `max` bytes.
///
/// # Errors
/// The system's error; [`io::ErrorKind::IsADirectory`] for a directory, [`io::ErrorKind::FileTooLarge`] beyond `max`.
pub fn read_bounded(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory, not a file"));
    }
    let mut content = Vec::new();
    file.take(max.saturating_add(1)).read_to_end(&mut content)?;
    if u64::try_from(content.len()).is_ok_and(|bytes| bytes <= max) {
        Ok(content)
    } else {
        Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("is larger than {max} bytes")))
    }
}

/// Reads a whole UTF-8 file of at most `max` bytes.
///
/// # Errors
/// As [`read_bounded`], and [`io::ErrorKind::InvalidData`] if it is not UTF-8.
pub fn read_bounded_text(path: &Path, max: u64) -> io::Result<String> {
    String::from_utf8(read_bounded(path, max)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "is not UTF-8 text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_the_bound_and_not_beyond() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, [b'a', 0xff, b'b']).unwrap();
        assert_eq!(read_bounded(&path, 3).unwrap(), [b'a', 0xff, b'b']);
        let kind = |result: io::Result<Vec<u8>>| result.unwrap_err().kind();
        assert_eq!(kind(read_bounded(&path, 2)), io::ErrorKind::FileTooLarge);
        assert_eq!(kind(read_bounded(directory.path(), 2)), io::ErrorKind::IsADirectory);
        assert_eq!(kind(read_bounded(&directory.path().join("absent"), 2)), io::ErrorKind::NotFound);
        assert_eq!(read_bounded_text(&path, 3).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
