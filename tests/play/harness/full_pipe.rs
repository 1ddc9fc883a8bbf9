//! Standard error that nobody reads.

use std::io::{PipeReader, PipeWriter, Write as _, pipe};

use rustix::io::ioctl_fionbio;

/// A pipe with no room left, whose writers wait; its ends.
pub(crate) fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = pipe().unwrap();
    ioctl_fionbio(&writer, true).unwrap();
    for size in [4096, 1] {
        while writer.write(&vec![b'.'; size]).is_ok() {}
    }
    ioctl_fionbio(&writer, false).unwrap();
    (reader, writer)
}
