//! Reads a capture, pcap or pcapng, into segments, within bounds.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use pcap_parser::{
    Block, InterfaceDescriptionBlock, Linktype, PcapBlockOwned, PcapError, PcapHeader,
    create_reader,
};

use super::segment::{self, Segment};

/// A longer file is read up to here.
const LONGEST_FILE: u64 = 256 * 1024 * 1024;

/// Segments that are kept; a capture with more is read up to here.
const MOST_SEGMENTS: usize = 200_000;

/// Interfaces that one capture may have.
const MOST_INTERFACES: usize = 1_000;

/// What the reader holds of the file at first, and at most: a packet, or a block of pcapng, fits in.
const FIRST_BUFFER: usize = 256 * 1024;
const LARGEST_BUFFER: usize = 16 * 1024 * 1024;

/// What was read of a file.
#[derive(Debug)]
pub(super) struct Capture {
    /// In the order of the file.
    pub(super) segments: Vec<Segment>,
    /// Packets that hold no whole TCP header.
    pub(super) others: usize,
    /// Why the file was not read to its end, as a sentence.
    pub(super) cut: Option<String>,
}

/// An interface of the capture.
#[derive(Clone, Copy)]
struct Interface {
    link: Linktype,
    /// Units of its clock in a second.
    resolution: u64,
}

/// Reads a capture.
///
/// # Errors
/// When there is nothing to draw; the sentence says why.
pub(super) fn read(path: &Path) -> Result<Capture, String> {
    let name = path.display();
    let file = File::open(path).map_err(|error| format!("{name} cannot be read: {error}"))?;
    let capture = read_from(file, LONGEST_FILE).map_err(|why| format!("{name} {why}"))?;
    if capture.segments.is_empty() {
        let cut = capture
            .cut
            .map_or_else(String::new, |cut| format!(" ({cut})"));
        return Err(format!(
            "{name} has no TCP segment among its {} packets{cut}: capture with the filter 'tcp', and with whole headers",
            capture.others
        ));
    }
    Ok(capture)
}

fn read_from(source: impl Read + Send, longest: u64) -> Result<Capture, &'static str> {
    let not_a_capture = "is not a capture: give a file that Wireshark, tshark or tcpdump has written (pcap or pcapng)";
    let opened = create_reader(FIRST_BUFFER, source.take(longest));
    let mut reader = opened.map_err(|error| {
        if error == PcapError::ReadError {
            "cannot be read: is it a file?"
        } else if error == PcapError::Eof {
            "is empty: a capture begins with a header, even without a packet"
        } else {
            not_a_capture
        }
    })?;
    let mut reading = Reading::default();
    let mut buffer = FIRST_BUFFER;
    let cut = loop {
        let full = reading.segments.len() >= MOST_SEGMENTS;
        if full {
            break Some(format!("only its first {MOST_SEGMENTS} segments were read"));
        }
        let refill = match reader.next() {
            Ok((length, block)) => {
                reading.on_block(&block);
                reader.consume(length);
                continue;
            }
            Err(PcapError::Eof) => break None,
            Err(PcapError::Incomplete(_)) => true,
            Err(PcapError::BufferTooSmall) if buffer < LARGEST_BUFFER => {
                buffer *= 2;
                false
            }
            Err(PcapError::UnexpectedEof) => {
                break Some("it ends in the middle of a packet".to_owned());
            }
            Err(_) => break Some("what follows the last packet shown is no packet".to_owned()),
        };
        let held = reader.data().len();
        let goes_on = (refill || reader.grow(buffer)) && reader.refill().is_ok();
        // Without a new byte, the next turn would be as this one, for ever.
        if !goes_on || reader.data().len() == held && !reader.reader_exhausted() {
            break Some("the rest cannot be read".to_owned());
        }
    };
    let Reading {
        segments, others, ..
    } = reading;
    let cut = match cut {
        Some(_) if reader.consumed() as u64 + buffer as u64 > longest => Some(format!(
            "only its first {} MiB were read",
            longest / 1024 / 1024
        )),
        cut => cut,
    };
    Ok(Capture {
        segments,
        others,
        cut,
    })
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    segments: Vec<Segment>,
    others: usize,
    interfaces: Vec<Interface>,
}

impl Reading {
    fn on_block(&mut self, block: &PcapBlockOwned<'_>) {
        match block {
            PcapBlockOwned::LegacyHeader(header) => self.interfaces = vec![legacy(header)],
            PcapBlockOwned::Legacy(packet) => {
                let at = packet.ts_usec.into();
                self.on_packet(0, Some(packet.ts_sec), at, packet.data, packet.caplen);
            }
            PcapBlockOwned::NG(block) => self.on_pcapng(block),
        }
    }

    fn on_pcapng(&mut self, block: &Block<'_>) {
        if let Block::SectionHeader(_) = block {
            self.interfaces.clear();
        } else if let Block::InterfaceDescription(description) = block {
            if self.interfaces.len() < MOST_INTERFACES {
                self.interfaces.push(interface(description));
            }
        } else if let Block::EnhancedPacket(packet) = block {
            let at = (u64::from(packet.ts_high) << 32) | u64::from(packet.ts_low);
            self.on_packet(packet.if_id, None, at, packet.data, packet.caplen);
        } else if let Block::SimplePacket(packet) = block {
            // It has no time, and may have padding behind it.
            self.on_packet(0, None, 0, packet.data, packet.origlen);
        }
    }

    /// A packet of that interface, captured so many units of its clock after `seconds`.
    fn on_packet(
        &mut self,
        interface: u32,
        seconds: Option<u32>,
        at: u64,
        data: &[u8],
        length: u32,
    ) {
        let known = usize::try_from(interface).ok();
        let Some(&Interface { link, resolution }) = known.and_then(|n| self.interfaces.get(n))
        else {
            self.others += 1;
            return;
        };
        let units = u128::from(at) + u128::from(seconds.unwrap_or(0)) * u128::from(resolution);
        let nanos = units * 1_000_000_000 / u128::from(resolution.max(1));
        let nanos = u64::try_from(nanos).unwrap_or(u64::MAX);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let packet = data.get(..length).unwrap_or(data);
        match segment::parse(link, packet, nanos) {
            Some(segment) => self.segments.push(segment),
            None => self.others += 1,
        }
    }
}

fn legacy(header: &PcapHeader) -> Interface {
    let nanoseconds = header.is_nanosecond_precision();
    Interface {
        link: header.network,
        resolution: if nanoseconds {
            1_000_000_000
        } else {
            1_000_000
        },
    }
}

fn interface(description: &InterfaceDescriptionBlock<'_>) -> Interface {
    Interface {
        link: description.linktype,
        // What no clock can count is taken as microseconds.
        resolution: description.ts_resolution().unwrap_or(1_000_000),
    }
}

#[cfg(test)]
mod tests;
