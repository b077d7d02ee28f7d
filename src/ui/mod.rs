//! Pages: plain data becomes HTML. No time, no I/O; nothing of upstream's text but what is on `/metrics` too.

mod html;
mod status;

pub use status::{StatusView, status_page};
