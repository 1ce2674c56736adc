//! Hands open files to a process that may not open any itself, alongside the messages that it gets:
//! each file comes with the number of the request that it belongs to, and with its stamp from when
//! it was checked. The parent creates both ends, and the process inherits one.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixDatagram;

use localcoder_disk::Stamp;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

#[derive(Debug)]
pub struct Giver(UnixDatagram);

#[derive(Debug)]
pub struct Taker(UnixDatagram);

#[derive(Debug)]
pub struct Handed {
    /// Open for reading; its position is unspecified.
    pub file: File,
    checked: Vec<u8>,
}

impl Handed {
    /// Whether it is still as it was when it was checked, as far as the file system can say. The
    /// open file can't be exchanged any more, but another program may write into it. A change of
    /// its name does not count.
    ///
    /// # Errors
    /// If the file system can't say.
    pub fn is_as_checked(&self) -> io::Result<bool> {
        Ok(Stamp::of(&self.file.metadata()?).to_bytes() == *self.checked)
    }
}

const NUMBER_BYTES: usize = size_of::<i64>();
/// More than a number and a stamp take.
const MESSAGE_BYTES_MAX: usize = 128;

/// Creates both ends; neither of them ever blocks.
///
/// # Errors
/// If the system has no sockets left.
pub fn pair() -> io::Result<(Giver, Taker)> {
    // Datagrams: a file and its number arrive together or not at all.
    let (giver, taker) = UnixDatagram::pair()?;
    giver.set_nonblocking(true)?;
    taker.set_nonblocking(true)?;
    Ok((Giver(giver), Taker(taker)))
}

impl Giver {
    /// Gives a file that was not checked, with its present stamp.
    ///
    /// # Errors
    /// As [`Giver::give`].
    pub fn give_unchecked(&self, request: i64, file: &File) -> io::Result<()> {
        self.give(request, file, &Stamp::of(&file.metadata()?))
    }

    /// Gives a file for the request with this number, which must be sent after it, so that the file
    /// is there when the request arrives; `checked` is the stamp from when the file was checked.
    /// The file stays open here as well.
    ///
    /// # Errors
    /// If the other end is gone, or has not taken the earlier files.
    pub fn give(&self, request: i64, file: &File, checked: &Stamp) -> io::Result<()> {
        let descriptors = [file.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let (number, checked) = (request.to_le_bytes(), checked.to_bytes());
        let parts = [IoSlice::new(&number), IoSlice::new(&checked)];
        sendmsg(&self.0, &parts, &mut control, SendFlags::empty())?;
        Ok(())
    }
}

impl Taker {
    /// Takes the file that was given for the request with this number, without waiting. Files
    /// before it in the queue, for requests that never took theirs, are closed on the way: a
    /// request must take its file before the next one does.
    ///
    /// # Errors
    /// `NotFound` if none was given.
    pub fn take(&self, request: i64) -> io::Result<Handed> {
        loop {
            let mut message = [0; MESSAGE_BYTES_MAX];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let mut into = [IoSliceMut::new(&mut message)];
            let received = match recvmsg(&self.0, &mut into, &mut control, RecvFlags::empty()) {
                // The file is sent before its request, so one that is not here yet will not come.
                Err(rustix::io::Errno::AGAIN) => return Err(io::ErrorKind::NotFound.into()),
                received => received?,
            };
            let files = control.drain().filter_map(|message| match message {
                RecvAncillaryMessage::ScmRights(files) => Some(files),
                _ => None,
            });
            let file = files.flatten().next();
            // A message that is too short is passed over; its file is closed with it.
            let Some((number, checked)) = message[..received.bytes].split_at_checked(NUMBER_BYTES)
            else {
                continue;
            };
            // Another number belongs to a request that failed before it took its file. That file is
            // closed by being dropped.
            if number == request.to_le_bytes() {
                let file = file.map(File::from).ok_or(io::ErrorKind::NotFound)?;
                return Ok(Handed { file, checked: checked.to_vec() });
            }
        }
    }
}

impl From<OwnedFd> for Taker {
    fn from(descriptor: OwnedFd) -> Self {
        Self(descriptor.into())
    }
}

impl From<Taker> for OwnedFd {
    fn from(taker: Taker) -> Self {
        taker.0.into()
    }
}

impl AsFd for Taker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    fn file(text: &str) -> (tempfile::NamedTempFile, File) {
        let mut named = tempfile::NamedTempFile::new().unwrap();
        named.write_all(text.as_bytes()).unwrap();
        let file = File::open(named.path()).unwrap();
        (named, file)
    }

    fn text(handed: io::Result<Handed>) -> String {
        let mut text = String::new();
        handed.unwrap().file.read_to_string(&mut text).unwrap();
        text
    }

    fn stamp(file: &File) -> Stamp {
        Stamp::of(&file.metadata().unwrap())
    }

    #[test]
    fn a_file_comes_with_its_number_even_where_its_name_has_another_by_then() {
        let (giver, taker) = pair().unwrap();
        let (named, first) = file("first");
        giver.give(7, &first, &stamp(&first)).unwrap();
        drop((named, first));
        assert_eq!(text(taker.take(7)), "first");
        assert_eq!(taker.take(7).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn what_nobody_took_is_passed_over() {
        let (giver, taker) = pair().unwrap();
        for (number, text) in [(1, "one"), (2, "two"), (3, "three")] {
            let (_named, file) = file(text);
            giver.give(number, &file, &stamp(&file)).unwrap();
        }
        assert_eq!(text(taker.take(2)), "two");
        assert!(taker.take(1).is_err());
    }

    #[test]
    fn what_was_changed_since_it_was_checked_is_seen() {
        let (giver, taker) = pair().unwrap();
        let (mut named, file) = file("model");
        giver.give(1, &file, &stamp(&file)).unwrap();
        let handed = taker.take(1).unwrap();
        assert!(handed.is_as_checked().unwrap());
        named.write_all(b"and more").unwrap();
        assert!(!handed.is_as_checked().unwrap());
    }

    #[test]
    fn nobody_waits_for_a_taker_that_does_not_take() {
        let (giver, taker) = pair().unwrap();
        let (_named, file) = file("many");
        let stamp = stamp(&file);
        let mut failed = (0..100_000).filter_map(|number| giver.give(number, &file, &stamp).err());
        let full = failed.next().unwrap();
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
        drop(taker);
        assert!(giver.give(0, &file, &stamp).is_err());
    }
}
