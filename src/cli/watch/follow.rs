//! Keeps the streams of events open: those of the chosen nodes, and no others.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use async_io::Timer;
use smol::channel::Sender;
use smol::{LocalExecutor, Task};

use super::choice::{MOST, choose, is_large};
use super::model::{Model, Shared};
use crate::cli::targets::Target;
use crate::clock;
use crate::endpoint::Endpoint;
use crate::http::{Update, fetch_status, subscribe};
use crate::ring::Time;

/// The pause before a node that cannot be reached is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// How long a node that did not answer is not chosen.
const SKIPPED: Duration = Duration::from_secs(30);

/// The pause between two questions for what no stream tells.
const SURVEY_PAUSE: Duration = Duration::from_millis(250);

/// The time in which a survey asks all nodes of a ring that is not too large for it.
const SURVEY_ROUND: Duration = Duration::from_secs(15);

/// All streams.
pub(super) struct Following {
    executor: Rc<LocalExecutor<'static>>,
    model: Shared,
    changed: Sender<()>,
    /// What the user gave: the nodes of a ring file, or addresses.
    given: Vec<Target>,
    /// Whether these are all nodes of the ring, of which it is enough to follow some.
    from_file: bool,
    streams: BTreeMap<String, Task<()>>,
    _survey: Task<()>,
}

impl Following {
    pub(super) fn start(
        executor: &Rc<LocalExecutor<'static>>,
        given: Vec<Target>,
        model: &Shared,
        changed: &Sender<()>,
    ) -> Self {
        let survey = survey(Rc::clone(model), changed.clone());
        let mut following = Self {
            executor: Rc::clone(executor),
            model: Rc::clone(model),
            changed: changed.clone(),
            from_file: given.iter().all(|target| target.node.is_some()),
            given,
            streams: BTreeMap::new(),
            _survey: executor.spawn(survey),
        };
        following.adjust(clock::now());
        following
    }

    /// Opens the streams that are missing, and closes those of nodes that are not chosen any more.
    pub(super) fn adjust(&mut self, now: Time) {
        let wanted = self.wanted(now);
        self.streams.retain(|address, _| {
            let keep = wanted.contains_key(address);
            if !keep {
                self.model.borrow_mut().on_closed(address, now);
            }
            keep
        });
        for (address, endpoint) in wanted {
            let (executor, model, changed) = (&self.executor, &self.model, &self.changed);
            self.streams.entry(address).or_insert_with(|| {
                executor.spawn(follow(endpoint, Rc::clone(model), changed.clone()))
            });
        }
    }

    /// The endpoints to follow, by their addresses.
    fn wanted(&self, now: Time) -> BTreeMap<String, Endpoint> {
        let model = self.model.borrow();
        let is_large_ring = model
            .first
            .as_ref()
            .is_some_and(|first| is_large(first.nodes.len()));
        let mut wanted = BTreeMap::new();
        let mut add = |endpoint: Endpoint| drop(wanted.insert(endpoint.to_string(), endpoint));
        if is_large_ring {
            chosen(&model, now).into_iter().for_each(&mut add);
        }
        let given = self.given.iter().map(endpoint);
        if !self.from_file || !is_large(self.given.len()) {
            given.for_each(add);
        } else if !is_large_ring {
            // Until the first answers. Those that did not answer come last.
            let fails = |endpoint: &Endpoint| model.has_failed(&endpoint.to_string(), now, SKIPPED);
            let (silent, others): (Vec<_>, Vec<_>) = given.partition(fails);
            others.into_iter().chain(silent).take(MOST).for_each(add);
        }
        wanted
    }
}

fn endpoint(target: &Target) -> Endpoint {
    Endpoint {
        host: target.host.clone(),
        port: target.port,
    }
}

/// The endpoints of the chosen nodes, and of those that replace the ones that do not answer.
fn chosen(model: &Model, now: Time) -> Vec<Endpoint> {
    let Some(first) = &model.first else {
        return Vec::new();
    };
    let home = first.nodes.iter().position(|node| node.name == first.node);
    let home = home.unwrap_or_default();
    let fails = |name: &str| {
        let address = model.endpoint(name).map(|endpoint| endpoint.to_string());
        address.is_none_or(|address| model.has_failed(&address, now, SKIPPED))
    };
    let mut chosen = choose(&first.nodes, first.shape, home, |_| false);
    chosen.extend(choose(&first.nodes, first.shape, home, fails));
    let names = chosen.iter().filter_map(|&index| first.nodes.get(index));
    names
        .filter_map(|node| model.endpoint(&node.name))
        .collect()
}

/// Follows one node for ever.
async fn follow(endpoint: Endpoint, model: Shared, changed: Sender<()>) {
    let address = endpoint.to_string();
    loop {
        let mut name = None;
        let on_news = |news: Update| {
            let mut model = model.borrow_mut();
            if let Update::State(status) = &news {
                name = Some(status.node.clone());
                model.on_reached(&endpoint, &status.node);
            }
            if let Some(name) = &name {
                model.on_event(name, news, clock::now());
            }
            // Fails only if an earlier notice is still waiting: one is enough.
            let _ = changed.try_send(());
        };
        let ended = subscribe(&endpoint.host, endpoint.port, on_news).await;
        let now = clock::now();
        {
            let mut model = model.borrow_mut();
            model.on_closed(&address, now);
            model.on_unreached(&address, ended.to_string(), now);
        }
        // As above.
        let _ = changed.try_send(());
        Timer::after(RETRY).await;
    }
}

/// In a large ring: asks one node after another for what no stream tells.
async fn survey(model: Shared, changed: Sender<()>) {
    let mut last = 0;
    loop {
        let (next, pause) = {
            let model = model.borrow();
            let nodes = u32::try_from(model.index.len()).unwrap_or(u32::MAX);
            let pause = SURVEY_ROUND.checked_div(nodes).unwrap_or_default();
            (model.next_to_ask(&mut last), pause.max(SURVEY_PAUSE))
        };
        if let Some(Endpoint { host, port }) = next
            && let Ok(status) = fetch_status(&host, port).await
        {
            model.borrow_mut().on_told(&status, clock::now());
            // As above.
            let _ = changed.try_send(());
        }
        Timer::after(pause).await;
    }
}
