//! The way of the ring's thread to the services: it never waits for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use super::mailbox::Sender;
use super::message::Report;

/// Something may have changed that followers of the events want to know.
const CHANGED: u8 = 1;

/// A ball came or went.
const LED_CHANGED: u8 = 2;

/// Which changes the services want to be woken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::daemon) enum Wanted {
    /// Nobody follows: changes are not even noted.
    Nothing,
    /// Changes are noted for later.
    Notes,
    /// A ball that comes or goes.
    BallMoves,
    /// Any change.
    Everything,
}

/// What both sides see: which changes are wanted, and what has changed since the services last looked.
#[derive(Debug, Default)]
pub(super) struct Following {
    is_followed: AtomicBool,
    /// The flags that wake the services.
    wanted: AtomicU8,
    changed: AtomicU8,
}

/// The sending end.
pub(super) struct Reports {
    /// What has no room and must not be lost waits there: at most one report for each connection, request and ball.
    sender: Sender<Report>,
    lost_notifications: u64,
    following: Arc<Following>,
}

impl Following {
    /// Which changes are wanted from now on; whether such a change has been noted already.
    pub(super) fn set(&self, wanted: Wanted) -> bool {
        let flags = match wanted {
            Wanted::Nothing | Wanted::Notes => 0,
            Wanted::BallMoves => LED_CHANGED,
            Wanted::Everything => CHANGED | LED_CHANGED,
        };
        self.is_followed
            .store(wanted != Wanted::Nothing, Ordering::SeqCst);
        self.wanted.store(flags, Ordering::SeqCst);
        // In this order on both sides, one of the two sees what the other has done.
        self.changed.load(Ordering::SeqCst) & flags != 0
    }

    /// Whether anything has changed since the last call, and whether a ball came or went.
    pub(super) fn take(&self) -> (bool, bool) {
        let changed = self.changed.swap(0, Ordering::SeqCst);
        (changed != 0, changed & LED_CHANGED != 0)
    }
}

impl Reports {
    pub(super) fn new(sender: Sender<Report>, following: Arc<Following>) -> Self {
        Self {
            sender,
            lost_notifications: 0,
            following,
        }
    }

    /// Sends a report, now or as soon as there is room.
    pub(super) fn send(&mut self, report: Report) {
        self.flush();
        self.sender.send(report);
    }

    /// Sends a notification, or counts it if there is no room.
    pub(super) fn notify(&mut self, notification: Report) {
        self.flush();
        if !self.sender.try_send(notification) {
            self.lost_notifications += 1;
        }
    }

    /// Whether something waits for room.
    pub(super) fn has_backlog(&self) -> bool {
        self.sender.backlog() > 0 || self.lost_notifications > 0
    }

    /// Sends what had no room.
    pub(super) fn flush(&mut self) {
        self.sender.flush();
        if self.lost_notifications > 0 {
            let lost = Report::NotificationsLost(self.lost_notifications);
            if self.sender.try_send(lost) {
                self.lost_notifications = 0;
            }
        }
    }

    /// The node has handled something. Costs a system call only if the services want to know it, and have not been told
    /// since they last looked.
    pub(super) fn on_change(&self, led_changed: bool) {
        let following = &self.following;
        if !following.is_followed.load(Ordering::Relaxed) {
            return;
        }
        let flags = if led_changed {
            CHANGED | LED_CHANGED
        } else {
            CHANGED
        };
        let before = following.changed.fetch_or(flags, Ordering::SeqCst);
        if flags & !before & following.wanted.load(Ordering::SeqCst) != 0 {
            self.sender.signal().raise();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::mailbox::{Receiver, mailbox};
    use super::*;
    use crate::ring::{BallId, Notification};

    fn lost() -> Report {
        Report::Notification(Notification::DuplicateNode)
    }

    /// What has come: the numbers of windows to be closed, and how many notifications were lost.
    fn received(reports: &mut Receiver<Report>) -> (Vec<u32>, u64) {
        let (mut windows, mut lost) = (Vec::new(), 0);
        while let Some(report) = reports.next() {
            if let Report::WindowUnused(BallId(number)) = report {
                windows.push(number);
            } else if let Report::NotificationsLost(count) = report {
                lost += count;
            }
        }
        (windows, lost)
    }

    #[test]
    fn what_has_no_room_waits_in_order_and_notifications_are_counted() {
        let (sender, mut receiver) = mailbox(2).unwrap();
        let mut reports = Reports::new(sender, Arc::default());
        for number in 0..5 {
            reports.send(Report::WindowUnused(BallId(number)));
        }
        reports.notify(lost());
        reports.notify(lost());
        assert!(reports.has_backlog());
        assert_eq!(received(&mut receiver), (vec![0, 1], 0));
        reports.flush();
        assert_eq!(received(&mut receiver), (vec![2, 3], 0));
        reports.flush();
        assert_eq!(received(&mut receiver), (vec![4], 2));
        assert!(!reports.has_backlog());
    }
}
