//! What happens to the machine: files change under a loaded model, others take memory, memory runs
//! short, power is saved, the machine sleeps, and the host is ended from outside.

use localcoder_host::core::Event;
use localcoder_protocol::ErrorCode;

use crate::broken::Outcome;
use crate::faults::Fault;
use crate::store::SPECS;
use crate::world::World;
use crate::world_event::WorldEvent;

impl World {
    pub(crate) fn schedule_fault_change(&mut self) {
        let ms = self.random.up_to_ms(30_000) + 1;
        self.later(ms, WorldEvent::FaultsChange);
    }

    pub(crate) fn change_faults(&mut self) -> Outcome {
        if self.faults_ended {
            return Ok(());
        }
        self.schedule_fault_change();
        self.change_files();
        if self.strikes(Fault::MemoryTaken) {
            self.store.others_bytes = self.random.below(self.store.total_bytes);
        }
        if self.strikes(Fault::MemoryShort) {
            self.short_of_memory = !self.short_of_memory;
            self.deliver(Event::MemoryShort(self.short_of_memory))?;
        }
        if self.strikes(Fault::PowerSaved) {
            self.saves_power = !self.saves_power;
            self.deliver(Event::PowerSaving(self.saves_power))?;
        }
        if self.strikes(Fault::Sleep) {
            self.sleep(true);
        }
        if self.strikes(Fault::SleepUnseen) {
            self.sleep(false);
        }
        if self.strikes(Fault::HostStalls) {
            // The world continues meanwhile, and the host gets everything at once. Unlike sleep,
            // this leaves the agenda where it is: heartbeats pile up and are delivered after the
            // pause, so a host that only compares clocks would kill a worker that beat.
            self.now_ms += self.random.up_to_ms(40_000);
            self.woke_ms = self.now_ms;
        }
        if self.strikes(Fault::Terminated) {
            return self.end_from_outside(true);
        }
        if self.strikes(Fault::HostKilled) {
            return self.end_from_outside(false);
        }
        Ok(())
    }

    fn end_from_outside(&mut self, asked: bool) -> Outcome {
        if self.host.is_none() {
            return Ok(());
        }
        if asked {
            // Set before the event: the host may exit while it handles it.
            self.supervision.may_exit = true;
            return self.deliver(Event::Terminate);
        }
        self.host_is_gone();
        Ok(())
    }

    fn change_files(&mut self) {
        let index = usize::try_from(self.random.below(SPECS.len() as u64)).unwrap_or(0);
        if self.strikes(Fault::FileReplaced) {
            self.store.replace(index);
        } else if self.strikes(Fault::FileGone) {
            self.store.spoil(index, None);
        } else if self.strikes(Fault::FileDamaged) {
            let codes = [ErrorCode::ModelDamaged, ErrorCode::ModelNotGguf];
            let code = *self.random.pick(&codes);
            self.store.spoil(index, Some(code));
        }
    }

    fn sleep(&mut self, clock_runs: bool) {
        let ms = self.random.up_to_ms(3_600_000);
        self.trace.say(self.now_ms, || format!("*** the machine sleeps for {ms} ms"));
        // Nothing happens during sleep, so the agenda moves along with the clock; on some systems
        // the clock stops, too, and then neither does.
        if clock_runs {
            self.agenda.delay_all(ms);
            self.now_ms += ms;
        }
        self.woke_ms = self.now_ms;
        // A short sleep is not reported at all; then only the clock shows it.
        if ms >= 20_000 {
            // The host's shell notices it only when it next looks.
            let after = self.random.below(5_000);
            self.later(after, WorldEvent::Woke);
        }
    }
}
