//! What can go wrong, and how often it does under a seed: a quarter of the seeds are calm, a
//! quarter are stormy, and each has only some of the faults, so that every fault gets a chance to
//! do its worst.
//!
//! Code asks whether a fault strikes at the place where it would, and decides there what it does.

use crate::random::Random;

/// Declares the faults with their names and how often each strikes on a usual day, in a thousand.
macro_rules! faults {
    ($($name:ident = $words:literal, $usual:literal;)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Fault { $($name,)* }

        impl Fault {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name,)*];

            pub(crate) const fn words(self) -> &'static str {
                match self { $(Self::$name => $words,)* }
            }

            const fn usual(self) -> u64 {
                match self { $(Self::$name => $usual,)* }
            }
        }
    };
}

faults! {
    StartFails = "worker: its start fails", 40;
    EndsFirst = "worker: its end is reported before its start", 20;
    HelloDies = "worker: dies before its hello", 40;
    HelloNever = "worker: never says hello", 15;
    HelloNonsense = "worker: its hello is nonsense", 15;
    HelloOther = "worker: is of another version", 15;
    DevicesFail = "worker: devices can't be listed", 20;
    DevicesDie = "worker: dies while devices are asked for", 20;
    DevicesNever = "worker: never tells its devices", 15;
    LoadDies = "load: the worker dies", 60;
    LoadDamaged = "load: the file is damaged", 30;
    LoadUnsupported = "load: the model is not supported", 20;
    LoadFails = "load: fails", 40;
    LoadOutOfMemory = "load: out of memory", 50;
    LoadSilent = "load: silence", 40;
    LoadStalls = "load: no end, with signs of life", 20;
    LoadNonsense = "load: nonsense is answered", 15;
    LoadLost = "load: the answer has another number", 12;
    LoadDiesOnGpu = "load: the worker dies of the GPU", 60;
    LoadFailsOnGpu = "load: the GPU can't", 60;
    CountDies = "count: the worker dies", 30;
    CountSilent = "count: silence", 15;
    CountFails = "count: an error", 20;
    CountNonsense = "count: nonsense is answered", 15;
    CountLost = "count: the answer has another number", 10;
    PrefillDies = "generate: the worker dies before the first token", 40;
    DecodeDies = "generate: the worker dies after some tokens", 40;
    WriteSilent = "generate: silence", 25;
    WriteStalls = "generate: no end, with signs of life", 20;
    WriteOutOfMemory = "generate: out of memory", 30;
    WriteFails = "generate: fails", 30;
    WriteNonsense = "generate: nonsense is answered", 15;
    WriteLost = "generate: the answer has another number", 10;
    WriteUseless = "generate: the text is of no use", 80;
    TestSilent = "test: its client never says how it went", 60;
    TestSlow = "test: takes a minute", 60;
    CancelDies = "cancel: the worker dies", 40;
    CancelIgnored = "cancel: the worker does not stop", 80;
    CancelSlow = "cancel: takes seconds", 60;
    UnloadDies = "unload: the worker dies", 40;
    UnloadSilent = "unload: silence", 30;
    UnloadFails = "unload: an error", 30;
    RestoreFails = "prefix: can't be taken over", 100;
    RestoreSilent = "prefix: silence while it is taken over", 40;
    RestoreDies = "prefix: the worker dies of it", 40;
    SaveFails = "prefix: can't be saved", 100;
    SaveSilent = "prefix: silence while it is saved", 12;
    IdleDies = "worker: dies while idle", 40;
    IdleSilent = "worker: freezes while idle", 15;
    EndedForMemory = "worker: the system ended it for lack of memory", 250;
    StrayToken = "worker: tokens of a request that it was not given", 40;
    StrayAnswer = "worker: answers what was not asked", 40;
    StrayNonsense = "worker: notifications that are malformed", 40;
    AfterDeath = "worker: messages after its end", 120;
    EndingSlow = "worker: is gone late after it was killed", 250;
    Slow = "worker: slow", 60;
    FileReplaced = "store: a file is replaced", 30;
    FileGone = "store: a file is removed", 20;
    FileDamaged = "store: a file is damaged", 20;
    DiskSlow = "store: the disk is slow", 20;
    KeptDamaged = "disk: what was kept is cut off", 100;
    MemoryTaken = "machine: others take memory", 60;
    MemoryShort = "machine: memory runs short", 30;
    PowerSaved = "machine: power is saved", 30;
    Sleep = "machine: sleeps, and the clock jumps", 30;
    SleepUnseen = "machine: sleeps, and the clock does not", 20;
    HostStalls = "host: gets no processor for a while", 25;
    HostKilled = "host: killed", 12;
    Terminated = "host: asked to end by the system", 8;
    Stopped = "client: stops the host", 8;
    Drained = "client: drains the host", 12;
    Vanishes = "client: vanishes", 60;
    NoHello = "client: says no hello", 20;
    OtherVersion = "client: of another version", 20;
    Malformed = "client: a malformed frame", 20;
    UnknownMethod = "client: an unknown method", 15;
    BadParams = "client: parameters that are malformed", 15;
    BadRequestId = "client: a request id that is taken or bad", 30;
    Answers = "client: answers and notifications", 10;
    FloodOfRequests = "client: more requests than may wait", 2;
    FloodOfClients = "client: more connections than there may be", 2;
}

#[derive(Debug, Clone)]
pub(crate) struct FaultPlan {
    chances: Vec<u64>,
    struck: Vec<u64>,
}

impl FaultPlan {
    pub(crate) fn draw(random: &mut Random) -> Self {
        // Which faults a seed has, in a thousand, and how much oftener than half of the usual they
        // strike. A fault that is absent leaves room for what only comes after long quiet; all of
        // them at once would end each request before its interesting part.
        let (known, times) = match random.below(4) {
            0 => (100, 1),
            1 | 2 => (500, 2),
            _ => (600, 6),
        };
        let mut chances: Vec<u64> = Fault::ALL
            .iter()
            .map(|fault| if random.per_mille(known) { fault.usual() * times / 2 } else { 0 })
            .collect();
        if times > 1 {
            // Up to two faults strike far more often, so that rare ones also strike repeatedly in
            // one world.
            for _ in 0..random.below(3) {
                let favorite = random.pick(Fault::ALL);
                chances[*favorite as usize] = (favorite.usual() * 15).min(500);
            }
        }
        Self { chances, struck: vec![0; Fault::ALL.len()] }
    }

    pub(crate) fn end_faults(&mut self) {
        self.chances.fill(0);
    }

    pub(crate) fn strikes(&mut self, fault: Fault, random: &mut Random) -> bool {
        let chance = self.chances[fault as usize];
        // A fault that this seed does not have draws no number, so end_faults changes the sequence
        // of numbers from there on; a seed still repeats, since it does so at the same place.
        let strikes = chance > 0 && random.per_mille(chance);
        self.struck[fault as usize] += u64::from(strikes);
        strikes
    }

    pub(crate) fn struck(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let all = Fault::ALL.iter().zip(&self.struck);
        all.map(|(fault, times)| (fault.words(), *times))
    }
}
