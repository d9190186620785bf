//! How reader threads get their connections.

use std::fmt::{self, Debug, Formatter};

use parking_lot::Mutex;

use super::backend::{BackendReader, Connector};
use super::error::TierError;

/// Opens the connections of reader threads, once the backend is open.
#[derive(Default)]
pub(super) struct Connect(Mutex<Current>);

#[derive(Default)]
struct Current {
    connector: Option<Connector>,
    /// How often a backend was opened.
    generation: u64,
}

/// A connection of a reader thread.
pub(super) struct Connected {
    pub(super) reader: Box<dyn BackendReader>,
    /// The opened backend that it belongs to.
    pub(super) generation: u64,
}

impl Connect {
    /// Replaces how connections are opened. Those that are open are obsolete from now on.
    pub(super) fn set(&self, connector: Connector) {
        let mut current = self.0.lock();
        current.connector = Some(connector);
        current.generation += 1;
    }

    /// Whether a connection belongs to the backend that was opened last.
    pub(super) fn is_current(&self, connected: &Connected) -> bool {
        self.0.lock().generation == connected.generation
    }

    /// Opens a connection. `None` if no backend has been opened.
    pub(super) fn connected(&self) -> Result<Option<Connected>, TierError> {
        let (connector, generation) = {
            let current = self.0.lock();
            (current.connector.clone(), current.generation)
        };
        let reader = connector.map(|connector| connector()).transpose()?;
        Ok(reader.map(|reader| Connected { reader, generation }))
    }
}

impl Debug for Connect {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Connect").finish_non_exhaustive()
    }
}
