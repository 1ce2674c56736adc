//! Hard limits for a thread that runs untrusted code: the memory it holds, the depth of its stack,
//! and an end from outside. All unsafe code of this crate.
//!
//! A thread that passes a limit is *parked*: it sleeps forever. Nothing else is sound. An allocator
//! may not unwind, a null pointer from it ends the program, and a thread that is killed from
//! outside leaves its locks behind. So it is parked only while it holds no lock that others need,
//! which are those of the system's allocator. The thread that waits for it checks [`Watch::parked`]
//! and continues. The parked thread keeps what it held.

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

/// Stack that is reserved for the system's allocator. With less left, it is not entered, since a
/// thread that was stopped inside it would keep its lock. glibc's needs a few hundred bytes.
const ALLOCATOR_STACK_BYTES: usize = 64 * 1024;
/// How far beyond its stack a thread's first invalid access may be: frames are probed page by page.
const GUARD_BYTES: usize = 1024 * 1024;
/// Stack for handlers that run when the thread's own stack is exhausted. They call next to nothing;
/// the largest set of registers that a processor saves takes some ten thousand bytes.
const SIGNAL_STACK_BYTES: usize = 64 * 1024;
/// A signal without another meaning: it is ignored unless it is handled.
const STOP_SIGNAL: c_int = libc::SIGURG;

#[derive(Debug)]
pub(crate) struct Watch {
    state: AtomicU32,
    held: AtomicIsize,
    most: isize,
    /// Its stack: the highest address, the lowest, and the one below which the allocator is not
    /// entered.
    stack: [AtomicUsize; 3],
    /// The id of its CPU time clock; 0 if there is none.
    clock: AtomicI32,
    in_allocator: AtomicBool,
}

thread_local! {
    /// The limits of this thread. A constant without a destructor, so that reading it neither
    /// allocates nor fails.
    static WATCH: Cell<*const Watch> = const { Cell::new(ptr::null()) };
}

static PEAK: AtomicIsize = AtomicIsize::new(0);
static PARKED: AtomicUsize = AtomicUsize::new(0);

/// Most bytes that a template has held in this process: for tests and fuzzers, which check that the
/// limit holds.
#[must_use]
pub fn memory_peak_bytes() -> usize {
    PEAK.load(Ordering::Relaxed).unsigned_abs()
}

pub(crate) fn parked_threads() -> usize {
    PARKED.load(Ordering::Relaxed)
}

/// Keeps the program's panic hook away from panics of watched threads, which are caught. Such a
/// panic is a bug of the template engine and says nothing about the rest of the program. The hook
/// would also take locks and memory at a point where the thread may be parked.
fn keep_hook_from_watched() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if watch().is_none() {
            hook(panic);
        }
    }));
}

/// Whether a panic is being unwound: locks of the unwinder may be held, so the thread is not
/// parked. What it allocates meanwhile is little. Only reads variables of the program and of the
/// thread, so handlers may call it.
fn is_unwinding() -> bool {
    std::thread::panicking()
}

#[inline]
fn watch() -> Option<&'static Watch> {
    // SAFETY: it is null or points to what an `Entered` of this thread keeps alive, which resets it
    // to null before letting go; nothing here keeps the reference beyond the call.
    unsafe { WATCH.get().as_ref() }
}

impl Watch {
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

    pub(crate) fn begin(&self) {
        self.state.store(RUNNING, Ordering::Release);
    }

    /// The job has ended; false if the thread was asked to end meanwhile, and then it must do
    /// nothing more that others can see: the caller has its error already.
    pub(crate) fn finish(&self) -> bool {
        self.state.compare_exchange(RUNNING, IDLE, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// What crosses to the other side is freed there, where nothing is counted: without this a
    /// thread that gives away its output would seem to hold more with each answer. Called on the
    /// watched thread, before the bytes go.
    pub(crate) fn hand_over(&self, bytes: usize) {
        self.held.fetch_sub(signed(bytes), Ordering::Relaxed);
    }

    pub(crate) fn take_over(&self, bytes: usize) {
        self.held.fetch_add(signed(bytes), Ordering::Relaxed);
    }

    pub(crate) fn parked(&self) -> Option<Parked> {
        match self.state.load(Ordering::Acquire) {
            OUT_OF_MEMORY => Some(Parked::OutOfMemory),
            TOO_DEEP => Some(Parked::TooDeep),
            _ => None,
        }
    }

    /// Parks the thread from outside, at once or as soon as it has left the allocator; false if its
    /// job has already ended. `thread` is the watched one.
    pub(crate) fn stop<T>(&self, thread: &JoinHandle<T>) -> bool {
        use std::os::unix::thread::JoinHandleExt as _;

        let asked =
            self.state.compare_exchange(RUNNING, STOPPING, Ordering::AcqRel, Ordering::Acquire);
        // The state first, the signal second: whichever of the handler and the end of the
        // allocation comes later sees that it is to stop.
        if asked.is_ok() {
            // SAFETY: a thread that is neither joined nor detached has a valid id even when it has
            // ended. The handler for the signal was installed before the thread began.
            unsafe { libc::pthread_kill(thread.as_pthread_t(), STOP_SIGNAL) };
        }
        asked.is_ok()
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn computed(&self) -> Duration {
        let clock = self.clock.load(Ordering::Acquire);
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: writes to `time`; the clock of a thread that has ended gives an error and writes
        // nothing.
        if clock != 0 && unsafe { libc::clock_gettime(clock, &raw mut time) } == 0 {
            let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
            return Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0));
        }
        Duration::ZERO
    }

    /// Other systems have no such clock for another thread: only wall time can be limited.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn computed(&self) -> Duration {
        static START: OnceLock<std::time::Instant> = OnceLock::new();
        START.get_or_init(std::time::Instant::now).elapsed()
    }

    /// Runs `work`, which frees this many bytes of the thread's memory and allocates this many, if
    /// the thread may have them. For a moment it may hold both: `realloc` copies.
    ///
    /// The limits are checked before the system's allocator is entered, because a thread parked
    /// inside it would keep its lock and stop the whole process. For the same reason a signal that
    /// arrives while `work` runs only leaves its wish in the state, which is looked at afterwards.
    #[cold]
    fn change<R>(&self, given: usize, taken: usize, work: impl FnOnce() -> R) -> R {
        let before = self.held.load(Ordering::Relaxed);
        let both = before.saturating_add(signed(taken));
        if self.state.load(Ordering::Relaxed) != IDLE {
            let here = ptr::from_ref(&both).addr();
            if here < self.stack[2].load(Ordering::Relaxed) {
                self.park(TOO_DEEP);
            }
            // Only growth: a thread that is over the limit may still free, and shrink what it has.
            if taken > given && both > self.most && !is_unwinding() {
                self.park(OUT_OF_MEMORY);
            }
        }
        self.held.store(both.saturating_sub(signed(given)), Ordering::Relaxed);
        PEAK.fetch_max(both, Ordering::Relaxed);
        // While this is set, the stop signal's handler does not park: the lock may be held.
        self.in_allocator.store(true, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        // Fences of the compiler are enough: the handler runs on this very thread.
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

    /// Sleeps forever. Called on the watched thread, also by signal handlers: allocates nothing and
    /// takes no lock.
    fn park(&self, why: u32) -> ! {
        // Who asked it to stop knows the reason already.
        let _ = self.state.compare_exchange(RUNNING, why, Ordering::AcqRel, Ordering::Acquire);
        PARKED.fetch_add(1, Ordering::Relaxed);
        // SAFETY: a set of signals is plain data that `sigfillset` fills; both calls are allowed in
        // a handler. From here on this thread gets no signals of the process.
        unsafe {
            let mut all = std::mem::zeroed();
            libc::sigfillset(&raw mut all);
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, ptr::null_mut());
        }
        loop {
            // SAFETY: waits for a signal, and is allowed in a handler.
            unsafe { libc::pause() };
        }
    }

    fn is_stack(&self, address: usize) -> bool {
        let [top, lowest, _] = &self.stack;
        let lowest = lowest.load(Ordering::Relaxed).saturating_sub(GUARD_BYTES);
        (lowest..=top.load(Ordering::Relaxed)).contains(&address)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parked {
    OutOfMemory,
    TooDeep,
}

#[derive(Debug)]
pub(crate) struct Entered {
    watch: Arc<Watch>,
    signal_stack: Box<[u8]>,
}

impl Entered {
    /// Watches the calling thread, which has just begun with a stack of this size: the address of
    /// this call is taken for its top. Until it is dropped, on the same thread, allocations are
    /// counted; limits apply only between [`Watch::begin`] and [`Watch::finish`].
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

static BEFORE: [(c_int, OnceLock<libc::sigaction>); 2] =
    [(libc::SIGSEGV, OnceLock::new()), (libc::SIGBUS, OnceLock::new())];

/// Installs the handlers, once for the program and before the first thread with limits. Those for
/// faults pass on what is not a watched stack, so that a crash elsewhere is still a crash.
pub(crate) fn install() {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        keep_hook_from_watched();
        let stop: extern "C" fn(c_int) = on_stop;
        let fault: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = on_fault;
        // SAFETY: an action is plain data; the handlers have the signatures that their flags
        // require, and do only what a handler may. The previous handlers are saved before ours can
        // be called.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = stop as libc::sighandler_t;
            // Restart: if it hits a system call of a thread that is not parked, the call must not
            // fail.
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
    // SAFETY: the system passes a handler of this signature what has happened.
    let address = unsafe { (*info).si_addr() }.addr();
    if let Some(watch) = watch().filter(|watch| watch.is_stack(address)) {
        watch.park(TOO_DEEP);
    }
    // Not ours: returning lets it happen again, with the previous handler installed.
    for (_, before) in BEFORE.iter().filter(|(known, _)| *known == signal) {
        // SAFETY: restores what the system gave.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = libc::SIG_DFL;
            let action = before.get().copied().unwrap_or(action);
            libc::sigaction(signal, &raw const action, ptr::null_mut());
        }
    }
}

/// The system's allocator, except that it parks a watched thread that wants more than it may have.
/// Other threads pay for reading one thread-local variable.
#[derive(Debug)]
struct Bounded;

#[global_allocator]
static ALLOCATOR: Bounded = Bounded;

fn signed(bytes: usize) -> isize {
    isize::try_from(bytes).unwrap_or(isize::MAX)
}

// SAFETY: `System` does all the work with what the caller guarantees; here sizes are only counted.
// A parked thread never returns, so it is not promised anything.
unsafe impl GlobalAlloc for Bounded {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's guarantee is passed on.
        let work = || unsafe { System.alloc(layout) };
        match watch() {
            None => work(),
            Some(watch) => watch.change(0, layout.size(), work),
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's guarantee is passed on.
        let work = || unsafe { System.alloc_zeroed(layout) };
        match watch() {
            None => work(),
            Some(watch) => watch.change(0, layout.size(), work),
        }
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's guarantee is passed on.
        let work = || unsafe { System.dealloc(pointer, layout) };
        match watch() {
            None => work(),
            Some(watch) => watch.change(layout.size(), 0, work),
        }
    }

    #[inline]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's guarantee is passed on.
        let work = || unsafe { System.realloc(pointer, layout, size) };
        match watch() {
            None => work(),
            Some(watch) => watch.change(layout.size(), size, work),
        }
    }
}
