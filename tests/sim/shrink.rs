//! Shrinks a failing plan: fewer faults and a better network, while the same promise still fails.

use crate::checkers::Failure;
use crate::plan::Plan;
use crate::play;
use crate::trace::Trace;

/// The most runs that are tried.
const MOST_RUNS: usize = 400;

/// Removes from the plan whatever is not needed for a failure of the same promise.
pub(crate) fn shrink(plan: &Plan, failure: &Failure) -> (Plan, Failure) {
    let mut best = (plan.clone(), failure.clone());
    let mut runs = 0;
    let mut fails = |candidate: &Plan| {
        runs += 1;
        let found = (runs <= MOST_RUNS)
            .then(|| play(candidate, Trace::default()).failure)
            .flatten();
        found.filter(|found| found.promise == failure.promise)
    };
    loop {
        let smaller = candidates(&best.0);
        let next = smaller
            .into_iter()
            .find_map(|plan| fails(&plan).map(|failure| (plan, failure)));
        match next {
            Some(next) => best = next,
            None => return best,
        }
    }
}

/// Every plan that is simpler by one step, the simplest first.
fn candidates(plan: &Plan) -> Vec<Plan> {
    let mut plans = Vec::new();
    let mut offer = |change: &dyn Fn(&mut Plan)| {
        let mut simpler = plan.clone();
        change(&mut simpler);
        plans.push(simpler);
    };
    let count = plan.faults.len();
    if count > 3 {
        offer(&|plan| plan.faults.truncate(count / 2));
        offer(&|plan| {
            plan.faults.drain(..count / 2);
        });
    }
    for number in 0..count {
        offer(&|plan| {
            plan.faults.remove(number);
        });
    }
    if plan.profile.is_noisy() {
        offer(&|plan| plan.profile.spike_permille = 0);
        offer(&|plan| plan.profile.duplicate_permille = 0);
        offer(&|plan| plan.profile.stray_permille = 0);
        plans.retain(|simpler| simpler.faults.len() < count || differs(simpler, plan));
    }
    if plan.drifts.iter().any(|&drift| drift != 0) {
        let mut simpler = plan.clone();
        simpler.drifts.fill(0);
        plans.push(simpler);
    }
    if plan.lateness > 0 {
        let mut simpler = plan.clone();
        simpler.lateness = 0;
        plans.push(simpler);
    }
    plans
}

fn differs(simpler: &Plan, plan: &Plan) -> bool {
    let noise = |plan: &Plan| {
        [
            plan.profile.spike_permille,
            plan.profile.duplicate_permille,
            plan.profile.stray_permille,
        ]
    };
    noise(simpler) != noise(plan)
}
