//! An open file as llama.cpp takes one.

use std::fs::File;
use std::io::{self, Seek as _};
use std::os::fd::IntoRawFd as _;
use std::ptr::NonNull;

/// Reads what another descriptor has open, from its beginning. Two at once of the same descriptor
/// would read in turn.
#[derive(Debug)]
pub(super) struct CFile(NonNull<libc::FILE>);

impl CFile {
    pub(super) fn of(file: &File) -> io::Result<Self> {
        let mut own = file.try_clone()?;
        own.rewind()?;
        let descriptor = own.into_raw_fd();
        // SAFETY: the descriptor is open and owned; the mode is NUL-terminated.
        let stream = unsafe { libc::fdopen(descriptor, c"rb".as_ptr()) };
        NonNull::new(stream).map(Self).ok_or_else(|| {
            let error = io::Error::last_os_error();
            // SAFETY: no stream has taken it.
            unsafe { libc::close(descriptor) };
            error
        })
    }

    /// For as long as this lives. llama.cpp's bindings have a name of their own for the type.
    pub(super) fn as_ptr<T>(&self) -> *mut T {
        self.0.as_ptr().cast()
    }
}

impl Drop for CFile {
    fn drop(&mut self) {
        // SAFETY: opened once, closed once.
        unsafe { libc::fclose(self.0.as_ptr()) };
    }
}
