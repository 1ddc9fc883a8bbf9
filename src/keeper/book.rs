//! A few kilobytes of memory that the daemon writes and its keeper reads when the daemon has ended: the number of the latest
//! order, and where the linked nodes can be told.
//!
//! The daemon writes a few bytes when a link changes; the keeper is not woken for it, and another keeper finds all of it.

use std::fs::File;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt as _;

use rustix::fs::{MemfdFlags, memfd_create};

use crate::ring::{MOST_NODES, NodeId};

/// The number of the latest order, in bytes.
const HEADER: usize = 8;

/// One node: 16 bytes of an IPv6 address, 4 of its scope, 2 of the port, which is 0 if the node is not linked.
const RECORD: usize = 22;

/// The memory. The daemon and its keepers have descriptors of the same one.
#[derive(Debug)]
pub(super) struct Book(File);

impl Book {
    /// An empty one.
    pub(super) fn new() -> io::Result<Self> {
        let memory = memfd_create("carom-obituary", MemfdFlags::CLOEXEC)?;
        Ok(Self::of(memory))
    }

    /// That of another process.
    pub(super) fn of(descriptor: OwnedFd) -> Self {
        Self(descriptor.into())
    }

    pub(super) fn try_clone(&self) -> io::Result<Self> {
        Ok(Self(self.0.try_clone()?))
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Notes that an order of this number is about to be given.
    pub(super) fn note_order(&self, number: u64) -> io::Result<()> {
        self.0.write_all_at(&number.to_ne_bytes(), 0)
    }

    /// Notes where that node accepts connections, if it is linked.
    pub(super) fn note(&self, node: NodeId, place: Option<SocketAddr>) -> io::Result<()> {
        let mut record = [0; RECORD];
        let (address, rest) = record.split_at_mut(16);
        let (scope, port) = rest.split_at_mut(4);
        if let Some(place) = place {
            let wide = match place.ip() {
                IpAddr::V4(address) => address.to_ipv6_mapped(),
                IpAddr::V6(address) => address,
            };
            address.copy_from_slice(&wide.octets());
            port.copy_from_slice(&place.port().to_ne_bytes());
            if let SocketAddr::V6(place) = place {
                scope.copy_from_slice(&place.scope_id().to_ne_bytes());
            }
        }
        let at = HEADER + node.index() * RECORD;
        self.0.write_all_at(&record, at as u64)
    }

    /// The number of the latest order, and where the linked nodes are: those beside `me` first, so that they know it first.
    pub(super) fn read(&self, me: u16) -> io::Result<(u64, Vec<SocketAddr>)> {
        let mut bytes = vec![0; HEADER + MOST_NODES * RECORD];
        // At a place, as all descriptors have one cursor in common.
        let length = self.0.read_at(&mut bytes, 0)?;
        bytes.truncate(length);
        let (header, records) = bytes.split_first_chunk().unwrap_or((&[0; HEADER], &[]));
        let mut places: Vec<(usize, SocketAddr)> = Vec::new();
        let count = records.len() / RECORD;
        for (node, record) in records.chunks_exact(RECORD).enumerate() {
            if let Some(place) = place(record) {
                let away = node.abs_diff(usize::from(me));
                places.push((away.min(count.saturating_sub(away)), place));
            }
        }
        places.sort_by_key(|&(away, _)| away);
        let places = places.into_iter().map(|(_, place)| place);
        Ok((u64::from_ne_bytes(*header), places.collect()))
    }
}

/// The place in a record; `None` if the node is not linked.
fn place(record: &[u8]) -> Option<SocketAddr> {
    let (address, rest) = record.split_first_chunk::<16>()?;
    let (scope, rest) = rest.split_first_chunk()?;
    let port = u16::from_ne_bytes(*rest.first_chunk()?);
    if port == 0 {
        return None;
    }
    let address = Ipv6Addr::from(*address);
    Some(match address.to_ipv4_mapped() {
        Some(narrow) => SocketAddr::from((narrow, port)),
        None => SocketAddrV6::new(address, port, 0, u32::from_ne_bytes(*scope)).into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keeper_reads_the_latest_of_what_the_daemon_has_noted_the_nearest_first() {
        let daemon = Book::new().unwrap();
        let read = |me| {
            let keeper = Book::of(daemon.as_fd().try_clone_to_owned().unwrap());
            keeper.read(me).unwrap()
        };
        assert_eq!(read(0), (0, Vec::new()));
        let place = |port| Some(SocketAddr::from(([192, 0, 2, 7], port)));
        let far = "[fe80::7%3]:7700".parse().unwrap();
        daemon.note_order(5).unwrap();
        daemon.note(NodeId(4), Some(far)).unwrap();
        daemon.note(NodeId(1), place(1)).unwrap();
        daemon.note(NodeId(2), place(2)).unwrap();
        assert_eq!(read(0).0, 5);
        assert_eq!(read(0).1, [place(1).unwrap(), far, place(2).unwrap()]);
        assert_eq!(read(3).1, [place(2).unwrap(), far, place(1).unwrap()]);
        daemon.note(NodeId(2), None).unwrap();
        daemon.note_order(6).unwrap();
        assert_eq!(read(3), (6, vec![far, place(1).unwrap()]));
    }
}
