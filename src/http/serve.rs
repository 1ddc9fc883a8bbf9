//! The server: the page, `/status`, `/events`, `/metrics`, `/healthz`, `/readyz`.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::TcpListener;
use std::rc::{Rc, Weak};
use std::time::Duration;

use async_io::{Async, Timer};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ACCEPT, ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderMap,
    HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use smol::channel::{Receiver, Sender, bounded};
use smol::{LocalExecutor, Task, future};
use smol_hyper::rt::{FuturesIo, SmolTimer};

use super::body::Answer;
use super::events::{Session, whole};
use super::feed::Follower;
use super::metrics::{self, Metrics};
use super::page;
use super::status::{Condition, Status};
use crate::endpoint::Endpoint;

/// Connections at a time, beside those that follow the events; one more pushes out the oldest.
const MOST_CONNECTIONS: usize = 32;

/// How long a client has for its request, and a kept connection for its next one.
const REQUEST_LIMIT: Duration = Duration::from_secs(5);

/// How long the node has for its answer before it counts as hung.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);

/// The longest request head, in bytes.
const LONGEST_HEAD: usize = 8 * 1024;

/// The wait when the system has no connection left to give.
const OUT_OF_RESOURCES_WAIT: Duration = Duration::from_millis(200);

/// What the system may hold of an answer that its client does not take, in bytes.
const SEND_BUFFER: usize = 32 * 1024;

/// A client that acknowledges nothing for so long is gone.
const UNACKNOWLEDGED_LIMIT: Duration = Duration::from_secs(20);

/// A question to the daemon.
pub enum Ask {
    /// What it knows now, and the way back for it.
    Status(Sender<Status>),
    /// To be told of every change from now on.
    Follow(Follower),
}

/// Where the daemon takes questions from.
pub type Asks = Receiver<Ask>;

/// A list that another part of the node keeps, of which HTTP knows only the path.
pub struct Document {
    /// Such as `/messages`.
    pub path: &'static str,
    /// Has it sent there, as JSON, at once or later; never waits.
    pub ask: Box<dyn Fn(Sender<Vec<u8>>)>,
}

/// Where the server gets its answers from.
#[derive(Clone)]
pub struct Source {
    asks: Sender<Ask>,
    documents: Rc<Vec<Document>>,
    meters: Metrics,
    policy: Rc<RefCell<HeaderValue>>,
    followers: Rc<Cell<usize>>,
}

impl Source {
    /// A source that also knows these documents, and the other end of it; `http_endpoints` are the nodes
    /// that the page may connect to.
    pub fn new(
        http_endpoints: &[Endpoint],
        documents: Vec<Document>,
        meters: Metrics,
    ) -> (Self, Asks) {
        let (asks, asked) = bounded(MOST_CONNECTIONS);
        let source = Self {
            asks,
            documents: Rc::new(documents),
            meters,
            policy: Rc::new(RefCell::new(page::policy(http_endpoints))),
            followers: Rc::default(),
        };
        (source, asked)
    }

    /// From now on, these are the nodes that the page may connect to.
    pub fn open_to(&self, http_endpoints: &[Endpoint]) {
        self.policy.replace(page::policy(http_endpoints));
    }

    /// Serves on `listener` from now on; ends when the task is dropped.
    pub fn spawn(
        self,
        executor: &Rc<LocalExecutor<'static>>,
        listener: Async<TcpListener>,
    ) -> Task<()> {
        executor.spawn(serve(Rc::downgrade(executor), listener, self))
    }

    /// What the node knows now; `None` if it does not answer in time.
    async fn status(&self) -> Option<Status> {
        in_time(async {
            let (answer, answered) = bounded(1);
            self.asks.send(Ask::Status(answer)).await.ok()?;
            answered.recv().await.ok()
        })
        .await
    }

    /// The part of the page at that path.
    fn file(&self, path: &str, asked: &HeaderMap) -> Option<Response<Full<Bytes>>> {
        page::find(path, asked, &self.policy.borrow())
    }

    /// The list at that path, or what there is instead.
    async fn document(&self, path: &str) -> Response<Full<Bytes>> {
        let mut documents = self.documents.iter();
        let Some(document) = documents.find(|document| document.path == path) else {
            return self.nothing();
        };
        let (answer, answered) = bounded(1);
        (document.ask)(answer);
        match in_time(async { answered.recv().await.ok() }).await {
            Some(body) => respond(StatusCode::OK, "application/json", body),
            None => text(
                StatusCode::SERVICE_UNAVAILABLE,
                "the lab of this node does not answer\n",
            ),
        }
    }

    fn nothing(&self) -> Response<Full<Bytes>> {
        let mut sentence =
            "there are /, /screen, /status, /events, /metrics, /healthz, /readyz".to_owned();
        for document in self.documents.iter() {
            sentence.push_str(", ");
            sentence.push_str(document.path);
        }
        sentence.push('\n');
        text(StatusCode::NOT_FOUND, &sentence)
    }
}

/// The answer, if it comes before the asker has waited too long.
async fn in_time<T>(asked: impl Future<Output = Option<T>>) -> Option<T> {
    let late = async {
        Timer::after(ANSWER_LIMIT).await;
        None
    };
    future::or(asked, late).await
}

/// Serves for ever. Holds the executor weakly: it would else own the task that owns it.
async fn serve(
    executor: Weak<LocalExecutor<'static>>,
    listener: Async<TcpListener>,
    source: Source,
) {
    let mut connections: VecDeque<(Rc<Session>, Task<()>)> = VecDeque::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            Timer::after(OUT_OF_RESOURCES_WAIT).await;
            continue;
        };
        let Some(executor) = executor.upgrade() else {
            return;
        };
        connections.retain(|(_, connection)| !connection.is_finished());
        let brief = |(session, _): &(Rc<Session>, Task<()>)| !session.follows.get();
        if connections.iter().filter(|one| brief(one)).count() >= MOST_CONNECTIONS {
            let oldest = connections.iter().position(brief);
            oldest.and_then(|oldest| connections.remove(oldest));
        }
        bound(&stream);
        let source = source.clone();
        let session = Rc::new(Session::new());
        let this = Rc::clone(&session);
        let connection = executor.spawn(async move {
            let answering = service_fn(|request| reply(request, &source, &this));
            let served = hyper::server::conn::http1::Builder::new()
                .timer(SmolTimer::new())
                .header_read_timeout(REQUEST_LIMIT)
                .max_buf_size(LONGEST_HEAD)
                .serve_connection(FuturesIo::new(stream), answering);
            let cut_off = async {
                this.ends().await;
                Ok(())
            };
            if let Err(error) = future::or(served, cut_off).await {
                tracing::debug!("an HTTP connection ended early: {error}");
            }
        });
        connections.push_back((session, connection));
    }
}

/// Keeps a client that does not read, or is gone, from holding much for long.
fn bound(stream: &Async<std::net::TcpStream>) {
    let socket = socket2::SockRef::from(stream);
    let bounded = socket
        .set_send_buffer_size(SEND_BUFFER)
        .and_then(|()| socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED_LIMIT)))
        .and_then(|()| socket.set_tcp_nodelay(true));
    if let Err(error) = bounded {
        tracing::debug!("an HTTP connection has the system's own limits: {error}");
    }
}

async fn reply(
    request: Request<Incoming>,
    source: &Source,
    session: &Session,
) -> Result<Response<Answer>, Infallible> {
    if *request.method() != Method::GET || request.uri().path() != "/events" {
        return answer(request, source).await.map(whole);
    }
    let Some((follower, response)) = session.follow(&request, &source.followers) else {
        let busy = "as many follow the events of this node as may: try again later\n";
        return Ok(whole(text(StatusCode::SERVICE_UNAVAILABLE, busy)));
    };
    // Waits as a question does: while the loop hangs, there is nothing to tell.
    Ok(match source.asks.send(Ask::Follow(follower)).await {
        Ok(()) => response,
        Err(_) => whole(hung()),
    })
}

async fn answer(
    request: Request<Incoming>,
    source: &Source,
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
        "/status" => match source.status().await {
            Some(status) => json(&status),
            None => hung(),
        },
        "/healthz" => match source.status().await {
            Some(_) => text(StatusCode::OK, "well\n"),
            None => hung(),
        },
        "/readyz" => match source.status().await {
            Some(status) => ready(status.condition),
            None => hung(),
        },
        "/metrics" => match source.status().await {
            Some(status) => measured(&request, &metrics::text(&status, &source.meters)),
            None => hung(),
        },
        path => match source.file(path, request.headers()) {
            Some(file) => file,
            None => source.document(path).await,
        },
    })
}

/// The newer of the two formats for who can read it, the older one for all others.
fn measured(request: &Request<Incoming>, exposition: &str) -> Response<Full<Bytes>> {
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

fn ready(condition: Condition) -> Response<Full<Bytes>> {
    let (code, sentence) = match condition {
        Condition::InRing => (StatusCode::OK, "in the ring\n"),
        Condition::Starting => (
            StatusCode::SERVICE_UNAVAILABLE,
            "starting: this node may vote once a full lease has passed\n",
        ),
        Condition::CutOff => (
            StatusCode::SERVICE_UNAVAILABLE,
            "cut off: this node does not reach a majority of the ring\n",
        ),
        Condition::Draining => (
            StatusCode::SERVICE_UNAVAILABLE,
            "stopping: this node has handed its balls on\n",
        ),
    };
    text(code, sentence)
}

fn hung() -> Response<Full<Bytes>> {
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
    // The page of one node asks the others, too; all here may be read by anyone who reaches the port.
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}
