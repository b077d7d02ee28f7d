//! Routes, authentication, TLS.
