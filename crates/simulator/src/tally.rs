//! Numbers about what was simulated: how much, how requests ended, and which faults occurred, so
//! that a run can show what it has covered.

use std::collections::BTreeMap;

/// Counts of one seed, or of many.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many worlds were simulated.
    pub seeds: u64,
    /// Events that were given to hosts.
    pub events: u64,
    /// Simulated time, over all worlds.
    pub simulated_ms: u64,
    /// Hosts that were started.
    pub hosts: u64,
    /// Workers that were started.
    pub workers: u64,
    /// Loads of models that were begun.
    pub loads: u64,
    /// Clients that connected.
    pub clients: u64,
    /// Requests that clients made.
    pub requests: u64,
    /// How requests ended, by method and ending.
    pub endings: BTreeMap<(&'static str, &'static str), u64>,
    /// How often each fault struck.
    pub faults: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// Adds the counts of another run.
    pub fn add(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.events += other.events;
        self.simulated_ms += other.simulated_ms;
        self.hosts += other.hosts;
        self.workers += other.workers;
        self.loads += other.loads;
        self.clients += other.clients;
        self.requests += other.requests;
        for (ending, times) in &other.endings {
            *self.endings.entry(*ending).or_default() += times;
        }
        for (fault, times) in &other.faults {
            *self.faults.entry(fault).or_default() += times;
        }
    }
}
