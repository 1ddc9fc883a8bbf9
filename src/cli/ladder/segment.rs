//! A captured packet, as a TCP segment.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use etherparse::{
    EtherType, LaxNetSlice, LaxSlicedPacket, TcpOptionElement, TcpSlice, TransportSlice,
};
use pcap_parser::Linktype;

/// What a diagram shows of a TCP segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// When it was captured, in nanoseconds since the epoch of the capture.
    pub(super) at: u64,
    /// Its sender.
    pub(super) from: SocketAddr,
    /// Its receiver.
    pub(super) to: SocketAddr,
    /// The sequence number of its first byte, as on the wire.
    pub(super) sequence: u32,
    /// The next byte that its sender expects, as on the wire; none without the ACK flag.
    pub(super) acknowledged: Option<u32>,
    pub(super) syn: bool,
    pub(super) fin: bool,
    pub(super) rst: bool,
    pub(super) psh: bool,
    /// Bytes of data, also those that the capture has cut off.
    pub(super) length: u32,
    /// Bytes of options in its header, which leave less room for data.
    pub(super) options: u32,
    /// The window as on the wire, not scaled.
    pub(super) window: u16,
    /// By how many bits its sender's windows are shifted; only in a SYN.
    pub(super) window_shift: Option<u8>,
    /// The largest segment that its sender takes; only in a SYN.
    pub(super) largest: Option<u16>,
    /// The block that its sender received last behind a gap.
    pub(super) behind_gap: Option<(u32, u32)>,
}

/// The segment in a captured packet; none if it is no TCP, a fragment, or cut off within its headers.
pub(super) fn parse(link: Linktype, packet: &[u8], at: u64) -> Option<Segment> {
    let sliced = slice(link, packet)?;
    let Some(TransportSlice::Tcp(tcp)) = sliced.transport else {
        return None;
    };
    let (from, to, missing) = match sliced.net? {
        LaxNetSlice::Ipv4(ip) => {
            let header = ip.header();
            let declared = usize::from(header.total_len());
            let headers =
                header.slice().len() + ip.extensions().auth.map_or(0, |a| a.slice().len());
            let present = headers + ip.payload().payload.len();
            let from = IpAddr::V4(Ipv4Addr::from(header.source()));
            let to = IpAddr::V4(Ipv4Addr::from(header.destination()));
            (from, to, declared.saturating_sub(present))
        }
        LaxNetSlice::Ipv6(ip) => {
            let declared = usize::from(ip.header().payload_length());
            let present = ip.extensions().slice().len() + ip.payload().payload.len();
            let from = IpAddr::V6(Ipv6Addr::from(ip.header().source()));
            let to = IpAddr::V6(Ipv6Addr::from(ip.header().destination()));
            (from, to, declared.saturating_sub(present))
        }
        LaxNetSlice::Arp(_) => return None,
    };
    let mut segment = Segment {
        at,
        from: SocketAddr::new(from, tcp.source_port()),
        to: SocketAddr::new(to, tcp.destination_port()),
        sequence: tcp.sequence_number(),
        acknowledged: tcp.ack().then(|| tcp.acknowledgment_number()),
        syn: tcp.syn(),
        fin: tcp.fin(),
        rst: tcp.rst(),
        psh: tcp.psh(),
        length: u32::try_from(tcp.payload().len() + missing).unwrap_or(u32::MAX),
        options: u32::try_from(tcp.options().len()).unwrap_or_default(),
        window: tcp.window_size(),
        window_shift: None,
        largest: None,
        behind_gap: None,
    };
    read_options(&tcp, &mut segment);
    Some(segment)
}

fn read_options(tcp: &TcpSlice<'_>, segment: &mut Segment) {
    // What follows a broken option cannot be read.
    for option in tcp.options_iterator().map_while(Result::ok) {
        if let TcpOptionElement::MaximumSegmentSize(bytes) = option {
            segment.largest = segment.syn.then_some(bytes);
        } else if let TcpOptionElement::WindowScale(shift) = option {
            // More than 14 is not allowed, and is taken as 14: RFC 7323.
            segment.window_shift = segment.syn.then_some(shift.min(14));
        } else if let TcpOptionElement::SelectiveAcknowledgement(block, _) = option {
            segment.behind_gap = Some(block);
        }
    }
}

fn slice(link: Linktype, packet: &[u8]) -> Option<LaxSlicedPacket<'_>> {
    let network = |protocol: usize, header: usize| {
        let bytes = packet.get(protocol..protocol + 2)?;
        let protocol = u16::from_be_bytes(bytes.try_into().ok()?);
        let rest = packet.get(header..)?;
        Some(LaxSlicedPacket::from_ether_type(EtherType(protocol), rest))
    };
    match link {
        Linktype::ETHERNET => LaxSlicedPacket::from_ethernet(packet).ok(),
        Linktype::RAW | Linktype::IPV4 | Linktype::IPV6 => LaxSlicedPacket::from_ip(packet).ok(),
        // The loopback of BSD and macOS: four bytes name the family, which the IP header names, too.
        Linktype::NULL | Linktype::LOOP => LaxSlicedPacket::from_ip(packet.get(4..)?).ok(),
        Linktype::LINUX_SLL => network(14, 16),
        Linktype::LINUX_SLL2 => network(0, 20),
        _ => None,
    }
}
