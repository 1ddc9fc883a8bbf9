//! What one node answered, or why it did not.

use serde::Serialize;

use crate::cli::targets::Target;
use crate::http::{Status, fetch_status};

/// The answer of one node, as `--json` prints it.
#[derive(Serialize)]
pub(super) struct Answer {
    /// The node's name, if the ring file gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) node: Option<String>,
    pub(super) address: String,
    /// Present if the node answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<Status>,
    /// Present if it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

/// Requests the status of one node.
pub(super) async fn fetch(target: Target) -> Answer {
    let Target { node, host, port } = target;
    let (status, error) = match fetch_status(&host, port).await {
        Ok(status) => (Some(status), None),
        Err(error) => (None, Some(error.to_string())),
    };
    let address = format!("{host}:{port}");
    Answer {
        node,
        address,
        status,
        error,
    }
}
