//! Numbers about what was simulated: how much, how requests ended, and which faults occurred, so
//! that a run can show what it has covered.

use std::collections::BTreeMap;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    pub seeds: u64,
    pub events: u64,
    /// Simulated time, over all worlds.
    pub simulated_ms: u64,
    pub hosts: u64,
    pub workers: u64,
    pub loads: u64,
    pub clients: u64,
    pub requests: u64,
    pub endings: BTreeMap<(&'static str, &'static str), u64>,
    pub faults: BTreeMap<&'static str, u64>,
}

impl Tally {
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
