//! An LED of the kernel, by its name in `/sys/class/leds`. The board's own green LED has one of two names.
//!
//! If the kernel has the one-shot trigger `transient`, the LED is on for a limited time only and is
//! switched on again while its process runs: a process that hangs cannot leave it on for ever.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::driver::LedDriver;
use super::error::LedError;

/// Where the kernel shows its LEDs.
pub(super) const LEDS: &str = "/sys/class/leds";

/// What the board's own green LED is called: now, and before 2022.
pub(super) const ACT: [&str; 2] = ["ACT", "led0"];

/// How long the files of a trigger may take to get the group that a udev rule gives them.
const UDEV_STEPS: u32 = 5;
const UDEV_STEP: Duration = Duration::from_millis(20);

/// Which LED it is, and how it is switched on.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// The folder of all LEDs: [`LEDS`], except in tests.
    pub(super) folder: PathBuf,
    /// The LED's name; the board's own green LED if there is none.
    pub(super) name: Option<String>,
    /// The LED is on while it is set to 0.
    pub(super) active_low: bool,
    /// If the kernel can do that, the LED goes off by itself this long after it was switched on or
    /// refreshed for the second time; never, if this is zero.
    pub(super) expiry: Duration,
}

impl Settings {
    pub(super) fn new(name: Option<String>, active_low: bool, expiry: Duration) -> Self {
        Self {
            folder: LEDS.into(),
            name,
            active_low,
            expiry,
        }
    }
}

/// An LED of the kernel that is ours until this is dropped.
pub(super) struct KernelLed {
    path: PathBuf,
    /// What lit the LED before us.
    earlier_trigger: Option<String>,
    /// Whether it goes out by itself.
    one_shot: bool,
    /// It was kept lit once without beginning the one-shot again.
    spared: bool,
    lit: &'static str,
    dark: &'static str,
    most: String,
    kept: bool,
}

/// Takes the LED from its trigger and puts it out.
///
/// # Errors
/// When there is no such LED, it is none, or it may not be written.
pub(super) fn open(settings: &Settings) -> Result<KernelLed, LedError> {
    let path = find(settings)?;
    let brightness = path.join("brightness");
    if !brightness.exists() {
        return Err(LedError::NotAnLed { path });
    }
    let most = read(&path.join("max_brightness")).unwrap_or_else(|_| "1".to_owned());
    let triggers = read(&path.join("trigger")).unwrap_or_default();
    let mut led = KernelLed {
        earlier_trigger: current(&triggers),
        one_shot: false,
        spared: false,
        lit: if settings.active_low { "0" } else { "1" },
        dark: if settings.active_low { "1" } else { "0" },
        most,
        kept: false,
        path,
    };
    if led
        .earlier_trigger
        .as_deref()
        .is_some_and(|earlier| earlier != "none")
    {
        led.write("trigger", "none")?;
    }
    led.set_plainly(false)?;
    let has_one_shot = triggers
        .split_whitespace()
        .any(|word| word.trim_matches(['[', ']']) == "transient");
    led.one_shot = has_one_shot && !settings.expiry.is_zero() && led.make_one_shot(settings.expiry);
    Ok(led)
}

fn find(settings: &Settings) -> Result<PathBuf, LedError> {
    let folder = &settings.folder;
    let names: Vec<&str> = match &settings.name {
        Some(name) => vec![name],
        None => ACT.to_vec(),
    };
    let found = names
        .iter()
        .map(|name| folder.join(name))
        .find(|path| path.exists());
    found.ok_or_else(|| {
        let (folder, known) = (folder.clone(), known(folder));
        match &settings.name {
            Some(name) => LedError::NoLed {
                name: name.clone(),
                folder,
                known,
            },
            None => LedError::NoActLed { folder, known },
        }
    })
}

/// The names of all LEDs, at most twenty of them: enough to choose from.
fn known(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<_> = names.take(20).collect();
    names.sort();
    names
}

impl KernelLed {
    /// Sets the trigger that goes out by itself, if we may use it.
    fn make_one_shot(&self, expiry: Duration) -> bool {
        let made = self
            .write("trigger", "transient")
            .and_then(|()| self.set_up(expiry));
        if made.is_err() {
            // The plain way then. If this fails too, the next change says so.
            let _ = self.write("trigger", "none");
        }
        made.is_ok()
    }

    fn set_up(&self, expiry: Duration) -> Result<(), LedError> {
        let mut put_out = self.write("activate", "0");
        for _ in 1..UDEV_STEPS {
            if !matches!(put_out, Err(LedError::PermissionDenied { .. })) {
                break;
            }
            thread::sleep(UDEV_STEP);
            put_out = self.write("activate", "0");
        }
        put_out?;
        self.write("state", self.lit)?;
        self.write("duration", &expiry.as_millis().to_string())
    }

    fn set_plainly(&self, lit: bool) -> Result<(), LedError> {
        let level = if lit { self.lit } else { self.dark };
        self.write("brightness", if level == "0" { "0" } else { &self.most })
    }

    /// Opened for each value: sysfs takes a whole value a write, and an LED may come back with its driver.
    fn write(&self, name: &str, value: &str) -> Result<(), LedError> {
        let path = self.path.join(name);
        let file = OpenOptions::new().write(true).truncate(true).open(&path);
        file.and_then(|mut file| file.write_all(value.as_bytes()))
            .map_err(|error| LedError::of_file(path, error))
    }
}

impl LedDriver for KernelLed {
    fn set(&mut self, lit: bool) -> Result<(), LedError> {
        self.spared = false;
        if self.one_shot {
            self.write("activate", if lit { "1" } else { "0" })
        } else {
            self.set_plainly(lit)
        }
    }

    /// A running one-shot cannot be made longer: it is ended and begun again, microseconds apart,
    /// every other time.
    fn refresh(&mut self) -> Result<(), LedError> {
        if self.one_shot && self.spared {
            self.write("activate", "0")?;
            self.write("activate", "1")?;
        }
        self.spared = !self.spared;
        Ok(())
    }

    fn keep_when_dropped(&mut self) -> bool {
        self.kept = true;
        !self.one_shot
    }
}

impl Drop for KernelLed {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        // What fails here failed before and was told, and nobody is left to tell.
        let _ = self.set(false);
        match self.earlier_trigger.as_deref() {
            // The end of `transient`, maybe left by one of us that crashed, brings back what it found.
            Some("none" | "transient") => {
                let _ = self.write("trigger", "none");
                let _ = self.set_plainly(false);
            }
            Some(earlier) => {
                let _ = self.write("trigger", earlier);
            }
            None => {}
        }
    }
}

/// The trigger in brackets.
fn current(triggers: &str) -> Option<String> {
    let current = triggers.split_whitespace().find_map(|word| {
        word.strip_prefix('[')
            .and_then(|word| word.strip_suffix(']'))
    });
    current.map(str::to_owned)
}

/// A file of sysfs: a page at the most.
fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(4096).read_to_string(&mut text)?;
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of LEDs with one of them in it, as the kernel would show it.
    fn leds(name: &str, trigger: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let led = folder.path().join(name);
        fs::create_dir(&led).unwrap();
        for (file, text) in [
            ("brightness", "0\n"),
            ("max_brightness", "255\n"),
            ("trigger", trigger),
        ] {
            fs::write(led.join(file), text).unwrap();
        }
        folder
    }

    fn settings(folder: &Path, name: Option<&str>) -> Settings {
        Settings {
            folder: folder.to_owned(),
            name: name.map(str::to_owned),
            active_low: false,
            expiry: Duration::from_millis(375),
        }
    }

    fn text(folder: &tempfile::TempDir, path: &str) -> String {
        fs::read_to_string(folder.path().join(path)).unwrap()
    }

    #[test]
    fn the_green_led_is_taken_from_its_trigger_lit_in_full_and_given_back() {
        for name in ACT {
            let folder = leds(name, "none [mmc0] timer\n");
            let mut led = open(&settings(folder.path(), None)).unwrap();
            assert_eq!(text(&folder, &format!("{name}/trigger")), "none");
            led.set(true).unwrap();
            assert_eq!(text(&folder, &format!("{name}/brightness")), "255");
            drop(led);
            assert_eq!(text(&folder, &format!("{name}/brightness")), "0");
            assert_eq!(text(&folder, &format!("{name}/trigger")), "mmc0");
        }
    }

    #[test]
    fn an_led_that_lights_when_low_is_set_the_other_way_round() {
        let folder = leds("PWR", "[none]\n");
        let low = Settings {
            active_low: true,
            ..settings(folder.path(), Some("PWR"))
        };
        let mut led = open(&low).unwrap();
        assert_eq!(text(&folder, "PWR/brightness"), "255");
        led.set(true).unwrap();
        assert_eq!(text(&folder, "PWR/brightness"), "0");
    }

    #[test]
    fn where_the_kernel_has_the_one_shot_trigger_the_led_is_lit_for_a_span() {
        let folder = leds("ACT", "none [mmc0] transient\n");
        for file in ["activate", "state", "duration"] {
            fs::write(folder.path().join("ACT").join(file), "0").unwrap();
        }
        let mut led = open(&settings(folder.path(), None)).unwrap();
        assert_eq!(text(&folder, "ACT/trigger"), "transient");
        assert_eq!(text(&folder, "ACT/duration"), "375");
        assert_eq!(text(&folder, "ACT/state"), "1");
        led.set(true).unwrap();
        led.refresh().unwrap();
        assert_eq!(text(&folder, "ACT/activate"), "1");
        led.set(false).unwrap();
        assert_eq!(text(&folder, "ACT/activate"), "0");
        drop(led);
        assert_eq!(text(&folder, "ACT/trigger"), "mmc0");
    }

    #[test]
    fn a_trigger_that_cannot_be_set_up_is_given_up_for_the_plain_way() {
        // Named in the list, but its files never come.
        let folder = leds("ACT", "[none] transient\n");
        let mut led = open(&settings(folder.path(), None)).unwrap();
        assert_eq!(text(&folder, "ACT/trigger"), "none");
        led.set(true).unwrap();
        assert_eq!(text(&folder, "ACT/brightness"), "255");
    }

    #[test]
    fn what_is_no_led_is_named_with_what_there_is() {
        let folder = leds("PWR", "[none]\n");
        fs::create_dir(folder.path().join("empty")).unwrap();
        let refusal = |name| {
            open(&settings(folder.path(), name))
                .err()
                .unwrap()
                .to_string()
        };
        assert!(refusal(Some("nought")).contains("no LED \"nought\" in"));
        assert!(refusal(Some("nought")).contains("set name to one of PWR, empty"));
        assert!(refusal(Some("empty")).contains("is no LED"));
        assert!(refusal(None).contains("neither ACT nor led0"));
    }
}
