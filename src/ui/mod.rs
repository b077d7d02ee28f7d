//! Renders the status page as HTML from plain data, without I/O. Shows no text of the upstream that is not on `/metrics`.

mod html;
mod status;

pub use status::{StatusView, status_page};
