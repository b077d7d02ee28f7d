#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| koreai_exporter::fuzzing::run("database_row", data));
