//! amiwright
