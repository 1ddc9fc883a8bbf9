//! The server: the pages, `/status`, `/events`, `/metrics`, `/healthz`, `/readyz`, `/qr.svg`.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use async_io::Async;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use smol::channel::{Receiver, Sender, bounded};
use smol::{LocalExecutor, Task, future};
use smol_hyper::rt::{FuturesIo, SmolTimer};

use super::access::Access;
use super::body::Answer;
use super::document::{Document, in_time};
use super::events::{Session, is_lab_wanted, whole};
use super::feed::Subscriber;
use super::lab_feed::{self, Watcher};
use super::metrics::{self, Metrics};
use super::page;
use super::qr;
use super::status::{Condition, Status};
use crate::accept::{self, Service, Standing};
use crate::endpoint::Endpoint;
use crate::ring::NodeId;

/// Connections at a time that are no subscribers; one more closes the oldest of them.
const MOST_CONNECTIONS: usize = 32;

/// The time for a client's request, and for the next one on the same connection.
const REQUEST_LIMIT: Duration = Duration::from_secs(5);

/// The longest request head, in bytes.
const LONGEST_HEAD: usize = 8 * 1024;

/// How much of a response the kernel may buffer for a client that does not read, in bytes.
const SEND_BUFFER: usize = 32 * 1024;

/// A client that acknowledges nothing for this long is disconnected.
const UNACKNOWLEDGED_LIMIT: Duration = Duration::from_secs(20);

/// A request to the ring loop.
pub enum Query {
    /// What the node knows now; to be sent back on this channel.
    Status(Sender<Status>),
    /// To be sent every change from now on.
    Subscribe(Subscriber),
}

/// The HTTP server of a node, and its ways to what it serves.
#[derive(Clone)]
pub struct Server {
    queries: Sender<Query>,
    documents: Rc<Vec<Document>>,
    lab_watchers: (Sender<Watcher>, Receiver<Watcher>),
    metrics: Metrics,
    access: Rc<RefCell<Access>>,
    policy: Rc<RefCell<HeaderValue>>,
    subscribers: Rc<Cell<usize>>,
}

impl Server {
    /// A server, and the queries that the ring loop is to answer.
    pub fn new(
        access: Access,
        documents: Vec<Document>,
        metrics: Metrics,
    ) -> (Self, Receiver<Query>) {
        let (queries, received) = bounded(MOST_CONNECTIONS);
        let server = Self {
            queries,
            documents: Rc::new(documents),
            lab_watchers: bounded(lab_feed::MOST_NEW),
            metrics,
            access: Rc::new(RefCell::new(access)),
            policy: Rc::new(RefCell::new(page::policy(&[]))),
            subscribers: Rc::default(),
        };
        (server, received)
    }

    /// Sets the nodes that the page may connect to and whose pages may read from this one, and the
    /// further names by which this node answers.
    pub fn configure(&self, http_endpoints: &[Endpoint], names: &[String]) {
        self.policy.replace(page::policy(http_endpoints));
        self.access.borrow_mut().set(http_endpoints, names);
    }

    /// Takes over the address of a peer: a page that is opened by that address may read, too.
    pub fn on_link_up(&self, peer: NodeId, address: IpAddr) {
        self.access.borrow_mut().set_address(peer, address);
    }

    /// Serves on `listener` from now on; ends when the task is dropped.
    pub fn spawn(
        self,
        executor: &Rc<LocalExecutor<'static>>,
        listener: Async<TcpListener>,
    ) -> Task<()> {
        let lab = lab_feed::run(self.lab_watchers.1.clone(), Rc::clone(&self.documents));
        let serving = accept::run(Rc::downgrade(executor), listener, Rc::new(self));
        executor.spawn(future::or(serving, lab))
    }

    /// What the node knows now; `None` if the ring loop does not answer in time.
    async fn status(&self) -> Option<Status> {
        in_time(async {
            let (answer, answered) = bounded(1);
            self.queries.send(Query::Status(answer)).await.ok()?;
            answered.recv().await.ok()
        })
        .await
    }

    /// The file of the page at that path.
    fn file(&self, path: &str, headers: &HeaderMap) -> Option<Response<Full<Bytes>>> {
        page::find(path, headers, &self.policy.borrow())
    }

    /// The document at that path, or a list of the paths that there are.
    async fn document(&self, path: &str) -> Response<Full<Bytes>> {
        let mut documents = self.documents.iter();
        let Some(document) = documents.find(|document| document.path == path) else {
            return self.not_found();
        };
        let (answer, answered) = bounded(1);
        (document.request)(answer);
        match in_time(async { answered.recv().await.ok() }).await {
            Some(body) => respond(StatusCode::OK, "application/json", body),
            None => text(
                StatusCode::SERVICE_UNAVAILABLE,
                "the lab of this node does not answer\n",
            ),
        }
    }

    fn not_found(&self) -> Response<Full<Bytes>> {
        let mut sentence =
            "there are /, /lab, /screen, /status, /events, /metrics, /healthz, /readyz, /qr.svg"
                .to_owned();
        for document in self.documents.iter() {
            sentence.push_str(", ");
            sentence.push_str(document.path);
        }
        sentence.push('\n');
        text(StatusCode::NOT_FOUND, &sentence)
    }
}

impl Service for Server {
    fn limit(&self) -> usize {
        MOST_CONNECTIONS
    }

    fn on_accept_error(&self, error: &io::Error) {
        tracing::debug!("an HTTP connection could not be accepted: {error}");
    }

    fn on_evicted(&self) {
        // Nothing to report: a client of a busy server may have to try again.
    }

    async fn serve(
        self: Rc<Self>,
        stream: Async<TcpStream>,
        _peer: SocketAddr,
        standing: Rc<Cell<Standing>>,
    ) {
        set_socket_options(&stream);
        let local = stream.get_ref().local_addr().ok();
        let local = local.map(|address| address.ip());
        let session = Session::new(standing);
        let answering = service_fn(|request| reply(request, &self, &session, local));
        let served = hyper::server::conn::http1::Builder::new()
            .timer(SmolTimer::new())
            .header_read_timeout(REQUEST_LIMIT)
            .max_buf_size(LONGEST_HEAD)
            .serve_connection(FuturesIo::new(stream), answering);
        let closed = async {
            session.closed().await;
            Ok(())
        };
        if let Err(error) = future::or(served, closed).await {
            tracing::debug!("an HTTP connection ended early: {error}");
        }
    }
}

/// Bounds what a client that does not read, or is gone, can occupy and for how long.
fn set_socket_options(stream: &Async<TcpStream>) {
    let socket = socket2::SockRef::from(stream);
    let bounded = socket
        .set_send_buffer_size(SEND_BUFFER)
        .and_then(|()| socket.set_tcp_nodelay(true));
    #[cfg(target_os = "linux")]
    let bounded = bounded.and_then(|()| socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED_LIMIT)));
    if let Err(error) = bounded {
        tracing::debug!("an HTTP connection has the system's own limits: {error}");
    }
}

/// Answers a request, if it asks for this node, and says which page may read the answer.
async fn reply(
    request: Request<Incoming>,
    server: &Server,
    session: &Session,
    local: Option<IpAddr>,
) -> Result<Response<Answer>, Infallible> {
    let checked = server.access.borrow().check(&request, local);
    let admitted = match checked {
        Ok(admitted) => admitted,
        Err(refusal) => return Ok(whole(text(refusal.code(), &format!("{refusal}\n")))),
    };
    let mut response = answer_or_subscribe(request, server, session).await?;
    admitted.grant(&mut response);
    Ok(response)
}

async fn answer_or_subscribe(
    request: Request<Incoming>,
    server: &Server,
    session: &Session,
) -> Result<Response<Answer>, Infallible> {
    if *request.method() != Method::GET || request.uri().path() != "/events" {
        return answer(request, server).await.map(whole);
    }
    let Some((subscriber, response)) = session.subscribe(&request, &server.subscribers) else {
        let busy =
            "the events of this node have as many subscribers as are allowed: try again later\n";
        return Ok(whole(text(StatusCode::SERVICE_UNAVAILABLE, busy)));
    };
    if is_lab_wanted(&request) {
        let Subscriber { pieces, close, .. } = &subscriber;
        let (pieces, close) = (pieces.clone(), close.clone());
        // Fails only if as many as may follow have just come: then this one gets the ring's events alone.
        let _ = server.lab_watchers.0.try_send(Watcher { pieces, close });
    }
    // Waits like any other query: while the loop hangs, there is nothing to send.
    Ok(
        match server.queries.send(Query::Subscribe(subscriber)).await {
            Ok(()) => response,
            Err(_) => whole(not_answering()),
        },
    )
}

async fn answer(
    request: Request<Incoming>,
    server: &Server,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refused = text(
            StatusCode::METHOD_NOT_ALLOWED,
            "this port is read-only: use GET\n",
        );
        refused
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return Ok(refused);
    }
    Ok(match request.uri().path() {
        "/status" => match server.status().await {
            Some(status) => json(&status),
            None => not_answering(),
        },
        "/healthz" => match server.status().await {
            Some(_) => text(StatusCode::OK, "well\n"),
            None => not_answering(),
        },
        "/readyz" => match server.status().await {
            Some(status) => readiness(status.condition),
            None => not_answering(),
        },
        "/metrics" => match server.status().await {
            Some(status) => metrics_response(&request, &metrics::text(&status, &server.metrics)),
            None => not_answering(),
        },
        "/qr.svg" => qr_code(server.access.borrow().page_url(&request)),
        // A GET subscribes, and does not come here; a HEAD gets the headers of the answer to it.
        "/events" => respond(StatusCode::OK, "text/event-stream", Vec::new()),
        path => match server.file(path, request.headers()) {
            Some(file) => file,
            None => server.document(path).await,
        },
    })
}

/// The OpenMetrics format for clients that accept it, the older text format for all others.
fn metrics_response(request: &Request<Incoming>, exposition: &str) -> Response<Full<Bytes>> {
    let accepted = request.headers().get(ACCEPT);
    let accepted = accepted.and_then(|accepted| accepted.to_str().ok());
    if accepted.is_some_and(|accepted| accepted.contains("application/openmetrics-text")) {
        let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        return respond(StatusCode::OK, kind, exposition.as_bytes().to_vec());
    }
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    respond(
        StatusCode::OK,
        kind,
        metrics::plain(exposition).into_bytes(),
    )
}

fn qr_code(url: Option<String>) -> Response<Full<Bytes>> {
    match url.as_deref().and_then(qr::svg) {
        Some(svg) => respond(StatusCode::OK, "image/svg+xml", svg.into_bytes()),
        None => text(
            StatusCode::NOT_FOUND,
            "no other machine can open this page as localhost: open it by a name or an address of this machine\n",
        ),
    }
}

fn readiness(condition: Condition) -> Response<Full<Bytes>> {
    let (code, sentence) = match condition {
        Condition::InRing => (StatusCode::OK, "in the ring\n"),
        Condition::Starting => (
            StatusCode::SERVICE_UNAVAILABLE,
            "starting: this node may vote once a full lease has passed\n",
        ),
        Condition::CutOff => (
            StatusCode::SERVICE_UNAVAILABLE,
            "cut off: this node does not reach a majority of the voters\n",
        ),
        Condition::Draining => (
            StatusCode::SERVICE_UNAVAILABLE,
            "stopping: this node has handed its balls on\n",
        ),
    };
    text(code, sentence)
}

fn not_answering() -> Response<Full<Bytes>> {
    text(
        StatusCode::SERVICE_UNAVAILABLE,
        "the ring loop of this node does not answer\n",
    )
}

fn json(status: &Status) -> Response<Full<Bytes>> {
    match serde_json::to_vec(status) {
        Ok(mut body) => {
            body.push(b'\n');
            respond(StatusCode::OK, "application/json", body)
        }
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error}\n")),
    }
}

fn text(code: StatusCode, sentence: &str) -> Response<Full<Bytes>> {
    respond(
        code,
        "text/plain; charset=utf-8",
        sentence.to_owned().into_bytes(),
    )
}

fn respond(code: StatusCode, kind: &'static str, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = code;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
