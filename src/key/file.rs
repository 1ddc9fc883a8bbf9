//! Reads a key file, and makes a new one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use zeroize::Zeroizing;

use super::error::KeyFileError;
use super::keys::Keys;
use super::secret::Key;

/// The largest size of a key file: two keys and some comments.
const MOST_BYTES: usize = 4096;

/// The permission bits of users that are neither the owner nor of the group.
const OTHERS: u32 = 0o007;

impl Keys {
    /// Reads a key file.
    ///
    /// # Errors
    /// When it cannot be read, holds anything but one or two different keys, or when users other than its
    /// owner and its group have rights to it.
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        let unreadable = |source: io::Error| {
            let path = path.to_owned();
            let kind = source.kind();
            if kind == io::ErrorKind::NotFound {
                KeyFileError::Missing { path }
            } else if kind == io::ErrorKind::PermissionDenied {
                KeyFileError::Denied { path }
            } else {
                KeyFileError::Unreadable { path, source }
            }
        };
        let path_buf = || path.to_owned();
        // A pipe must not block the one who opens it.
        let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
        let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
        let mut file = opened.map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(KeyFileError::NotRegular { path: path_buf() });
        }
        let mode = metadata.permissions().mode() & 0o7777;
        if mode & OTHERS != 0 {
            let path = path_buf();
            return Err(KeyFileError::Exposed { path, mode });
        }
        let mut buffer = Zeroizing::new([0; MOST_BYTES + 1]);
        let length = fill(&mut file, &mut *buffer).map_err(unreadable)?;
        if length > MOST_BYTES {
            let (path, most) = (path_buf(), MOST_BYTES);
            return Err(KeyFileError::TooLong { path, most });
        }
        let text = buffer.get(..length).unwrap_or_default();
        let parsed = Keys::parse(text).map_err(|(line, fault)| {
            let path = path_buf();
            KeyFileError::Line { path, line, fault }
        })?;
        parsed.ok_or_else(|| KeyFileError::Empty { path: path_buf() })
    }
}

/// Reads to the end of the file, or until the buffer is full.
fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while let Some(free) = buffer.get_mut(length..).filter(|free| !free.is_empty()) {
        match file.read(free) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

/// Makes a key file with one new key, which only its owner may read, and returns the key.
///
/// # Errors
/// When the path exists, be it a link to nowhere, or the file cannot be written; then there is none.
pub fn create(path: &Path) -> Result<Key, KeyFileError> {
    let unwritable = |source: io::Error| {
        let path = path.to_owned();
        if source.kind() == io::ErrorKind::AlreadyExists {
            KeyFileError::Exists { path }
        } else {
            KeyFileError::Unwritable { path, source }
        }
    };
    let key = Key::generate().map_err(unwritable)?;
    let opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let mut file = opened.map_err(unwritable)?;
    if let Err(error) = write(&mut file, &key).and_then(|()| sync_folder(path)) {
        // Half a key is of no use. If it cannot be removed either, the first error still says why.
        let _removed = fs::remove_file(path);
        return Err(unwritable(error));
    }
    Ok(key)
}

fn write(file: &mut File, key: &Key) -> io::Result<()> {
    let comment = "# The key of a ring. Every node has a copy. Keep it secret: who has it can take the ball.\n";
    file.write_all(comment.as_bytes())?;
    file.write_all(key.line().as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

/// Makes sure that the name of a new file survives a power cut, too.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn write_file(path: &Path, mode: u32, text: &str) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn sentence(path: &Path) -> String {
        Keys::read(path).unwrap_err().to_string()
    }

    #[test]
    fn a_new_key_file_is_private_is_read_and_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ring.key");
        let key = create(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        assert_eq!(Keys::read(&path).unwrap(), Keys::new(key.clone(), None));
        let refused = create(&path).unwrap_err();
        assert!(matches!(refused, KeyFileError::Exists { .. }), "{refused}");
        assert_eq!(Keys::read(&path).unwrap().used(), &key);
    }

    #[test]
    fn a_new_key_does_not_follow_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (link, target) = (folder.path().join("link"), folder.path().join("target"));
        symlink(&target, &link).unwrap();
        let refused = create(&link).unwrap_err();
        assert!(matches!(refused, KeyFileError::Exists { .. }), "{refused}");
        assert!(!target.exists());
        let nowhere = create(&folder.path().join("no/ring.key")).unwrap_err();
        assert!(
            nowhere.to_string().contains("a folder that exists"),
            "{nowhere}"
        );
    }

    #[test]
    fn a_file_that_others_have_rights_to_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ring.key");
        let line = Key::from_bytes([1; 32]).line();
        for mode in [0o644, 0o602, 0o641] {
            write_file(&path, mode, &line);
            let sentence = sentence(&path);
            assert!(
                sentence.contains(&format!("(mode {mode:04o})")),
                "{sentence}"
            );
            assert!(sentence.contains("chmod o-rwx"), "{sentence}");
        }
        write_file(&path, 0o640, &line);
        assert!(Keys::read(&path).is_ok());
    }

    #[test]
    fn what_is_no_key_file_is_refused_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ring.key");
        assert!(sentence(&path).starts_with("there is no key file /"));
        assert!(sentence(folder.path()).contains("no regular file"));
        write_file(&path, 0o600, "# none yet\n");
        assert!(sentence(&path).contains("has no key"));
        write_file(&path, 0o600, &"\n".repeat(MOST_BYTES + 1));
        assert!(sentence(&path).contains("longer than 4096 bytes"));
        write_file(&path, 0o600, "\ncarom-key-1 0123");
        let shown = sentence(&path);
        let expected = format!("{}:2: the key has 4 characters", path.display());
        assert!(shown.starts_with(&expected), "{shown}");
        assert!(!shown.contains("0123"), "{shown}");
    }

    #[test]
    fn a_pipe_does_not_block() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ring.key");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        assert!(sentence(&path).contains("no regular file"));
    }
}
