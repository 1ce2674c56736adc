//! Installs a model of a catalog: `localcoder-fetch` downloads it, then it is checked and added to
//! the store. What was downloaded before a stop stays, and the next try resumes it.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use localcoder_disk::cause_of_start;
use localcoder_protocol::{
    Confined, FetchEvent, FetchLimits, FetchNetwork, FetchOrder, FetchRequest, FetchTask, FetchText,
};
use localcoder_settings::NetworkAllowed;
use localcoder_settings::env::HOME;

use crate::catalog::{Catalog, Entry, hosts_for};
use crate::consent::Consent;
use crate::error::{Named, StoreError, disk};
use crate::gguf_file::checked_header;
use crate::manifest::{Installed, Source};
use crate::store::Store;
use crate::{LICENSE_BYTES_MAX, RESERVE_BYTES};

/// What a model's file begins with. The program that downloads compares it with the first bytes, so
/// that a login page of a hotel is refused after four bytes and not after gigabytes.
const MAGIC: &str = "GGUF";

/// The program that downloads, and how patient it is. Downloads are made by a process of their own,
/// the only one of the product that opens connections to other machines: it has
/// itself confined by the system once it has read its order.
#[derive(Debug, Clone)]
pub struct Fetcher {
    program: PathBuf,
    limits: FetchLimits,
    home: Option<PathBuf>,
}

/// A download in progress; stopping a clone stops the same download. One that was stopped stays so:
/// a download that is started with it afterwards is refused, so that a stop that comes between two
/// attempts is not lost.
#[derive(Debug, Clone, Default)]
pub struct Installing(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    child: Option<Child>,
    stopped: bool,
}

impl Named {
    fn by(entry: &Entry) -> Self {
        // The whole entry is compared: one of the user's that has an id of ours is still theirs to
        // fix.
        let shipped = Catalog::shipped().entry(&entry.id).is_some_and(|it| it == entry);
        if shipped { Self::Here } else { Self::InUsersCatalog }
    }
}

impl Installing {
    /// Stops the download by killing the program, or prevents its start; returns at once. What has
    /// been downloaded stays.
    pub fn stop(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.stopped = true;
        if let Some(child) = &mut state.child {
            // It may have ended by itself; whoever reads its output finds out.
            let _ = child.kill();
        }
    }

    fn is_stopped(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).stopped
    }
}

impl Fetcher {
    /// `program` is `localcoder-fetch`. The permission is required: requests to the program state
    /// that the settings allow the network, and the permission proves it.
    #[must_use]
    pub fn new(program: &Path, _: NetworkAllowed) -> Self {
        Self { program: program.to_owned(), limits: FetchLimits::default(), home: None }
    }

    /// Has the program read the settings in another folder than the user's. For tests.
    #[must_use]
    pub fn with_home(mut self, home: &Path) -> Self {
        self.home = Some(home.to_owned());
        self
    }

    #[must_use]
    pub fn with_limits(mut self, limits: FetchLimits) -> Self {
        self.limits = limits;
        self
    }

    /// What the system denies the program while it works: the program is started with nothing to
    /// download, so no connection is opened.
    ///
    /// # Errors
    /// If it can't be started, or does not report it.
    pub fn confined(&self) -> Result<Confined, StoreError> {
        let (urls, hosts) = (Vec::new(), Vec::new());
        let nothing = FetchText { urls, hosts, bytes_max: 0, limits: self.limits };
        let mut said = None;
        let mut report = |event| {
            if let FetchEvent::Confined(confined) = event {
                said = Some(confined);
            }
        };
        let end =
            self.run(FetchTask::Text(nothing), Named::Here, &Installing::default(), &mut report);
        // It has failed in any case, since there was no address.
        said.ok_or_else(|| {
            end.err().unwrap_or_else(|| StoreError::FetchSilent("it downloaded nothing".to_owned()))
        })
    }

    /// Runs the program and passes its events on. A message of it is a line of JSON; the last is
    /// `Done` or `Failed`. Without either it was killed or has crashed, and which of the two is
    /// known from [`Installing`].
    fn run(
        &self,
        task: FetchTask,
        from: Named,
        running: &Installing,
        report: &mut dyn FnMut(FetchEvent),
    ) -> Result<(), StoreError> {
        let stdout = self.start(task, running)?;
        let mut end = None;
        // Output that is not text or breaks off counts as ended: the last event is then missing,
        // which is reported below.
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            match serde_json::from_str(&line) {
                Ok(event @ (FetchEvent::Done | FetchEvent::Failed { .. })) => end = Some(event),
                Ok(event) => report(event),
                Err(error) => return Err(StoreError::FetchSilent(error.to_string())),
            }
        }
        // Taken out before it is waited for, since the lock must not be held while waiting: a stop
        // would wait with us. The output has ended, so the wait is short.
        let child = running.0.lock().unwrap_or_else(PoisonError::into_inner).child.take();
        let status = child.map(|mut child| child.wait());
        match end {
            Some(FetchEvent::Done) => Ok(()),
            Some(FetchEvent::Failed { failure, message }) => {
                Err(StoreError::Fetch { failure, message, named: from })
            }
            // Only here: a download that was done when the stop arrived is done.
            _ if running.is_stopped() => Err(StoreError::Cancelled("the download")),
            _ => Err(StoreError::FetchSilent(format!("it ended with {status:?}"))),
        }
    }

    fn start(
        &self,
        task: FetchTask,
        running: &Installing,
    ) -> Result<std::process::ChildStdout, StoreError> {
        let mut state = running.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Held from this look to the end of the start, so that a stop either prevents the start or
        // finds the child to kill.
        if state.stopped {
            return Err(StoreError::Cancelled("the download"));
        }
        let failed = |error: std::io::Error| {
            let program = self.program.clone();
            StoreError::FetchNotStarted { source: cause_of_start(&error, &program), program }
        };
        let mut command = Command::new(&self.program);
        if let Some(home) = &self.home {
            command.env(HOME, home);
        }
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(failed)?;
        let order = FetchOrder { network: FetchNetwork::Allowed, task };
        let mut line = serde_json::to_vec(&order)
            .map_err(|error| StoreError::FetchSilent(error.to_string()))?;
        line.push(b'\n');
        // Written to and kept open in `child`: when its input ends, so does the program, which
        // makes it end with this process, however that ends.
        if let Some(stdin) = &mut child.stdin {
            stdin.write_all(&line).map_err(failed)?;
        }
        let stdout = child.stdout.take();
        state.child = Some(child);
        stdout.ok_or_else(|| StoreError::FetchSilent("it has no standard output".to_owned()))
    }
}

impl Store {
    /// The text of a model's license; from its publisher if it is not known here, and kept from
    /// then on. The text is what the user is asked to agree to, so it is the first thing that is
    /// downloaded, and it may come from the host of the license alone.
    ///
    /// # Errors
    /// If it can't be downloaded.
    pub fn load_license(
        &self,
        entry: &Entry,
        fetcher: &Fetcher,
        running: &Installing,
    ) -> Result<String, StoreError> {
        if let Some(text) = self.license_text(entry) {
            return Ok(text);
        }
        let urls = vec![entry.license.url.clone()];
        let task = FetchTask::Text(FetchText {
            hosts: hosts_for(&urls),
            urls,
            bytes_max: LICENSE_BYTES_MAX,
            limits: fetcher.limits,
        });
        let mut text = String::new();
        fetcher
            .run(task, Named::by(entry), running, &mut |event| {
                if let FetchEvent::Text { text: whole } = event {
                    text = whole;
                }
            })
            .map_err(|error| StoreError::NoLicense {
                id: entry.id.clone(),
                source: error.into(),
            })?;
        // A text other than the pinned one is refused here.
        Consent::to(&entry.license, &text)?;
        self.keep_license(&entry.id, &entry.license, &text)?;
        Ok(text)
    }

    /// Fails if a model of a catalog is installed already. A model that is installed and can't be
    /// used counts as missing: to install it again is the remedy.
    ///
    /// # Errors
    /// If it is installed.
    pub fn check_missing(&self, entry: &Entry) -> Result<(), StoreError> {
        match self.path_of(&entry.id) {
            Ok(path) => Err(StoreError::Installed { id: entry.id.clone(), path }),
            Err(_) => Ok(()),
        }
    }

    /// Installs a model of a catalog. `report` gets the events of the download. The program renames
    /// the file to its blob only once length and digest are right, so the blob need not be hashed
    /// again here.
    ///
    /// # Errors
    /// If it can't be downloaded, or is not a usable model. Nothing is installed then, and what was
    /// downloaded stays for the next try.
    pub fn install(
        &self,
        entry: &Entry,
        consent: Consent,
        fetcher: &Fetcher,
        running: &Installing,
        report: &mut dyn FnMut(FetchEvent),
    ) -> Result<Installed, StoreError> {
        self.check_missing(entry)?;
        // Before anything is downloaded: the consent is on record whatever happens next.
        let source = Source::of_entry(entry);
        consent.record(&self.consents(), (&entry.id, &entry.sha256), &source)?;
        let blob = self.blob(&entry.sha256);
        let path = |path: &Path| path.to_string_lossy().into_owned();
        let task = FetchTask::File(FetchRequest {
            urls: entry.urls(),
            hosts: entry.hosts(),
            folder: path(&self.downloads()),
            target: path(&blob),
            bytes: entry.bytes,
            sha256: entry.sha256.clone(),
            magic: MAGIC.to_owned(),
            reserve_bytes: RESERVE_BYTES,
            limits: fetcher.limits,
        });
        fetcher.run(task, Named::by(entry), running, report)?;
        // Opened under the lock: the program renamed it without, and until the manifest has it, the
        // removal of another model of the same file takes it away.
        let model = self.add(None, || {
            let mut file = File::open(&blob).map_err(|error| disk(&blob, &error))?;
            let header = checked_header(&blob, &mut file).inspect_err(|_| {
                // It is the file that the catalog names, but not a model: nobody can use it.
                let _ = std::fs::remove_file(&blob);
            })?;
            Ok(Installed::of_entry(entry, &header, consent))
        })?;
        let _ = std::fs::remove_file(self.downloads().join(format!("{}.lock", entry.sha256)));
        Ok(model)
    }
}
