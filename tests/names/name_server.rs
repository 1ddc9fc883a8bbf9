//! A name server: answers for IPv4 what the test says, late or not at all.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::{Arc, Mutex};

/// What it answers; `None` while it is silent. A name that it does not know does not exist.
type Answers = Arc<Mutex<Option<BTreeMap<String, Ipv4Addr>>>>;

/// A running name server.
pub(crate) struct NameServer(Answers);

impl NameServer {
    /// A server at that address that knows nothing yet.
    pub(crate) fn start(address: Ipv4Addr) -> Self {
        let socket = UdpSocket::bind((address, 53)).unwrap();
        let answers: Answers = Arc::new(Mutex::new(Some(BTreeMap::new())));
        let shared = Arc::clone(&answers);
        std::thread::spawn(move || serve(&socket, &shared));
        Self(answers)
    }

    /// From now on that name has this address.
    pub(crate) fn set(&self, name: &str, address: Ipv4Addr) {
        let mut answers = self.0.lock().unwrap();
        let names = answers.get_or_insert_default();
        names.insert(name.to_owned(), address);
    }

    /// From now on that name does not exist.
    pub(crate) fn forget(&self, name: &str) {
        self.0.lock().unwrap().as_mut().unwrap().remove(name);
    }

    /// From now on it answers nothing. As its port is open, nobody is told so.
    pub(crate) fn fall_silent(&self) {
        *self.0.lock().unwrap() = None;
    }
}

fn serve(socket: &UdpSocket, answers: &Answers) {
    let mut buffer = [0; 512];
    while let Ok((count, client)) = socket.recv_from(&mut buffer) {
        let answers = answers.lock().unwrap();
        if let Some(names) = &*answers {
            socket
                .send_to(&answer(&buffer[..count], names), client)
                .unwrap();
        }
    }
}

/// The answer to a query with one question (RFC 1035, section 4).
fn answer(query: &[u8], names: &BTreeMap<String, Ipv4Addr>) -> Vec<u8> {
    const HEADER: usize = 12;
    const A: [u8; 2] = [0, 1];
    let mut labels = Vec::new();
    let mut at = HEADER;
    while query[at] > 0 {
        let end = at + 1 + usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..end]).into_owned());
        at = end;
    }
    let question = &query[HEADER..at + 5];
    let is_for_ipv4 = question[question.len() - 4..][..2] == A;
    let known = names.get(&labels.join("."));
    let found = known.filter(|_| is_for_ipv4);
    let code = if known.is_some() { 0 } else { 3 };
    let mut answer = query[..2].to_vec();
    // A response, with recursion desired and available, and its code; one question, and the number of answers.
    answer.extend([
        0x81,
        0x80 | code,
        0,
        1,
        0,
        u8::from(found.is_some()),
        0,
        0,
        0,
        0,
    ]);
    answer.extend(question);
    if let Some(address) = found {
        // The name of the question, A, IN, valid for no time, four bytes.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
        answer.extend(address.octets());
    }
    answer
}
