//! An open file in the form that llama.cpp takes.

use std::fs::File;
use std::io::{self, Seek as _};
use std::os::fd::IntoRawFd as _;
use std::ptr::NonNull;

/// Reads the file that another descriptor has open, from its beginning. Two at once on the same
/// descriptor would share one position and disturb each other.
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

    /// The stream, valid as long as this lives. llama.cpp's bindings have a type name of their own
    /// for it.
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
