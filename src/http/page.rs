//! The pages `/`, `/lab` and `/screen`, and the files that they are made of: embedded, no build step.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{HeaderMap, Response, StatusCode};
use sha2::{Digest as _, Sha256};

use crate::endpoint::Endpoint;

/// One file of the page.
struct File {
    path: &'static str,
    kind: &'static str,
    text: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const PICTURE: &str = "image/svg+xml";

/// All files.
const FILES: [File; 19] = [
    file("/", HTML, include_str!("page/index.html")),
    file("/lab", HTML, include_str!("page/lab.html")),
    file("/screen", HTML, include_str!("page/screen.html")),
    file("/page/page.css", STYLE, include_str!("page/page.css")),
    file("/page/dark.css", STYLE, include_str!("page/dark.css")),
    file("/page/lab.css", STYLE, include_str!("page/lab.css")),
    file("/page/screen.css", STYLE, include_str!("page/screen.css")),
    file("/page/page.js", SCRIPT, include_str!("page/page.js")),
    file("/page/panels.js", SCRIPT, include_str!("page/panels.js")),
    file("/page/theme.js", SCRIPT, include_str!("page/theme.js")),
    file("/page/wall.js", SCRIPT, include_str!("page/wall.js")),
    file("/page/figure.js", SCRIPT, include_str!("page/figure.js")),
    file("/page/lab.js", SCRIPT, include_str!("page/lab.js")),
    file("/page/screen.js", SCRIPT, include_str!("page/screen.js")),
    file("/page/ring.js", SCRIPT, include_str!("page/ring.js")),
    file("/page/choice.js", SCRIPT, include_str!("page/choice.js")),
    file("/page/survey.js", SCRIPT, include_str!("page/survey.js")),
    file("/page/motion.js", SCRIPT, include_str!("page/motion.js")),
    file(ICON, PICTURE, include_str!("page/icon.svg")),
];

const ICON: &str = "/page/icon.svg";

const fn file(path: &'static str, kind: &'static str, text: &'static str) -> File {
    File { path, kind, text }
}

/// The content security policy: run and load only what this node serves, connect only to the ring's
/// nodes.
pub(super) fn policy(http_endpoints: &[Endpoint]) -> HeaderValue {
    let mut policy = String::from(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; connect-src 'self'",
    );
    for Endpoint { host, port } in http_endpoints {
        // A policy cannot name an IPv6 address; the page then learns about that node from the others.
        let plain = |letter: char| letter.is_ascii_alphanumeric() || ".-_".contains(letter);
        if host.chars().all(plain) {
            let host = if host.is_empty() { "*" } else { host };
            policy.push_str(&format!(" http://{host}:{port}"));
        }
    }
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

/// The file at that path, if there is one; only its tag if the client has it already.
pub(super) fn find(
    path: &str,
    request_headers: &HeaderMap,
    policy: &HeaderValue,
) -> Option<Response<Full<Bytes>>> {
    // Browsers ask for the icon by this name where no page names it, such as beside /status.
    let path = if path == "/favicon.ico" { ICON } else { path };
    let file = FILES.iter().find(|file| file.path == path)?;
    let digest = Sha256::digest(file.text);
    let digits = base16ct::lower::encode_string(digest.get(..8).unwrap_or_default());
    let tag = format!("\"{digits}\"");
    let same = |known: &HeaderValue| {
        let known = known.to_str().unwrap_or_default();
        known
            .split(',')
            .any(|known| known.trim().trim_start_matches("W/") == tag)
    };
    let has_it = request_headers.get(IF_NONE_MATCH).is_some_and(same);
    let body = if has_it { "" } else { file.text };
    let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    if has_it {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(file.kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CONTENT_SECURITY_POLICY, policy.clone());
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_small_and_needs_nothing_from_elsewhere() {
        let bytes: usize = FILES.iter().map(|file| file.text.len()).sum();
        assert!(bytes < 90_000, "{bytes} bytes");
        for file in &FILES {
            for forbidden in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
            ] {
                assert!(!file.text.contains(forbidden), "{}: {forbidden}", file.path);
            }
            let foreign = file.text.match_indices("://").filter(|&(at, _)| {
                let from = file.text[..at]
                    .rfind(['"', '\'', '`', '(', ' '])
                    .map_or(0, |at| at + 1);
                let name_space = file.text[from..].starts_with("http://www.w3.org/2000/svg");
                let made = file.text[at..].starts_with("://${");
                !name_space && !made
            });
            assert_eq!(foreign.count(), 0, "{} loads from elsewhere", file.path);
        }
    }

    #[test]
    fn every_file_that_is_named_is_served() {
        let policy = policy(&[]);
        for file in &FILES {
            for quote in ['"', '\''] {
                for name in file.text.split(quote) {
                    let path = name
                        .strip_prefix("./")
                        .map_or(name.to_owned(), |rest| format!("/page/{rest}"));
                    if path.starts_with("/page/") {
                        assert!(find(&path, &HeaderMap::new(), &policy).is_some(), "{name}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_icon_is_there_by_the_name_that_browsers_ask_for() {
        let policy = policy(&[]);
        let icon = |path| find(path, &HeaderMap::new(), &policy).unwrap();
        let (named, usual) = (icon(ICON), icon("/favicon.ico"));
        assert_eq!(usual.status(), StatusCode::OK);
        assert_eq!(usual.headers()[CONTENT_TYPE], "image/svg+xml");
        assert_eq!(usual.headers()[ETAG], named.headers()[ETAG]);
    }

    #[test]
    fn a_client_that_has_the_file_gets_only_the_tag() {
        let policy = policy(&[]);
        let whole = find("/", &HeaderMap::new(), &policy).unwrap();
        let mut request = HeaderMap::new();
        request.insert(IF_NONE_MATCH, whole.headers()[ETAG].clone());
        let again = find("/", &request, &policy).unwrap();
        assert_eq!(
            (whole.status(), again.status()),
            (StatusCode::OK, StatusCode::NOT_MODIFIED)
        );
        assert_eq!(whole.headers()[ETAG], again.headers()[ETAG]);
    }

    #[test]
    fn only_the_nodes_of_the_ring_may_be_asked() {
        let endpoint = |host: &str| Endpoint {
            host: host.to_owned(),
            port: 8080,
        };
        let http_endpoints =
            ["pi1.local", "192.168.7.12", "", "fd00::1", "x;script-src *"].map(endpoint);
        let policy = policy(&http_endpoints);
        let policy = policy.to_str().unwrap();
        assert!(
            policy.ends_with(
                "connect-src 'self' http://pi1.local:8080 http://192.168.7.12:8080 http://*:8080"
            ),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"));
    }
}
