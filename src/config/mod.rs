//! File, flags and environment become values that cannot be wrong; every mistake is named with file, line, key and value.
