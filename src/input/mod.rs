//! Reading files: bounded reads and change detection.

mod bounded_read;
mod file_stamp;

pub use bounded_read::{read_bounded, read_bounded_text};
pub use file_stamp::{FileStamp, FileStamps};
