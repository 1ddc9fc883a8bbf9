//! The shortest trace a failure shrinks to: fewer faults, milder air, until nothing can be left out.

use crate::checkers::Failure;
use crate::plan::Plan;
use crate::play;
use crate::trace::Trace;

/// Tries at most this many runs.
const MOST_RUNS: usize = 400;

/// Leaves out of the plan whatever the failure of the same promise does not need.
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
    if plan.air.is_noisy() {
        offer(&|plan| plan.air.spike_permille = 0);
        offer(&|plan| plan.air.duplicate_permille = 0);
        offer(&|plan| plan.air.stray_permille = 0);
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
            plan.air.spike_permille,
            plan.air.duplicate_permille,
            plan.air.stray_permille,
        ]
    };
    noise(simpler) != noise(plan)
}
