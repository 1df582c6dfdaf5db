//! Description and tags.

use super::settings::{Compared, Difference};
use crate::image::status::Action;

pub(super) fn difference(compared: &Compared<'_>) -> Difference {
    let mut found = Difference::default();
    description(compared, &mut found);
    tags(compared, &mut found);
    found
}

fn description(compared: &Compared<'_>, found: &mut Difference) {
    let shown = compared.shown.description.as_deref().unwrap_or_default();
    let wanted = match &compared.desired.description {
        Some(desired) => desired.as_str(),
        // It was ours, and nobody has written another since.
        None if compared.all_ours().has_description(shown) => "",
        None => return,
    };
    if wanted != shown {
        let is_intended = compared.is_intended(|it| it.description.as_deref() == Some(wanted));
        found.add(
            Action::SetDescription {
                text: wanted.to_owned(),
            },
            is_intended,
        );
    }
}

fn tags(compared: &Compared<'_>, found: &mut Difference) {
    let (desired, shown) = (&compared.desired.tags, &compared.shown.tags);
    let mut set = desired.clone();
    set.retain(|key, value| shown.get(key) != Some(value));
    // One that somebody has given another value since is theirs.
    let mut gone = compared.all_ours().tags(shown);
    gone.retain(|key, _| !desired.contains_key(key));
    let all = set.len() + gone.len();
    if let Some(intended) = compared.intended {
        let intended = &intended.settings.tags;
        set.retain(|key, value| intended.get(key) != Some(value));
        gone.retain(|key, _| intended.contains_key(key));
    }
    found.is_settling |= set.len() + gone.len() < all;
    if !set.is_empty() {
        found.ready.push(Action::SetTags { tags: set });
    }
    if !gone.is_empty() {
        found.ready.push(Action::RemoveTags { tags: gone });
    }
}
