//! Who may read over HTTP: the names by which this node answers, and the pages that may read from it.
//!
//! Both rules are for browsers. A web site must not read from a node through the browser of a visitor
//! of the site, neither from its own origin nor by letting its own name lead to the node.
//! [Decision 0020](../../../docs/decisions/0020-who-may-read-over-http.md) has the reasons.

use std::net::IpAddr;

use hyper::header::{ACCESS_CONTROL_ALLOW_ORIGIN, HOST, HeaderValue, ORIGIN, VARY};
use hyper::{Request, Response, StatusCode, Version};

use super::authority::{Authority, DEFAULT_PORT, Host};
use crate::endpoint::Endpoint;
use crate::escape::Escaped;
use crate::ring::{NodeId, Topology};

/// The names and addresses of the nodes, as far as this node knows them.
#[derive(Debug)]
pub struct Access {
    me: NodeId,
    nodes: Vec<Node>,
    /// The host name of this machine, with and without a domain.
    machine: Vec<Host>,
    /// Further names, from the ring file.
    names: Vec<Host>,
}

/// Where the page of one node may come from.
#[derive(Debug)]
struct Node {
    /// Its name, alone and with `.local`.
    names: [Host; 2],
    /// Its host and HTTP port in the ring file. `None` if they are not known; the host is `None` if
    /// the node is reached at the host at which this one is.
    endpoint: Option<(Option<Host>, u16)>,
    /// Its address on its link to this node; the last one, if the link is down.
    address: Option<Host>,
}

/// Why a request gets no answer.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// A request of HTTP/1.1 has exactly one.
    #[error("the request must have exactly one Host header")]
    NoHost,
    /// DNS rebinding, or a name that the ring file does not list.
    #[error(
        "this node does not answer to the name \"{}\": if the name is right, add it to http-names in [ring] of the ring file",
        Escaped(.0)
    )]
    UnknownName(String),
}

impl Refusal {
    pub(super) fn code(&self) -> StatusCode {
        match self {
            Self::NoHost => StatusCode::BAD_REQUEST,
            Self::UnknownName(_) => StatusCode::MISDIRECTED_REQUEST,
        }
    }
}

/// What a request asked for by this name may see.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Admitted {
    /// The origin that may read the answer, if the request has one and it may.
    origin: Option<HeaderValue>,
}

impl Admitted {
    /// Lets the page that sent the request read the response, if it may.
    pub(super) fn grant<B>(self, response: &mut Response<B>) {
        if let Some(origin) = self.origin {
            let headers = response.headers_mut();
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(VARY, HeaderValue::from_static("Origin"));
        }
    }
}

impl Access {
    /// The rules for node `me` on a machine that calls itself `machine`, where no endpoint of any
    /// node is known yet.
    pub fn new(topology: &Topology, me: NodeId, machine: &str) -> Self {
        let nodes = topology.nodes.iter().map(|name| Node {
            names: [Host::new(name), Host::new(&format!("{name}.local"))],
            endpoint: None,
            address: None,
        });
        // mDNS announces the first part of a host name, with `.local`.
        let short = machine.split('.').next().unwrap_or_default();
        let machine = [machine, short, &format!("{short}.local")];
        let machine = machine
            .iter()
            .filter(|name| !name.starts_with('.') && !name.is_empty());
        Self {
            me,
            nodes: nodes.collect(),
            machine: machine.map(|name| Host::new(name)).collect(),
            names: Vec::new(),
        }
    }

    /// Takes over what the ring file says: the HTTP endpoints of all nodes in ring order, and the
    /// further names.
    pub fn set(&mut self, http_endpoints: &[Endpoint], names: &[String]) {
        let mut endpoints = http_endpoints.iter();
        for node in &mut self.nodes {
            node.endpoint = endpoints.next().map(|endpoint| {
                let host = &endpoint.host;
                let host = (!host.is_empty()).then(|| Host::new(host));
                (host, endpoint.port)
            });
        }
        self.names = names.iter().map(|name| Host::new(name)).collect();
    }

    /// Takes over the address of a node on its link to this one.
    pub fn set_address(&mut self, node: NodeId, address: IpAddr) {
        if let Some(node) = self.nodes.get_mut(node.index()) {
            node.address = Some(Host::Address(address.to_canonical()));
        }
    }

    /// Whether this node answers the request, which came in at the address `local`.
    pub(super) fn check<B>(
        &self,
        request: &Request<B>,
        local: Option<IpAddr>,
    ) -> Result<Admitted, Refusal> {
        let asked = asked_for(request)?;
        let host = match &asked {
            None => None,
            Some(text) => {
                let authority = Authority::parse(text);
                let known = authority.filter(|authority| self.is_name(&authority.host));
                Some(known.ok_or_else(|| Refusal::UnknownName(text.clone()))?)
            }
        };
        let origin = request.headers().get(ORIGIN);
        let may_read = |origin: &&HeaderValue| {
            let page = origin.to_str().ok().and_then(Authority::of_origin);
            page.is_some_and(|page| self.is_page(&page, host.as_ref(), local))
        };
        Ok(Admitted {
            origin: origin.filter(may_read).cloned(),
        })
    }

    /// The URL of this node's page for other machines: by the name that the request asks for, or, if that is this machine for
    /// itself, by the host in the ring file.
    pub(super) fn page_url<B>(&self, request: &Request<B>) -> Option<String> {
        let asked = asked_for(request).ok().flatten();
        let asked = asked.as_deref().and_then(Authority::parse);
        let asked = asked.map(|Authority { host, port }| (host, port));
        let own = self.nodes.get(self.me.index());
        let own = own.and_then(|node| node.endpoint.clone());
        let own = own.and_then(|(host, port)| Some((host?, port)));
        let (host, port) = [asked, own]
            .into_iter()
            .flatten()
            .find(|(host, _)| !host.is_loopback())?;
        Some(format!("http://{}/", host.endpoint(port)))
    }

    /// Whether this node answers to that name. It answers to every address: a web site can let its
    /// own name lead to the node, but its page then has that name for a host.
    fn is_name(&self, host: &Host) -> bool {
        let own = self.nodes.get(self.me.index());
        let own = own.is_some_and(|own| own.names.contains(host));
        let is_host_of =
            |node: &Node| matches!(&node.endpoint, Some((Some(its), _)) if its == host);
        matches!(host, Host::Address(_))
            || host.is_loopback()
            || own
            || self.machine.contains(host)
            || self.names.contains(host)
            || self.nodes.iter().any(is_host_of)
    }

    /// Whether `page` is where a node of the ring serves its page. The request asked for `host` and
    /// came in at the address `local`.
    fn is_page(&self, page: &Authority, host: Option<&Authority>, local: Option<IpAddr>) -> bool {
        if host == Some(page) {
            return true;
        }
        let mut nodes = self.nodes.iter();
        let with_port = nodes.any(|node| self.is_page_of(node, page, host, local));
        let is_usual = page.port == DEFAULT_PORT || self.ports().any(|port| port == page.port);
        with_port || (is_usual && self.names.contains(&page.host))
    }

    fn is_page_of(
        &self,
        node: &Node,
        page: &Authority,
        host: Option<&Authority>,
        local: Option<IpAddr>,
    ) -> bool {
        let Some((its_host, port)) = &node.endpoint else {
            return false;
        };
        if *port != page.port {
            return false;
        }
        let is_here = || {
            host.is_some_and(|host| host.host == page.host)
                || local.is_some_and(|local| Host::Address(local.to_canonical()) == page.host)
                || self.machine.contains(&page.host)
        };
        its_host.as_ref() == Some(&page.host)
            || node.names.contains(&page.host)
            || node.address.as_ref() == Some(&page.host)
            // Such a page comes from the visitor's own machine, as the screen of a Pi does there.
            || page.host.is_loopback()
            || (self.is_on_this_machine(its_host.as_ref()) && is_here())
    }

    /// Whether a node with that host runs on the machine of this node.
    fn is_on_this_machine(&self, host: Option<&Host>) -> bool {
        let own = self.nodes.get(self.me.index());
        let own = own.and_then(|own| own.endpoint.as_ref());
        host.is_none_or(Host::is_loopback) || own.is_some_and(|(own, _)| own.as_ref() == host)
    }

    fn ports(&self) -> impl Iterator<Item = u16> {
        let endpoints = self.nodes.iter().filter_map(|node| node.endpoint.as_ref());
        endpoints.map(|(_, port)| *port)
    }
}

/// The host that the request asks for, with the port. `None` if it is older than HTTP/1.1 and has no
/// Host header: then no browser sent it.
fn asked_for<B>(request: &Request<B>) -> Result<Option<String>, Refusal> {
    if let Some(authority) = request.uri().authority() {
        return Ok(Some(authority.as_str().to_owned()));
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => Ok(Some(String::from_utf8_lossy(host.as_bytes()).into_owned())),
        (None, _) if request.version() < Version::HTTP_11 => Ok(None),
        (None, _) | (Some(_), Some(_)) => Err(Refusal::NoHost),
    }
}

#[cfg(test)]
mod tests;
