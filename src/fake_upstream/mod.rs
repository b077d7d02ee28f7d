//! A strict stand-in for the upstream, with scripts and faults, for `demo` and the tests.
