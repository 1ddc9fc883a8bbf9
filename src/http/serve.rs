//! The server: `/status`, `/healthz`, `/readyz`.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::TcpListener;
use std::rc::{Rc, Weak};
use std::time::Duration;

use async_io::{Async, Timer};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use smol::channel::{Receiver, Sender, bounded};
use smol::{LocalExecutor, Task, future};
use smol_hyper::rt::{FuturesIo, SmolTimer};

use super::status::{Condition, Status};

/// Connections at a time; one more pushes out the oldest.
const MOST_CONNECTIONS: usize = 32;

/// How long a client has for its request, and a kept connection for its next one.
const REQUEST_LIMIT: Duration = Duration::from_secs(5);

/// How long the node has for its answer before it counts as hung.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);

/// The longest request head, in bytes.
const LONGEST_HEAD: usize = 8 * 1024;

/// The wait when the system has no connection left to give.
const OUT_OF_RESOURCES_WAIT: Duration = Duration::from_millis(200);

/// Where the daemon takes questions from: each is the way back for one answer.
pub type Asks = Receiver<Sender<Status>>;

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
    asks: Sender<Sender<Status>>,
    documents: Rc<Vec<Document>>,
}

impl Source {
    /// A source that also knows these documents, and the other end of it.
    pub fn new(documents: Vec<Document>) -> (Self, Asks) {
        let (asks, asked) = bounded(MOST_CONNECTIONS);
        let documents = Rc::new(documents);
        (Self { asks, documents }, asked)
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
            self.asks.send(answer).await.ok()?;
            answered.recv().await.ok()
        })
        .await
    }

    /// What is at that path, if anything is.
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
        let mut sentence = "there are /status, /healthz, /readyz".to_owned();
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
    let mut connections: VecDeque<Task<()>> = VecDeque::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            Timer::after(OUT_OF_RESOURCES_WAIT).await;
            continue;
        };
        let Some(executor) = executor.upgrade() else {
            return;
        };
        connections.retain(|connection| !connection.is_finished());
        if connections.len() >= MOST_CONNECTIONS {
            connections.pop_front();
        }
        let source = source.clone();
        connections.push_back(executor.spawn(async move {
            let answering = service_fn(|request| answer(request, &source));
            let served = hyper::server::conn::http1::Builder::new()
                .timer(SmolTimer::new())
                .header_read_timeout(REQUEST_LIMIT)
                .max_buf_size(LONGEST_HEAD)
                .serve_connection(FuturesIo::new(stream), answering)
                .await;
            if let Err(error) = served {
                tracing::debug!("an HTTP connection ended early: {error}");
            }
        }));
    }
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
        path => source.document(path).await,
    })
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
    response
}
