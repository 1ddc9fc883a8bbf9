//! Hosts in the ring file: which text names one, and when two are the same.

use std::net::IpAddr;

use super::fault::quoted;
use crate::endpoint::{is_partial_address, without_zone};

/// The host in one spelling: equal for two spellings of one address.
pub(super) fn canonical(host: &str) -> String {
    match host.parse::<IpAddr>() {
        Ok(address) => address.to_string(),
        Err(_) => host.trim_end_matches('.').to_ascii_lowercase(),
    }
}

/// Whether the host is this machine for whoever dials it.
pub(super) fn is_loopback(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

/// Refuses a text that is neither a host name nor an address that can be dialled. Does not look the
/// host up. `ports` names the key in which to write a port.
pub(super) fn reachable(text: &str, ports: &str) -> Result<(), String> {
    let address = without_zone(text);
    if let Ok(address) = address.parse::<IpAddr>() {
        let zone = text.get(address_end(text)..).unwrap_or_default();
        return if address.is_ipv4() && !zone.is_empty() {
            let zone = quoted(zone);
            Err(format!(
                "must have no zone: leave {zone} out, which only an IPv6 address can have"
            ))
        } else if address.is_unspecified() {
            let sentence = "is the address that means \"all of them\": write the one that \
                            the other nodes reach this node at (to listen on it, use listen)";
            Err(sentence.to_owned())
        } else if zone
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "%._-".contains(c))
        {
            Ok(())
        } else {
            Err(format!(
                "has a strange zone after its address: {}",
                quoted(zone)
            ))
        };
    }
    let bare = text.trim_start_matches('[').split(']').next();
    if let Some(bare) = bare.filter(|bare| text.starts_with('[') && bare.contains(':')) {
        return Err(format!("wants the address without brackets: {bare:?}"));
    }
    if let Some((host, port)) = text.rsplit_once(':')
        && !host.is_empty()
        && port.chars().all(|digit| digit.is_ascii_digit())
    {
        let port = quoted(port);
        return Err(format!(
            "must have no port: leave {port} and the colon out and set the port in {ports}"
        ));
    }
    if text.starts_with('-') {
        return Err("must not begin with a dash: it would be read as an option".to_owned());
    }
    if is_partial_address(text) {
        let text = quoted(text);
        return Err(format!(
            "wants an IPv4 address in full, four numbers from 0 to 255 without zeros in front, such as \
             \"192.168.7.11\", not {text}, which the system reads as another address or as none"
        ));
    }
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    if (1..=253).contains(&text.len()) && text.chars().all(plain) {
        Ok(())
    } else {
        let sentence = "wants a host name or an IP address such as \"pi1.local\", not the text ";
        Err(format!("{sentence}{}", quoted(text)))
    }
}

fn address_end(text: &str) -> usize {
    text.find('%').unwrap_or(text.len())
}
