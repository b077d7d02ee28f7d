//! Files and HTTP become whole sets of targets, a `TargetUpdate` a source.
