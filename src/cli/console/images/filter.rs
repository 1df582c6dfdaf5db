//! Which images are to be seen.

use serde::Deserialize;

use super::super::links::encoded;
use crate::cli::list::{Kind, Row};

/// An image that is to be shown.
pub(super) struct Found {
    /// What lists show.
    pub(super) row: Row,
    /// Its key as it is, for its address.
    pub(super) key: String,
    pub(super) regions: Vec<Cell>,
}

/// How far an image is in a Region.
pub(super) struct Cell {
    pub(super) region: String,
    /// In a word.
    pub(super) state: String,
    /// That of its mark.
    pub(super) class: &'static str,
}

/// Which images are to be seen.
#[derive(Debug, Clone, Default, Deserialize)]
pub(in crate::cli::console) struct Filter {
    /// A part of the key, of an AMI's id, or of the text beside it.
    #[serde(default)]
    pub(super) q: String,
    #[serde(default)]
    pub(super) state: String,
    /// From 1.
    #[serde(default)]
    pub(super) page: Option<usize>,
}

impl Filter {
    /// The kinds that can be asked for, each with its word in the address.
    pub(super) const KINDS: [(&'static str, &'static str, Kind); 4] = [
        ("open", "in progress", Kind::Open),
        ("failed", "not available", Kind::Failed),
        ("available", "available", Kind::Available),
        ("over", "over", Kind::Over),
    ];

    fn kind(&self) -> Option<Kind> {
        let mut kinds = Self::KINDS.iter();
        kinds.find_map(|(word, _, kind)| (*word == self.state).then_some(*kind))
    }

    /// Whether an image is one of them.
    pub(super) fn has(&self, found: &Found) -> bool {
        let is_kind = self.kind().is_none_or(|kind| kind == found.row.kind);
        let wanted = self.q.trim().to_lowercase();
        let row = &found.row;
        let mut texts = [&row.key, &row.detail, &row.state]
            .into_iter()
            .chain(&row.images);
        is_kind && (wanted.is_empty() || texts.any(|text| text.to_lowercase().contains(&wanted)))
    }

    /// The address of another page of the same images.
    pub(super) fn query(&self, page: usize) -> String {
        let (q, state) = (encoded(&self.q), encoded(&self.state));
        format!("?q={q}&state={state}&page={page}")
    }
}
