//! Windows in the ring file: between which nodes they stand, their keys, and the rules about them.

pub(super) mod chain;
pub(super) mod check;
pub(super) mod read;
