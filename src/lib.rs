//! Carom passes bouncing balls round a ring of small computers: never lost, never doubled.

pub mod config;
pub mod ring;
