//! Hard limits of a thread that runs what a stranger wrote: the memory it holds, the depth of its
//! stack, and its end from outside. All unsafe code of this crate.
//!
//! A thread that passes a limit is *parked*: it sleeps for ever. Nothing else is sound. An
//! allocator may not unwind, null from it ends the program, and a thread that is ended from outside
//! leaves locks behind. So it is parked only where it holds no lock that others need, which are
//! those of the system's allocator, and whoever waits for it looks at [`Watch::parked`] and
//! continues. What it held stays with it.

#![expect(unsafe_code, reason = "allocators, signals and stacks can't be had in safe Rust")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{
    AtomicBool, AtomicI32, AtomicIsize, AtomicU32, AtomicUsize, Ordering, compiler_fence,
};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

/// Nothing is limited: between two jobs.
const IDLE: u32 = 0;
const RUNNING: u32 = 1;
/// It was asked to end, and does so as soon as it holds no lock.
const STOPPING: u32 = 2;
const OUT_OF_MEMORY: u32 = 3;
const TOO_DEEP: u32 = 4;

/// Stack that the system's allocator gets: where less is left, it is not entered, since a thread
/// that were stopped in it would hold its lock. glibc's needs some hundred bytes.
const ALLOCATOR_STACK_BYTES: usize = 64 * 1024;
/// How far beyond its stack a thread's first wrong step may be: a frame is probed page by page.
const GUARD_BYTES: usize = 1024 * 1024;
/// For handlers that run where the thread's own stack is at its end. They call next to nothing;
/// the largest set of registers that a processor saves has some ten thousand bytes.
const SIGNAL_STACK_BYTES: usize = 64 * 1024;
/// It has no other meaning: where it is not handled it is ignored.
const STOP_SIGNAL: c_int = libc::SIGURG;

/// What is known of a thread that is limited.
#[derive(Debug)]
pub(crate) struct Watch {
    state: AtomicU32,
    /// Bytes that it has and that were not taken over.
    held: AtomicIsize,
    most: isize,
    /// Its stack: the highest address, the lowest, and that from which the allocator is not entered.
    stack: [AtomicUsize; 3],
    /// Number of the clock of its computing time; 0 where there is none.
    clock: AtomicI32,
    in_allocator: AtomicBool,
}

thread_local! {
    /// The limits of this thread. Without a destructor and made by the compiler, so that asking for
    /// it neither allocates nor fails.
    static WATCH: Cell<*const Watch> = const { Cell::new(ptr::null()) };
}

/// Most bytes that any thread with limits has held.
static PEAK: AtomicIsize = AtomicIsize::new(0);
/// Threads that are parked.
static PARKED: AtomicUsize = AtomicUsize::new(0);

/// Most bytes that a template has held in this process.
#[must_use]
pub fn memory_peak_bytes() -> usize {
    PEAK.load(Ordering::Relaxed).unsigned_abs()
}

/// How many threads were parked in this process.
pub(crate) fn parked_threads() -> usize {
    PARKED.load(Ordering::Relaxed)
}

/// Keeps the program's panic hook from panics of watched threads, which catch them. Such a panic is
/// a fault of the template engine and says nothing about the rest of the program. The hook would also
/// take locks and memory where the thread may be parked.
fn keep_hook_from_watched() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if watch().is_none() {
            hook(panic);
        }
    }));
}

/// Whether a panic is on its way to where it is caught: locks of the unwinder may be held, so that
/// the thread is not parked. What it allocates meanwhile is little. Reads variables of the program
/// and of the thread, also in a handler.
fn is_unwinding() -> bool {
    std::thread::panicking()
}

#[inline]
fn watch() -> Option<&'static Watch> {
    // SAFETY: it is null or points to what an `Entered` of this thread keeps alive, and that one
    // makes it null before it lets go; nothing here keeps the reference beyond the call.
    unsafe { WATCH.get().as_ref() }
}

impl Watch {
    /// Limits for a thread that does not run yet.
    pub(crate) fn new(memory_bytes: usize) -> Self {
        Self {
            state: AtomicU32::new(IDLE),
            held: AtomicIsize::new(0),
            most: signed(memory_bytes),
            stack: [const { AtomicUsize::new(0) }; 3],
            clock: AtomicI32::new(0),
            in_allocator: AtomicBool::new(false),
        }
    }

    /// A job begins on the watched thread: the limits hold.
    pub(crate) fn begin(&self) {
        self.state.store(RUNNING, Ordering::Release);
    }

    /// The job has ended; false if the thread was asked to end meanwhile.
    pub(crate) fn finish(&self) -> bool {
        self.state.compare_exchange(RUNNING, IDLE, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Others take over this many bytes from the watched thread.
    pub(crate) fn hand_over(&self, bytes: usize) {
        self.held.fetch_sub(signed(bytes), Ordering::Relaxed);
    }

    /// The watched thread takes over this many bytes from others.
    pub(crate) fn take_over(&self, bytes: usize) {
        self.held.fetch_add(signed(bytes), Ordering::Relaxed);
    }

    /// Why the thread has parked itself, where it has.
    pub(crate) fn parked(&self) -> Option<Parked> {
        match self.state.load(Ordering::Acquire) {
            OUT_OF_MEMORY => Some(Parked::OutOfMemory),
            TOO_DEEP => Some(Parked::TooDeep),
            _ => None,
        }
    }

    /// Parks the thread from outside, at once or as soon as it has left the allocator; false where
    /// its job has ended already. `thread` is the watched one.
    pub(crate) fn stop<T>(&self, thread: &JoinHandle<T>) -> bool {
        use std::os::unix::thread::JoinHandleExt as _;

        let asked =
            self.state.compare_exchange(RUNNING, STOPPING, Ordering::AcqRel, Ordering::Acquire);
        if asked.is_ok() {
            // SAFETY: a thread that is neither joined nor detached has a valid identity even when it
            // has ended. The signal has a handler since the thread began.
            unsafe { libc::pthread_kill(thread.as_pthread_t(), STOP_SIGNAL) };
        }
        asked.is_ok()
    }

    /// How long the thread has computed since it began.
    #[cfg(target_os = "linux")]
    pub(crate) fn computed(&self) -> Duration {
        let clock = self.clock.load(Ordering::Acquire);
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: writes to `time`; a clock of a thread that has ended is an error and writes nothing.
        if clock != 0 && unsafe { libc::clock_gettime(clock, &raw mut time) } == 0 {
            let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
            return Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0));
        }
        Duration::ZERO
    }

    /// Elsewhere there is no such clock for another thread: the world's is all there is.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn computed(&self) -> Duration {
        static START: OnceLock<std::time::Instant> = OnceLock::new();
        START.get_or_init(std::time::Instant::now).elapsed()
    }

    /// Does what gives up this many bytes of this thread's memory for this many others, if it may have
    /// them. For a moment it may have both.
    #[cold]
    fn change<R>(&self, given: usize, taken: usize, work: impl FnOnce() -> R) -> R {
        let before = self.held.load(Ordering::Relaxed);
        let both = before.saturating_add(signed(taken));
        if self.state.load(Ordering::Relaxed) != IDLE {
            let here = ptr::from_ref(&both).addr();
            if here < self.stack[2].load(Ordering::Relaxed) {
                self.park(TOO_DEEP);
            }
            if taken > given && both > self.most && !is_unwinding() {
                self.park(OUT_OF_MEMORY);
            }
        }
        self.held.store(both.saturating_sub(signed(given)), Ordering::Relaxed);
        PEAK.fetch_max(both, Ordering::Relaxed);
        self.in_allocator.store(true, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        let done = work();
        compiler_fence(Ordering::SeqCst);
        self.in_allocator.store(false, Ordering::Relaxed);
        self.park_if_asked();
        done
    }

    fn park_if_asked(&self) {
        let busy = self.in_allocator.load(Ordering::Relaxed) || is_unwinding();
        if !busy && self.state.load(Ordering::Acquire) == STOPPING {
            self.park(STOPPING);
        }
    }

    /// Sleeps for ever. Called on the watched thread, also by handlers of signals: allocates nothing
    /// and takes no lock.
    fn park(&self, why: u32) -> ! {
        // Whoever has asked it to stop knows why.
        let _ = self.state.compare_exchange(RUNNING, why, Ordering::AcqRel, Ordering::Acquire);
        PARKED.fetch_add(1, Ordering::Relaxed);
        // SAFETY: a set of signals is plain data that `sigfillset` fills; both calls may be made in a
        // handler. No signal of the process comes to this thread any more.
        unsafe {
            let mut all = std::mem::zeroed();
            libc::sigfillset(&raw mut all);
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, ptr::null_mut());
        }
        loop {
            // SAFETY: waits for a signal, and may be called in a handler.
            unsafe { libc::pause() };
        }
    }

    fn is_stack(&self, address: usize) -> bool {
        let [top, lowest, _] = &self.stack;
        let lowest = lowest.load(Ordering::Relaxed).saturating_sub(GUARD_BYTES);
        (lowest..=top.load(Ordering::Relaxed)).contains(&address)
    }
}

/// Why a thread has parked itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parked {
    OutOfMemory,
    TooDeep,
}

/// A thread while it is watched.
#[derive(Debug)]
pub(crate) struct Entered {
    watch: Arc<Watch>,
    signal_stack: Box<[u8]>,
}

impl Entered {
    /// Watches the calling thread, which has just begun with a stack of this size.
    pub(crate) fn new(watch: &Arc<Watch>, stack_bytes: usize) -> Self {
        let mut signal_stack = vec![0; SIGNAL_STACK_BYTES].into_boxed_slice();
        let top = ptr::from_ref(&stack_bytes).addr();
        let lowest = top.saturating_sub(stack_bytes);
        for (place, address) in
            watch.stack.iter().zip([top, lowest, lowest + ALLOCATOR_STACK_BYTES])
        {
            place.store(address, Ordering::Relaxed);
        }
        let stack = libc::stack_t {
            ss_sp: signal_stack.as_mut_ptr().cast(),
            ss_flags: 0,
            ss_size: signal_stack.len(),
        };
        // SAFETY: the memory is used for nothing else and stays until `drop` has taken it back.
        unsafe { libc::sigaltstack(&raw const stack, ptr::null_mut()) };
        #[cfg(target_os = "linux")]
        {
            let mut clock = 0;
            // SAFETY: asks for the calling thread, and writes a number.
            if unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &raw mut clock) } == 0 {
                watch.clock.store(clock, Ordering::Release);
            }
        }
        WATCH.set(Arc::as_ptr(watch));
        Self { watch: Arc::clone(watch), signal_stack }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        debug_assert_eq!(WATCH.get(), Arc::as_ptr(&self.watch), "dropped where it was made");
        WATCH.set(ptr::null());
        let none = libc::stack_t {
            ss_sp: self.signal_stack.as_mut_ptr().cast(),
            ss_flags: libc::SS_DISABLE,
            ss_size: self.signal_stack.len(),
        };
        // SAFETY: takes back what `new` has given; no handler runs on it, since this code runs.
        unsafe { libc::sigaltstack(&raw const none, ptr::null_mut()) };
    }
}

/// The handlers that were there before ours, by signal.
static BEFORE: [(c_int, OnceLock<libc::sigaction>); 2] =
    [(libc::SIGSEGV, OnceLock::new()), (libc::SIGBUS, OnceLock::new())];

/// Installs the handlers, once for the program and before the first thread with limits.
pub(crate) fn install() {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        keep_hook_from_watched();
        let stop: extern "C" fn(c_int) = on_stop;
        let fault: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = on_fault;
        // SAFETY: an action is plain data; the handlers have the forms that their flags say, and do
        // only what a handler may. What was there before is kept before ours can be called.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = stop as libc::sighandler_t;
            action.sa_flags = libc::SA_ONSTACK | libc::SA_RESTART;
            libc::sigaction(STOP_SIGNAL, &raw const action, ptr::null_mut());
            action.sa_sigaction = fault as libc::sighandler_t;
            action.sa_flags = libc::SA_ONSTACK | libc::SA_SIGINFO;
            for (signal, before) in &BEFORE {
                let mut old: libc::sigaction = std::mem::zeroed();
                libc::sigaction(*signal, ptr::null(), &raw mut old);
                let _ = before.set(old);
                libc::sigaction(*signal, &raw const action, ptr::null_mut());
            }
        }
    });
}

extern "C" fn on_stop(_signal: c_int) {
    if let Some(watch) = watch() {
        watch.park_if_asked();
    }
}

extern "C" fn on_fault(signal: c_int, info: *mut libc::siginfo_t, _context: *mut c_void) {
    // SAFETY: the system gives a handler of this form what has happened.
    let address = unsafe { (*info).si_addr() }.addr();
    if let Some(watch) = watch().filter(|watch| watch.is_stack(address)) {
        watch.park(TOO_DEEP);
    }
    // Not ours: it happens again, to the handler that was there before.
    for (_, before) in BEFORE.iter().filter(|(known, _)| *known == signal) {
        // SAFETY: puts back what the system gave.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = libc::SIG_DFL;
            let action = before.get().copied().unwrap_or(action);
            libc::sigaction(signal, &raw const action, ptr::null_mut());
        }
    }
}

/// The system's allocator, which parks a watched thread that wants more than it may have. Others
/// pay a look at a variable of the thread.
#[derive(Debug)]
struct Bounded;

#[global_allocator]
static ALLOCATOR: Bounded = Bounded;

fn signed(bytes: usize) -> isize {
    isize::try_from(bytes).unwrap_or(isize::MAX)
}

// SAFETY: all work is done by `System` with what the caller has promised; only sizes are counted
// beside it. A thread that is parked never comes back, so it is promised nothing.
unsafe impl GlobalAlloc for Bounded {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: guaranteed by the caller is passed on.
        let work = || unsafe { System.alloc(layout) };
        match watch() {
            None => work(),
            Some(watch) => watch.change(0, layout.size(), work),
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: guaranteed by the caller is passed on.
        let work = || unsafe { System.alloc_zeroed(layout) };
        match watch() {
            None => work(),
            Some(watch) => watch.change(0, layout.size(), work),
        }
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: guaranteed by the caller is passed on.
        let work = || unsafe { System.dealloc(pointer, layout) };
        match watch() {
            None => work(),
            Some(watch) => watch.change(layout.size(), 0, work),
        }
    }

    #[inline]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: guaranteed by the caller is passed on.
        let work = || unsafe { System.realloc(pointer, layout, size) };
        match watch() {
            None => work(),
            Some(watch) => watch.change(layout.size(), size, work),
        }
    }
}
