//! The host's own life: serving, taking no new work, ending its workers, gone.

use localcoder_protocol::Confined;

#[derive(Debug)]
pub(super) struct Life {
    pid: u32,
    confined: Confined,
    idle_exit_ms: u64,
    started_ms: Option<u64>,
    draining: bool,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Serving,
    /// Workers are being ended; then the host ends.
    Leaving,
    Exited,
}

impl Life {
    pub(super) fn new(pid: u32, confined: Confined, idle_exit_ms: u64) -> Self {
        Self {
            pid,
            confined,
            idle_exit_ms,
            started_ms: None,
            draining: false,
            stage: Stage::Serving,
        }
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    pub(super) fn confined(&self) -> &Confined {
        &self.confined
    }

    /// Notes the time of the first event; returns whether this is the first. The host has no clock,
    /// so its life begins with an event.
    pub(super) fn begin(&mut self, now_ms: u64) -> bool {
        let first = self.started_ms.is_none();
        self.started_ms.get_or_insert(now_ms);
        first
    }

    pub(super) fn uptime_ms(&self, now_ms: u64) -> u64 {
        now_ms - self.started_ms.unwrap_or(now_ms)
    }

    pub(super) fn drain(&mut self) {
        self.draining = true;
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.stage != Stage::Serving
    }

    pub(super) fn has_exited(&self) -> bool {
        self.stage == Stage::Exited
    }

    pub(super) fn takes_work(&self) -> bool {
        !self.draining && !self.is_leaving()
    }

    /// A client connected while the host was about to end for lack of clients; returns whether the
    /// host stays.
    pub(super) fn stay(&mut self) -> bool {
        let stays = self.stage == Stage::Leaving && !self.draining;
        if stays {
            self.stage = Stage::Serving;
        }
        stays
    }

    pub(super) fn unused_from_ms(&self, alone_since_ms: Option<u64>) -> Option<u64> {
        Some(alone_since_ms? + self.idle_exit_ms)
    }

    /// Begins to leave if it is time; returns whether it begins now. `done`: no work is left for
    /// any client.
    pub(super) fn leave(&mut self, now_ms: u64, alone_since_ms: Option<u64>, done: bool) -> bool {
        let unused = self.unused_from_ms(alone_since_ms).is_some_and(|due| now_ms >= due);
        // Unused also with work left: nobody is connected who could receive what comes of it.
        let leaves = self.stage == Stage::Serving && (unused || (self.draining && done));
        if leaves {
            self.stage = Stage::Leaving;
        }
        leaves
    }

    /// Ends once no worker runs; returns whether that is now. Until then the process is needed: it
    /// is what ends its workers.
    pub(super) fn exit(&mut self, workers_run: bool) -> bool {
        let exits = self.stage == Stage::Leaving && !workers_run;
        if exits {
            self.stage = Stage::Exited;
        }
        exits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_leaves_when_nobody_came_for_long_enough_and_stays_for_who_does() {
        let mut life = Life::new(1, Confined::default(), 1_000);
        assert!(!life.leave(999, Some(0), true) && life.leave(1_000, Some(0), true));
        assert!(!life.exit(true), "a worker runs");
        assert!(life.stay() && !life.is_leaving());
        assert!(!life.leave(5_000, None, true), "somebody is connected");
    }

    #[test]
    fn one_that_takes_no_new_work_leaves_when_the_old_is_done_and_does_not_come_back() {
        let mut life = Life::new(1, Confined::default(), 1_000);
        life.drain();
        assert!(!life.takes_work());
        assert!(!life.leave(1, None, false) && life.leave(2, None, true));
        assert!(!life.stay());
        assert!(life.exit(false) && life.has_exited());
        assert!(!life.exit(false), "once");
    }
}
