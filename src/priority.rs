//! Lowers the priority of threads that must not delay the ring.

use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

/// Lets every other thread of the process go first: the calling thread gives up the real-time priority that the
/// unit may give to the ring (docs/decisions/0009), and lowers its priority further, to nice 10.
///
/// # Errors
/// When the system refuses it, in words.
pub(crate) fn go_behind_the_ring() -> Result<(), String> {
    // 22 on this scale of 0 to 99 is nice 10. It concerns the calling thread only.
    let nice = ThreadPriorityValue::try_from(22_u8).map(ThreadPriority::Crossplatform);
    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other);
    let nice = nice.map_err(|error| error.to_string())?;
    set_thread_priority_and_policy(thread_native_id(), nice, policy)
        .map_err(|error| format!("{error:?}"))
}

/// The calling thread, and the threads that it will make, give up the real-time priority that the unit may give to
/// the process. Where it has none, nothing changes.
pub(crate) fn give_up_real_time() {
    // 48 on this scale of 0 to 99 is nice 0.
    let nice = ThreadPriorityValue::try_from(48_u8).map(ThreadPriority::Crossplatform);
    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other);
    if let Ok(nice) = nice {
        // Refused only where a sandbox forbids to have less: then it works as well, at the ring's priority.
        let _ = set_thread_priority_and_policy(thread_native_id(), nice, policy);
    }
}
