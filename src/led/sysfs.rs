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
use super::off_switch::{OffSwitch, OffWay, PutOut};

/// Where the kernel shows its LEDs.
pub(super) const LEDS: &str = "/sys/class/leds";

/// What the board's own green LED is called: now, and before 2022.
pub(super) const ACT: [&str; 2] = ["ACT", "led0"];

/// A udev rule gives the files of a trigger their group: how often, and how far apart, to try until it has.
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

/// An LED of the kernel that this process controls until this is dropped.
pub(super) struct KernelLed {
    path: PathBuf,
    /// The trigger that controlled the LED before this process.
    earlier_trigger: Option<String>,
    /// Whether the LED goes off by itself.
    one_shot: bool,
    /// The last refresh did not begin the one-shot again, so the next one does.
    skipped_refresh: bool,
    /// What to write to switch the LED on.
    on_level: &'static str,
    /// What to write to switch the LED off.
    off_level: &'static str,
    max_brightness: String,
    kept: bool,
}

/// Takes the LED from its trigger and switches it off.
///
/// # Errors
/// When there is no such LED, the folder is no LED, or it may not be written.
pub(super) fn open(settings: &Settings) -> Result<KernelLed, LedError> {
    let path = find(settings)?;
    let brightness = path.join("brightness");
    if !brightness.exists() {
        return Err(LedError::NotAnLed { path });
    }
    let max_brightness = read(&path.join("max_brightness")).unwrap_or_else(|_| "1".to_owned());
    let triggers = read(&path.join("trigger")).unwrap_or_default();
    let mut led = KernelLed {
        earlier_trigger: current(&triggers),
        one_shot: false,
        skipped_refresh: false,
        on_level: if settings.active_low { "0" } else { "1" },
        off_level: if settings.active_low { "1" } else { "0" },
        max_brightness,
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
    led.set_brightness(false)?;
    let has_one_shot = triggers
        .split_whitespace()
        .any(|word| word.trim_matches(['[', ']']) == "transient");
    led.one_shot = has_one_shot && !settings.expiry.is_zero() && led.use_one_shot(settings.expiry);
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
        let (folder, known) = (folder.clone(), known_names(folder));
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

/// The names of the LEDs in the folder, at most twenty: enough to choose from.
fn known_names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<_> = names.take(20).collect();
    names.sort();
    names
}

impl KernelLed {
    /// Sets the trigger that switches the LED off by itself. Returns whether this process may use it.
    fn use_one_shot(&self, expiry: Duration) -> bool {
        let set_up = self
            .write("trigger", "transient")
            .and_then(|()| self.set_up_one_shot(expiry));
        if set_up.is_err() {
            // The LED is then set by its brightness. If this fails too, the next change reports it.
            let _ = self.write("trigger", "none");
        }
        set_up.is_ok()
    }

    fn set_up_one_shot(&self, expiry: Duration) -> Result<(), LedError> {
        let mut switched_off = self.write("activate", "0");
        for _ in 1..UDEV_STEPS {
            if !matches!(switched_off, Err(LedError::PermissionDenied { .. })) {
                break;
            }
            thread::sleep(UDEV_STEP);
            switched_off = self.write("activate", "0");
        }
        switched_off?;
        self.write("state", self.on_level)?;
        self.write("duration", &expiry.as_millis().to_string())
    }

    fn set_brightness(&self, on: bool) -> Result<(), LedError> {
        self.write("brightness", self.brightness(on))
    }

    /// What to write to `brightness`.
    fn brightness(&self, on: bool) -> &str {
        let level = if on { self.on_level } else { self.off_level };
        if level == "0" {
            "0"
        } else {
            &self.max_brightness
        }
    }

    fn write(&self, name: &str, value: &str) -> Result<(), LedError> {
        write(&self.path.join(name), value)
    }
}

/// Opens the file for each value: sysfs takes one whole value for each opening, and an LED whose
/// driver was loaded again has new files.
fn write(path: &Path, value: &str) -> Result<(), LedError> {
    let file = OpenOptions::new().write(true).truncate(true).open(path);
    file.and_then(|mut file| file.write_all(value.as_bytes()))
        .map_err(|error| LedError::of_file(path.to_owned(), error))
}

/// An LED that another process drives: the file, and what to write to it.
pub(super) struct FileOff {
    pub(super) path: PathBuf,
    pub(super) value: String,
}

impl PutOut for FileOff {
    fn put_out(&mut self) -> Result<(), LedError> {
        write(&self.path, &self.value)
    }
}

impl LedDriver for KernelLed {
    fn set(&mut self, on: bool) -> Result<(), LedError> {
        self.skipped_refresh = false;
        if self.one_shot {
            self.write("activate", if on { "1" } else { "0" })
        } else {
            self.set_brightness(on)
        }
    }

    /// Every second time, ends the one-shot and begins it again, microseconds apart: a running one
    /// cannot be made longer.
    fn refresh(&mut self) -> Result<(), LedError> {
        if self.one_shot && self.skipped_refresh {
            self.write("activate", "0")?;
            self.write("activate", "1")?;
        }
        self.skipped_refresh = !self.skipped_refresh;
        Ok(())
    }

    fn goes_off_by_itself(&self) -> bool {
        self.one_shot
    }

    fn off_switch(&self) -> Option<OffSwitch> {
        let (name, value) = if self.one_shot {
            ("activate", "0")
        } else {
            ("brightness", self.brightness(false))
        };
        Some(OffSwitch::without_line(OffWay::File {
            path: self.path.join(name),
            value: value.to_owned(),
        }))
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
        // An error here was reported before, and there is nobody left to report it to.
        let _ = self.set(false);
        match self.earlier_trigger.as_deref() {
            // An earlier process that crashed may have left `transient`. Ending that restores the
            // brightness that it found, so the LED is switched off once more.
            Some("none" | "transient") => {
                let _ = self.write("trigger", "none");
                let _ = self.set_brightness(false);
            }
            Some(earlier) => {
                let _ = self.write("trigger", earlier);
            }
            None => {}
        }
    }
}

/// The trigger in use: the one in brackets.
fn current(triggers: &str) -> Option<String> {
    let current = triggers.split_whitespace().find_map(|word| {
        word.strip_prefix('[')
            .and_then(|word| word.strip_suffix(']'))
    });
    current.map(str::to_owned)
}

/// Reads a file of sysfs: one page at most.
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
