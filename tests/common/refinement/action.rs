//! The actions of the proof by name, and how their guards are checked.

/// Declares the actions: each has the name of its function in `proof/`.
macro_rules! actions {
    ($($action:ident $name:literal,)*) => {
        /// An action of the proof.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Action {
            $(
                #[doc = concat!("`", $name, "` in `proof/`.")]
                $action,
            )*
        }

        /// Every action, in the order of the rules.
        pub(crate) const ACTIONS: &[Action] = &[$(Action::$action),*];

        impl Action {
            /// The name of its function in `proof/` and here.
            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $(Self::$action => $name,)*
                }
            }
        }
    };
}

actions! {
    Time "time",
    Crash "crash",
    Grant "grant",
    HearRecord "hear_record",
    Start "start",
    QuarantineAgain "quarantine_again",
    AskRenewal "ask_renewal",
    Renewed "renewed",
    Beat "beat",
    HearBeat "hear_beat",
    PassBall "pass_ball",
    Take "take",
    Resend "resend",
    Stand "stand",
    Win "win",
    Cancel "cancel",
    Release "release",
    StepDown "step_down",
    Lend "lend",
    Land "land",
    Leave "leave",
    Retire "retire",
    Drop "drop",
    LimitMoments "limit_moments",
    Fence "fence",
    Overrule "overrule",
}

/// A sentence that says which guard does not hold.
pub(crate) type Outcome = Result<(), String>;

/// Checks the guards of an action in their order. Each has the words that it has in `proof/`, which a test compares.
macro_rules! guards {
    ($action:expr, $($text:literal => $holds:expr,)*) => {
        $(
            if !$holds {
                return Err(format!("`{}` is not possible: its guard `{}` does not hold", $action.name(), $text));
            }
        )*
    };
}
pub(crate) use guards;
